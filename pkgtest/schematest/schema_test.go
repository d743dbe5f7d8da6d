package schematest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkgtest/need"
)

// compared is how many submissions of each form both must judge.
const compared = 20_000

// listed is a rule that a schema says it cannot say.
type listed struct{ Field, Rule, Param string }

func TestSchema_verdicts_areAjvs(t *testing.T) {
	folder, err := Install(t.Context())
	need.Started(t, err)
	for _, pattern := range []string{"../../forms/*.yaml", "testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				src, err := os.ReadFile(file)
				require.NoError(t, err)
				f, err := form.Parse(file, src, nil)
				require.NoError(t, err)
				compare(t, folder, f)
			})
		}
	}
}

func compare(t *testing.T, folder string, f *form.Form) {
	schema := f.Schema("https://forms.example.org/forms/" + f.ID + "/schema.json")
	require.Equal(t, schema, f.Schema("https://forms.example.org/forms/"+f.ID+"/schema.json"), "the same bytes each time")
	var unsaid struct {
		Rules []listed `json:"x-formstream-rules"`
	}
	require.NoError(t, json.Unmarshal(schema, &unsaid))

	g := newGenerator(f, 20261121)
	var bodies []map[string]any
	var wrong [][]form.FieldError
	var values [][]byte
	leftOut := map[listed]int{}
	for tries := 0; len(values) < compared; tries++ {
		require.Less(t, tries, 4*compared, "most of what is generated breaks rules that are left out: %v", leftOut)
		raw := g.body()
		_, errs := f.Check(raw)
		if rule, ok := unsaidAmong(f, errs, unsaid.Rules); ok {
			leftOut[rule]++
			continue
		}
		value, err := json.Marshal(f.Sanitize(raw))
		require.NoError(t, err)
		bodies, wrong, values = append(bodies, raw), append(wrong, errs), append(values, value)
	}
	verdicts, err := Verdicts(t.Context(), folder, schema, values)
	require.NoError(t, err)
	accepted := 0
	for i, verdict := range verdicts {
		if (verdict == "") != (len(wrong[i]) == 0) {
			require.Fail(t, "different verdicts", "submission %v\nsanitised  %s\nours  %v\najv's %s", bodies[i], values[i], wrong[i], verdict)
		}
		if verdict == "" {
			accepted++
		}
	}
	t.Logf("%d submissions, %d accepted by both; left out: %v", compared, accepted, leftOut)
	require.Greater(t, accepted, compared/50, "what is refused throughout proves little")
	require.Greater(t, compared-accepted, compared/50, "so does what is accepted throughout")
}

// unsaidAmong finds an error that the schema lists among those it cannot say.
func unsaidAmong(f *form.Form, errs []form.FieldError, unsaid []listed) (listed, bool) {
	for _, e := range errs {
		rule := listed{Field: e.Field, Rule: e.Rule, Param: e.Param}
		if !slices.ContainsFunc(f.Fields, func(field form.Field) bool { return field.Name == e.Field }) {
			rule.Field = ""
		}
		if slices.Contains(unsaid, rule) {
			return rule, true
		}
	}
	return listed{}, false
}
