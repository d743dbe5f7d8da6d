// Command sheets-consumer reads submissions from Kafka and keeps them in Redis, in order of time, until sheets-flusher has
// written them to Google Sheets. Run as many as there are partitions; they share them as a consumer group.
//
//	sheets-consumer -brokers kafka:9092 -redis redis:6379 -forms ./forms
package main

import (
	"context"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
)

func main() {
	var cfg sheetsconsumer.Config
	os.Exit(chassis.Run(context.Background(), "sheets-consumer", os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, &cfg,
		func(ctx context.Context, deps chassis.Deps) error {
			forms, err := cfg.LoadForms(os.LookupEnv)
			if err != nil {
				return err
			}
			app, err := sheetsconsumer.New(cfg, forms, deps)
			if err != nil {
				return err
			}
			return app.Run(ctx)
		}))
}
