package form_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

// shipped returns one of the repository's own forms.
func shipped(tb testing.TB, id string) *form.Form {
	tb.Helper()
	set, err := form.LoadDir("../../forms", nil)
	require.NoError(tb, err)
	f, ok := set.Lookup(id)
	require.True(tb, ok, "no form %s", id)
	return f
}

func student() map[string]any {
	return map[string]any{
		"name": "Asha Kulkarni", "email": "asha.kulkarni@Example.com", "university": "Pune University", "roll": "CS-1042",
		"gender": "F", "age": json.Number("21"), "mobile": "+91 98765 43210",
	}
}

func message() map[string]any {
	return map[string]any{"name": "Zoë Müller", "email": "zoe@example.org", "message": "Hello,\n\nI would like to know more.\nThank you"}
}

func benchmarkCheck(b *testing.B, id string, answers map[string]any) {
	f := shipped(b, id)
	b.ReportAllocs()
	for b.Loop() {
		if _, wrong := f.Check(answers); wrong != nil {
			b.Fatal(wrong)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	b.Run("student-data-form", func(b *testing.B) { benchmarkCheck(b, "student-data-form", student()) })
	b.Run("student-data-form, stored number", func(b *testing.B) {
		answers := student()
		answers["mobile"] = "+919876543210"
		benchmarkCheck(b, "student-data-form", answers)
	})
	b.Run("demo-form", func(b *testing.B) { benchmarkCheck(b, "demo-form", message()) })
}

func BenchmarkEncode(b *testing.B) {
	f := shipped(b, "student-data-form")
	values, wrong := f.Check(student())
	require.Empty(b, wrong)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Encode(values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRow(b *testing.B) {
	f := shipped(b, "student-data-form")
	values, wrong := f.Check(student())
	require.Empty(b, wrong)
	data, err := f.Encode(values)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := f.Row(data); err != nil {
			b.Fatal(err)
		}
	}
}
