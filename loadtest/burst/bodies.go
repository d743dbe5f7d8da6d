package burst

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// bodies makes submissions of forms, in turn. The same seed makes the same ones in the same order.
type bodies struct {
	forms []*form.Form
	rng   *rand.Rand
	seed  uint64
	made  int
}

func newBodies(forms []*form.Form, seed uint64) *bodies {
	return &bodies{forms: forms, rng: rand.New(rand.NewPCG(seed, 0)), seed: seed}
}

// next returns a body that the form accepts. No two are the same: a marker in an email address or in a text tells them
// apart, in every form that has one.
func (b *bodies) next(f *form.Form) ([]byte, error) {
	b.made++
	marker := fmt.Sprintf("burst-%d-%d", b.seed, b.made)
	raw, err := fillIn(f, func(field *form.Field) []any { return candidates(field, marker, b.rng) })
	if err != nil {
		return nil, err
	}
	return json.Marshal(raw)
}

// fillIn answers every field of the form, each with the first candidate that its rules accept. An optional field without
// one stays empty.
func fillIn(f *form.Form, candidates func(*form.Field) []any) (map[string]any, error) {
	raw, left := map[string]any{}, map[string][]any{}
	for i := range f.Fields {
		field := &f.Fields[i]
		all := candidates(field)
		raw[field.Name], left[field.Name] = all[0], all[1:]
	}
	for {
		_, wrong := f.Check(raw)
		if len(wrong) == 0 {
			return raw, nil
		}
		for _, e := range wrong { // each round uses a candidate up, empties a field, or is the last
			_, answered := raw[e.Field]
			switch untried := left[e.Field]; {
			case len(untried) > 0:
				raw[e.Field], left[e.Field] = untried[0], untried[1:]
			case answered:
				delete(raw, e.Field)
			default:
				return nil, fmt.Errorf("form %q: nothing that a burst tries is accepted as %q (%s): choose other forms with -form", f.ID, e.Field, e.Message)
			}
		}
	}
}

// candidates lists what to try as an answer to the field, best first, and at least one.
func candidates(field *form.Field, marker string, rng *rand.Rand) []any {
	switch field.Type {
	case "email":
		return []any{marker + "@example.org"}
	case "phone":
		return []any{fmt.Sprintf("+91 98765 %05d", rng.IntN(100_000)), "+91 98765 43210", "+1 415 555 2671", "+44 7400 123456"}
	case "integer":
		return []any{18 + rng.IntN(60), 21, 1, 0, 5, 10, 100, 1000, -1}
	case "number":
		return []any{18 + rng.IntN(60), 21, 1, 0, 0.5, 5, 10, 100, 1000, -1}
	case "boolean":
		first := rng.IntN(2) == 0
		return []any{first, !first}
	case "consent":
		return []any{true}
	case "date":
		return []any{"2026-11-21"}
	case "choice", "choices": // one answer alone will do for several
		first := rng.IntN(len(field.Options))
		var values []any
		for _, o := range slices.Concat(field.Options[first:], field.Options[:first]) {
			values = append(values, o.Value)
		}
		return values
	}
	return texts(field, marker, rng)
}

func texts(field *form.Field, marker string, rng *rand.Rand) []any {
	names := []string{"Ada Lovelace", "Grace Hopper", "Katherine Johnson", "Srinivasa Ramanujan", "Zoë Müller"}
	sentences := []string{"I would like to know more.", "Please call me back.", "Is there still room in the course?", "Thank you, that was quick!"}
	text := sentences[rng.IntN(len(sentences))]
	if strings.Contains(strings.ToLower(field.Name), "name") {
		text = names[rng.IntN(len(names))]
	}
	return []any{
		text + " " + marker, marker, strings.ReplaceAll(marker, "-", ""), text,
		"42", "12345678", "abc", "ABC", "A", "1", "2026-11-21", "12:30", "2026-11-21T12:30:00Z", "https://example.org/" + marker, "example.org",
		"127.0.0.1", "123e4567-e89b-42d3-a456-426614174000", "#336699",
	}
}
