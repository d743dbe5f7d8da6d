package chassis_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

const secretText = "hunter2-äöü"

type holder struct {
	Name   string
	Secret chassis.Secret
	List   []chassis.Secret
	Map    map[string]chassis.Secret
	Ptr    *chassis.Secret
}

func newHolder() holder {
	s := chassis.Secret(secretText)
	return holder{Name: "a", Secret: s, List: []chassis.Secret{s}, Map: map[string]chassis.Secret{"k": s}, Ptr: &s}
}

func TestSecret_everyVerb_isRedacted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%10s", "%T%v"} {
		for _, subject := range []any{chassis.Secret(secretText), newHolder(), []any{chassis.Secret(secretText)}} {
			args := []any{subject}
			if verb == "%T%v" {
				args = append(args, subject)
			}
			requireHidden(t, verb, fmt.Sprintf(verb, args...))
		}
	}
	requireHidden(t, "error", fmt.Errorf("log in: %w", fmt.Errorf("as %v", chassis.Secret(secretText))).Error())
}

func TestSecret_everyEncoding_isRedacted(t *testing.T) {
	h := newHolder()
	asJSON, err := json.Marshal(h)
	require.NoError(t, err)
	requireHidden(t, "json", string(asJSON))
	asYAML, err := yaml.Marshal(h)
	require.NoError(t, err)
	requireHidden(t, "yaml", string(asYAML))
	asXML, err := xml.Marshal([]chassis.Secret{h.Secret})
	require.NoError(t, err)
	requireHidden(t, "xml", string(asXML))
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("message", "secret", h.Secret, "holder", h, "list", h.List)
		requireHidden(t, name, b.String())
	}
}

func TestSecret_reveal_givesTheText(t *testing.T) {
	require.Equal(t, secretText, chassis.Secret(secretText).Reveal())
}

func requireHidden(t *testing.T, how, text string) {
	t.Helper()
	require.Contains(t, text, "[REDACTED]", how)
	for _, shown := range []string{secretText, "hunter2", fmt.Sprintf("%x", secretText), fmt.Sprintf("%X", secretText), fmt.Sprintf("% x", secretText)} {
		require.NotContains(t, text, shown, how)
	}
}
