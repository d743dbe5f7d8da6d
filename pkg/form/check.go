package form

import (
	"errors"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
)

// compiled is what Check needs of a definition, made once.
type compiled struct {
	fields   []compiledField
	index    map[string]int // of a field, by name
	clean    *sanitizer
	rules    reflect.Type // a struct with one member for each field that a rule concerns; nil without rules
	validate *validator.Validate
	faults   map[string]fault // by ruleKey
	words    catalogues
	at       positions
}

type compiledField struct {
	answerer
	kind     kind
	standard any // the default's value; nil: none
	member   int // in compiled.rules; -1: none
}

// Check sanitises raw, a decoded JSON object, and validates what has become of it. Numbers may be float64 or
// [encoding/json.Number], several answers []any. It returns the values that are stored, defaults included, or else every
// wrong field: in the form's order, one error each, and then the undeclared ones by name, the first 20 of them.
// Members that steer the submission ([Form.Steers]) are passed over.
// It never panics, whatever raw holds, and keeps nothing of it.
func (f *Form) Check(raw map[string]any) (Values, []FieldError) {
	values, wrong, known := f.read(raw)
	broken := f.checkRules(values, &wrong)
	report := f.report(wrong, broken)
	if known < len(raw) {
		switch names := f.undeclared(raw); f.Unknown {
		case Drop:
		case Keep:
			report = append(report, f.keep(raw, names, values)...)
		default:
			report = append(report, f.reject(names)...)
		}
	}
	if len(report) > 0 {
		return nil, report
	}
	return values, nil
}

// read returns the answers that their types take, the fields that are wrong, and how many of raw's members are fields.
func (f *Form) read(raw map[string]any) (values Values, wrong faults, known int) {
	values = make(Values, len(f.Fields))
	for i := range f.Fields {
		field := &f.Fields[i]
		given, ok := raw[field.Name]
		if ok {
			known++
		}
		value, bad := f.compiled.fields[i].read(given)
		switch {
		case bad != nil:
			wrong.set(i, *bad)
		case field.Required && (value == nil || value == false && field.Type == typeConsent):
			wrong.set(i, fault{rule: RuleRequired})
		}
		if value != nil {
			values[field.Name] = value
		}
	}
	return values, wrong, known
}

// Sanitize returns raw with the answers as [Form.Check] would store them, whether or not they keep their rules. What the
// type of its field does not take is tidied as text or left as it is, and an undeclared member that would be refused stays.
func (f *Form) Sanitize(raw map[string]any) map[string]any {
	values, wrong, _ := f.read(raw)
	all := make(map[string]any, len(raw))
	maps.Copy(all, values)
	for i, bad := range wrong {
		if name := f.Fields[i].Name; bad.rule != RuleRequired {
			all[name] = f.compiled.fields[i].tidy(raw[name])
		}
	}
	for _, name := range f.undeclared(raw) {
		if f.Unknown == Drop {
			break
		}
		value, bad := f.readAny(raw[name])
		switch {
		case f.Unknown != Keep, bad != nil:
			all[name] = raw[name]
		case value != nil:
			all[name] = value
		}
	}
	return all
}

// tidy sanitises the text in an answer that is refused.
func (c *compiledField) tidy(raw any) any {
	switch v := raw.(type) {
	case string:
		if len(v) <= maxRaw {
			return c.clean.text(v, c.multiline)
		}
	case []any:
		tidied := make([]any, len(v))
		for i, element := range v {
			tidied[i] = element
			if text, ok := element.(string); ok && len(text) <= maxRaw {
				tidied[i] = c.clean.text(text, c.multiline)
			}
		}
		return tidied
	}
	return raw
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
		f.compiled.fields[i].show(subject.Field(member), values[f.Fields[i].Name])
	}
	return subject
}

// show puts an answer into a member of the validator's struct.
func (c *compiledField) show(member reflect.Value, value any) {
	switch value := value.(type) {
	case string:
		if !c.kind.dated {
			member.SetString(value)
		} else if place, ok := moment(value); ok {
			member.Set(reflect.ValueOf(&place))
		}
	case int64:
		member.Set(reflect.ValueOf(&value))
	case float64:
		member.Set(reflect.ValueOf(&value))
	case bool:
		if value || c.kind.name != typeConsent { // no consent is no answer
			member.Set(reflect.ValueOf(&value))
		}
	case []string:
		member.Set(reflect.ValueOf(value))
	}
}

func (f *Form) report(wrong faults, broken bool) (report []FieldError) {
	if len(wrong) == 0 && !broken {
		return nil
	}
	words := f.compiled.words.in(defaultLanguage)
	for i := range f.Fields {
		if bad, ok := wrong[i]; ok {
			field := &f.Fields[i]
			report = append(report, FieldError{Field: field.Name, Rule: bad.rule, Param: bad.param, Message: f.say(words, field, bad)})
		}
	}
	if broken {
		report = append(report, f.formError("", fault{rule: RuleUnusable}))
	}
	return report
}
