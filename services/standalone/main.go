// Command standalone is all of Formstream in one process, with no server installed: forms are taken over HTTP, kept in a
// log on disk, and written into spreadsheets that a web page shows:
//
//	standalone
//	open http://127.0.0.1:3001/
//
// With -brokers, -redis, -endpoint or -google it uses the real thing in the place of the embedded one.
package main

import (
	"context"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/standalone/standalone"
)

func main() {
	cfg := &standalone.Config{}
	run := func(ctx context.Context, deps chassis.Deps) error {
		forms, err := cfg.LoadForms(os.LookupEnv)
		if err != nil {
			return err
		}
		app, err := standalone.New(*cfg, forms, deps)
		if err != nil {
			return err
		}
		return app.Run(ctx)
	}
	os.Exit(chassis.Run(context.Background(), "standalone", os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, cfg, run))
}
