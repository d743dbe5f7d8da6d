package form

import (
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
	typeChoices   = "choices"
	typeConsent   = "consent"
	typeURL       = "url"
	typeDate      = "date"
	typeTime      = "time"
	typeDateTime  = "datetime"
	typeHidden    = "hidden"
)

// kind is what a type of field does: a row of the table that everything which depends on the type reads.
type kind struct {
	name string
	rule string // validator tags that every field of the type has
	// goType holds the answer for the validator. Numbers and booleans are pointers: 0 and false are answers, nil is none.
	goType reflect.Type
	// read returns the answer in raw as it is stored, or nil when there is none.
	read func(a *answerer, raw any) (any, *fault)
	// keeps are the tags that mean something for the type, besides those about presence; nil: all that the library takes.
	keeps []string
	// dated: what is stored is text, and its moment is what the validator sees.
	dated bool
}

// fault is why an answer is refused: a rule and its parameter, as the definition has them.
type fault struct{ rule, param string }

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
	text, number := reflect.TypeFor[string](), reflect.TypeFor[*int64]()
	sizes := []string{"min", "max", "len", "gt", "gte", "lt", "lte", "eq", "ne"}
	orders := append(slices.Clone(sizes), "oneof", "eqfield", "nefield", "gtfield", "gtefield", "ltfield", "ltefield",
		"eqcsfield", "necsfield", "gtcsfield", "gtecsfield", "ltcsfield", "ltecsfield")
	table := []kind{
		{name: typeText, goType: text, read: readText},
		{name: typeMultiline, goType: text, read: readText},
		{name: typeHidden, goType: text, read: readText},
		{name: typeEmail, goType: text, read: readEmail, rule: "max=254,email"},
		{name: typePhone, goType: text, read: readPhone},
		{name: typeURL, goType: text, read: newURLs().read},
		{name: typeChoice, goType: text, read: readChoice},
		{name: typeChoices, goType: reflect.TypeFor[[]string](), read: readChoices, keeps: sizes},
		{name: typeInteger, goType: number, read: readInteger},
		{name: typeNumber, goType: reflect.TypeFor[*float64](), read: readNumber},
		{name: typeBoolean, goType: reflect.TypeFor[*bool](), read: readBoolean},
		{name: typeConsent, goType: reflect.TypeFor[*bool](), read: readBoolean},
		{name: typeDate, goType: number, read: readDate, keeps: orders, dated: true},
		{name: typeTime, goType: number, read: readTime, keeps: orders, dated: true},
		{name: typeDateTime, goType: number, read: newDateTimes().read, keeps: orders, dated: true},
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
}

// text returns raw sanitised; without an answer it is "".
func (a *answerer) text(raw any) (string, *fault) {
	s, ok := raw.(string)
	if !ok {
		return "", &fault{rule: RuleType}
	}
	if len(s) <= maxRaw {
		if s = a.clean.text(s, a.multiline); len(s) <= MaxLength || utf16Length(s) <= MaxLength {
			return s, nil
		}
	}
	return "", &fault{rule: RuleMaxLength}
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
		bad = &fault{rule: RuleChoice}
	}
	return answer(s, bad)
}

// readChoices takes a list, or one answer alone, as HTML forms send it. It stores each option once, in the order of the
// options.
func readChoices(a *answerer, raw any) (any, *fault) {
	list, ok := textList(raw)
	if !ok || len(list) > MaxOptions {
		return nil, &fault{rule: RuleType}
	}
	chosen := make([]bool, len(a.options))
	count, units := 0, 0
	for _, element := range list {
		s, bad := a.text(element)
		if bad != nil {
			return nil, bad
		}
		i := slices.Index(a.options, s)
		switch {
		case s == "":
		case i < 0:
			return nil, &fault{rule: RuleChoice}
		case !chosen[i]:
			chosen[i] = true
			count++
			units += utf16Length(s) + len(listSeparator)
		}
	}
	switch {
	case count == 0:
		return nil, nil
	case units-len(listSeparator) > MaxLength:
		return nil, &fault{rule: RuleMaxLength}
	}
	values := make([]string, 0, count)
	for i, is := range chosen {
		if is {
			values = append(values, a.options[i])
		}
	}
	return values, nil
}

// textList returns the elements of a list, or a text as a list of one. ok is false for what is neither.
func textList(raw any) (list []any, ok bool) {
	switch v := raw.(type) {
	case string:
		return []any{v}, true
	case []any:
		return v, true
	case []string:
		for _, s := range v {
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
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
		return d, false, &fault{rule: RuleType}
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
		return nil, &fault{rule: RuleType}
	case !fits:
		return nil, &fault{rule: RuleRange}
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
		return nil, &fault{rule: RuleRange}
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
	return nil, &fault{rule: RuleType}
}
