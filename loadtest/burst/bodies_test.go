package burst

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

func TestBodies_everyFormOfTheFolder_isAcceptedAndUnique(t *testing.T) {
	forms := exampleForms(t).All()
	b := newBodies(forms, 1)
	for _, f := range forms {
		seen := map[string]bool{}
		for range 200 {
			body, err := b.next(f)
			require.NoError(t, err)
			require.False(t, seen[string(body)])
			seen[string(body)] = true
			var raw map[string]any
			require.NoError(t, json.Unmarshal(body, &raw))
			values, wrong := f.Check(raw)
			require.Empty(t, wrong)
			require.Len(t, values, len(f.Fields), "every field is filled in")
		}
	}
}

func TestBodies_formWithRules_isFilledInAsFarAsTheyAllow(t *testing.T) {
	f, err := form.Parse("rules.yaml", []byte(`
id: rules
fields:
  - {name: code, type: text, required: true, rules: "len=8,numeric"}
  - {name: site, type: text, rules: url}
  - {name: day, type: text, rules: datetime=2006-01-02}
  - {name: seats, type: integer, required: true, rules: "min=1000"}
  - {name: share, type: number, required: true, rules: "gt=0,lt=1"}
  - {name: terms, type: boolean, required: true, rules: eq=true}
  - {name: kind, type: choice, required: true, options: [a, b, c]}
  - {name: why, type: multiline, rules: "required_if=kind a"}
  - {name: phone, type: phone, region: US}
  - {name: fax, type: text, rules: "excluded_with=phone"}
  - {name: odd, type: text, rules: "len=77"}
`), noEnvironment)
	require.NoError(t, err)
	b := newBodies([]*form.Form{f}, 1)
	for range 50 {
		body, err := b.next(f)
		require.NoError(t, err)
		var raw map[string]any
		require.NoError(t, json.Unmarshal(body, &raw))
		_, wrong := f.Check(raw)
		require.Empty(t, wrong)
		require.NotContains(t, raw, "fax", "must be left empty")
		require.NotContains(t, raw, "odd", "nothing fits, and nothing has to")
		require.Contains(t, raw, "day")
	}
}

func TestBodies_nothingFitsARequiredField_saysWhich(t *testing.T) {
	f, err := form.Parse("odd.yaml", []byte("id: odd\nfields:\n  - {name: odd, type: text, required: true, rules: len=77}\n"), noEnvironment)
	require.NoError(t, err)
	_, err = newBodies([]*form.Form{f}, 1).next(f)
	require.ErrorContains(t, err, `form "odd"`)
	require.ErrorContains(t, err, `"odd" (must be`)
	require.ErrorContains(t, err, "-form")
}
