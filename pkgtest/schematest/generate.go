package schematest

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// generator makes submissions to a form: most are right or nearly so, and no part of them is out of the question.
type generator struct {
	form    *form.Form
	random  *rand.Rand
	numbers []int    // in the rules
	words   []string // in the rules and options
}

func newGenerator(f *form.Form, seed uint64) *generator {
	g := &generator{form: f, random: rand.New(rand.NewPCG(seed, 1))}
	digits, parts := regexp.MustCompile(`\d+`), regexp.MustCompile(`[^=|, ]+`)
	for _, field := range f.Fields {
		for _, text := range digits.FindAllString(field.Rules, -1) {
			if n, err := strconv.Atoi(text); err == nil && n <= 600 {
				g.numbers = append(g.numbers, n)
			}
		}
		g.words = append(g.words, parts.FindAllString(strings.ReplaceAll(field.Rules, "'", ""), -1)...)
		for _, option := range field.Options {
			g.words = append(g.words, option.Value)
		}
	}
	g.numbers = append(g.numbers, 0, 1, 2, 21, 100)
	g.words = append(g.words, "", "a", "none")
	return g
}

// body returns a submission, as a decoder of JSON leaves it.
func (g *generator) body() map[string]any {
	raw := map[string]any{}
	for i := range g.form.Fields {
		field := &g.form.Fields[i]
		if field.Required || g.chance(60) {
			raw[field.Name] = g.right(field)
		}
	}
	faults := g.random.IntN(3)
	if g.chance(80) { // one fault among right answers is what tells two verdicts apart
		g.repair(raw)
		faults = g.random.IntN(4) / 2
	}
	for ; faults > 0 && len(g.form.Fields) > 0; faults-- {
		field := &g.form.Fields[g.random.IntN(len(g.form.Fields))]
		switch g.random.IntN(6) {
		case 0:
			delete(raw, field.Name)
		case 1:
			raw[field.Name] = g.anything()
		case 2:
			raw[field.Name] = g.right(field)
		default:
			raw[field.Name] = g.near(field)
		}
	}
	if g.form.Open || g.chance(8) {
		for range 1 + g.random.IntN(4) {
			raw[pick(g, []string{"extra", "_steer", "user[mail]", "Name ", "", strings.Repeat("n", 65), "other name", "x1", "x2", "x3"})] = g.anything()
		}
	}
	return raw
}

// repair answers anew, or not at all, what the form refuses, a few times over: forms of many rules take nothing that is
// made by chance alone.
func (g *generator) repair(raw map[string]any) {
	for range 8 {
		_, errs := g.form.Check(raw)
		for _, e := range errs {
			i := slices.IndexFunc(g.form.Fields, func(field form.Field) bool { return field.Name == e.Field })
			if i < 0 || !g.form.Fields[i].Required && !strings.HasPrefix(e.Rule, "required") && g.chance(60) {
				delete(raw, e.Field)
				continue
			}
			raw[e.Field] = g.right(&g.form.Fields[i])
			if g.chance(50) {
				raw[e.Field] = g.near(&g.form.Fields[i])
			}
		}
	}
}

func (g *generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.random.IntN(len(from))] }

// right returns what the field's type takes; its rules, perhaps not.
func (g *generator) right(field *form.Field) any {
	switch field.Type {
	case "email":
		return pick(g, []string{"asha@example.com", " Zoe.M@Example.ORG", "a+b@bücher.de"})
	case "phone":
		return pick(g, []string{"+919876543210", "+44 20 7946 0018", "+1 (650) 253-0000"})
	case "url":
		return pick(g, []string{"https://example.org", "HTTP://Example.org:8080/a?b=c#d", "https://[2001:db8::1]/x", "https://bücher.de/ü", "http://localhost"})
	case "choice":
		return pick(g, field.Options).Value
	case "choices":
		chosen := []any{}
		for _, option := range field.Options {
			if g.chance(45) {
				chosen = append(chosen, option.Value)
			}
		}
		if len(chosen) > 0 && g.chance(15) {
			return append(chosen, chosen[0])
		}
		return chosen
	case "integer":
		return pick(g, []any{json.Number("2"), float64(3), " 4 ", json.Number("1e1"), g.number()})
	case "number":
		return pick(g, []any{json.Number("21"), 0.5, "3.25", json.Number("-1.5e-3"), g.number()})
	case "boolean":
		return pick(g, []any{true, false, "on", "false"})
	case "consent":
		return pick(g, []any{true, true, true, "on", false})
	case "date":
		return pick(g, []string{"2026-11-21", "2027-01-01", "2028-02-29", "2030-12-31"})
	case "time":
		return pick(g, []string{"09:00", "12:30:00", "17:59:59", "10:00"})
	case "datetime":
		return pick(g, []string{"2026-11-21T14:30", "2026-11-21 14:30:05.5", "2026-11-21T14:30:00Z", "2026-11-21T14:30:00.123+05:30"})
	}
	return pick(g, []string{"Asha Kulkarni", " Zoë  Müller ", "a longer line of text, with <b>markup</b> & more", g.text()})
}

// near returns what is close to an answer.
func (g *generator) near(field *form.Field) any {
	if g.chance(30) {
		return g.damage(field)
	}
	switch field.Type {
	case "email":
		return pick(g, []string{"asha", "asha@", "a@b@c.de", `"a@b"@example.com`, "a b@example.com", strings.Repeat("a", 240) + "@example.com", "a@example"})
	case "phone":
		return pick(g, []string{"12345", "+91", "+919876543210 ext 5", "98765 43210", "+00000000000"})
	case "url":
		return pick(g, []string{"example.org", "ftp://example.org", "https://", "https://a b.org", "https://user@example.org/", "javascript:alert(1)", "https://example.org:port", "https://a/" + strings.Repeat("b", 2040), "https:///x", "https://%41.org"})
	case "date":
		return pick(g, nearDates())
	case "time":
		return pick(g, nearTimes())
	case "datetime":
		switch g.random.IntN(3) {
		case 0:
			return pick(g, nearDates()) + "T10:00" + pick(g, []string{"", ":05Z"})
		case 1:
			return "2026-11-21" + pick(g, []string{"T", "t", " ", ""}) + pick(g, nearTimes())
		}
		return "2026-11-21T14:30" + pick(g, []string{"z", "+05:30", "-23:59", "+25:00", ":00.5", ":00.1234567", ":00.100000-00:00", " "})
	case "choice", "choices":
		return pick(g, []any{"nothing of the kind", "", []any{}, []any{"nothing"}, []any{""}, g.word(), []any{g.word(), 1.0}, []any{g.word(), g.word()}})
	case "integer", "number":
		return pick(g, []any{json.Number("4.5"), json.Number("-1"), json.Number("0"), "many", json.Number("9223372036854775808"), "9223372036854775808", json.Number("1e30"), "1e-400", g.number(), true})
	case "boolean", "consent":
		return pick(g, []any{false, "false", "maybe", 1.0, ""})
	}
	return g.text()
}

func nearDates() []string {
	return []string{"2027-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-04-31", "2026-04-30", "2026-12-31", "2026-02-30", "0000-01-01", "2026-1-1", "21.11.2026",
		"2025-12-31", "9999-12-31", "2026-11-21T00:00", "2026-00-10", "2026-13-10", "2026-11-00", "2026-11-21"}
}

func nearTimes() []string {
	return []string{"24:00", "9:00", "08:59:59", "18:00", "18:00:01", "12:60", "12:30:60", "12:30:00.5", "23:59", "12:30Z", "10:00", "10:00:00"}
}

// damage changes a character of a right answer.
func (g *generator) damage(field *form.Field) any {
	text, ok := g.right(field).(string)
	if !ok || text == "" {
		return g.text()
	}
	runes := []rune(text)
	at := g.random.IntN(len(runes))
	switch g.random.IntN(3) {
	case 0:
		return string(runes[:at])
	case 1:
		runes[at] = pick(g, []rune("0 9-:T.@/<\u200bé\u00a0"))
		return string(runes)
	}
	return string(runes[:at]) + pick(g, []string{"0", "x", " ", "é", "\n"}) + string(runes[at:])
}

// text returns text whose length or whose parts are near to what a rule names.
func (g *generator) text() string {
	switch g.random.IntN(5) {
	case 0:
		return strings.Repeat(pick(g, []string{"a", "é", "😀", "Z", "7"}), max(0, pick(g, g.numbers)+g.random.IntN(3)-1))
	case 1:
		return g.word()
	case 2:
		return pick(g, []string{"x", ""}) + g.word() + pick(g, []string{"x", "", " x"})
	case 3:
		return pick(g, []string{"", " ", "\u200b", "<p>", "a\nb", "=1+1", "#ff8800", "#abcde", "0xFF", "+919876543210", "-1.5", "abc", "a b", "Ünï", "ab1"})
	}
	runes := make([]rune, g.random.IntN(12))
	for i := range runes {
		runes[i] = pick(g, []rune("aZ09 -_.,;:@/\\'\"<>&%#+()[]{}|^$*?é\u0301😀\u200b\u202e\n\tक"))
	}
	return string(runes)
}

func (g *generator) word() string { return pick(g, g.words) }

// number is near to one that a rule names.
func (g *generator) number() any {
	n := float64(pick(g, g.numbers)) + float64(g.random.IntN(5)-2)/2
	if g.chance(30) {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return n
}

func (g *generator) anything() any {
	return pick(g, []any{
		nil, true, false, 1.0, -0.5, json.Number("9007199254740993"), "", g.text(), []any{}, []any{g.text(), g.text()}, []any{1.0}, []any{nil}, map[string]any{"a": "b"}, g.number(),
	})
}
