package form_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a schema means is held against ajv in pkgtest/schematest; this one shows how it looks.
func TestSchema_ofEachTypeAndRule_asItIsKept(t *testing.T) {
	f := parse(t, allTypes+`
  - {name: why, label: Why, help: In a word., type: text, required: true, default: }
  - {name: firm, type: text, rules: "required_if=choice a,excluded_without=text,startswith=x|len=3"}
description: Everything.
`)
	schema := f.Schema("https://forms.example.org/forms/all-types/schema.json")
	for range 5 {
		require.Equal(t, schema, f.Schema("https://forms.example.org/forms/all-types/schema.json"), "the same bytes each time")
	}
	var indented []byte
	var decoded any
	require.NoError(t, json.Unmarshal(schema, &decoded))
	indented, err := json.MarshalIndent(decoded, "", "  ")
	require.NoError(t, err)
	const golden = "testdata/schema.golden.json"
	if *update {
		require.NoError(t, os.WriteFile(golden, append(indented, '\n'), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(indented)+"\n")
}

func TestSchema_undeclaredMembers(t *testing.T) {
	for unknown, want := range map[string]string{"reject": "false", "drop": "true"} {
		schema := parse(t, "id: a\nunknown: "+unknown+"\nfields: [{name: a, type: boolean}]").Schema("u")
		require.Contains(t, string(schema), `"additionalProperties":`+want, unknown)
		require.NotContains(t, string(schema), "x-formstream-rules", "there is none")
	}
	open := string(parse(t, open).Schema("u"))
	require.Contains(t, open, `"properties":{}`)
	require.Contains(t, open, `"maxProperties":200`)
	require.Contains(t, open, `"x-formstream-rules":[{"rule":"name"},{"rule":"range"},{"rule":"max_length"}]`)
}
