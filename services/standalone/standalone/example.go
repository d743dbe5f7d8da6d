package standalone

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// Example returns a JSON object that the form accepts, with plausible answers to what it requires and nothing else. It
// tries a few answers for each field; false: none of them satisfied the form's rules.
func Example(f *form.Form) (string, bool) {
	raw, tried := map[string]any{}, map[string]int{}
	for {
		_, wrong := f.Check(raw)
		if len(wrong) == 0 {
			return encode(f, raw), true
		}
		for _, e := range wrong {
			candidates := answers(f, e.Field)
			if tried[e.Field] == len(candidates) {
				return "", false
			}
			raw[e.Field] = candidates[tried[e.Field]]
			tried[e.Field]++
		}
	}
}

// answers lists what to try for a field, best first; none for a field that the form does not have.
func answers(f *form.Form, name string) []any {
	for _, field := range f.Fields {
		if field.Name == name {
			return answersOf(field)
		}
	}
	return nil
}

func answersOf(field form.Field) []any {
	texts := []any{
		"Hello", "Hello from Formstream", "42", "12345678", "abc", "ABC", "A", "1", "2026-11-21", "12:30",
		"https://example.org/", "example.org", "127.0.0.1", "123e4567-e89b-42d3-a456-426614174000", "#336699",
	}
	switch field.Type {
	case "multiline":
		return append([]any{"Hello from Formstream"}, texts...)
	case "email":
		return []any{"ada@example.org"}
	case "phone":
		return []any{"+91 98765 43210", "+1 415 555 2671", "+44 7400 123456"}
	case "integer":
		return []any{21, 1, 0, 5, 10, 100, 1000, -1}
	case "number":
		return []any{21, 1, 0, 0.5, 5, 10, 100, 1000, -1}
	case "boolean":
		return []any{true, false}
	case "consent":
		return []any{true}
	case "choices":
		options := make([]any, len(field.Options))
		for i, o := range field.Options {
			options[i] = []any{o.Value}
		}
		return options
	case "choice":
		options := make([]any, len(field.Options))
		for i, o := range field.Options {
			options[i] = o.Value
		}
		return options
	}
	if strings.Contains(strings.ToLower(field.Name), "name") {
		return append([]any{"Ada Lovelace"}, texts...)
	}
	return texts
}

// encode writes the answers in the form's order.
func encode(f *form.Form, raw map[string]any) string {
	var b bytes.Buffer
	for _, field := range f.Fields {
		value, ok := raw[field.Name]
		if !ok {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(",")
		}
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(field.Name) // text, numbers and booleans can always be encoded
		b.Truncate(b.Len() - 1)
		b.WriteString(":")
		_ = e.Encode(value)
		b.Truncate(b.Len() - 1)
	}
	return "{" + b.String() + "}"
}
