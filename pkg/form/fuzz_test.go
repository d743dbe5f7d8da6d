package form_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/formstream/formstream/pkg/form"
)

const allTypes = `
id: all-types
region: IN
fields:
  - {name: text, type: text, rules: max=20}
  - {name: multiline, type: multiline}
  - {name: email, type: email}
  - {name: phone, type: phone}
  - {name: url, type: url}
  - {name: integer, type: integer, rules: gte=0}
  - {name: number, type: number}
  - {name: boolean, type: boolean}
  - {name: consent, type: consent}
  - {name: date, type: date, rules: min=2000-01-01}
  - {name: until, type: date, rules: gtefield=date}
  - {name: time, type: time}
  - {name: datetime, type: datetime}
  - {name: choice, type: choice, options: [a, b]}
  - {name: choices, type: choices, options: [a, b, "c, d"], rules: max=2}
  - {name: hidden, type: hidden, default: none}
`

// FuzzParse: whatever a file holds, it is a form that works, or an error; never a panic.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"../../forms/*.yaml", "testdata/*/*.y*ml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err == nil {
				f.Add(src)
			}
		}
	}
	f.Add([]byte(contact))
	f.Add([]byte("id: a\nfields: [{name: a, type: text, rules: 'required_if=a b|min=1,len=0x2C'}]"))
	f.Add([]byte(allTypes))
	f.Add([]byte(open + "language: de\nregion: IN\nredirect: https://a.org\nunknown: keep\norigins: ['*', https://*.a.org]\nlimits: {client: off, form: 5/1s}\n" +
		"spam: {honeypot: off, min-fill: 1s, captcha: {provider: turnstile, site-key: a, secret: '${A}', on-error: refuse, min-score: 0.5}}\napi-keys: ['sha256:00']"))
	f.Add([]byte("id: a\nfields: [{name: a, type: date, rules: 'min=2026-01-01,oneof=1 2,gtefield=a', messages: {min: x}}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		parsed, err := form.Parse("fuzz.yaml", src, environment(map[string]string{"A": "a"}))
		if err != nil {
			require.Nil(t, parsed)
			return
		}
		answers := map[string]any{}
		for _, field := range parsed.Fields {
			answers[field.Name] = "1"
		}
		for _, given := range []map[string]any{nil, answers} {
			values, wrong := parsed.Check(given)
			if len(wrong) == 0 {
				requireRoundTrip(t, parsed, values)
			}
			for _, e := range wrong {
				require.Equal(t, e.Message, parsed.Message("en", e))
				require.NotEmpty(t, e.Message)
			}
		}
		require.True(t, json.Valid(parsed.Schema("https://example.org/schema.json")))
	})
}

// FuzzSanitize: what is stored is valid text that would be stored unchanged again.
func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{
		"Asha", " a  b ", "<<b>script>x", "a<b>\u0301", "\u202e\u0000\xff", "&amp;<", "a@B.example", "+91 98765 43210", "\u1100\u1161\u11a8", "<xmp>&<b>", "≮b>", "İ@İ.example",
		"HTTPS://İ.example:80/a?b#c", "http://[::1]/", "2000-02-29", "23:59:00", "2026-11-21 14:30:00.120+05:30", "d, e", "on",
	} {
		f.Add(seed)
	}
	text := parse(f, "id: test\nfields: [{name: line, type: text}, {name: lines, type: multiline}]")
	others := parse(f, "id: test\nfields: [{name: email, type: email}, {name: phone, type: phone, region: IN}, {name: count, type: integer}, {name: ratio, type: number}, "+
		"{name: url, type: url}, {name: date, type: date}, {name: time, type: time}, {name: datetime, type: datetime}, {name: flag, type: boolean}, "+
		"{name: choice, type: choice, options: [a, 'b c']}, {name: choices, type: choices, options: [a, 'b c', 'd, e']}, {name: hidden, type: hidden}]")
	f.Fuzz(func(t *testing.T, in string) {
		values, wrong := text.Check(map[string]any{"line": in, "lines": in})
		if len(wrong) == 0 {
			requireRoundTrip(t, text, values)
		}
		for _, field := range others.Fields {
			if values, wrong := others.Check(map[string]any{field.Name: in}); len(wrong) == 0 {
				requireRoundTrip(t, others, values)
			}
		}
	})
}

// FuzzCheck: whatever JSON arrives, it is refused with errors, or stored as JSON that would be stored unchanged again.
func FuzzCheck(f *testing.F) {
	for _, seed := range []map[string]any{student(), message(), {"name": nil}, {
		"text": " a ", "url": "HTTP://A.org", "consent": "on", "date": "2026-11-21", "time": "14:30:00", "datetime": "2026-11-21T14:30Z", "choices": []any{"b", "a"}, "hidden": "h",
	}, {"a": []any{"b", 1}, "_key": "k", "c": map[string]any{}, "n": 1.5}} {
		data, err := json.Marshal(seed)
		require.NoError(f, err)
		f.Add(data)
	}
	forms := []*form.Form{shipped(f, "student-data-form"), shipped(f, "demo-form"), shipped(f, "event-registration"), parse(f, everyType), parse(f, allTypes), parse(f, open), parse(f, allTypes+"unknown: keep\n")}
	f.Fuzz(func(t *testing.T, body []byte) {
		var raw map[string]any
		if json.Unmarshal(body, &raw) != nil {
			return
		}
		for _, each := range forms {
			values, wrong := each.Check(raw)
			require.Equal(t, len(wrong) > 0, values == nil)
			if len(wrong) == 0 {
				requireRoundTrip(t, each, values)
				require.Equal(t, map[string]any(values), each.Sanitize(raw))
			}
			for _, e := range wrong {
				require.NotEmpty(t, e.Message)
			}
		}
	})
}

// requireRoundTrip checks that values are stored unchanged a second time, and survive the log and a row.
func requireRoundTrip(t *testing.T, f *form.Form, values form.Values) {
	t.Helper()
	again, wrong := f.Check(values)
	require.Empty(t, wrong)
	require.Equal(t, values, again)
	data, err := f.Encode(values)
	require.NoError(t, err)
	var decoded map[string]any
	require.NoError(t, json.Unmarshal(data, &decoded))
	cells, cut, err := f.Row(data)
	require.NoError(t, err)
	require.Zero(t, cut)
	if f.Open && len(values) > 0 {
		require.Equal(t, string(data), cells[0])
	}
	for i, field := range f.Fields {
		if list, isList := values[field.Name].([]string); isList {
			require.Equal(t, strings.Join(list, ", "), cells[i])
		}
		text, isText := values[field.Name].(string)
		if !isText {
			continue
		}
		require.True(t, utf8.ValidString(text))
		require.True(t, norm.NFC.IsNormalString(text))
		require.Equal(t, text, decoded[field.Name])
		require.Equal(t, text, cells[i])
	}
}
