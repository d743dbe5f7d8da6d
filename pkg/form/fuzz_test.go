package form_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/formstream/formstream/pkg/form"
)

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
			if values, wrong := parsed.Check(given); len(wrong) == 0 {
				requireRoundTrip(t, parsed, values)
			}
		}
	})
}

// FuzzSanitize: what is stored is valid text that would be stored unchanged again.
func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{
		"Asha", " a  b ", "<<b>script>x", "a<b>\u0301", "\u202e\u0000\xff", "&amp;<", "a@B.example", "+91 98765 43210", "\u1100\u1161\u11a8", "<xmp>&<b>", "≮b>", "İ@İ.example",
	} {
		f.Add(seed)
	}
	text := parse(f, "id: test\nfields: [{name: line, type: text}, {name: lines, type: multiline}]")
	others := parse(f, "id: test\nfields: [{name: email, type: email}, {name: phone, type: phone, region: IN}, {name: count, type: integer}, {name: ratio, type: number}]")
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
	for _, seed := range []map[string]any{student(), message(), {"name": nil}} {
		data, err := json.Marshal(seed)
		require.NoError(f, err)
		f.Add(data)
	}
	forms := []*form.Form{shipped(f, "student-data-form"), shipped(f, "demo-form"), parse(f, everyType)}
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
	for i, field := range f.Fields {
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
