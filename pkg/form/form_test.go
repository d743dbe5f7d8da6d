package form_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

// parse compiles a definition that must be right.
func parse(tb testing.TB, definition string) *form.Form {
	tb.Helper()
	f, err := form.Parse("test.yaml", []byte(definition), nil)
	require.NoError(tb, err)
	return f
}

// withField compiles a form of one field, named a, with these keys.
func withField(tb testing.TB, keys ...string) *form.Form {
	tb.Helper()
	return parse(tb, "id: test\nfields:\n  - name: a\n    "+strings.Join(keys, "\n    ")+"\n")
}

// refused returns the rules by field of answers that must be refused.
func refused(tb testing.TB, f *form.Form, answers map[string]any) map[string]string {
	tb.Helper()
	values, wrong := f.Check(answers)
	require.Nil(tb, values)
	require.NotEmpty(tb, wrong)
	rules := map[string]string{}
	for _, e := range wrong {
		require.NotContains(tb, rules, e.Field, "one error for each field")
		rules[e.Field] = e.Rule
	}
	return rules
}

// accepted returns the values of answers that must be right.
func accepted(tb testing.TB, f *form.Form, answers map[string]any) form.Values {
	tb.Helper()
	values, wrong := f.Check(answers)
	require.Empty(tb, wrong)
	return values
}
