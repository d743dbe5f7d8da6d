package formapi

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/formwatch"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// A form that is added is served without a restart; a wrong version changes nothing, and is told once.
func TestReload_formAddedThenWrongThenRight(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		temporary := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(temporary, []byte(text), 0o600))
		require.NoError(t, os.Rename(temporary, filepath.Join(dir, name)))
	}
	write("demo.yaml", demoYAML)
	seen, err := formwatch.FingerprintOf(dir)
	require.NoError(t, err)
	b := setupApp(t, kafkatest.Start(t).Brokers(), func(cfg *Config) { cfg.Forms = dir }, func(a *App) {
		a.topics.looking = 50 * time.Millisecond
		a.Reload(seen, func() (*form.Set, error) { return form.LoadDir(dir, func(string) (string, bool) { return "", false }) })
	})
	b.waitReady()
	status := func(path, body string) int {
		code, _, _ := b.post(path, body)
		return code
	}
	kafkatest.WaitUntil(t, func() bool { return status("/forms/demo", good) == http.StatusAccepted }, "the first form")
	require.Equal(t, http.StatusNotFound, status("/forms/added", `{"note":"x"}`))

	write("added.yaml", "id: added\nfields:\n  - {name: note, type: text}\n")
	kafkatest.WaitUntil(t, func() bool { return status("/forms/added", `{"note":"x"}`) == http.StatusAccepted }, "the new form, whose topic is made")
	reloads := func(outcome string) float64 {
		return count(t, b.deps.Metrics, "formstream_api_reloads_total", map[string]string{"outcome": outcome})
	}
	require.Equal(t, 1.0, reloads("taken"))

	write("added.yaml", "id: added\nfields:\n  - {name: note, type: txt}\n")
	kafkatest.WaitUntil(t, func() bool { return reloads("refused") == 1 }, "the wrong version is refused")
	require.Contains(t, b.log.String(), "added.yaml:3:")
	require.Equal(t, http.StatusAccepted, status("/forms/added", `{"note":"x"}`), "the version before is in use")
	require.NoError(t, b.ready())

	require.NoError(t, os.Remove(filepath.Join(dir, "added.yaml")))
	kafkatest.WaitUntil(t, func() bool { return status("/forms/added", `{"note":"x"}`) == http.StatusNotFound }, "the form is gone")
	require.Equal(t, http.StatusAccepted, status("/forms/demo", good))
}
