// Command form-api takes the submissions of all forms over HTTP and answers 202 when Kafka has them:
//
//	form-api -brokers kafka:9092 -forms ./forms
//	curl -d '{"name":"Ada","email":"ada@example.org","message":"hello"}' -H 'Content-Type: application/json' \
//	     http://127.0.0.1:3000/forms/demo-form
//
// It holds no state: run as many as the load needs, with the same -receipt-key.
package main

import (
	"context"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/formwatch"
	"github.com/formstream/formstream/services/form-api/formapi"
)

func main() {
	cfg := &formapi.Config{}
	run := func(ctx context.Context, deps chassis.Deps) error {
		load := func() (*form.Set, error) { return cfg.LoadForms(os.LookupEnv) }
		seen, _ := formwatch.FingerprintOf(cfg.Forms) // load says what is wrong with the folder
		forms, err := load()
		if err != nil {
			return err
		}
		app, err := formapi.New(*cfg, forms, deps)
		if err != nil {
			return err
		}
		app.Reload(seen, load)
		return app.Run(ctx)
	}
	os.Exit(chassis.Run(context.Background(), "form-api", os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, cfg, run))
}
