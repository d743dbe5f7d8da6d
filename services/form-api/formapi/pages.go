package formapi

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
	"github.com/formstream/formstream/services/form-api/formapi/page"
)

const mediaSchema = "application/schema+json"

// show answers GET /forms/{form}: with the hosted page, or with the form's JSON Schema for whoever prefers that.
func (in *intake) show(w http.ResponseWriter, r *http.Request, f *form.Form) {
	w.Header().Set("Vary", "Accept, Accept-Language")
	accept := strings.Join(r.Header.Values("Accept"), ",")
	switch schema, html := strings.Index(accept, mediaSchema), strings.Index(accept, "text/html"); {
	case schema >= 0 && (html < 0 || schema < html):
		in.writeSchema(w, r, f)
	case guard.ServersOnly(f):
		in.writeProblem(w, r, newProblem(CodeNotFound, "This form has no page: it takes submissions with an API key only."), nil)
	default:
		in.writeForm(w, r, page.FormView{Form: f})
	}
}

// schema answers GET /forms/{form}/schema.json.
func (in *intake) schema(w http.ResponseWriter, r *http.Request) {
	f, known := in.forms().Lookup(chi.URLParam(r, "form"))
	if !known {
		in.writeProblem(w, r, newProblem(CodeUnknownForm, ""), nil)
		return
	}
	if in.guard.CORS(w, r, f) {
		return
	}
	in.writeSchema(w, r, f)
}

func (in *intake) writeSchema(w http.ResponseWriter, r *http.Request, f *form.Form) {
	schema := f.Schema(page.Path(f) + "/schema.json")
	header := w.Header()
	header.Set("Content-Type", mediaSchema)
	header.Set("Content-Length", strconv.Itoa(len(schema)))
	header.Set("Cache-Control", "no-cache") // a definition may change at any time
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(schema)
	}
}

// thanks answers GET /forms/{form}/thanks, where a browser goes after a submission.
func (in *intake) thanks(w http.ResponseWriter, r *http.Request) {
	f, known := in.forms().Lookup(chi.URLParam(r, "form"))
	if !known {
		in.writeProblem(w, r, newProblem(CodeUnknownForm, ""), nil)
		return
	}
	view := page.ThanksView{Form: f, Lang: in.language(r, f)}
	if receipt := r.URL.Query().Get("receipt"); receipt != "" {
		if _, err := in.signer.Open(receipt); err == nil { // not a link that somebody else has made up
			view.Receipt = "/receipts/" + receipt
		}
	}
	in.sent(r, in.pages.Thanks(w, view))
}

// writePage answers a browser that posted a form: on to the next page, or the form again with what is wrong.
func (in *intake) writePage(w http.ResponseWriter, r *http.Request, f *form.Form, a answer) {
	switch {
	case a.problem == nil:
		w.Header().Set("Location", page.Done(f, a.accepted.Receipt))
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusSeeOther)
	case a.problem.Code == CodeInvalid:
		in.writeForm(w, r, page.FormView{Form: f, Values: page.Values(a.raw), Errors: a.problem.Errors, Status: a.problem.Status})
	case a.raw != nil:
		a.problem.addHeaders(w)
		in.writeForm(w, r, page.FormView{Form: f, Values: page.Values(a.raw), Problem: string(a.problem.Code), Status: a.problem.Status})
	default:
		in.writeProblem(w, r, a.problem, f)
	}
}

// writeForm writes the hosted page.
func (in *intake) writeForm(w http.ResponseWriter, r *http.Request, view page.FormView) {
	view.Lang = in.language(r, view.Form)
	view.Started, view.Key = in.guard.Start(view.Form.ID), rand.Text()
	in.sent(r, in.pages.Form(w, view))
}

// writeProblem writes a problem for a browser as a page, and for everybody else as JSON. back is the form to go back to.
func (in *intake) writeProblem(w http.ResponseWriter, r *http.Request, p *Problem, back *form.Form) {
	if !prefersHTML(r.Header) {
		p.write(w)
		return
	}
	p.addHeaders(w)
	after, _ := strconv.Atoi(p.header.Get("Retry-After"))
	in.sent(r, in.pages.Problem(w, page.ProblemView{
		Lang: in.language(r, back), Code: string(p.Code), Status: p.Status, RetryAfter: time.Duration(after) * time.Second, Back: back,
	}))
}

// writeReceipt writes a receipt for a browser.
func (in *intake) writeReceipt(w http.ResponseWriter, r *http.Request, view fate.View, receivedAt time.Time) {
	f, _ := in.forms().Lookup(view.Form)
	in.sent(r, in.pages.Receipt(w, page.ReceiptView{
		Form: f, Lang: in.language(r, f), ID: view.ID, State: page.State(view.State), ReceivedAt: receivedAt,
	}))
}

// translate says what is wrong in the visitor's language.
func (in *intake) translate(r *http.Request, f *form.Form, wrong []form.FieldError) {
	lang := in.language(r, f)
	for i := range wrong {
		wrong[i].Message = f.Message(lang, wrong[i])
	}
}

func (in *intake) language(r *http.Request, f *form.Form) string {
	return in.pages.Match(r.Header.Get("Accept-Language"), f)
}

// sent logs a page that could not be made. One whose reader has gone is nobody's loss.
func (in *intake) sent(r *http.Request, err error) {
	if err != nil && r.Context().Err() == nil {
		in.log.Warn("page was not sent", "component", "pages", "error", err)
	}
}
