package form

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
)

// memberPrefix and a field's index make the name of its member in the validator's struct. A field's own name would not
// do: a Go struct wants capitals, and HTML authors write first-name.
const memberPrefix = "F"

func memberName(i int) string { return memberPrefix + strconv.Itoa(i) }

// rule is one validator tag, or several joined by |, of which one must hold.
type rule struct {
	tags []tag
}

// tag is one validator tag and its parameter, as the file has it.
type tag struct {
	name, param string
	hasParam    bool
}

func (t tag) String() string {
	if t.hasParam {
		return t.name + "=" + t.param
	}
	return t.name
}

// parseRules splits what a definition says under rules. Spaces around commas and bars are allowed.
func parseRules(text string) ([]rule, error) {
	var rules []rule
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		var r rule
		for alternative := range strings.SplitSeq(part, "|") {
			name, param, hasParam := strings.Cut(strings.TrimSpace(alternative), "=")
			if name == "" {
				return nil, fmt.Errorf("there is an empty rule in %q: remove the comma or the bar too many (inside a parameter write 0x2C or 0x7C)", text)
			}
			r.tags = append(r.tags, tag{name, param, hasParam})
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// reference says how a tag's parameter names other fields.
type reference int

const (
	oneField   reference = iota + 1 // eqfield=start
	manyFields                      // required_with=email phone
	fieldPairs                      // required_if=gender M
)

func references() map[string]reference {
	return map[string]reference{
		"eqfield": oneField, "nefield": oneField, "gtfield": oneField, "gtefield": oneField, "ltfield": oneField, "ltefield": oneField,
		"eqcsfield": oneField, "necsfield": oneField, "gtcsfield": oneField, "gtecsfield": oneField, "ltcsfield": oneField, "ltecsfield": oneField,
		"fieldcontains": oneField, "fieldexcludes": oneField, "postcode_iso3166_alpha2_field": oneField,
		"required_with": manyFields, "required_with_all": manyFields, "required_without": manyFields, "required_without_all": manyFields,
		"excluded_with": manyFields, "excluded_with_all": manyFields, "excluded_without": manyFields, "excluded_without_all": manyFields,
		"required_if": fieldPairs, "required_unless": fieldPairs, "excluded_if": fieldPairs, "excluded_unless": fieldPairs, "skip_unless": fieldPairs,
	}
}

// aboutPresence reports whether a tag also judges an absent answer. Such tags come first; the others are for answers.
func aboutPresence(name string) bool {
	return strings.HasPrefix(name, "required_") || strings.HasPrefix(name, "excluded_") || name == "skip_unless"
}

// refused are the validator's tags that a definition may not use, and why.
func refused() map[string]string {
	const files = "looks at this machine's files"
	const structure = "is for nested structures, which a form has none of"
	return map[string]string{
		"file": files, "filepath": files, "dir": files, "dirpath": files, "image": files, "unix_addr": files, "uds_exists": files,
		"dive": structure, "keys": structure, "endkeys": structure, "structonly": structure, "nostructlevel": structure, "validateFn": structure,
		"-": structure, "isdefault": "would refuse every answer",
	}
}

// ruleCompiler makes a validator's struct type of one form's rules. All forms of a folder share its validators.
type ruleCompiler struct {
	validate *validator.Validate // serves the forms
	probe    *validator.Validate // tries single rules, so that its cache of small structs dies with the compiler
	tried    map[reflect.Type]error
	kinds    kindTable
	clean    *sanitizer
	words    catalogues
}

func newRuleCompiler(all kindTable, clean *sanitizer, words catalogues) *ruleCompiler {
	return &ruleCompiler{
		validate: validator.New(validator.WithRequiredStructEnabled()),
		probe:    validator.New(validator.WithRequiredStructEnabled()),
		tried:    map[reflect.Type]error{},
		kinds:    all,
		clean:    clean,
		words:    words,
	}
}

// splitParams splits a parameter as the validator does: at spaces, but not between single quotes, which stay.
func splitParams(text string) []string {
	const spaces = " \t\n\f\r"
	var words []string
	for {
		if text = strings.TrimLeft(text, spaces); text == "" {
			return words
		}
		end := strings.IndexAny(text, spaces)
		if text[0] == '\'' {
			if closing := strings.IndexByte(text[1:], '\''); closing >= 0 {
				end = closing + 2
			}
		}
		if end < 0 {
			end = len(text)
		}
		words = append(words, text[:end])
		text = text[end:]
	}
}

// fieldRules are one field's rules, translated: tags for the validator, and what to tell when one has failed.
type fieldRules struct {
	presence, value []string
	faults          map[string]fault
	mentions        []int // the other fields, by index
}

func (r *fieldRules) tagText() string {
	tags := slices.Clone(r.presence)
	if len(r.value) > 0 {
		tags = append(append(tags, "omitempty"), r.value...)
	}
	return strings.Join(tags, ",")
}

// compileField translates one field's rules and tries each of them. It returns every rule that is wrong.
func (c *ruleCompiler) compileField(f *Form, i int, index map[string]int) (fieldRules, []error) {
	field := &f.Fields[i]
	out := fieldRules{faults: map[string]fault{}}
	var wrong []error
	own, err := parseRules(c.kinds.of(field).rule)
	if err != nil {
		wrong = append(wrong, err)
	}
	rules, err := parseRules(field.Rules)
	if err != nil {
		return out, append(wrong, err)
	}
	for _, r := range append(own, rules...) {
		name := r.tags[0].name
		if len(r.tags) == 1 && (name == "omitempty" || name == "omitnil" || name == "omitzero") {
			continue // an optional field without an answer is never held against its rules
		}
		if len(r.tags) == 1 && name == RuleRequired {
			field.Required = true
			continue
		}
		text, mentions, err := c.translate(f, i, r, index)
		if err == nil {
			err = c.try(f, i, r, text, mentions)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if aboutPresence(name) {
			out.presence = append(out.presence, text)
		} else {
			out.value = append(out.value, text)
		}
		out.mentions = append(out.mentions, mentions...)
		out.faults[ruleKey(memberName(i), text)] = r.fault()
	}
	return out, wrong
}

// translate writes a rule with the members' names in place of the fields', and moments as the validator sees them.
func (c *ruleCompiler) translate(f *Form, field int, r rule, index map[string]int) (text string, mentions []int, err error) {
	parts := make([]string, len(r.tags))
	for i, t := range r.tags {
		if why, no := refused()[t.name]; no {
			return "", nil, fmt.Errorf("rule %q cannot be used: it %s", t, why)
		}
		own := c.kinds.of(&f.Fields[field])
		if own.keeps != nil && !aboutPresence(t.name) && !slices.Contains(own.keeps, t.name) {
			return "", nil, fmt.Errorf("rule %q does not work on type %s: use one of %s, or of required_… and excluded_…", t, own.name, strings.Join(own.keeps, ", "))
		}
		if len(r.tags) > 1 && aboutPresence(t.name) {
			return "", nil, fmt.Errorf("rule %q cannot stand beside others with |: give it on its own", t)
		}
		if how := references()[t.name]; how != 0 {
			var found []int
			if t.param, found, err = c.translateParam(f, t, how, index); err != nil {
				return "", nil, err
			}
			if how == oneField && !alike(own, c.kinds.of(&f.Fields[found[0]])) {
				return "", nil, fmt.Errorf("rule %q compares type %s with type %s: name a field of the same type", r.tags[i], own.name, f.Fields[found[0]].Type)
			}
			mentions = append(mentions, found...)
		} else if own.dated {
			if t.param, err = c.translateMoments(&f.Fields[field], t); err != nil {
				return "", nil, err
			}
		}
		parts[i] = t.String()
	}
	return strings.Join(parts, "|"), mentions, nil
}

func (c *ruleCompiler) translateParam(f *Form, t tag, how reference, index map[string]int) (param string, mentions []int, err error) {
	words := splitParams(t.param)
	switch {
	case len(words) == 0 || how == oneField && len(words) != 1:
		return "", nil, fmt.Errorf("rule %q needs the name of another field, as in %s=other", t, t.name)
	case how == fieldPairs && len(words)%2 != 0:
		return "", nil, fmt.Errorf("rule %q needs pairs of a field and a value, as in %s=other yes", t, t.name)
	}
	step := 1
	if how == fieldPairs {
		step = 2
	}
	for at := 0; at < len(words); at += step {
		name := strings.Trim(words[at], "'")
		i, ok := index[name]
		if !ok {
			return "", nil, fmt.Errorf("rule %q: the form has no field %q%s", t, name, suggest(name, index))
		}
		words[at] = memberName(i)
		mentions = append(mentions, i)
		if how == fieldPairs {
			if words[at+1], err = c.translateValue(&f.Fields[i], t, words[at+1]); err != nil {
				return "", nil, err
			}
		}
	}
	return strings.Join(words, " "), mentions, nil
}

// alike reports whether values of two types mean something beside each other. What the library can compare, it may;
// but it does not know that a moment is one.
func alike(a, b kind) bool {
	return !a.dated && !b.dated && a.goType.Kind() != reflect.Slice && b.goType.Kind() != reflect.Slice || a.name == b.name
}

// translateValue writes what a rule wants another field to be as the validator sees it.
func (c *ruleCompiler) translateValue(other *Field, t tag, value string) (string, error) {
	own := c.kinds.of(other)
	switch {
	case own.name == typeChoices:
		return "", fmt.Errorf("rule %q: field %q has type choices, which holds several answers: use required_with and its like", t, other.Name)
	case own.name == typeConsent && value == "false":
		return "nil", nil // no consent is no answer
	case own.dated:
		return c.place(other, t, value)
	}
	return value, nil
}

// translateMoments writes moments as numbers.
func (c *ruleCompiler) translateMoments(field *Field, t tag) (string, error) {
	if !t.hasParam {
		return "", fmt.Errorf("rule %q needs a %s, as in %s=%s", t, field.Type, t.name, momentExample(field.Type))
	}
	words := splitParams(t.param)
	for i, word := range words {
		var err error
		if words[i], err = c.place(field, t, word); err != nil {
			return "", err
		}
	}
	return strings.Join(words, " "), nil
}

func (c *ruleCompiler) place(field *Field, t tag, text string) (string, error) {
	a := answerer{clean: c.clean}
	stored, bad := c.kinds.of(field).read(&a, strings.Trim(text, "'"))
	if bad != nil || stored == nil {
		return "", fmt.Errorf("rule %q: %s is not a %s: write it as it is stored, such as %s", t, text, field.Type, momentExample(field.Type))
	}
	place, _ := moment(stored.(string)) // the dated types store text that is one
	return strconv.FormatInt(place, 10), nil
}

// try runs a rule alone, on no answer and on some answer, since the library panics on a tag, a parameter or a type that
// it does not know, and some of that only when the rule is first applied.
func (c *ruleCompiler) try(f *Form, i int, r rule, text string, mentions []int) error {
	for _, alternative := range strings.Split(text, "|") {
		members := []reflect.StructField{structMember(i, c.kinds.of(&f.Fields[i]).goType, alternative)}
		for _, other := range slices.Compact(slices.Sorted(slices.Values(mentions))) {
			if other != i {
				members = append(members, structMember(other, c.kinds.of(&f.Fields[other]).goType, ""))
			}
		}
		probe := reflect.StructOf(members)
		why, known := c.tried[probe]
		if !known {
			why = run(c.probe, probe)
			c.tried[probe] = why
		}
		if why != nil {
			return c.ruleError(r, f.Fields[i].Type, why)
		}
	}
	return nil
}

// run validates an empty and a filled struct of the type, and returns what the library panics with.
func run(v *validator.Validate, of reflect.Type) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	subject := reflect.New(of).Elem()
	_ = v.Struct(subject.Addr().Interface()) // whether the answers fit the rule does not matter here
	for i := range of.NumField() {
		switch member := subject.Field(i); member.Kind() {
		case reflect.String:
			member.SetString("1")
		case reflect.Slice:
			member.Set(reflect.ValueOf([]string{"1"}))
		default:
			member.Set(reflect.New(member.Type().Elem()))
		}
	}
	_ = v.Struct(subject.Addr().Interface())
	return nil
}

func (c *ruleCompiler) ruleError(r rule, typ string, why error) error {
	for _, t := range r.tags {
		if strings.Contains(why.Error(), "Undefined validation function '"+t.name+"'") {
			return fmt.Errorf("unknown rule %q%s: use the tags of validator/v10 (pkg.go.dev/github.com/go-playground/validator/v10)", t.name, suggest(t.name, c.words.in(defaultLanguage).tags()))
		}
	}
	names := make([]string, len(r.tags))
	for i, t := range r.tags {
		names[i] = t.String()
	}
	return fmt.Errorf("rule %q does not work on type %s: correct its parameter or take another rule (%w)", strings.Join(names, "|"), typ, why)
}

func structMember(i int, typ reflect.Type, tags string) reflect.StructField {
	member := reflect.StructField{Name: memberName(i), Type: typ}
	if tags != "" {
		member.Tag = reflect.StructTag("validate:" + strconv.Quote(tags))
	}
	return member
}

// compile makes the struct of all fields that rules concern, and warms the validator's cache with it.
func (c *ruleCompiler) compile(f *Form, rules []fieldRules, out *compiled) error {
	concerned := make([]bool, len(f.Fields))
	for i := range rules {
		concerned[i] = concerned[i] || len(rules[i].presence)+len(rules[i].value) > 0
		for _, other := range rules[i].mentions {
			concerned[other] = true
		}
	}
	var members []reflect.StructField
	for i := range f.Fields {
		out.fields[i].member = -1
		if concerned[i] {
			out.fields[i].member = len(members)
			members = append(members, structMember(i, c.kinds.of(&f.Fields[i]).goType, rules[i].tagText()))
		}
		maps.Copy(out.faults, rules[i].faults)
	}
	if len(members) == 0 {
		return nil
	}
	out.rules = reflect.StructOf(members)
	out.validate = c.validate
	return run(c.validate, out.rules)
}
