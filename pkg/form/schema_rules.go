package form

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// ruleSchema says a rule about one answer in JSON Schema's words; ok is false when they cannot.
func (c *compiledField) ruleSchema(field *Field, r rule) (said object, ok bool) {
	var any []any
	for _, t := range r.tags {
		if said, ok = c.tagSchema(field, t); !ok {
			return nil, false
		}
		any = append(any, said)
	}
	if len(any) == 1 {
		return said, true
	}
	return object{{"anyOf", any}}, true
}

func (c *compiledField) tagSchema(field *Field, t tag) (object, bool) {
	param := strings.ReplaceAll(strings.ReplaceAll(t.param, "0x2C", ","), "0x7C", "|")
	switch t.name {
	case "eq", "ne", "oneof", "noneof":
		if field.Type == typeChoices {
			break
		}
		return c.equalSchema(field, t.name, param)
	}
	switch field.unit() {
	case "amount":
		return amountSchema(field, t.name, param)
	case "count":
		return countSchema(t.name, param, "Items")
	case "moment":
		return nil, false // JSON Schema compares no dates
	}
	if field.Type == typeBoolean || field.Type == typeConsent {
		return nil, false
	}
	if said, ok := countSchema(t.name, param, "Length"); ok {
		return said, true
	}
	pattern, ok := patternOf(t.name, param)
	return object{{"pattern", pattern}}, ok
}

// equalSchema is for the rules that name values.
func (c *compiledField) equalSchema(field *Field, name, param string) (object, bool) {
	words := []string{param}
	if strings.HasSuffix(name, "oneof") {
		words = trimQuotes(splitParams(param))
	}
	var values []any
	for _, word := range words {
		value, ok := c.constant(field, word)
		if !ok {
			return nil, false
		}
		values = append(values, value)
	}
	said := object{{"enum", values}}
	if len(values) == 1 {
		said = object{{"const", values[0]}}
	}
	if strings.HasPrefix(name, "n") {
		said = object{{"not", said}}
	}
	return said, true
}

// constant returns what a field stores for a value that a rule names.
func (c *compiledField) constant(field *Field, word string) (any, bool) {
	switch field.unit() {
	case "amount":
		return amount(field, word)
	case "moment":
		value, bad := c.kind.read(&c.answerer, word)
		return value, bad == nil && value != nil
	}
	if field.Type == typeBoolean || field.Type == typeConsent {
		return word == "true", word == "true" || word == "false"
	}
	return word, true
}

// amount reads a rule's parameter as the validator does.
func amount(field *Field, param string) (json.Number, bool) {
	if field.Type == typeInteger {
		n, err := strconv.ParseInt(param, 0, 64)
		return json.Number(strconv.FormatInt(n, 10)), err == nil
	}
	n, err := strconv.ParseFloat(param, 64)
	text, bad := appendValue(nil, n)
	return json.Number(text), err == nil && bad == nil
}

func amountSchema(field *Field, name, param string) (object, bool) {
	words := map[string]string{
		"min": "minimum", "gte": "minimum", "gt": "exclusiveMinimum", "max": "maximum", "lte": "maximum", "lt": "exclusiveMaximum", "len": "const",
	}
	word, known := words[name]
	n, ok := amount(field, param)
	return object{{word, n}}, known && ok
}

// countSchema is for characters and for answers: what is "Length" or "Items".
func countSchema(name, param, what string) (object, bool) {
	n, err := strconv.Atoi(param)
	if err != nil || n < 0 || n == 0 && name == "lt" {
		return nil, false
	}
	least, most := "min"+what, "max"+what
	switch name {
	case "min", "gte":
		return object{{least, n}}, true
	case "gt":
		return object{{least, n + 1}}, true
	case "max", "lte":
		return object{{most, n}}, true
	case "lt":
		return object{{most, n - 1}}, true
	case "len", "eq":
		return object{{least, n}, {most, n}}, true
	case "ne":
		return object{{"not", object{{least, n}, {most, n}}}}, true
	}
	return nil, false
}

// patternOf is for the rules about text that a regular expression of JavaScript can say, which is what JSON Schema has.
func patternOf(name, param string) (string, bool) {
	quoted := regexp.QuoteMeta(param)
	switch name {
	case "contains", "containsrune":
		return quoted, param != ""
	case "excludes", "excludesrune":
		return `^(?![\s\S]*` + quoted + `)`, param != ""
	case "startswith":
		return `^` + quoted, param != ""
	case "startsnotwith":
		return `^(?!` + quoted + `)`, param != ""
	case "endswith":
		return quoted + `$`, param != ""
	case "endsnotwith":
		return `^(?![\s\S]*` + quoted + `$)`, param != ""
	}
	pattern, ok := map[string]string{
		"alpha": `^[a-zA-Z]+$`, "alphaspace": `^[a-zA-Z ]+$`, "alphanum": `^[a-zA-Z0-9]+$`, "alphanumspace": `^[a-zA-Z0-9 ]+$`,
		"alphaunicode": `^\p{L}+$`, "alphanumunicode": `^[\p{L}\p{N}]+$`, "ascii": `^[\x00-\x7f]*$`, "printascii": `^[ -~]*$`,
		"numeric": `^[-+]?[0-9]+(?:\.[0-9]+)?$`, "number": `^[0-9]+$`, "hexadecimal": `^(?:0[xX])?[0-9a-fA-F]+$`,
		"hexcolor": `^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$`, "e164": `^\+?[1-9][0-9]{7,14}$`,
	}[name]
	return pattern, ok
}

// about puts a rule that looks at other fields into the conditions. It reports whether the rule is one.
func (s *schema) about(field *Field, t tag) bool {
	if t.name == RuleRequired || strings.HasPrefix(t.name, "omit") {
		return true
	}
	how := references()[t.name]
	if how == 0 {
		return false
	}
	when, ok := s.condition(t, how)
	if !ok {
		s.leave(field, fault{t.name, t.param})
		return true
	}
	then := present(field)
	if strings.HasPrefix(t.name, "excluded_") {
		then = object{{"not", then}}
	}
	s.conditions = append(s.conditions, object{{"if", when}, {"then", then}})
	return true
}

// condition says when a rule about presence applies.
func (s *schema) condition(t tag, how reference) (object, bool) {
	if how == oneField {
		return nil, false
	}
	params := trimQuotes(splitParams(t.param))
	var parts []any
	for at := 0; at < len(params); at++ {
		i, ok := s.form.compiled.index[params[at]]
		if !ok {
			return nil, false
		}
		if how == manyFields {
			parts = append(parts, present(&s.form.Fields[i]))
			continue
		}
		at++
		part, ok := s.equals(i, params[at])
		if !ok {
			return nil, false
		}
		parts = append(parts, part)
	}
	all, any := object{{"allOf", parts}}, object{{"anyOf", parts}}
	if len(parts) == 1 {
		all, any = parts[0].(object), parts[0].(object)
	}
	switch strings.TrimPrefix(strings.TrimPrefix(t.name, "required_"), "excluded_") {
	case "with":
		return any, true
	case "with_all", "if", "skip_unless":
		return all, true
	case "without":
		return object{{"not", all}}, true
	case "without_all", "unless":
		return object{{"not", any}}, true
	}
	return nil, false
}

// present says that a field has an answer, as rules see it: no consent is none.
func present(field *Field) object {
	there := object{{"required", []any{field.Name}}}
	if field.Type == typeConsent {
		return append(object{{"properties", object{{field.Name, object{{"const", true}}}}}}, there...)
	}
	return there
}

// equals says that a field has a value, as a rule names it. The validator takes nil for no number and for no boolean.
func (s *schema) equals(i int, value string) (object, bool) {
	field, c := &s.form.Fields[i], &s.form.compiled.fields[i]
	text := field.unit() == "length" && field.Type != typeBoolean && field.Type != typeConsent
	switch {
	case text && value == "", !text && value == "nil", field.Type == typeConsent && value == "false":
		return object{{"not", present(field)}}, true
	}
	constant, ok := c.constant(field, value)
	return object{{"properties", object{{field.Name, object{{"const", constant}}}}}, {"required", []any{field.Name}}}, ok
}
