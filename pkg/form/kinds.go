package form

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// MaxLength is the longest answer, in UTF-16 units: what one cell of Google Sheets holds.
const MaxLength = 50_000

// maxRaw bounds what is sanitised at all, in bytes: as much as a whole body may hold. What is longer would not fit
// afterwards either, but for padding.
const maxRaw = 256 << 10

// The types of a field.
const (
	typeText      = "text"
	typeMultiline = "multiline"
	typeEmail     = "email"
	typePhone     = "phone"
	typeInteger   = "integer"
	typeNumber    = "number"
	typeBoolean   = "boolean"
	typeChoice    = "choice"
)

// kind is what a type of field does: a row of the table that everything which depends on the type reads.
type kind struct {
	name string
	rule string // validator tags that every field of the type has
	// goType holds the answer for the validator. Numbers and booleans are pointers: 0 and false are answers, nil is none.
	goType reflect.Type
	// read returns the answer in raw as it is stored, or nil when there is none.
	read func(a *answerer, raw any) (any, *fault)
}

// fault is why an answer is refused.
type fault struct{ rule, message string }

// kindTable holds the kinds by name.
type kindTable map[string]kind

// of returns a field's kind. One with an unknown type, which is refused elsewhere, is tried as text.
func (t kindTable) of(field *Field) kind {
	if k, ok := t[field.Type]; ok {
		return k
	}
	return t[typeText]
}

func kinds() kindTable {
	text := reflect.TypeFor[string]()
	table := []kind{
		{name: typeText, goType: text, read: readText},
		{name: typeMultiline, goType: text, read: readText},
		{name: typeEmail, goType: text, read: readEmail, rule: "max=254,email"},
		{name: typePhone, goType: text, read: readPhone},
		{name: typeChoice, goType: text, read: readChoice},
		{name: typeInteger, goType: reflect.TypeFor[*int64](), read: readInteger},
		{name: typeNumber, goType: reflect.TypeFor[*float64](), read: readNumber},
		{name: typeBoolean, goType: reflect.TypeFor[*bool](), read: readBoolean},
	}
	byName := make(kindTable, len(table))
	for _, k := range table {
		byName[k.name] = k
	}
	return byName
}

// Types returns the names of the types that a field can have, sorted.
func Types() []string { return sortedKeys(kinds()) }

// answerer reads the answers to one field.
type answerer struct {
	clean     *sanitizer
	multiline bool
	options   []string
	region    string
	wanted    string // what a wrong answer is told
}

// text returns raw sanitised; without an answer it is "".
func (a *answerer) text(raw any) (string, *fault) {
	s, ok := raw.(string)
	if !ok {
		return "", &fault{RuleType, a.wanted}
	}
	if len(s) <= maxRaw {
		if s = a.clean.text(s, a.multiline); len(s) <= MaxLength || utf16Length(s) <= MaxLength {
			return s, nil
		}
	}
	return "", &fault{RuleMaxLength, fmt.Sprintf("must have at most %d characters", MaxLength)}
}

func readText(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	return answer(s, bad)
}

// answer returns s, or nil for what counts as no answer.
func answer(s string, bad *fault) (any, *fault) {
	if bad != nil || s == "" {
		return nil, bad
	}
	return s, nil
}

// readEmail makes the domain lower case: it is the same in either. The part before the @ belongs to its mail server.
func readEmail(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[:at] + norm.NFC.String(strings.ToLower(s[at:]))
	}
	return answer(s, bad)
}

func readChoice(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad == nil && s != "" && !slices.Contains(a.options, s) {
		bad = &fault{RuleChoice, a.wanted}
	}
	return answer(s, bad)
}

// decimal returns the number in raw, or in text, as HTML forms send it.
func (a *answerer) decimal(raw any) (d decimal, answered bool, bad *fault) {
	text, ok := numberText(raw)
	if !ok {
		if text, bad = a.text(raw); bad != nil || text == "" {
			return d, false, bad
		}
	}
	if d, ok = parseDecimal(text); !ok {
		return d, false, &fault{RuleType, a.wanted}
	}
	return d, true, nil
}

func readInteger(a *answerer, raw any) (any, *fault) {
	d, answered, bad := a.decimal(raw)
	if bad != nil || !answered {
		return nil, bad
	}
	value, whole, fits := d.int64()
	switch {
	case !whole:
		return nil, &fault{RuleType, a.wanted}
	case !fits:
		return nil, &fault{RuleRange, "must be between -9223372036854775808 and 9223372036854775807"}
	}
	return value, nil
}

func readNumber(a *answerer, raw any) (any, *fault) {
	d, answered, bad := a.decimal(raw)
	if bad != nil || !answered {
		return nil, bad
	}
	value, exact := d.float64()
	if !exact {
		return nil, &fault{RuleRange, "must be a number of at most 15 digits, not beyond 1e308"}
	}
	return value, nil
}

func readBoolean(a *answerer, raw any) (any, *fault) {
	if b, ok := raw.(bool); ok {
		return b, nil
	}
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	switch s {
	case "true", "on": // a checkbox without a value sends "on"
		return true, nil
	case "false":
		return false, nil
	}
	return nil, &fault{RuleType, a.wanted}
}

// wanted says what an answer to the field must be.
func (f *Field) wanted() string {
	switch f.Type {
	case typeInteger:
		return "must be a whole number, such as 42"
	case typeNumber:
		return "must be a number, such as 3.5"
	case typeBoolean:
		return "must be true or false"
	case typePhone:
		return "must be a valid phone number, such as " + phoneExample(f.Region)
	case typeChoice:
		return "must be one of: " + f.optionList()
	}
	return "must be text"
}

// optionList names the options, as long as that is short enough to read.
func (f *Field) optionList() string {
	const most = 20
	var values []string
	for i, o := range f.Options {
		if i == most {
			return strings.Join(values, ", ") + fmt.Sprintf(" and %d more", len(f.Options)-most)
		}
		values = append(values, o.Value)
	}
	return strings.Join(values, ", ")
}
