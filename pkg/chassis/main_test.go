package chassis_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env makes a Lookup of pairs.
func env(pairs map[string]string) chassis.Lookup {
	return func(name string) (string, bool) {
		text, ok := pairs[name]
		return text, ok
	}
}

// newFlagSet returns an empty set of flags.
func newFlagSet() *flag.FlagSet { return flag.NewFlagSet("", flag.ContinueOnError) }

// writeFile puts text into a file of a fresh folder and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// requireGolden compares with testdata/name, or writes it with -update.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if the change is meant: go test ./chassis -update")
}

// outcome is what a command left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs the demo service's command.
func command(t *testing.T, args []string, environment map[string]string, run func(context.Context, chassis.Deps) error) outcome {
	t.Helper()
	var stdout, stderr syncBuffer
	if run == nil {
		run = func(context.Context, chassis.Deps) error {
			t.Error("the service must not run")
			return nil
		}
	}
	code := chassis.Run(t.Context(), "demo", args, env(environment), &stdout, &stderr, &demoConfig{}, run)
	return outcome{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// syncBuffer is a buffer that a process may still write to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
