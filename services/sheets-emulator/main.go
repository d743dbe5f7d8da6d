// Command sheets-emulator speaks the part of the Google Sheets API v4 that Formstream uses, keeps the spreadsheets in
// a SQLite file, and shows them as web pages:
//
//	sheets-emulator -data ./sheets-data -create formstream-demo
//	curl http://127.0.0.1:3001/v4/spreadsheets/formstream-demo
//	open http://127.0.0.1:3001/
//
// It needs no credentials and checks none: serve it on a loopback address, or where only its own services reach it.
package main

import (
	"context"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func main() {
	cfg := &sheetsemulator.Config{}
	run := func(ctx context.Context, deps chassis.Deps) error {
		app, err := sheetsemulator.New(*cfg, deps)
		if err != nil {
			return err
		}
		return app.Run(ctx)
	}
	os.Exit(chassis.Run(context.Background(), "sheets-emulator", os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, cfg, run))
}
