package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository's, seen from this package.
const root = ".."

// inBin returns a file of bin/, where make has put the tools. Without it the test is skipped, and fails where CI=true.
func inBin(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("bin/%s is missing; make deploy-check builds it", name)
		}
		t.Skipf("bin/%s is missing; make deploy-check builds it", name)
	}
	return path
}

// outcome is what a command said and how it ended.
type outcome struct {
	stdout, stderr string
	err            error
}

// run runs a command with nothing but env in its environment.
func run(t *testing.T, env []string, name string, args ...string) outcome {
	t.Helper()
	return runInput(t, nil, env, name, args...)
}

func runInput(t *testing.T, input []byte, env []string, name string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append([]string{}, env...), bytes.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	return outcome{stdout: stdout.String(), stderr: stderr.String(), err: err}
}
