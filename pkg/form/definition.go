package form

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
)

// Bounds of a definition. Lengths are in characters.
const (
	MaxFields  = 200   // of a form
	MaxOptions = 1_000 // of a choice

	maxLine  = 200   // titles, labels, options
	maxText  = 5_000 // descriptions, helps
	maxRules = 2_000

	maxMessage  = 500 // a field's own message
	maxMessages = 50  // of a field
	maxAddress  = 2_000
	maxTab      = 100 // what Google Sheets allows

	defaultLanguage = "en"
)

// Parse compiles one definition; file is its name in messages. lookup finds the value of ${NAME}; nil finds none.
// The error joins a [*Problem] for everything that is wrong, in the order of the file.
func Parse(file string, src []byte, lookup func(string) (string, bool)) (*Form, error) {
	f, problems := newCompiler(lookup).parse(file, src)
	if len(problems) > 0 {
		return nil, join(problems)
	}
	return f, nil
}

func join(problems []*Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// compiler makes forms of files. What is costly to make and safe to share, its forms share.
type compiler struct {
	lookup func(string) (string, bool)
	kinds  kindTable
	clean  *sanitizer
	words  catalogues
	rules  *ruleCompiler

	id, name, spreadsheet, origin, autocomplete *regexp.Regexp
}

func newCompiler(lookup func(string) (string, bool)) *compiler {
	all, clean, words := kinds(), newSanitizer(), newCatalogues()
	return &compiler{
		lookup:      lookup,
		kinds:       all,
		clean:       clean,
		words:       words,
		rules:       newRuleCompiler(all, clean, words),
		id:          regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`),
		name:        regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`),
		spreadsheet: regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`),
		origin:      originPattern(),
		// One to four words, as in "section-a shipping postal-code": which words there are changes with HTML.
		autocomplete: regexp.MustCompile(`^[a-z][a-z0-9-]*( [a-z][a-z0-9-]*){0,3}$`),
	}
}

// parse returns the form of a file, and what is wrong with it. With problems the form cannot be used: it only tells
// others what its id and its tab would be.
func (c *compiler) parse(file string, src []byte) (*Form, []*Problem) {
	r := &reader{file: file, lookup: c.lookup, at: positions{}}
	f := &Form{File: file, Language: defaultLanguage, Unknown: Reject}
	abuseDefaults(f)
	r.document(src, shape(r, f))
	r.settle()
	c.check(r, f)
	c.compile(r, f)
	if f.compiled == nil {
		f.compiled = &compiled{at: r.at}
	}
	return f, sortProblems(r.problems)
}

// shape is a definition's keys and where each goes.
func shape(r *reader, f *Form) read {
	sheets := func(n ast.Node, key string) {
		f.Sinks.Sheets = &SheetsSink{}
		r.object(map[string]read{
			"spreadsheet": r.text(maxLine, &f.Sinks.Sheets.Spreadsheet),
			"tab":         r.text(maxTab, &f.Sinks.Sheets.Tab),
		})(n, key)
	}
	return r.object(map[string]read{
		"id":          r.text(maxLine, &f.ID),
		"title":       r.text(maxLine, &f.Title),
		"description": r.text(maxText, &f.Description),
		"language":    r.text(maxLine, &f.Language),
		"region":      r.text(maxLine, &f.Region),
		"redirect":    r.text(maxAddress, &f.Redirect),
		"unknown":     r.oneOf([]string{string(Reject), string(Drop), string(Keep)}, (*string)(&f.Unknown)),
		"fields":      fieldsShape(r, f),
		"spam":        spamShape(r, &f.Spam),
		"limits":      limitsShape(r, &f.Limits),
		"origins": r.list(maxOrigins, func(n ast.Node, key string) {
			f.Origins = append(f.Origins, "")
			r.text(maxLine, &f.Origins[len(f.Origins)-1])(n, key)
		}),
		"api-keys": r.apiKeys(&f.APIKeys),
		"sinks":    r.object(map[string]read{"sheets": sheets}),
	})
}

// fieldsShape takes a list of fields, or the word any.
func fieldsShape(r *reader, f *Form) read {
	return func(n ast.Node, key string) {
		if word, plain := scalar(n); plain {
			if f.Open = word == "any"; !f.Open {
				r.fail(key, "must be a list, each element begun with a dash, or the word any")
			}
			return
		}
		r.list(MaxFields, func(n ast.Node, key string) {
			f.Fields = append(f.Fields, Field{})
			fieldShape(r, &f.Fields[len(f.Fields)-1])(n, key)
		})(n, key)
	}
}

func fieldShape(r *reader, field *Field) read {
	return r.object(map[string]read{
		"name":     r.text(maxLine, &field.Name),
		"label":    r.text(maxLine, &field.Label),
		"type":     r.text(maxLine, &field.Type),
		"required": r.flag(&field.Required),
		"rules":    r.text(maxRules, &field.Rules),
		"options": r.list(MaxOptions, func(n ast.Node, key string) {
			field.Options = append(field.Options, Option{})
			optionShape(r, &field.Options[len(field.Options)-1])(n, key)
		}),
		"default": func(n ast.Node, key string) {
			field.Default = new(string)
			r.text(MaxLength, field.Default)(n, key)
		},
		"help":         r.text(maxText, &field.Help),
		"region":       r.text(maxLine, &field.Region),
		"messages":     r.texts(maxMessages, maxMessage, &field.Messages),
		"placeholder":  r.text(maxLine, &field.Placeholder),
		"autocomplete": r.text(maxLine, &field.Autocomplete),
	})
}

// optionShape takes a plain value, or a mapping of value and label.
func optionShape(r *reader, option *Option) read {
	return func(n ast.Node, key string) {
		if _, plain := scalar(n); plain {
			r.text(maxLine, &option.Value)(n, key)
			return
		}
		r.object(map[string]read{
			"value": r.text(maxLine, &option.Value),
			"label": r.text(maxLine, &option.Label),
		})(n, key)
	}
}

// check holds what the keys hold against what they may, and fills in what follows from others.
func (c *compiler) check(r *reader, f *Form) {
	switch {
	case f.ID == "":
		r.fail("id", "is missing: give the form one, such as contact-us")
	case !c.id.MatchString(f.ID):
		r.fail("id", "%q must be 1 to 63 of a to z, 0 to 9 and -, and not begin with -", f.ID)
	}
	oneLine(r, "title", f.Title)
	if f.Title == "" {
		f.Title = f.ID
	}
	c.checkForm(r, f)
	seen := map[string]int{}
	for i := range f.Fields {
		key := fmt.Sprintf("fields[%d]", i)
		c.checkName(r, key+".name", f.Fields[i].Name, i, seen)
		if f.Fields[i].Type == typePhone && f.Fields[i].Region == "" && knownRegion(f.Region) {
			f.Fields[i].Region = f.Region
		}
		c.checkField(r, key, &f.Fields[i])
	}
	c.checkAbuse(r, f)
	c.checkSheets(r, f.Sinks.Sheets)
}

// checkForm is for the keys of the form as a whole.
func (c *compiler) checkForm(r *reader, f *Form) {
	switch {
	case f.Open && f.Unknown != Reject && f.Unknown != Keep:
		r.fail("unknown", "has no meaning where fields is any, since no field is unknown: remove it")
	case f.Open:
		f.Unknown = Keep
	case len(f.Fields) == 0:
		r.fail("fields", "is missing: a form needs at least one field")
	}
	if tag, err := language.Parse(f.Language); err != nil {
		r.fail("language", "%q is not a language: use a tag of BCP 47, such as en, de or pt-BR", f.Language)
	} else {
		f.Language = tag.String()
	}
	if f.Region != "" && !knownRegion(f.Region) {
		r.fail("region", "unknown region %q: use a country's two capital letters, such as IN", f.Region)
	}
	if f.Redirect != "" && !isAddress(f.Redirect) {
		r.fail("redirect", "must be a whole web address, such as https://example.org/thanks")
	}
}

func knownRegion(region string) bool { return phonenumbers.GetCountryCodeForRegion(region) != 0 }

// checkName also refuses names that differ in case alone: people and spreadsheets would take them for one.
func (c *compiler) checkName(r *reader, key, name string, i int, seen map[string]int) {
	switch {
	case name == "":
		r.fail(key, "is missing: give the field one, such as email")
		return
	case !c.name.MatchString(name):
		r.fail(key, "%q must be 1 to 63 of a to z, A to Z, 0 to 9, - and _, and begin with a letter", name)
		return
	}
	folded := strings.ToLower(name)
	if first, twice := seen[folded]; twice {
		r.fail(key, "%q is also the name of fields[%d]: give each field its own (capitals do not count)", name, first)
		return
	}
	seen[folded] = i
}

func (c *compiler) checkField(r *reader, key string, field *Field) {
	if _, known := c.kinds[field.Type]; !known {
		if field.Type == "" {
			r.fail(key+".type", "is missing: use one of %s", strings.Join(Types(), ", "))
		} else {
			r.fail(key+".type", "unknown type %q%s: use one of %s", field.Type, suggest(field.Type, c.kinds), strings.Join(Types(), ", "))
		}
	}
	oneLine(r, key+".label", field.Label)
	if field.Label == "" {
		field.Label = field.Name
	}
	switch {
	case field.offers() && len(field.Options) == 0:
		r.fail(key+".options", "is missing: a choice needs at least one")
	case !field.offers() && len(field.Options) > 0:
		r.fail(key+".options", "belongs to types choice and choices only: remove it, or make the field a choice")
	}
	c.checkOptions(r, key+".options", field.Options)
	oneLine(r, key+".placeholder", field.Placeholder)
	if field.Autocomplete != "" && !c.autocomplete.MatchString(field.Autocomplete) {
		r.fail(key+".autocomplete", "%q must be a token of HTML's autocomplete, such as email, given-name or off", field.Autocomplete)
	}
	switch {
	case field.Region == "":
	case field.Type != typePhone:
		r.fail(key+".region", "belongs to type phone only: remove it")
	case !knownRegion(field.Region):
		r.fail(key+".region", "unknown region %q: use a country's two capital letters, such as IN", field.Region)
	}
}

func (field *Field) offers() bool { return field.Type == typeChoice || field.Type == typeChoices }

func (c *compiler) checkOptions(r *reader, key string, options []Option) {
	seen := map[string]int{}
	for i := range options {
		at := fmt.Sprintf("%s[%d]", key, i)
		option := &options[i]
		first, twice := seen[option.Value]
		switch {
		case option.Value == "":
			r.fail(at, "is empty: give it a value")
		case c.clean.text(option.Value, false) != option.Value:
			r.fail(at, "%q could never be chosen, since answers are stored tidied: write it as %q", option.Value, c.clean.text(option.Value, false))
		case twice:
			r.fail(at, "%q is also options[%d]: name each once", option.Value, first)
		}
		seen[option.Value] = i
		oneLine(r, at+".label", option.Label)
		if option.Label == "" {
			option.Label = option.Value
		}
	}
}

func (c *compiler) checkSheets(r *reader, sink *SheetsSink) {
	if sink == nil {
		return
	}
	const key = "sinks.sheets."
	switch {
	case sink.Spreadsheet == "":
		r.fail(key+"spreadsheet", "is missing: give the id from the spreadsheet's address, between /d/ and /edit")
	case !c.spreadsheet.MatchString(sink.Spreadsheet):
		r.fail(key+"spreadsheet", "%q is not a spreadsheet's id: take the part of its address between /d/ and /edit", sink.Spreadsheet)
	}
	if strings.TrimSpace(sink.Tab) == "" {
		r.fail(key+"tab", "is missing: give the name of the tab that the rows go to")
	}
	oneLine(r, key+"tab", sink.Tab)
}

func oneLine(r *reader, key, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) || strings.TrimSpace(text) != text {
		r.fail(key, "must be one line without control characters, and without spaces at its ends")
	}
}

// compile makes what Check needs. The defaults are checked last, as answers, since they must keep the rules themselves.
func (c *compiler) compile(r *reader, f *Form) {
	out := &compiled{
		fields: make([]compiledField, len(f.Fields)), index: map[string]int{}, clean: c.clean, words: c.words, faults: map[string]fault{}, at: r.at,
	}
	for i := range f.Fields {
		out.index[f.Fields[i].Name] = i
	}
	rules := make([]fieldRules, len(f.Fields))
	for i := range f.Fields {
		field := &f.Fields[i]
		key := fmt.Sprintf("fields[%d]", i)
		compiled := compiledField{kind: c.kinds.of(field), answerer: c.answerer(field)}
		compiled.standard = c.standard(r, key, f, field, &compiled)
		out.fields[i] = compiled
		var wrong []error
		rules[i], wrong = c.rules.compileField(f, i, out.index)
		for _, err := range wrong {
			r.fail(key+".rules", "%v", err)
		}
		c.checkMessages(r, key+".messages", field)
		if field.Required && field.Default != nil {
			r.fail(key+".default", "a field with a default is never without an answer: remove it, or required")
		}
	}
	if len(r.problems) > 0 {
		return
	}
	if err := c.rules.compile(f, rules, out); err != nil {
		r.fail("fields", "the rules do not work together: %v", err)
		return
	}
	f.compiled = out
	c.checkDefaults(r, f, rules)
}

// checkMessages finds messages that would never be said.
func (c *compiler) checkMessages(r *reader, key string, field *Field) {
	said := map[string]bool{RuleType: true, RuleMaxLength: true}
	if field.Required {
		said[RuleRequired] = true
	}
	switch field.Type {
	case typeChoice, typeChoices:
		said[RuleChoice] = true
	case typePhone, typeURL:
		said[field.Type] = true
	case typeInteger, typeNumber:
		said[RuleRange] = true
	}
	rules, _ := parseRules(field.Rules) // what is wrong is told under rules
	own, _ := parseRules(c.kinds.of(field).rule)
	for _, one := range append(own, rules...) {
		said[one.fault().rule] = true
	}
	for _, rule := range sortedKeys(field.Messages) {
		at := key + "." + rule
		if !said[rule] {
			r.fail(at, "the field has no rule %q%s: use one of %s", rule, suggest(rule, said), strings.Join(sortedKeys(said), ", "))
		}
		if field.Messages[rule] == "" {
			r.fail(at, "is empty: write what a wrong answer is told, or remove it")
		}
		oneLine(r, at, field.Messages[rule])
	}
}

func (c *compiler) answerer(field *Field) answerer {
	a := answerer{clean: c.clean, multiline: field.Type == typeMultiline, region: field.Region}
	for _, option := range field.Options {
		a.options = append(a.options, option.Value)
	}
	return a
}

func (c *compiler) standard(r *reader, key string, f *Form, field *Field, compiled *compiledField) any {
	if field.Default == nil {
		return nil
	}
	value, bad := compiled.kind.read(&compiled.answerer, *field.Default)
	switch {
	case bad != nil:
		r.fail(key+".default", "%q cannot be an answer: it %s", *field.Default, f.say(c.words.in(defaultLanguage), field, *bad))
	case value == nil:
		r.fail(key+".default", "is empty: write what is stored for a missing answer, or remove it")
	}
	return value
}

// checkDefaults lets out rules that look at other fields: without answers there, they say nothing about the default.
func (c *compiler) checkDefaults(r *reader, f *Form, rules []fieldRules) {
	answers := map[string]any{}
	for i := range f.Fields {
		if f.Fields[i].Default != nil {
			answers[f.Fields[i].Name] = *f.Fields[i].Default
		}
	}
	if len(answers) == 0 {
		return
	}
	_, wrong := f.Check(answers)
	for _, e := range wrong {
		i, ok := f.compiled.index[e.Field]
		if ok && f.Fields[i].Default != nil && len(rules[i].mentions) == 0 {
			r.fail(fmt.Sprintf("fields[%d].default", i), "%q cannot be an answer: it %s", *f.Fields[i].Default, e.Message)
		}
	}
}
