package page

import (
	"encoding/json"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/form"
)

// maxRadios is how many options are shown at once; more are a list to open.
const maxRadios = 6

// captchaScoreField takes the token of reCAPTCHA's third version, whose script makes no field of its own.
const captchaScoreField = "g-recaptcha-response"

// formData is what the form's template is given.
type formData struct {
	base
	Form         *form.Form
	OtherLang    string // the visitor's language where it is not the form's; "": it is
	Action, Done string
	Hidden       []pair
	Honeypot     *trap
	Fields       []fieldView
	AnyRequired  bool

	Wrong        bool
	Notice       *said // what is wrong beside fields
	Items        []item
	FocusSummary bool // no field can take the focus

	Widget       *widget
	WidgetScript string
	ScoreKey     string
	Script       template.JS
}

type pair struct{ Name, Value string }

type trap struct{ ID, Name string }

// item is one line of the summary.
type item struct{ ID, Text string }

// fieldView is one question.
type fieldView struct {
	ID, Name, Label, Help, Type string
	Control                     string // select, textarea, radio, checkbox (several), tick (one), or a type of HTML's input
	Value                       string
	Options                     []optionView
	Required, Ticked, Autofocus bool
	Error                       string
	Placeholder, Autocomplete   string
	Step, InputMode, Min, Max   string
	Checks                      string // JSON: what the page's script checks
	OtherLang, RequiredText     string
}

type optionView struct {
	ID, Value, Label, Lang string
	Chosen, Autofocus      bool
}

// Group reports whether several inputs make up the question.
func (v fieldView) Group() bool { return v.Control == "radio" || v.Control == "checkbox" }

// DescribedBy names the elements that explain the input. The error's is there also while it is empty: scripts fill it.
func (v fieldView) DescribedBy() string {
	if v.Help == "" {
		return v.ID + ".error"
	}
	return v.ID + ".help " + v.ID + ".error"
}

func (p *Pages) formData(view *FormView) *formData {
	lang, t := p.say(view.Lang)
	f := view.Form
	d := &formData{
		base: p.base(f.Language, t, f.Title), Form: f, OtherLang: unless(f.Language, lang),
		Action: Path(f), Done: Done(f, receiptMark), Script: template.JS(script),
	}
	messages := map[string]string{}
	for _, e := range view.Errors {
		if _, ok := messages[e.Field]; !ok {
			messages[e.Field] = f.Message(lang, e)
		}
	}
	d.steering(view, lang)
	for i := range f.Fields {
		d.field(view, &f.Fields[i], lang, messages[f.Fields[i].Name])
	}
	d.errors(view, lang)
	return d
}

// steering adds what is sent beside the answers.
func (d *formData) steering(view *FormView, lang string) {
	d.Hidden = append(d.Hidden, pair{"_key", view.Key})
	if view.Started != "" {
		d.Hidden = append(d.Hidden, pair{"_started", view.Started})
	}
	if name := view.Form.Spam.Honeypot; name != "" {
		d.Honeypot = &trap{ID: "trap." + name, Name: name}
	}
	w := captchaWidget(view.Form)
	if w == nil {
		return
	}
	d.WidgetScript = w.scriptURL(lang)
	if w.Class != "" {
		d.Widget = w
		return
	}
	d.ScoreKey = w.SiteKey
	d.Hidden = append(d.Hidden, pair{captchaScoreField, ""})
}

// field adds one question.
func (d *formData) field(view *FormView, field *form.Field, lang, message string) {
	given := answered(view.Values, field)
	if field.Type == "hidden" {
		d.Hidden = append(d.Hidden, pair{field.Name, first(given)})
		return
	}
	v := fieldView{
		ID: "f." + field.Name, Name: field.Name, Label: field.Label, Help: field.Help, Type: field.Type, Control: control(field),
		Value: first(given), Required: field.Required, Error: sentence(message),
		Placeholder: field.Placeholder, Autocomplete: field.Autocomplete,
		Checks: checks(view.Form, field, lang), OtherLang: d.OtherLang, RequiredText: d.T.Required,
		Ticked: slices.Contains([]string{"true", "on"}, first(given)),
	}
	switch field.Type {
	case "number":
		v.Step, v.InputMode = "any", "decimal"
	case "integer":
		v.Step = "1"
	}
	v.Min, v.Max = limits(field)
	v.Options = d.options(field, v.Control, given)
	if message != "" && !d.hasFocus() {
		if v.Group() && len(v.Options) > 0 {
			v.Options[0].Autofocus = true
		} else {
			v.Autofocus = true
		}
	}
	d.AnyRequired = d.AnyRequired || field.Required
	d.Fields = append(d.Fields, v)
}

func (d *formData) hasFocus() bool {
	return slices.ContainsFunc(d.Fields, func(v fieldView) bool { return v.Error != "" })
}

// answered returns what a field was answered with. A default is chosen where that can be seen and undone; where the field
// would be text, leaving it empty chooses it, too.
func answered(values map[string][]string, field *form.Field) []string {
	if given, ok := values[field.Name]; ok {
		return given
	}
	if field.Default == nil || values != nil && field.Type != "hidden" {
		return nil
	}
	switch field.Type {
	case "choice", "boolean", "hidden":
		return []string{*field.Default}
	}
	return nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// control returns how a field is answered.
func control(field *form.Field) string {
	switch field.Type {
	case "multiline":
		return "textarea"
	case "phone":
		return "tel"
	case "integer":
		return "number"
	case "datetime":
		return "datetime-local"
	case "email", "url", "number", "date", "time":
		return field.Type
	case "choices":
		return "checkbox"
	case "consent":
		return "tick"
	case "boolean":
		if field.Required || field.Default != nil { // a tick could not say no
			return "radio"
		}
		return "tick"
	case "choice":
		// What was chosen among radio buttons cannot be taken back.
		if len(field.Options) <= maxRadios && (field.Required || field.Default != nil) {
			return "radio"
		}
		return "select"
	}
	return "text"
}

// options returns what can be chosen. The ids begin with the field's own, so that a link to it leads to the first.
func (d *formData) options(field *form.Field, control string, given []string) []optionView {
	var options []optionView
	add := func(value, label, lang string) {
		id := "f." + field.Name
		if len(options) > 0 {
			id += "." + strconv.Itoa(len(options)+1)
		}
		options = append(options, optionView{ID: id, Value: value, Label: label, Lang: lang, Chosen: slices.Contains(given, value)})
	}
	if field.Type == "boolean" && control == "radio" {
		add("true", d.T.Yes, d.OtherLang)
		add("false", d.T.No, d.OtherLang)
	}
	if control == "select" && field.Default == nil {
		add("", d.T.Choose, d.OtherLang)
	}
	for _, o := range field.Options {
		add(o.Value, o.Label, "")
	}
	return options
}

// errors adds the summary: what is wrong with fields in the form's order, and then the rest.
func (d *formData) errors(view *FormView, lang string) {
	if view.Problem != "" {
		notice := d.T.problem(view.Problem)
		d.Notice = &notice
	}
	for _, v := range d.Fields {
		if v.Error != "" {
			d.Items = append(d.Items, item{v.ID, v.Label + ": " + v.Error})
		}
	}
	for _, e := range view.Errors {
		if slices.ContainsFunc(d.Fields, func(v fieldView) bool { return v.Name == e.Field }) {
			continue
		}
		text := sentence(view.Form.Message(lang, e))
		if e.Field != "" && !strings.HasPrefix(e.Field, "_") { // steering fields are no names that people know
			text = e.Field + ": " + text
		}
		d.Items = append(d.Items, item{"", text})
	}
	if d.Wrong = d.Notice != nil || len(d.Items) > 0; d.Wrong {
		d.Heading = d.T.Error + ": " + d.Heading
		d.FocusSummary = !d.hasFocus()
	}
}

// check is a rule that the page's script knows, and what it says where the rule is broken.
type check struct {
	Rule  string `json:"rule"`
	Param string `json:"param,omitempty"`
	Text  string `json:"text"`
}

// checks returns, as JSON, the rules that a page can hold without ever refusing what the server would take.
func checks(f *form.Form, field *form.Field, lang string) string {
	list := []check{}
	add := func(rule, param string) {
		text := f.Message(lang, form.FieldError{Field: field.Name, Rule: rule, Param: param})
		if text != "" { // nobody could tell what is wrong: then the server says it
			list = append(list, check{rule, param, sentence(text)})
		}
	}
	if field.Required {
		add(form.RuleRequired, "")
	}
	switch field.Type {
	case "email":
		add("email", "")
	case "integer", "number", "date", "time", "datetime":
		add(form.RuleType, "")
	}
	for _, rule := range sizeRules(field) {
		add(rule.Name, rule.Value)
	}
	data, err := json.Marshal(list)
	if err != nil { // strings only
		panic(err)
	}
	return string(data)
}

// sizeRules returns the rules of a field that bound a length, a count, an amount or a time.
func sizeRules(field *form.Field) []pair {
	var rules []pair
	for tag := range strings.SplitSeq(field.Rules, ",") {
		name, param, _ := strings.Cut(tag, "=")
		if slices.Contains([]string{"min", "max", "len", "gt", "gte", "lt", "lte"}, name) && isBound(field.Type, param) {
			rules = append(rules, pair{name, param})
		}
	}
	return rules
}

// isBound reports whether a rule's parameter is one that answers in the page can be compared with. A list of alternatives
// with | is none.
func isBound(typ, param string) bool {
	layout := ""
	switch typ {
	case "text", "multiline", "integer", "number", "choices":
		_, err := strconv.ParseFloat(param, 64)
		return err == nil
	case "date":
		layout = "2006-01-02"
	case "time":
		layout = "15:04"
	case "datetime":
		layout = "2006-01-02T15:04"
	default:
		return false
	}
	_, err := time.Parse(layout, param)
	return err == nil && len(param) == len(layout)
}

// limits returns the least and the greatest answer for the attributes of HTML that say so; "" is no limit.
func limits(field *form.Field) (least, greatest string) {
	switch field.Type {
	case "integer", "number", "date", "time", "datetime":
	default:
		return "", ""
	}
	for _, rule := range sizeRules(field) {
		switch rule.Name {
		case "min", "gte":
			least = rule.Value
		case "max", "lte":
			greatest = rule.Value
		}
	}
	return least, greatest
}
