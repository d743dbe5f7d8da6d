package sheetsconsumer

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// requireGolden compares with testdata/name, or writes it with -update.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if the change is meant: go test ./sheetsconsumer -update")
}

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs syncBuffer
	code = service(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommand_help_isTheManual(t *testing.T) {
	code, stdout, stderr := command(t, "-help")
	require.Zero(t, code)
	require.Empty(t, stderr)
	requireGolden(t, "help.txt", stdout)
}

func TestCommand_configPrint_showsOriginsAndNoSecret(t *testing.T) {
	code, stdout, stderr := command(t, "-config-print", "-brokers=kafka:9092", "-redis=redis:6379", "-redis-password=hunter2", "-repeat-window=2h")
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	require.NotContains(t, stdout, "hunter2")
	requireGolden(t, "config-print.yaml", stdout)
}

func TestCommand_wrong_isOneMessageThatNamesEveryKey(t *testing.T) {
	code, stdout, stderr := command(t, "-repeat-window=0s", "-redis-db=99")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	requireGolden(t, "wrong.txt", stderr)
}

func TestCommand_formsFolderIsNotThere_saysSo(t *testing.T) {
	code, _, stderr := command(t, "-brokers=kafka:9092", "-redis=redis:6379", "-forms=testdata/none", "-admin=")
	require.NotZero(t, code)
	require.Contains(t, stderr, "testdata/none")
}

func TestConfig_repeatWindow_itsBounds(t *testing.T) {
	for text, ok := range map[string]bool{"999ms": false, "1s": true, "168h": true, "168h0m1s": false, "-1h": false} {
		var cfg Config
		err := chassis.Load(&cfg, []string{"-brokers=k:1", "-redis=r:1", "-repeat-window", text}, func(string) (string, bool) { return "", false })
		if ok {
			require.NoError(t, err, text)
		} else {
			require.ErrorContains(t, err, "-repeat-window", text)
			require.ErrorContains(t, err, "1s to 168h")
		}
	}
	var cfg Config
	chassis.Defaults(&cfg)
	require.Equal(t, time.Hour, cfg.RepeatWindow)
}
