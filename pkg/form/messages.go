package form

import (
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
	"github.com/goccy/go-yaml"
)

// catalogueFiles hold a language each: its name is its tag, and its keys are those of English.
//
//go:embed messages/*.yaml
var catalogueFiles embed.FS

// Languages returns the languages that wrong answers can be told in, sorted: BCP 47 tags.
func Languages() []string { return sortedKeys(loadCatalogues()) }

// catalogue is the messages of one language by key.
type catalogue map[string]string

// catalogues gives a language's messages; the files are read once, when the first is needed.
type catalogues func() map[string]catalogue

func newCatalogues() catalogues { return sync.OnceValue(loadCatalogues) }

// loadCatalogues panics on a file that is broken: it is part of the program.
func loadCatalogues() map[string]catalogue {
	files, err := catalogueFiles.ReadDir("messages")
	if err != nil {
		panic(err)
	}
	all := make(map[string]catalogue, len(files))
	for _, file := range files {
		src, err := catalogueFiles.ReadFile(path.Join("messages", file.Name()))
		if err != nil {
			panic(err)
		}
		var words catalogue
		if err := yaml.Unmarshal(src, &words); err != nil {
			panic(fmt.Errorf("read messages/%s: %w", file.Name(), err))
		}
		all[strings.TrimSuffix(file.Name(), ".yaml")] = words
	}
	return all
}

// in returns the messages of a language, or those of the language that it is a variety of, or English.
func (c catalogues) in(language string) catalogue {
	all := c()
	tag := strings.ToLower(language)
	for {
		if words, ok := all[tag]; ok {
			return words
		}
		cut := strings.LastIndexAny(tag, "-_")
		if cut < 0 {
			return all[defaultLanguage]
		}
		tag = tag[:cut]
	}
}

// say returns the message of a key with its parts put in.
func (words catalogue) say(key string, parts ...string) string {
	text := words[key]
	for i, part := range parts {
		old := "{" + strconv.Itoa(i) + "}"
		if before, after, ok := strings.Cut(text, old); ok {
			text = before + part + after
		}
	}
	return text
}

// tags are the validator's rules that have words of their own.
func (words catalogue) tags() map[string]bool {
	tags := map[string]bool{}
	for key := range words {
		name, of, _ := strings.Cut(key, ".")
		if of == "" && words.say(key) != "" || of == "length" {
			tags[name] = true
		}
	}
	for _, ours := range []string{RuleChoice, RulePhone, RuleURL, RuleMaxLength, RuleUndeclared, RuleName, RuleCount, RuleUnusable, "consent", "size", "rule", "or", "is"} {
		delete(tags, ours)
	}
	tags["gte"], tags["lte"], tags[RuleURL] = true, true, true
	return tags
}

// Message returns what e, an error of [Form.Check] on f, says in a language, a BCP 47 tag: the field's own message, if
// the definition has one for the rule, or else that of the language's catalogue, of its parent's (de for de-AT), or of
// English.
func (f *Form) Message(language string, e FieldError) string {
	if f.compiled == nil || f.compiled.words == nil {
		return e.Message
	}
	words := f.compiled.words.in(language)
	bad := fault{e.Rule, e.Param}
	if i, ok := f.compiled.index[e.Field]; ok {
		return f.say(words, &f.Fields[i], bad)
	}
	return sayForm(words, e.Field, bad)
}

// sayForm is for faults of no field that the form has.
func sayForm(words catalogue, field string, bad fault) string {
	switch bad.rule {
	case RuleUndeclared:
		if field == "" {
			return words.say("undeclared.more", bad.param)
		}
		return words.say("undeclared")
	case RuleName:
		return words.say("name", strconv.Itoa(maxName))
	case RuleType:
		return words.say("type.any")
	case RuleMaxLength:
		if field == "" {
			return words.say("size", strconv.Itoa(MaxLength))
		}
		return words.say("max_length", strconv.Itoa(MaxLength))
	case RuleCount:
		return words.say("count", strconv.Itoa(MaxFields))
	case RuleRange:
		return words.say("range.number")
	}
	return words.say("unusable")
}

// say returns what a fault tells the one who answered the field.
func (f *Form) say(words catalogue, field *Field, bad fault) string {
	if own, ok := field.Messages[bad.rule]; ok {
		return own
	}
	if own, ok := field.Messages[RuleType]; ok && field.typeRule(bad.rule) {
		return own
	}
	switch bad.rule {
	case RuleRequired:
		if field.Type == typeConsent {
			return words.say("consent")
		}
		return words.say("required")
	case RuleType:
		return field.sayType(words)
	case RuleChoice:
		return field.sayOptions(words)
	case RulePhone:
		if example := phoneExample(field.Region); example != "" {
			return words.say("phone", example)
		}
		return words.say("phone.any")
	case RuleRange:
		return words.say("range." + field.Type)
	case RuleMaxLength:
		return words.say("max_length", strconv.Itoa(MaxLength))
	}
	if !strings.Contains(bad.rule, "|") {
		return f.sayTag(words, field, tag{bad.rule, bad.param, bad.param != ""})
	}
	rules, err := parseRules(bad.param)
	if err != nil || len(rules) != 1 {
		return words.say("rule", bad.rule)
	}
	texts := make([]string, len(rules[0].tags))
	for i, t := range rules[0].tags {
		texts[i] = f.sayTag(words, field, t)
	}
	return strings.Join(texts, words["or"])
}

// typeRule reports whether a rule is the type's own: what a message for "type" is for, too.
func (field *Field) typeRule(rule string) bool {
	switch rule {
	case RuleType, RuleChoice, RuleRange:
		return true
	case RulePhone:
		return field.Type == typePhone
	case RuleURL:
		return field.Type == typeURL
	case "email":
		return field.Type == typeEmail
	}
	return false
}

func (field *Field) sayType(words catalogue) string {
	key := "type." + field.Type
	switch {
	case field.Type == typeChoice:
		return field.sayOptions(words)
	case field.Type == typeConsent:
		key = "type." + typeBoolean
	case words[key] == "":
		key = "type." + typeText
	}
	return words.say(key)
}

// sayOptions names the options, as long as that is short enough to read.
func (field *Field) sayOptions(words catalogue) string {
	const most = 20
	var labels []string
	for i, o := range field.Options {
		if i == most {
			return words.say("choice.more", strings.Join(labels, ", "), strconv.Itoa(len(field.Options)-most))
		}
		labels = append(labels, o.Value)
	}
	return words.say("choice", strings.Join(labels, ", "))
}

func (f *Form) sayTag(words catalogue, field *Field, t tag) string {
	if how := references()[t.name]; how != 0 {
		return f.sayReference(words, field, t, how)
	}
	param := strings.ReplaceAll(strings.ReplaceAll(t.param, "0x2C", ","), "0x7C", "|") // as the validator reads them
	if key := sizeKey(words, field, t); key != "" {
		return words.say(key, param)
	}
	if strings.HasPrefix(t.name, "oneof") || strings.HasPrefix(t.name, "noneof") {
		param = strings.Join(trimQuotes(splitParams(param)), ", ")
	}
	if words[t.name] == "" {
		return words.say("rule", t.String())
	}
	return words.say(t.name, param)
}

func trimQuotes(words []string) []string {
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	return words
}

// sizeKey finds the message of a rule that counts characters or answers, or compares amounts or moments; "" for others.
func sizeKey(words catalogue, field *Field, t tag) string {
	name := t.name
	switch name {
	case "gte":
		name = "min"
	case "lte":
		name = "max"
	}
	unit := field.unit()
	if unit == "count" && name == "eq" {
		name = "len"
	}
	key := name + "." + unit
	if t.param == "1" && words[key+".one"] != "" {
		return key + ".one"
	}
	if words[key] == "" {
		return ""
	}
	return key
}

// unit is what rules of size measure in a field.
func (field *Field) unit() string {
	switch field.Type {
	case typeInteger, typeNumber:
		return "amount"
	case typeDate, typeTime, typeDateTime:
		return "moment"
	case typeChoices:
		return "count"
	}
	return "length"
}

// sayReference is for the rules that look at other fields.
func (f *Form) sayReference(words catalogue, field *Field, t tag, how reference) string {
	params := trimQuotes(splitParams(t.param))
	if len(params) == 0 { // of an error that is not of this form
		return words.say("rule", t.String())
	}
	switch how {
	case oneField:
		key := strings.Replace(t.name, "csfield", "field", 1) // the same within one form
		if words[key+"."+field.unit()] != "" {
			key += "." + field.unit()
		}
		return words.say(key, f.label(params[0]))
	case manyFields:
		labels := make([]string, len(params))
		for i, name := range params {
			labels[i] = f.label(name)
		}
		join := words["list.or"]
		if strings.HasSuffix(t.name, "_all") {
			join = words["list.and"]
		}
		return words.say(t.name, strings.Join(labels, join))
	}
	conditions := make([]string, 0, len(params)/2)
	for i := 0; i+1 < len(params); i += 2 {
		conditions = append(conditions, words.say("is", f.label(params[i]), f.optionLabel(params[i], params[i+1])))
	}
	join := words["list.and"]
	if strings.HasSuffix(t.name, "_unless") {
		join = words["list.or"]
	}
	return words.say(t.name, strings.Join(conditions, join))
}

func (f *Form) label(name string) string {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Label
		}
	}
	return name
}

// optionLabel returns what people read for a value of a field.
func (f *Form) optionLabel(name, value string) string {
	for i := range f.Fields {
		for _, option := range f.Fields[i].Options {
			if f.Fields[i].Name == name && option.Value == value {
				return option.Label
			}
		}
	}
	return value
}

// ruleKey finds the rule that failed, as the definition has it: by a member and a rule as the validator got it.
func ruleKey(member, rule string) string {
	rule = strings.ReplaceAll(strings.ReplaceAll(rule, "0x2C", ","), "0x7C", "|") // as the validator reads them
	return member + " " + rule
}

// fault returns the rule that the validator says has failed.
func (c *compiled) fault(failed validator.FieldError) fault {
	rule := failed.Tag()
	if param := failed.Param(); param != "" && !strings.Contains(rule, "|") { // of several with |, Tag holds it all
		rule += "=" + param
	}
	if bad, ok := c.faults[ruleKey(failed.StructField(), rule)]; ok {
		return bad
	}
	return fault{rule: failed.ActualTag()}
}

// fault is what the failing of r is told by.
func (r rule) fault() fault {
	if len(r.tags) == 1 {
		return fault{r.tags[0].name, r.tags[0].param}
	}
	names, texts := make([]string, len(r.tags)), make([]string, len(r.tags))
	for i, t := range r.tags {
		names[i], texts[i] = t.name, t.String()
	}
	return fault{strings.Join(names, "|"), strings.Join(texts, "|")}
}
