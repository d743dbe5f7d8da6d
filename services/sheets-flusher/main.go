// Command sheets-flusher writes buffered submissions to Google Sheets, each exactly once. It does one run and exits, for a
// CronJob, or runs on an interval. A second one at the same time does no harm.
//
//	sheets-flusher -brokers kafka:9092 -redis redis:6379 -forms ./forms -credentials key.json
//	sheets-flusher … -interval 10s
//	sheets-flusher … -resume my-form
package main

import (
	"context"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/sheets-flusher/sheetsflusher"
)

func main() {
	var cfg sheetsflusher.Config
	os.Exit(chassis.Run(context.Background(), "sheets-flusher", os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, &cfg,
		func(ctx context.Context, deps chassis.Deps) error {
			forms, err := cfg.LoadForms(os.LookupEnv)
			if err != nil {
				return err
			}
			app, err := sheetsflusher.New(cfg, forms, deps)
			if err != nil {
				return err
			}
			return app.Run(ctx)
		}))
}
