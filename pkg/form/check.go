package form

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

const (
	// maxUndeclared bounds how many undeclared fields are named; the rest is counted.
	maxUndeclared = 20

	// maxNameEcho bounds how much of an undeclared field's name is repeated, in characters.
	maxNameEcho = 64
)

// compiled is what Check needs of a definition, made once.
type compiled struct {
	fields   []compiledField
	index    map[string]int // of a field, by name
	clean    *sanitizer
	rules    reflect.Type // a struct with one member for each field that a rule concerns; nil without rules
	validate *validator.Validate
	faults   map[string]fault // by ruleKey
	at       positions
}

type compiledField struct {
	answerer
	kind     kind
	standard any // the default's value; nil: none
	member   int // in compiled.rules; -1: none
}

// Check sanitises raw, a decoded JSON object, and validates what has become of it. Numbers may be float64 or
// [encoding/json.Number]. It returns the values that are stored, defaults included, or else every wrong field: in the
// form's order, one error each, and then the undeclared ones by name, the first 20 of them.
// It never panics, whatever raw holds, and keeps nothing of it.
func (f *Form) Check(raw map[string]any) (Values, []FieldError) {
	c := f.compiled
	values := make(Values, len(f.Fields))
	var wrong faults
	declared := 0
	for i := range f.Fields {
		field := &f.Fields[i]
		given, ok := raw[field.Name]
		if ok {
			declared++
		}
		value, bad := c.fields[i].read(given)
		switch {
		case bad != nil:
			wrong.set(i, *bad)
		case value != nil:
			values[field.Name] = value
		case field.Required:
			wrong.set(i, fault{RuleRequired, "must be filled in"})
		}
	}
	broken := f.checkRules(values, &wrong)
	if len(wrong) == 0 && !broken && declared == len(raw) {
		return values, nil
	}
	if report := f.report(raw, wrong, broken); len(report) > 0 {
		return nil, report
	}
	return values, nil
}

// read returns the stored value of what was given: nil is no answer.
func (c *compiledField) read(given any) (any, *fault) {
	if given == nil {
		return c.standard, nil
	}
	value, bad := c.kind.read(&c.answerer, given)
	if value == nil && bad == nil {
		return c.standard, nil
	}
	return value, bad
}

// faults are the wrong fields by index. A field's first fault stands.
type faults map[int]fault

func (f *faults) set(i int, bad fault) {
	if *f == nil {
		*f = faults{}
	}
	if _, ok := (*f)[i]; !ok {
		(*f)[i] = bad
	}
}

// checkRules holds the form's rules against values. It reports whether a rule broke: the definition was tried when it
// was loaded, but a rule of the library may still panic on some value, and then the answers are refused, unchecked.
func (f *Form) checkRules(values Values, wrong *faults) (broken bool) {
	c := f.compiled
	if c.rules == nil {
		return false
	}
	defer func() { broken = recover() != nil || broken }()
	var failed validator.ValidationErrors
	switch err := c.validate.Struct(f.subject(values).Addr().Interface()); {
	case err == nil:
		return false
	case !errors.As(err, &failed):
		return true
	}
	for _, e := range failed {
		i, err := strconv.Atoi(strings.TrimPrefix(e.StructField(), memberPrefix))
		if err != nil {
			return true
		}
		wrong.set(i, c.fault(e))
	}
	return false
}

// subject puts values into a struct that the validator can look at.
func (f *Form) subject(values Values) reflect.Value {
	subject := reflect.New(f.compiled.rules).Elem()
	for i := range f.Fields {
		member := f.compiled.fields[i].member
		if member < 0 {
			continue
		}
		switch value := values[f.Fields[i].Name].(type) {
		case string:
			subject.Field(member).SetString(value)
		case int64:
			subject.Field(member).Set(reflect.ValueOf(&value))
		case float64:
			subject.Field(member).Set(reflect.ValueOf(&value))
		case bool:
			subject.Field(member).Set(reflect.ValueOf(&value))
		}
	}
	return subject
}

func (f *Form) report(raw map[string]any, wrong faults, broken bool) []FieldError {
	var report []FieldError
	for i := range f.Fields {
		if bad, ok := wrong[i]; ok {
			report = append(report, FieldError{Field: f.Fields[i].Name, Rule: bad.rule, Message: bad.message})
		}
	}
	if broken {
		report = append(report, FieldError{Rule: RuleUnusable, Message: "a rule of this form cannot be applied: tell the form's owner"})
	}
	return append(report, f.undeclared(raw)...)
}

func (f *Form) undeclared(raw map[string]any) []FieldError {
	names := slices.Sorted(maps.Keys(raw))
	names = slices.DeleteFunc(names, func(name string) bool {
		_, declared := f.compiled.index[name]
		return declared || f.Steers(name)
	})
	var report []FieldError
	for i, name := range names {
		if i == maxUndeclared {
			message := fmt.Sprintf("%d more fields are not part of this form: leave them out", len(names)-i)
			return append(report, FieldError{Rule: RuleUndeclared, Message: message})
		}
		report = append(report, FieldError{Field: f.echo(name), Rule: RuleUndeclared, Message: "is not a field of this form: leave it out"})
	}
	return report
}

// echo returns a name from outside as it may be repeated: without markup or control characters, and short.
func (f *Form) echo(name string) string {
	const longest = 4 * maxNameEcho // bytes; cut first, so that cleaning is cheap too
	cut := len(name) > longest
	if cut {
		name = name[:longest]
	}
	name = f.compiled.clean.text(name, false)
	if utf8.RuneCountInString(name) > maxNameEcho {
		cut = true
		name = string([]rune(name)[:maxNameEcho])
	}
	if cut {
		name += "…"
	}
	return name
}
