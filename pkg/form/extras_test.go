package form_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

const open = "id: test\nfields: any\n"

func TestCheck_open_keepsWhateverIsSubmitted(t *testing.T) {
	f := parse(t, open)
	require.True(t, f.Open)
	require.Equal(t, form.Keep, f.Unknown)
	values := accepted(t, f, map[string]any{
		"name": "  Asha\u200b ", "user[mail]": "a@example.com", "text": "a\r\nb", "blank": " ", "nothing": nil, "n": json.Number("42"), "big": json.Number("9007199254740993"),
		"half": 0.5, "yes": true, "list": []any{" a ", "", "b"}, "empty": []any{}, "_key": "x", "z": float64(3),
	})
	require.Equal(t, form.Values{
		"name": "Asha", "user[mail]": "a@example.com", "text": "a\nb", "n": int64(42), "big": int64(9007199254740993), "half": 0.5, "yes": true, "list": []string{"a", "b"}, "z": int64(3),
	}, values)
	require.Equal(t, values, accepted(t, f, values), "what is stored is stored unchanged")

	const data = `{"big":9007199254740993,"half":0.5,"list":["a","b"],"n":42,"name":"Asha","text":"a\nb","user[mail]":"a@example.com","yes":true,"z":3}`
	encoded, err := f.Encode(values)
	require.NoError(t, err)
	require.Equal(t, data, string(encoded))
	require.Equal(t, []string{"Data"}, f.Header())
	cells, cut, err := f.Row(encoded)
	require.NoError(t, err)
	require.Zero(t, cut)
	require.Equal(t, []string{data}, cells)
}

func TestCheck_open_bounds(t *testing.T) {
	f := parse(t, open)
	many := func(n int) map[string]any {
		raw := map[string]any{}
		for i := range n {
			raw[fmt.Sprintf("f%03d", i)] = "s3cret"
		}
		return raw
	}
	for _, row := range []struct {
		name        string
		in          map[string]any
		field, rule string // "": accepted
	}{
		{name: "200 fields", in: many(200)},
		{name: "201 fields", in: many(201), rule: "count"},
		{name: "a name of 64", in: map[string]any{strings.Repeat("é", 64): "x"}},
		{name: "a name of 65", in: map[string]any{strings.Repeat("é", 65): "x"}, field: strings.Repeat("é", 64) + "…", rule: "name"},
		{name: "no name", in: map[string]any{"": "x"}, rule: "name"},
		{name: "a name with markup", in: map[string]any{"a<b>": "x"}, field: "a", rule: "name"},
		{name: "a name with spaces at its end", in: map[string]any{"a ": "x"}, field: "a", rule: "name"},
		{name: "an object", in: map[string]any{"a": map[string]any{"s3cret": 1}}, field: "a", rule: "type"},
		{name: "a list of lists", in: map[string]any{"a": []any{[]any{"s3cret"}}}, field: "a", rule: "type"},
		{name: "an endless list", in: map[string]any{"a": make([]any, 1001)}, field: "a", rule: "type"},
		{name: "a number that would be rounded", in: map[string]any{"a": json.Number("9223372036854775809")}, field: "a", rule: "range"},
		{name: "an answer too long", in: map[string]any{"a": strings.Repeat("s3cret", 10_000)}, field: "a", rule: "max_length"},
		{name: "as much as a cell holds", in: map[string]any{"a": strings.Repeat("a", 50_000-len(`{"a":""}`))}},
		{name: "more than a cell holds", in: map[string]any{"a": strings.Repeat("a", 50_001-len(`{"a":""}`))}, rule: "max_length"},
		{name: "more than a cell holds together", in: map[string]any{"a": strings.Repeat("a", 30_000), "b": strings.Repeat("b", 30_000)}, rule: "max_length"},
	} {
		t.Run(row.name, func(t *testing.T) {
			values, wrong := f.Check(row.in)
			if row.rule == "" {
				require.Empty(t, wrong)
				requireRoundTrip(t, f, values)
				return
			}
			require.Len(t, wrong, 1)
			require.Equal(t, row.field, wrong[0].Field)
			require.Equal(t, row.rule, wrong[0].Rule)
			require.NotEmpty(t, wrong[0].Message)
			require.NotContains(t, fmt.Sprint(wrong), "s3cret")
		})
	}
}

func TestCheck_open_manyWrong_areBounded(t *testing.T) {
	raw := map[string]any{}
	for i := range 1000 {
		raw[fmt.Sprint("f", i)] = map[string]any{}
	}
	_, wrong := parse(t, open).Check(raw)
	require.Len(t, wrong, 20)
}

func TestCheck_unknown_keepAndDrop(t *testing.T) {
	const fields = "\nfields: [{name: z, label: Z, type: text, required: true}, {name: b, type: integer}]\n"
	raw := map[string]any{"z": "last", "a": "extra", "c": true}

	keep := parse(t, "id: test\nunknown: keep"+fields)
	values := accepted(t, keep, raw)
	require.Equal(t, form.Values{"z": "last", "a": "extra", "c": true}, values)
	data, err := keep.Encode(values)
	require.NoError(t, err)
	require.Equal(t, `{"z":"last","a":"extra","c":true}`, string(data), "fields first")
	require.Equal(t, []string{"Z", "b", "Data"}, keep.Header())
	cells, _, err := keep.Row(data)
	require.NoError(t, err)
	require.Equal(t, []string{"last", "", `{"a":"extra","c":true}`}, cells)
	cells, _, err = keep.Row([]byte(`{"z":"last"}`))
	require.NoError(t, err)
	require.Equal(t, []string{"last", "", ""}, cells)
	cells, _, err = keep.Row([]byte(`{"d":{"x":[1,"<"]},"c":null}`))
	require.NoError(t, err)
	require.Equal(t, []string{"", "", `{"c":null,"d":{"x":[1,"<"]}}`}, cells, "what a later version may have stored")
	require.Equal(t, map[string]string{"z": "required", "a": "type"}, refused(t, keep, map[string]any{"a": map[string]any{}}))

	drop := parse(t, "id: test\nunknown: drop"+fields)
	require.Equal(t, form.Values{"z": "last"}, accepted(t, drop, raw))
	require.Equal(t, []string{"Z", "b"}, drop.Header())

	reject := parse(t, "id: test\nunknown: reject"+fields)
	require.Equal(t, map[string]string{"a": "undeclared", "c": "undeclared"}, refused(t, reject, raw))
}

func TestSanitize_whatCheckLooksAt(t *testing.T) {
	f := parse(t, `
id: test
fields:
  - {name: name, type: text, rules: min=50}
  - {name: count, type: integer}
  - {name: pick, type: choices, options: [a, b]}
  - {name: mail, type: email, required: true}
  - {name: given, type: text, default: N.A.}
  - {name: terms, type: consent, required: true}
`)
	raw := map[string]any{"name": "  Asha  ", "count": " many ", "pick": []any{" c ", 1.0}, "mail": " ", "_key": "k", "extra": " x ", "terms": "false"}
	require.Equal(t, map[string]any{
		"name": "Asha", "count": "many", "pick": []any{"c", 1.0}, "given": "N.A.", "extra": " x ", "terms": false,
	}, f.Sanitize(raw))
	require.Equal(t, map[string]any{"given": "N.A."}, f.Sanitize(nil))
}
