package democonsumer

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leftovers()...) }

func TestApp_judgesTheSubmissionsOfAllForms(t *testing.T) {
	b := plugintest.New(t, kafkatest.Start(t).Brokers(), 2)
	b.Plugin = Name
	for _, form := range b.Forms {
		kafkatest.CreateTopic(t, b.Brokers, "forms."+form, 2)
	}
	want := map[string]bool{} // by submission
	for _, form := range b.Forms {
		want[b.Put(form, `{"text":"what a jerk, said `+plugintest.Secret+`"}`)] = true
		want[b.Put(form, `{"text":"what a day, said `+plugintest.Secret+`"}`)] = false
	}
	r := b.StartApp(func(deps chassis.Deps) (*plugin.App, error) {
		return New(Config{Config: b.Config}, b.Set(), deps)
	})
	for _, form := range b.Forms {
		b.WaitDone(form)
	}
	r.End()

	got := map[string]bool{}
	for _, form := range b.Forms {
		for _, e := range b.Events(form) {
			var v Verdict
			require.NoError(t, json.Unmarshal([]byte(e.Data), &v))
			require.Equal(t, Type, e.Headers["ce_type"])
			require.Equal(t, "/plugins/demo-consumer", e.Headers["ce_source"])
			got[e.Key] = v.Flagged
		}
	}
	require.Equal(t, want, got)
	require.Len(t, r.Log.Lines("submission judged", `"flagged":true`), 2)
	require.Empty(t, r.Log.Lines("jerk"), "nor the word")
}

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
	require.Equal(t, string(want), got, "if the change is meant: go test ./democonsumer -update")
}

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cfg := &Config{}
	none := func(string) (string, bool) { return "", false }
	code = plugin.Run(context.Background(), Name, args, none, &out, &errs, cfg, cfg.Handler)
	return code, out.String(), errs.String()
}

func TestCommand_help_isTheManual(t *testing.T) {
	code, stdout, stderr := command(t, "-help")
	require.Zero(t, code)
	require.Empty(t, stderr)
	requireGolden(t, "help.txt", stdout)
}

func TestCommand_wrong_isOneMessageThatNamesEveryKey(t *testing.T) {
	code, stdout, stderr := command(t, "-handler-timeout=1ms", "-topics-partitions=0")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	requireGolden(t, "wrong.txt", stderr)
}

func TestCommand_wordsAreNotThere_saysSo(t *testing.T) {
	forms := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(forms, "demo.yaml"), []byte(plugintest.Definition("demo")), 0o600))
	code, _, stderr := command(t, "-brokers=kafka:9092", "-forms="+forms, "-words=testdata/none.txt")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, `demo-consumer: -words "testdata/none.txt": cannot be read`)
}
