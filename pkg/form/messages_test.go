package form_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

// Every language says everything that English says, with the same parts put in.
func TestMessages_everyCatalogue_hasTheSameKeysAndParts(t *testing.T) {
	parts := regexp.MustCompile(`\{[0-9]\}`)
	read := func(language string) map[string]string {
		src, err := os.ReadFile(filepath.Join("messages", language+".yaml"))
		require.NoError(t, err)
		var words map[string]string
		require.NoError(t, yaml.Unmarshal(src, &words))
		return words
	}
	english := read("en")
	require.Equal(t, []string{"de", "en", "es"}, form.Languages())
	for _, language := range form.Languages() {
		words := read(language)
		require.Len(t, words, len(english), language)
		for key, text := range english {
			require.NotEmpty(t, words[key], "%s: %s", language, key)
			require.ElementsMatch(t, parts.FindAllString(text, -1), parts.FindAllString(words[key], -1), "%s: %s", language, key)
		}
	}
}

const manyFaults = `
id: test
fields:
  - {name: name, label: Name, type: text, required: true, messages: {required: Who are you?}}
  - {name: short, type: text, rules: min=5}
  - {name: one, type: text, rules: min=1000}
  - {name: count, type: integer, rules: lte=3}
  - {name: day, type: date}
  - {name: phone, type: phone, messages: {type: That cannot be called}}
  - {name: mail, label: Mail, type: email}
  - {name: pick, type: choice, options: [{value: a, label: First}, b]}
  - {name: picks, type: choices, options: [a, b], rules: min=2}
  - {name: terms, type: consent, required: true}
  - {name: why, type: text, rules: "required_if=pick a count 1"}
  - {name: either, type: text, rules: "required_without_all=mail day"}
  - {name: colour, type: text, rules: hexcolor|oneof=red green}
  - {name: odd, type: text, rules: eq_ignore_case=x|ssn}
`

func TestMessage_inEachLanguage(t *testing.T) {
	f := parse(t, manyFaults)
	_, wrong := f.Check(map[string]any{
		"short": "a", "one": "a", "count": 5, "day": "today", "phone": "1", "pick": "c", "picks": "a", "colour": "blue", "odd": "z", "extra": 1,
	})
	want := map[string][3]string{
		"name":   {"Who are you?", "Who are you?", "Who are you?"},
		"short":  {"must be at least 5 characters long", "muss mindestens 5 Zeichen lang sein", "debe tener al menos 5 caracteres"},
		"one":    {"must be at least 1000 characters long", "muss mindestens 1000 Zeichen lang sein", "debe tener al menos 1000 caracteres"},
		"count":  {"must be at most 3", "darf höchstens 3 sein", "debe ser como máximo 3"},
		"day":    {"must be a date, such as 2026-05-31", "muss ein Datum sein, zum Beispiel 2026-05-31", "debe ser una fecha, por ejemplo 2026-05-31"},
		"phone":  {"That cannot be called", "That cannot be called", "That cannot be called"},
		"pick":   {"must be one of: a, b", "muss eines davon sein: a, b", "debe ser uno de estos: a, b"},
		"picks":  {"must have at least 2 answers", "muss mindestens 2 Antworten haben", "debe tener al menos 2 respuestas"},
		"terms":  {"must be agreed to", "braucht Ihre Zustimmung", "necesita su conformidad"},
		"either": {"must be filled in when Mail and day is empty", "muss ausgefüllt werden, wenn Mail und day leer sind", "debe rellenarse cuando Mail y day no tienen respuesta"},
		"colour": {"must be a colour such as #ff8800, or must be one of: red, green", "muss eine Farbe wie #ff8800 sein, oder muss eines davon sein: red, green",
			"debe ser un color como #ff8800, o debe ser uno de estos: red, green"},
		"odd":   {"must be x, or must keep the rule ssn", "muss x sein, oder muss die Regel ssn einhalten", "debe ser x, o debe cumplir la regla ssn"},
		"extra": {"is not a field of this form: leave it out", "ist kein Feld dieses Formulars: bitte weglassen", "no es un campo de este formulario: quítelo"},
	}
	require.Len(t, wrong, len(want))
	for _, e := range wrong {
		require.Equal(t, want[e.Field][0], e.Message, e.Field)
		require.Equal(t, want[e.Field], [3]string{f.Message("en-GB", e), f.Message("de_AT", e), f.Message("ES", e)}, e.Field)
		require.Equal(t, e.Message, f.Message("tlh", e), "English, for want of Klingon")
		require.Equal(t, e.Message, f.Message("", e))
	}
}

func TestMessage_condition_namesTheOptionsLabel(t *testing.T) {
	f := parse(t, manyFaults)
	_, wrong := f.Check(map[string]any{"name": "a", "terms": true, "either": "e", "pick": "a", "count": 1})
	require.Len(t, wrong, 1)
	require.Equal(t, "must be filled in when pick is First and count is 1", wrong[0].Message)
	require.Equal(t, "muss ausgefüllt werden, wenn gilt: pick = First und count = 1", f.Message("de", wrong[0]))
}

func TestMessage_errorsOfAnotherForm_sayThatTheyCannotBeTold(t *testing.T) {
	f := parse(t, manyFaults)
	for _, e := range []form.FieldError{{}, {Field: "away", Rule: "min"}, {Field: "name", Rule: "a|b", Param: "|"}, {Field: "name", Rule: "required_if"}, {Field: "name", Rule: "eqfield"}} {
		require.NotPanics(t, func() { f.Message("en", e) })
	}
	require.Equal(t, "must keep the rule a|b", f.Message("en", form.FieldError{Field: "name", Rule: "a|b", Param: "|"}))
	require.True(t, strings.HasPrefix(f.Message("en", form.FieldError{Field: "away", Rule: "min"}), "a rule of this form cannot be applied"))
}
