package plugintest_test

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/plugintest"
)

// asPlugin names the plug-in that the test binary is started to be, so that it can be killed.
const asPlugin = "PLUGINTEST_PLUGIN"

func TestMain(m *testing.M) {
	if name, ok := os.LookupEnv(asPlugin); ok {
		none := func(string) (string, bool) { return "", false }
		os.Exit(plugin.Run(context.Background(), name, os.Args[1:], none, os.Stdout, os.Stderr, &plugin.Config{},
			func(chassis.Deps) (plugin.Handler, error) { return (&plugintest.Echo{}).Handle, nil }))
	}
	goleak.VerifyTestMain(m, kafkatest.Leftovers()...)
}
