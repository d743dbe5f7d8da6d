package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBrowser runs what testdata/browser.mjs describes, in Chromium. With FORMSTREAM_SCREENSHOTS=folder it takes the
// documentation's pictures instead: make screenshot.
func TestBrowser(t *testing.T) {
	modules, chromium := browser(t)
	_, server := newSite(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "testdata/browser.mjs", server.URL)
	node.Env = append(os.Environ(), "MODULES="+modules, "CHROMIUM="+chromium)
	if folder := os.Getenv("FORMSTREAM_SCREENSHOTS"); folder != "" {
		node.Env = append(node.Env, "SCREENSHOTS="+folder)
	}
	var complaint strings.Builder
	node.Stderr = &complaint
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	seen := 0
	for lines := bufio.NewScanner(out); lines.Scan(); seen++ {
		var result struct{ Name, Error string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &result), lines.Text())
		t.Run(result.Name, func(t *testing.T) { require.Empty(t, result.Error) })
	}
	require.NoError(t, node.Wait(), complaint.String())
	require.NotZero(t, seen)
}

// browser returns the folder of node's modules, and Chromium. Where they cannot be had the test is skipped, and fails where
// everything must run.
func browser(t *testing.T) (modules, chromium string) {
	t.Helper()
	missing := func(err error) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing(fmt.Errorf("%w: make deps installs it", err))
	}
	// Not beside go.mod: the workspace's folder, which scripts is in, is four above.
	install := exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", "..", "scripts", "screenshot", "npm.sh"))
	out, err := install.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		missing(err)
	}
	return strings.TrimSpace(string(out)), chromium
}
