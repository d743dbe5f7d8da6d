package form

import (
	"encoding/json"
	"strconv"
)

// object is a JSON object whose members keep their order: the same form always gives the same bytes.
type object []member

type member struct {
	key   string
	value any // object, []any, string, bool, json.Number, or what a form stores
}

func (o object) has(key string) bool {
	for _, m := range o {
		if m.key == key {
			return true
		}
	}
	return false
}

func (o object) append(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(appendString(b, m.key), ':'), m.value)
	}
	return append(b, '}')
}

func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case object:
		return v.append(b)
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, element)
		}
		return append(b, ']')
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	}
	if with, err := appendValue(b, value); err == nil {
		return with
	}
	return append(b, "null"...) // not reached: what is put in is listed above
}

// Schema returns the JSON Schema (2020-12) of f's sanitised values; url is its address. What it says, [Form.Check] and
// any validator of JSON Schema agree on; the rules that it cannot say, it lists under x-formstream-rules, each with its
// field (without one: of undeclared fields), rule and parameter. The same form always gives the same bytes.
func (f *Form) Schema(url string) json.RawMessage {
	s := schema{form: f}
	properties, required := object{}, []any{}
	for i := range f.Fields {
		field := &f.Fields[i]
		properties = append(properties, member{field.Name, s.property(field, &f.compiled.fields[i])})
		if field.Required {
			required = append(required, field.Name)
		}
	}
	out := object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"$id", url}, {"title", f.Title}}
	if f.Description != "" {
		out = append(out, member{"description", f.Description})
	}
	out = append(out, member{"type", "object"}, member{"properties", properties})
	if len(required) > 0 {
		out = append(out, member{"required", required})
	}
	out = append(out, s.undeclared()...)
	if len(s.conditions) > 0 {
		out = append(out, member{"allOf", s.conditions})
	}
	if len(s.unsaid) > 0 {
		out = append(out, member{"x-formstream-rules", s.unsaid})
	}
	return out.append(nil)
}

// schema gathers what stands beside the properties.
type schema struct {
	form       *Form
	conditions []any // across fields
	unsaid     []any // rules that JSON Schema cannot say
}

func (s *schema) leave(field *Field, bad fault) {
	rule := object{{"rule", bad.rule}}
	if field != nil {
		rule = append(object{{"field", field.Name}}, rule...)
	}
	if bad.param != "" {
		rule = append(rule, member{"param", bad.param})
	}
	s.unsaid = append(s.unsaid, rule)
}

// undeclared is what holds for the members that are no fields. Those that a form drops are not among its values.
func (s *schema) undeclared() object {
	if s.form.Unknown != Keep {
		return object{{"additionalProperties", s.form.Unknown == Drop}}
	}
	for _, rule := range []string{RuleName, RuleRange, RuleMaxLength} {
		s.leave(nil, fault{rule: rule})
	}
	text := object{{"type", "string"}, {"maxLength", MaxLength}}
	list := object{{"type", "array"}, {"items", text}, {"maxItems", MaxOptions}}
	return object{
		{"additionalProperties", object{{"anyOf", []any{text, object{{"type", []any{"number", "boolean"}}}, list}}}},
		{"propertyNames", object{{"minLength", 1}, {"maxLength", maxUndeclaredName(s.form)}}},
		{"maxProperties", MaxFields},
	}
}

// maxUndeclaredName is the length of the longest name that a member can have.
func maxUndeclaredName(f *Form) int {
	longest := maxName
	for i := range f.Fields {
		longest = max(longest, len(f.Fields[i].Name))
	}
	return longest
}

// property is what holds for one field: its type, and those of its rules that look at no other field.
func (s *schema) property(field *Field, c *compiledField) object {
	p := object{{"title", field.Label}}
	if field.Help != "" {
		p = append(p, member{"description", field.Help})
	}
	p = append(p, s.typed(field)...)
	if c.standard != nil {
		p = append(p, member{"default", c.standard})
	}
	var also []any
	own, _ := parseRules(c.kind.rule) // they were read when the form was compiled
	rules, _ := parseRules(field.Rules)
	for _, r := range append(own, rules...) {
		if len(r.tags) == 1 && s.about(field, r.tags[0]) {
			continue
		}
		said, ok := c.ruleSchema(field, r)
		switch {
		case !ok:
			s.leave(field, r.fault())
		case overlap(p, said):
			also = append(also, said)
		default:
			p = append(p, said...)
		}
	}
	if textual(field.Type) {
		p, also = s.longest(field, p, also)
	}
	if len(also) > 0 {
		p = append(p, member{"allOf", also})
	}
	return p
}

func overlap(a, b object) bool {
	for _, m := range b {
		if a.has(m.key) {
			return true
		}
	}
	return false
}

// longest adds the bound of every text, which is one of UTF-16 units, while JSON Schema counts characters.
func (s *schema) longest(field *Field, p object, also []any) (object, []any) {
	const pairs = MaxLength / 2 // of so many characters, all may have two units
	for _, m := range p {
		if n, ok := m.value.(int); ok && m.key == "maxLength" && n <= pairs {
			return p, also
		}
	}
	s.leave(field, fault{rule: RuleMaxLength})
	if bound := (object{{"maxLength", MaxLength}}); p.has("maxLength") {
		also = append(also, bound)
	} else {
		p = append(p, bound...)
	}
	return p, also
}

func textual(typ string) bool {
	return typ == typeText || typ == typeMultiline || typ == typeHidden
}

// typed is what holds for every field of the type.
func (s *schema) typed(field *Field) object {
	text := object{{"type", "string"}}
	switch field.Type {
	case typeEmail:
		return append(text, member{"pattern", `^.+@[^@]+$`}) // necessary; the rule email says the rest
	case typePhone:
		s.leave(field, fault{rule: RulePhone})
		return append(text, member{"pattern", `^\+[1-9][0-9]{3,17}$`})
	case typeURL:
		return append(text, member{"maxLength", maxURL}, member{"pattern", patternURL})
	case typeChoice:
		return append(text, member{"enum", field.optionValues()})
	case typeChoices:
		if field.longestList() > MaxLength {
			s.leave(field, fault{rule: RuleMaxLength})
		}
		return object{{"type", "array"}, {"items", object{{"type", "string"}, {"enum", field.optionValues()}}}, {"uniqueItems", true}}
	case typeInteger:
		s.leave(field, fault{rule: RuleRange})
		return object{{"type", "integer"}}
	case typeNumber:
		s.leave(field, fault{rule: RuleRange})
		return object{{"type", "number"}}
	case typeBoolean, typeConsent:
		p := object{{"type", "boolean"}}
		if field.Type == typeConsent && field.Required {
			p = append(p, member{"const", true})
		}
		return p
	case typeDate:
		return append(text, member{"format", "date"}, member{"pattern", "^" + patternDate + "$"})
	case typeTime:
		return append(text, member{"pattern", patternTime})
	case typeDateTime:
		return append(text, member{"pattern", patternDateTime})
	}
	return text
}

// longestList is the length of a cell with all options, in UTF-16 units.
func (field *Field) longestList() int {
	units := 0
	for _, o := range field.Options {
		units += utf16Length(o.Value) + len(listSeparator)
	}
	return units - len(listSeparator)
}

func (field *Field) optionValues() []any {
	values := make([]any, len(field.Options))
	for i, o := range field.Options {
		values[i] = o.Value
	}
	return values
}
