package plugin

import (
	"context"
	"io"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
)

// Main is all of a plug-in's main but os.Exit: it takes command line, environment and outputs from the process. See [Run].
func Main(name string, cfg Configurer, newHandler func(chassis.Deps) (Handler, error)) int {
	return Run(context.Background(), name, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, cfg, newHandler)
}

// Run runs a plug-in as the command name until it is told to end, with everything that chassis.Run gives a service, and
// returns what to exit with. newHandler is called once the configuration has been loaded; its error ends the process.
func Run(ctx context.Context, name string, args []string, getenv func(string) (string, bool), stdout, stderr io.Writer,
	cfg Configurer, newHandler func(chassis.Deps) (Handler, error),
) int {
	return chassis.Run(ctx, name, args, getenv, stdout, stderr, cfg, func(ctx context.Context, deps chassis.Deps) error {
		forms, err := cfg.Base().LoadForms(getenv)
		if err != nil {
			return err
		}
		handler, err := newHandler(deps)
		if err != nil {
			return err
		}
		app, err := New(name, *cfg.Plugin(), forms, deps, handler)
		if err != nil {
			return err
		}
		return app.Run(ctx)
	})
}
