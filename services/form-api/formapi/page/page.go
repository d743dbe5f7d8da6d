package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/formstream/formstream/pkg/form"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/page.css
var style string

//go:embed assets/page.js
var script string

// Pages makes the pages. It is safe for concurrent use.
type Pages struct {
	templates *template.Template
	texts     map[string]*texts
	languages *languages
	policy    policy
}

// New reads what the binary holds. Its error is a programmer's: a template or a language file that is wrong.
func New() (*Pages, error) {
	templates, err := template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the pages: %w", err)
	}
	all, err := loadTexts()
	if err != nil {
		return nil, err
	}
	languages, err := newLanguages(all)
	if err != nil {
		return nil, err
	}
	return &Pages{templates: templates, texts: all, languages: languages, policy: newPolicy(style, script)}, nil
}

// say returns the texts of a language that [Pages.Match] gave, or English.
func (p *Pages) say(lang string) (string, *texts) {
	if t, ok := p.texts[lang]; ok {
		return lang, t
	}
	return fallback, p.texts[fallback]
}

// base is what every page's template is given.
type base struct {
	HTMLLang string // of the document
	Heading  string // of its title
	Style    template.CSS
	T        *texts
}

// FormView is a form as one visitor sees it.
type FormView struct {
	Form    *form.Form
	Lang    string              // from Match
	Values  map[string][]string // by field: what was answered before, see Values; nil: nothing yet, defaults are chosen
	Errors  []form.FieldError   // what is wrong with it
	Problem string              // the code of what else is wrong: busy, captcha-required …; "": nothing
	Started string              // the signed time at which the page was made; "": left out
	Key     string              // the idempotency key of what this page sends, unguessable and new for each view
	Status  int                 // 0: 200
}

// Form writes the page with the form, which posts to /forms/{form}.
func (p *Pages) Form(w http.ResponseWriter, view FormView) error {
	data := p.formData(&view)
	return p.write(w, "form", view.Status, p.policy.form(view.Form), data)
}

// ThanksView is what follows a submission.
type ThanksView struct {
	Form    *form.Form
	Lang    string
	Receipt string // the path of the receipt's page; "": no link
}

// Thanks writes the thank-you page.
func (p *Pages) Thanks(w http.ResponseWriter, view ThanksView) error {
	lang, t := p.say(view.Lang)
	return p.write(w, "thanks", http.StatusOK, p.policy.plain(), struct {
		base
		FormTitle, FormLang, Receipt, Again string
	}{
		p.base(lang, t, t.Thanks.Title), view.Form.Title, unless(lang, view.Form.Language), view.Receipt, Path(view.Form),
	})
}

// ProblemView is a request that ended badly, and is not answered with the form again.
type ProblemView struct {
	Lang       string
	Code       string // as in application/problem+json; one without texts of its own is something that went wrong
	Status     int
	RetryAfter time.Duration // 0: not known
	Back       *form.Form    // whose page to go back to; nil: none
}

// Problem writes the page of a problem. Headers such as Retry-After are the caller's.
func (p *Pages) Problem(w http.ResponseWriter, view ProblemView) error {
	lang, t := p.say(view.Lang)
	what := t.problem(view.Code)
	data := struct {
		base
		Said                      said
		Retry, Back, Status, Code string
	}{base: p.base(lang, t, what.Title), Said: what, Status: fmt.Sprintf(t.Problems.Status, view.Status), Code: view.Code}
	if view.RetryAfter > 0 {
		data.Retry = retryText(t, view.RetryAfter)
	}
	if view.Back != nil {
		data.Back = Path(view.Back)
	}
	return p.write(w, "problem", view.Status, p.policy.plain(), data)
}

func retryText(t *texts, after time.Duration) string {
	return fmt.Sprintf(t.Problems.Retry, int((after+time.Second-1)/time.Second))
}

// State is how far a submission has come.
type State string

// The states, in their order.
const (
	Accepted  State = "accepted"
	Buffered  State = "buffered"
	Delivered State = "delivered"
)

// ReceiptView is what became of a submission.
type ReceiptView struct {
	Form       *form.Form // nil: the form is not served any more
	Lang       string
	ID         string // the submission's
	State      State
	ReceivedAt time.Time
}

// step is one state on the receipt's page.
type step struct {
	Text, Word, Class string
	Current           bool
}

// Receipt writes the receipt's page.
func (p *Pages) Receipt(w http.ResponseWriter, view ReceiptView) error {
	lang, t := p.say(view.Lang)
	data := struct {
		base
		FormTitle, FormLang, ID, Received, ReceivedText string
		Steps                                           []step
		Refresh                                         bool
	}{
		base: p.base(lang, t, t.Receipt.Title), ID: view.ID, Refresh: view.State != Delivered,
		Received:     view.ReceivedAt.UTC().Format(time.RFC3339),
		ReceivedText: view.ReceivedAt.UTC().Format("2006-01-02 15:04:05 UTC"),
	}
	if view.Form != nil {
		data.FormTitle, data.FormLang = view.Form.Title, unless(lang, view.Form.Language)
	}
	word, class := t.Receipt.Done, "done"
	for _, s := range []struct {
		state State
		text  string
	}{{Accepted, t.Receipt.Accepted}, {Buffered, t.Receipt.Buffered}, {Delivered, t.Receipt.Delivered}} {
		switch {
		case s.state == view.State && s.state == Delivered:
			data.Steps = append(data.Steps, step{s.text, word, "current", true})
		case s.state == view.State:
			data.Steps = append(data.Steps, step{s.text, t.Receipt.Current, "current", true})
			word, class = t.Receipt.Waiting, "waiting"
		default:
			data.Steps = append(data.Steps, step{s.text, word, class, false})
		}
	}
	return p.write(w, "receipt", http.StatusOK, p.policy.plain(), data)
}

func (p *Pages) base(lang string, t *texts, heading string) base {
	return base{HTMLLang: lang, Heading: heading, Style: template.CSS(style), T: t}
}

// unless returns lang if it is another language than that of what is around it.
func unless(around, lang string) string {
	if lang == around {
		return ""
	}
	return lang
}

// write sends a page, whole or not at all.
func (p *Pages) write(w http.ResponseWriter, name string, status int, policy string, data any) error {
	var body bytes.Buffer
	if err := p.templates.ExecuteTemplate(&body, name, data); err != nil {
		return fmt.Errorf("make the page %s: %w", name, err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("Content-Security-Policy", policy)
	header.Set("Cache-Control", "no-store") // each has a key of its own, or says what is true now
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	if varies := "Accept, Accept-Language"; !slices.Contains(header.Values("Vary"), varies) {
		header.Add("Vary", varies)
	}
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("send the page %s: %w", name, err)
	}
	return nil
}

// Path returns where a form's page is, and where it posts to.
func Path(f *form.Form) string { return "/forms/" + f.ID }

// receiptMark stands for the receipt in what the page's script is told.
const receiptMark = "{receipt}"

// Done returns where a browser goes after a submission: the form's redirect, or else its thank-you page.
func Done(f *form.Form, receipt string) string {
	if f.Redirect != "" {
		return f.Redirect
	}
	return Path(f) + "/thanks?receipt=" + receipt
}

// Values returns raw answers as a [FormView] takes them.
func Values(raw map[string]any) map[string][]string {
	values := make(map[string][]string, len(raw))
	for name, value := range raw {
		switch value := value.(type) {
		case nil:
		case []any:
			for _, item := range value {
				values[name] = append(values[name], fmt.Sprint(item))
			}
		default:
			values[name] = []string{fmt.Sprint(value)}
		}
	}
	return values
}

// sentence makes a message, which continues a field's label, stand on its own.
func sentence(message string) string {
	initial, size := utf8.DecodeRuneInString(message)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(initial)) + message[size:]
}
