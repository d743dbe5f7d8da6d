package form_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

func TestCheck_types(t *testing.T) {
	for _, row := range []struct {
		name, field string
		in          any
		want        any    // nil: no answer
		rule        string // "": accepted
	}{
		{name: "text", field: "type: text", in: " a ", want: "a"},
		{name: "text null", field: "type: text", in: nil},
		{name: "text blank", field: "type: text", in: "   "},
		{name: "text number", field: "type: text", in: json.Number("1"), rule: "type"},
		{name: "text boolean", field: "type: text", in: true, rule: "type"},
		{name: "text object", field: "type: text", in: map[string]any{"a": "b"}, rule: "type"},
		{name: "text list", field: "type: text", in: []any{"a"}, rule: "type"},
		{name: "text of a foreign Go type", field: "type: text", in: struct{}{}, rule: "type"},

		{name: "email", field: "type: email", in: " Asha.K@Example.COM ", want: "Asha.K@example.com"},
		{name: "email with an international domain", field: "type: email", in: "a@BÜCHER.de", want: "a@bücher.de"},
		{name: "email without @", field: "type: email", in: "asha.example.com", rule: "email"},
		{name: "email without domain", field: "type: email", in: "asha@", rule: "email"},
		{name: "email with a space", field: "type: email", in: "as ha@example.com", rule: "email"},
		{name: "email with a display name", field: "type: email", in: "Asha (asha@example.com)", rule: "email"},
		{name: "email too long", field: "type: email", in: strings.Repeat("a", 250) + "@example.com", rule: "max"},

		{name: "phone of the region", field: "type: phone\n    region: IN", in: "098765-43210", want: "+919876543210"},
		{name: "phone in other digits", field: "type: phone\n    region: IN", in: "９８７６５ ４３２１０", want: "+919876543210"},
		{name: "phone of another country", field: "type: phone\n    region: IN", in: "+44 (0)20 7946 0018", want: "+442079460018"},
		{name: "phone without a region", field: "type: phone", in: "+919876543210", want: "+919876543210"},
		{name: "phone without region and country", field: "type: phone", in: "9876543210", rule: "phone"},
		{name: "phone too short", field: "type: phone\n    region: IN", in: "12345", rule: "phone"},
		{name: "phone that no one can have", field: "type: phone\n    region: IN", in: "+91 11111 11111", rule: "phone"},
		{name: "phone with an extension", field: "type: phone\n    region: IN", in: "9876543210 ;ext=5", rule: "phone"},
		{name: "phone with an extension sign", field: "type: phone\n    region: IN", in: "9876543210 #5", rule: "phone"},
		{name: "phone in words", field: "type: phone\n    region: IN", in: "call 9876543210", rule: "phone"},
		{name: "phone as a number", field: "type: phone\n    region: IN", in: json.Number("9876543210"), rule: "type"},

		{name: "integer", field: "type: integer", in: json.Number("42"), want: int64(42)},
		{name: "integer as text", field: "type: integer", in: " +042 ", want: int64(42)},
		{name: "integer as float64", field: "type: integer", in: float64(42), want: int64(42)},
		{name: "integer as int", field: "type: integer", in: 42, want: int64(42)},
		{name: "integer with an exponent", field: "type: integer", in: json.Number("4.2e1"), want: int64(42)},
		{name: "integer beyond float64's precision", field: "type: integer", in: json.Number("9007199254740993"), want: int64(9007199254740993)},
		{name: "integer largest", field: "type: integer", in: json.Number("9223372036854775807"), want: int64(math.MaxInt64)},
		{name: "integer smallest", field: "type: integer", in: "-9223372036854775808", want: int64(math.MinInt64)},
		{name: "integer zero", field: "type: integer", in: json.Number("-0"), want: int64(0)},
		{name: "integer zero with an exponent", field: "type: integer", in: json.Number("0e30000"), want: int64(0)},
		{name: "integer too large", field: "type: integer", in: json.Number("9223372036854775808"), rule: "range"},
		{name: "integer far too large", field: "type: integer", in: json.Number("1e30000"), rule: "range"},
		{name: "integer with a fraction", field: "type: integer", in: json.Number("4.2"), rule: "type"},
		{name: "integer blank", field: "type: integer", in: ""},
		{name: "integer in words", field: "type: integer", in: "many", rule: "type"},
		{name: "integer with letters inside", field: "type: integer", in: "1O0", rule: "type"},
		{name: "integer hexadecimal", field: "type: integer", in: "0x10", rule: "type"},
		{name: "integer with two signs", field: "type: integer", in: "+-1", rule: "type"},
		{name: "integer with a separator", field: "type: integer", in: "1_000", rule: "type"},
		{name: "integer boolean", field: "type: integer", in: true, rule: "type"},

		{name: "number", field: "type: number", in: json.Number("3.50"), want: 3.5},
		{name: "number as text", field: "type: number", in: "0.1", want: 0.1},
		{name: "number without a leading digit", field: "type: number", in: ".5", want: 0.5},
		{name: "number of a computation", field: "type: number", in: 0.1 + 0.2, want: 0.1 + 0.2},
		{name: "number negative zero", field: "type: number", in: math.Copysign(0, -1), want: float64(0)},
		{name: "number that would be rounded", field: "type: number", in: json.Number("9007199254740993"), rule: "range"},
		{name: "number too large", field: "type: number", in: json.Number("1e309"), rule: "range"},
		{name: "number too small", field: "type: number", in: json.Number("1e-400"), rule: "range"},
		{name: "number with too large an exponent", field: "type: number", in: json.Number("1e99999999999"), rule: "type"},
		{name: "number NaN", field: "type: number", in: math.NaN(), rule: "type"},
		{name: "number infinite", field: "type: number", in: math.Inf(1), rule: "type"},
		{name: "number named NaN", field: "type: number", in: "NaN", rule: "type"},
		{name: "number named infinity", field: "type: number", in: "Infinity", rule: "type"},
		{name: "number with two points", field: "type: number", in: "1.2.3", rule: "type"},
		{name: "number of a point", field: "type: number", in: ".", rule: "type"},
		{name: "number without an exponent's digits", field: "type: number", in: "1e", rule: "type"},
		{name: "number endless", field: "type: number", in: json.Number(strings.Repeat("1", 500)), rule: "type"},

		{name: "boolean true", field: "type: boolean", in: true, want: true},
		{name: "boolean false", field: "type: boolean", in: false, want: false},
		{name: "boolean as text", field: "type: boolean", in: "false", want: false},
		{name: "boolean ticked", field: "type: boolean", in: "on", want: true},
		{name: "boolean blank", field: "type: boolean", in: ""},
		{name: "boolean number", field: "type: boolean", in: json.Number("1"), rule: "type"},
		{name: "boolean in words", field: "type: boolean", in: "perhaps", rule: "type"},

		{name: "choice", field: "type: choice\n    options: [M, F]", in: " M ", want: "M"},
		{name: "choice of another case", field: "type: choice\n    options: [M, F]", in: "m", rule: "choice"},
		{name: "choice list", field: "type: choice\n    options: [M, F]", in: []any{"M"}, rule: "type"},

		{name: "hidden", field: "type: hidden", in: " a\nb ", want: "a b"},

		{name: "url", field: "type: url", in: " HTTPS://Example.ORG/A?b=C#D ", want: "https://example.org/A?b=C#D"},
		{name: "url with a port", field: "type: url", in: "http://localhost:8080", want: "http://localhost:8080"},
		{name: "url of an IPv6 address", field: "type: url", in: "http://[2001:DB8::1]/", want: "http://[2001:db8::1]/"},
		{name: "url with an international host", field: "type: url", in: "https://BÜCHER.de/Ü", want: "https://bücher.de/Ü"},
		{name: "url blank", field: "type: url", in: " "},
		{name: "url without a scheme", field: "type: url", in: "example.org", rule: "url"},
		{name: "url of a script", field: "type: url", in: "javascript:alert(1)", rule: "url"},
		{name: "url of a script that looks like one", field: "type: url", in: "javascript://example.org/%0aalert(1)", rule: "url"},
		{name: "url with a user", field: "type: url", in: "https://example.org@evil.example/", rule: "url"},
		{name: "url without a host", field: "type: url", in: "https:///a", rule: "url"},
		{name: "url with a space", field: "type: url", in: "https://example.org/a b", rule: "url"},
		{name: "url too long", field: "type: url", in: "https://example.org/" + strings.Repeat("a", 2029), rule: "url"},
		{name: "url at its longest", field: "type: url", in: "https://example.org/" + strings.Repeat("a", 2028), want: "https://example.org/" + strings.Repeat("a", 2028)},
		{name: "url number", field: "type: url", in: 1, rule: "type"},

		{name: "consent", field: "type: consent", in: "on", want: true},
		{name: "consent refused", field: "type: consent", in: false, want: false},
		{name: "consent that is needed", field: "type: consent\n    required: true", in: false, rule: "required"},
		{name: "consent that is missing", field: "type: consent\n    required: true", in: "", rule: "required"},
		{name: "consent in words", field: "type: consent", in: "gladly", rule: "type"},

		{name: "date", field: "type: date", in: " 2026-11-21 ", want: "2026-11-21"},
		{name: "date in a leap year", field: "type: date", in: "2000-02-29", want: "2000-02-29"},
		{name: "date in no leap year", field: "type: date", in: "1900-02-29", rule: "type"},
		{name: "date as people write it", field: "type: date", in: "21.11.2026", rule: "type"},
		{name: "date without zeros", field: "type: date", in: "2026-1-1", rule: "type"},
		{name: "date with a time", field: "type: date", in: "2026-11-21T00:00", rule: "type"},
		{name: "date number", field: "type: date", in: 20261121, rule: "type"},
		{name: "date blank", field: "type: date", in: ""},

		{name: "time", field: "type: time", in: "09:05", want: "09:05"},
		{name: "time with seconds", field: "type: time", in: "09:05:07", want: "09:05:07"},
		{name: "time with seconds of zero", field: "type: time", in: "09:00:00", want: "09:00"},
		{name: "time of midnight", field: "type: time", in: "00:00", want: "00:00"},
		{name: "time 24:00", field: "type: time", in: "24:00", rule: "type"},
		{name: "time without a zero", field: "type: time", in: "9:05", rule: "type"},
		{name: "time with a fraction", field: "type: time", in: "09:05:07.5", rule: "type"},

		{name: "datetime local", field: "type: datetime", in: "2026-11-21T14:30", want: "2026-11-21T14:30"},
		{name: "datetime local with seconds", field: "type: datetime", in: "2026-11-21 14:30:05.250", want: "2026-11-21T14:30:05.25"},
		{name: "datetime local with seconds of zero", field: "type: datetime", in: "2026-11-21T14:00:00.000", want: "2026-11-21T14:00"},
		{name: "datetime in UTC", field: "type: datetime", in: "2026-11-21t14:30:00z", want: "2026-11-21T14:30:00Z"},
		{name: "datetime with a zone", field: "type: datetime", in: "2026-01-01T01:30:00.123456+05:30", want: "2025-12-31T20:00:00.123456Z"},
		{name: "datetime with a zone and no seconds", field: "type: datetime", in: "2026-01-01T01:30-02:00", want: "2026-01-01T03:30:00Z"},
		{name: "datetime of too fine a second", field: "type: datetime", in: "2026-11-21T14:30:00.1234567Z", rule: "type"},
		{name: "datetime before the calendar", field: "type: datetime", in: "0000-01-01T00:00:00+01:00", rule: "type"},
		{name: "datetime that is a date", field: "type: datetime", in: "2026-11-21", rule: "type"},
		{name: "datetime on no day", field: "type: datetime", in: "2026-02-30T10:00", rule: "type"},

		{name: "choices", field: "type: choices\n    options: [a, b, c]", in: []any{"c", " a ", "c", ""}, want: []string{"a", "c"}},
		{name: "choices one alone", field: "type: choices\n    options: [a, b, c]", in: "b", want: []string{"b"}},
		{name: "choices none", field: "type: choices\n    options: [a, b, c]", in: []any{}},
		{name: "choices blank", field: "type: choices\n    options: [a, b, c]", in: []any{"", " "}},
		{name: "choices default", field: "type: choices\n    options: [a, b, c]\n    default: b", in: nil, want: []string{"b"}},
		{name: "choices not offered", field: "type: choices\n    options: [a, b, c]", in: []any{"a", "d"}, rule: "choice"},
		{name: "choices of another type", field: "type: choices\n    options: [a, b, c]", in: []any{"a", 1}, rule: "type"},
		{name: "choices without end", field: "type: choices\n    options: [a, b, c]", in: make([]any, 1001), rule: "type"},
		{name: "choices object", field: "type: choices\n    options: [a, b, c]", in: map[string]any{"a": true}, rule: "type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := withField(t, row.field)
			if row.rule != "" {
				require.Equal(t, map[string]string{"a": row.rule}, refused(t, f, map[string]any{"a": row.in}))
				return
			}
			values := accepted(t, f, map[string]any{"a": row.in})
			if row.want == nil {
				require.Empty(t, values)
				return
			}
			require.Equal(t, form.Values{"a": row.want}, values)
			require.Equal(t, values, accepted(t, f, values), "what is stored is stored unchanged")
		})
	}
}

func TestCheck_rulesOfDates(t *testing.T) {
	const definition = `
id: test
fields:
  - {name: from, label: From, type: date, rules: "min=2026-01-01,lt=2027-01-01"}
  - {name: to, label: To, type: date, rules: "gtefield=from"}
  - {name: at, label: At, type: time, rules: "gt=09:00,lte=18:00"}
  - {name: exact, label: Exact, type: datetime, rules: "max=2026-06-01T12:00:00Z"}
  - {name: later, label: Later, type: datetime, rules: "gtfield=exact"}
  - {name: day, label: Day, type: date, rules: "oneof=2026-02-01 2026-02-02"}
  - {name: why, label: Why, type: text, rules: "required_if=day 2026-02-01"}
`
	f := parse(t, definition)
	for _, row := range []struct {
		name string
		in   map[string]any
		want string // the only wrong field, its rule and message; "": none
	}{
		{name: "the first day", in: map[string]any{"from": "2026-01-01", "to": "2026-01-01"}},
		{name: "the day before", in: map[string]any{"from": "2025-12-31"}, want: "from min must not be before 2026-01-01"},
		{name: "the last day", in: map[string]any{"from": "2026-12-31"}},
		{name: "the day after", in: map[string]any{"from": "2027-01-01"}, want: "from lt must be before 2027-01-01"},
		{name: "to before from", in: map[string]any{"from": "2026-10-10", "to": "2026-10-09"}, want: "to gtefield must not be before From"},
		{name: "later in text, not in time", in: map[string]any{"from": "2026-09-30", "to": "2026-10-01"}},
		{name: "not yet", in: map[string]any{"at": "09:00"}, want: "at gt must be after 09:00"},
		{name: "a second later", in: map[string]any{"at": "09:00:01"}},
		{name: "the last second", in: map[string]any{"at": "18:00:00"}},
		{name: "too late", in: map[string]any{"at": "18:00:01"}, want: "at lte must not be after 18:00"},
		{name: "another zone", in: map[string]any{"exact": "2026-06-01T17:30:00+05:30"}},
		{name: "another zone, too late", in: map[string]any{"exact": "2026-06-01T17:30:00.000001+05:30"}, want: "exact max must not be after 2026-06-01T12:00:00Z"},
		{name: "no zone is UTC", in: map[string]any{"exact": "2026-06-01T11:59:00Z", "later": "2026-06-01T11:59"}, want: "later gtfield must be after Exact"},
		{name: "one of", in: map[string]any{"day": "2026-02-02"}},
		{name: "none of", in: map[string]any{"day": "2026-02-03"}, want: "day oneof must be one of: 2026-02-01, 2026-02-02"},
		{name: "required by a date", in: map[string]any{"day": "2026-02-01"}, want: "why required_if must be filled in when Day is 2026-02-01"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, wrong := f.Check(row.in)
			got := ""
			for _, e := range wrong {
				got += e.Field + " " + e.Rule + " " + e.Message
			}
			require.Equal(t, row.want, got)
		})
	}
}

func TestCheck_rulesOfConsentAndChoices(t *testing.T) {
	f := parse(t, `
id: test
fields:
  - {name: terms, type: consent, rules: required_with=order}
  - {name: order, label: Order, type: text}
  - {name: mail, type: email, rules: required_with=news}
  - {name: why, type: text, rules: required_if=news false order x}
  - {name: news, label: News, type: consent}
  - {name: picks, type: choices, options: [a, b, c], rules: "min=2,ne=3"}
`)
	require.Equal(t, map[string]string{"terms": "required_with"}, refused(t, f, map[string]any{"order": "o", "terms": false}), "no consent is no answer")
	require.Equal(t, map[string]string{"mail": "required_with"}, refused(t, f, map[string]any{"news": true}))
	accepted(t, f, map[string]any{"news": false, "order": "o", "terms": true})
	require.Equal(t, map[string]string{"why": "required_if"}, refused(t, f, map[string]any{"order": "x", "terms": true}))
	require.Equal(t, map[string]string{"picks": "min"}, refused(t, f, map[string]any{"picks": "a"}))
	require.Equal(t, map[string]string{"picks": "ne"}, refused(t, f, map[string]any{"picks": []any{"a", "b", "c"}}))
	accepted(t, f, map[string]any{"picks": []any{"a", "b"}})
}

func TestCheck_longAnswers(t *testing.T) {
	for _, row := range []struct {
		name, in string
		ok       bool
	}{
		{name: "at the limit", in: strings.Repeat("a", form.MaxLength), ok: true},
		{name: "over the limit", in: strings.Repeat("a", form.MaxLength+1)},
		{name: "at the limit in two bytes each", in: strings.Repeat("é", form.MaxLength), ok: true},
		{name: "at the limit in pairs of units", in: strings.Repeat("😀", form.MaxLength/2), ok: true},
		{name: "over the limit in pairs of units", in: strings.Repeat("😀", form.MaxLength/2+1)},
		{name: "at the limit between spaces", in: "  " + strings.Repeat("a", form.MaxLength) + "  ", ok: true},
		{name: "far beyond what is looked at", in: strings.Repeat(" ", 2<<20) + "a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := withField(t, "type: text")
			if row.ok {
				require.Equal(t, strings.TrimSpace(row.in), accepted(t, f, map[string]any{"a": row.in})["a"])
				return
			}
			require.Equal(t, map[string]string{"a": form.RuleMaxLength}, refused(t, f, map[string]any{"a": row.in}))
		})
	}
}

func TestCheck_rules(t *testing.T) {
	const definition = `
id: test
fields:
  - {name: start, label: Start, type: integer}
  - {name: end, label: End, type: integer, rules: "omitempty, gtefield=start"}
  - {name: kind, label: Kind, type: choice, options: [person, firm]}
  - {name: firm-name, label: Firm, type: text, rules: "required_if=kind firm,excluded_if=kind person,min=3"}
  - {name: mail, label: Mail, type: email, rules: required_without=phone}
  - {name: phone, label: Phone, type: phone, rules: required_without=mail}
  - {name: mail_again, type: email, label: Mail again, rules: eqfield=mail}
  - {name: colour, type: text, rules: hexcolor|oneof=red green}
  - {name: list, type: text, rules: "contains=0x2C"}
  - {name: agree, type: boolean, rules: eq=true}
  - {name: share, type: number, rules: "gt=0,lt=1"}
`
	right := map[string]any{"mail": "a@example.com", "mail_again": "a@Example.com"}
	for _, row := range []struct {
		name  string
		in    map[string]any
		wrong []form.FieldError
	}{
		{name: "right"},
		{name: "in order", in: map[string]any{"start": 1, "end": 1}},
		{name: "out of order", in: map[string]any{"start": 2, "end": 1}, wrong: []form.FieldError{{Field: "end", Rule: "gtefield", Message: "must be at least Start", Param: "start"}}},
		{name: "required by a choice", in: map[string]any{"kind": "firm"}, wrong: []form.FieldError{{Field: "firm-name", Rule: "required_if", Message: "must be filled in when Kind is firm", Param: "kind firm"}}},
		{name: "given as a choice wants", in: map[string]any{"kind": "firm", "firm-name": "Tata"}},
		{name: "excluded by a choice", in: map[string]any{"kind": "person", "firm-name": "Tata"}, wrong: []form.FieldError{{Field: "firm-name", Rule: "excluded_if", Message: "must be left empty when Kind is person", Param: "kind person"}}},
		{name: "too short for the next rule", in: map[string]any{"firm-name": "T"}, wrong: []form.FieldError{{Field: "firm-name", Rule: "min", Message: "must be at least 3 characters long", Param: "3"}}},
		{name: "neither of two", in: map[string]any{"mail": nil, "mail_again": nil}, wrong: []form.FieldError{
			{Field: "mail", Rule: "required_without", Message: "must be filled in when Phone is empty", Param: "phone"}, {Field: "phone", Rule: "required_without", Message: "must be filled in when Mail is empty", Param: "mail"},
		}},
		{name: "the other of two", in: map[string]any{"mail": "", "mail_again": "", "phone": "+919876543210"}},
		{name: "unlike another", in: map[string]any{"mail_again": "b@example.com"}, wrong: []form.FieldError{{Field: "mail_again", Rule: "eqfield", Message: "must be the same as Mail", Param: "mail"}}},
		{name: "first of alternatives", in: map[string]any{"colour": "#ff8800"}},
		{name: "second of alternatives", in: map[string]any{"colour": "green"}},
		{name: "none of the alternatives", in: map[string]any{"colour": "blue"}, wrong: []form.FieldError{{Field: "colour", Rule: "hexcolor|oneof", Message: "must be a colour such as #ff8800, or must be one of: red, green", Param: "hexcolor|oneof=red green"}}},
		{name: "a comma in a parameter", in: map[string]any{"list": "a;b"}, wrong: []form.FieldError{{Field: "list", Rule: "contains", Message: "must contain ,", Param: "0x2C"}}},
		{name: "false is an answer", in: map[string]any{"agree": false}, wrong: []form.FieldError{{Field: "agree", Rule: "eq", Message: "must be true", Param: "true"}}},
		{name: "zero is an answer", in: map[string]any{"share": 0}, wrong: []form.FieldError{{Field: "share", Rule: "gt", Message: "must be more than 0", Param: "0"}}},
		{name: "a wrong type is told once", in: map[string]any{"mail": 1, "mail_again": nil, "phone": "+919876543210"}, wrong: []form.FieldError{{Field: "mail", Rule: "type", Message: "must be text"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			answers := maps.Clone(right)
			maps.Copy(answers, row.in)
			_, wrong := parse(t, definition).Check(answers)
			require.Equal(t, row.wrong, wrong)
		})
	}
}

func TestCheck_wrongFields_inTheFormsOrderThenUndeclaredByName(t *testing.T) {
	f := shipped(t, "student-data-form")
	answers := map[string]any{"zebra": 1, "mobile": "12", "apple": 1, "age": "old", "name": "Asha", "email": "x"}
	for range 20 { // a map has no order of its own
		_, wrong := f.Check(answers)
		var fields []string
		for _, e := range wrong {
			fields = append(fields, e.Field+" "+e.Rule)
		}
		require.Equal(t, []string{"name min", "email email", "gender required", "age type", "mobile phone", "apple undeclared", "zebra undeclared"}, fields)
	}
}

func TestCheck_undeclaredFields_areBoundedAndTheirValuesStaySecret(t *testing.T) {
	answers := map[string]any{"a": "x", "<b>\u202e" + strings.Repeat("ü", 5000): "s3cret"}
	for i := range 100 {
		answers[fmt.Sprintf("z%03d", i)] = "s3cret"
	}
	_, wrong := withField(t, "type: text").Check(answers)
	require.Len(t, wrong, 21)
	text, err := json.Marshal(wrong)
	require.NoError(t, err)
	require.NotContains(t, string(text), "s3cret")
	require.Less(t, len(text), 3000)
	require.Equal(t, strings.Repeat("ü", 64)+"…", wrong[0].Field)
	require.Equal(t, form.FieldError{Rule: form.RuleUndeclared, Message: "81 more fields are not part of this form: leave them out", Param: "81"}, wrong[20])
}

func TestCheck_wrongAnswers_areNeverInTheMessages(t *testing.T) {
	f := shipped(t, "student-data-form")
	_, wrong := f.Check(map[string]any{"name": "s3c", "email": "s3cret", "gender": "s3cret", "age": "s3cret", "mobile": "s3cret", "roll": []any{"s3cret"}})
	require.Len(t, wrong, 6)
	require.NotContains(t, fmt.Sprint(wrong), "s3c")
}

func TestCheck_defaults(t *testing.T) {
	f := parse(t, `
id: test
fields:
  - {name: text, type: text, default: N.A.}
  - {name: count, type: integer, default: 007}
  - {name: ratio, type: number, default: 0.50}
  - {name: flag, type: boolean, default: false}
  - {name: pick, type: choice, options: [a, b], default: b}
  - {name: reach, type: phone, region: IN, default: 98765 43210}
`)
	standard := form.Values{"text": "N.A.", "count": int64(7), "ratio": 0.5, "flag": false, "pick": "b", "reach": "+919876543210"}
	blank := map[string]any{"text": " ", "count": "", "ratio": nil, "flag": "", "pick": "", "reach": ""}
	require.Equal(t, standard, accepted(t, f, nil))
	require.Equal(t, standard, accepted(t, f, blank))
	require.Equal(t, "given", accepted(t, f, map[string]any{"text": "given"})["text"])
}

func TestCheck_requiredAmongTheRules_isRequired(t *testing.T) {
	f := withField(t, "type: boolean", "rules: required")
	require.True(t, f.Fields[0].Required)
	require.Equal(t, map[string]string{"a": "required"}, refused(t, f, nil))
	require.Equal(t, form.Values{"a": false}, accepted(t, f, map[string]any{"a": false}), "false is an answer")
}

func TestCheck_shippedForms(t *testing.T) {
	students := shipped(t, "student-data-form")
	require.Equal(t, form.Values{
		"name": "Asha Kulkarni", "email": "asha.kulkarni@example.com", "university": "Pune University", "cgpa": "N.A.", "tech": "N.A.",
		"roll": "CS-1042", "gender": "F", "age": float64(21), "mobile": "+919876543210",
	}, accepted(t, students, student()))
	require.Equal(t, map[string]string{"name": "required", "email": "required", "gender": "required", "mobile": "required"}, refused(t, students, nil))

	require.Equal(t, map[string]string{"name": "min"}, refused(t, students, withAnswer("name", "  Asha  ")))
	require.Equal(t, map[string]string{"gender": "choice"}, refused(t, students, withAnswer("gender", "X")))
	require.Equal(t, map[string]string{"age": "type"}, refused(t, students, withAnswer("age", "twenty")))
	require.Equal(t, "+16502530000", accepted(t, students, withAnswer("mobile", "+1 650 253 0000"))["mobile"])

	require.Equal(t, form.Values{"name": "Zoë Müller", "email": "zoe@example.org", "message": "Hello,\n\nI would like to know more.\nThank you"},
		accepted(t, shipped(t, "demo-form"), message()))
}

func withAnswer(name string, value any) map[string]any {
	answers := student()
	answers[name] = value
	return answers
}

func TestCheck_manyAtOnce(t *testing.T) {
	f := shipped(t, "student-data-form")
	done := make(chan form.Values)
	for range 16 {
		go func() {
			values, _ := f.Check(student())
			done <- values
		}()
	}
	for range 16 {
		require.Len(t, <-done, 9)
	}
}
