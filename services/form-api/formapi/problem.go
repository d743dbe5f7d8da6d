package formapi

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
)

// Code names a kind of problem. It is stable: clients and dashboards depend on it.
type Code string

// The codes. What each means to a client is in about.
const (
	CodeMalformed   Code = "malformed"
	CodeUnknownForm Code = "unknown-form"
	CodeNotFound    Code = "not-found"
	CodeMethod      Code = "method-not-allowed"
	CodeTooSlow     Code = "too-slow"
	CodeTooLarge    Code = "too-large"
	CodeMediaType   Code = "unsupported-media-type"
	CodeInvalid     Code = "invalid"
	CodeInternal    Code = "internal"
	CodeKey         Code = "idempotency-key"
	CodeKeyReused   Code = "idempotency-key-reused"
	CodeClientLimit Code = guard.CodeClientLimit
	CodeFormLimit   Code = guard.CodeFormLimit
	CodeNoAPIKey    Code = guard.CodeUnauthorized
	CodeNoCaptcha   Code = guard.CodeCaptchaRequired
	CodeCaptchaAway Code = guard.CodeCaptchaUnavailable
	CodeBusy        Code = "busy"
	CodeUnavailable Code = "unavailable"
	CodeUnconfirmed Code = "unconfirmed"
)

func codes() []Code {
	return []Code{
		CodeMalformed, CodeUnknownForm, CodeNotFound, CodeMethod, CodeTooSlow, CodeTooLarge, CodeMediaType, CodeInvalid,
		CodeInternal, CodeKey, CodeKeyReused, CodeBusy,
		CodeClientLimit, CodeFormLimit, CodeNoAPIKey, CodeNoCaptcha, CodeCaptchaAway, CodeUnavailable, CodeUnconfirmed,
	}
}

// about is the one table of problems: status, what it means, and what to do.
func (c Code) about() (status int, title, remedy string) {
	switch c {
	case CodeMalformed:
		return http.StatusBadRequest, "The body cannot be read", "Correct it at the place that the answer names."
	case CodeUnknownForm:
		return http.StatusNotFound, "There is no such form", "Check the address with the form's owner."
	case CodeNotFound:
		return http.StatusNotFound, "There is nothing at this address", "Submissions go to /forms/{form}."
	case CodeMethod:
		return http.StatusMethodNotAllowed, "This address does not know that method", "Use a method of the answer's Allow header."
	case CodeTooSlow:
		return http.StatusRequestTimeout, "The body did not arrive in time", "Send it again, over a better line."
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge, "The submission is too large", "Send at most 256 KiB."
	case CodeMediaType:
		return http.StatusUnsupportedMediaType, "The body is not in a format that is understood", "Send application/json, or what an HTML form sends, in UTF-8 and not compressed. Files are not taken yet."
	case CodeInvalid:
		return http.StatusUnprocessableEntity, "Some answers are not right", "Correct each field that the answer names, and send all of them again."
	case CodeKey:
		return http.StatusBadRequest, "The Idempotency-Key cannot be used", "Send a new random one, such as a UUID, with each submission, and the same one when you try it again."
	case CodeKeyReused:
		return http.StatusUnprocessableEntity, "This Idempotency-Key came with other answers before", "Nothing was stored. Send a new key with each new submission."
	case CodeClientLimit:
		return http.StatusTooManyRequests, "You have sent too many submissions in a short time", "Nothing was stored. Send it again after the time in Retry-After."
	case CodeFormLimit:
		return http.StatusTooManyRequests, "This form gets too many submissions at the moment", "Nothing was stored. Send it again after the time in Retry-After."
	case CodeNoAPIKey:
		return http.StatusUnauthorized, "This form takes submissions with an API key only", "Send a key that the form's owner has given you, as Authorization: Bearer KEY."
	case CodeNoCaptcha:
		return http.StatusUnprocessableEntity, "The puzzle has not been solved", "Nothing was stored. Solve the puzzle on the page, and send it again."
	case CodeCaptchaAway:
		return http.StatusServiceUnavailable, "The puzzle cannot be checked at the moment", "Nothing was stored. Send it again after the time in Retry-After."
	case CodeBusy:
		return http.StatusServiceUnavailable, "Too many submissions are under way", "Nothing was stored. Send it again after the time in Retry-After."
	case CodeUnavailable:
		return http.StatusServiceUnavailable, "Submissions cannot be stored at the moment", "Nothing was stored. Send it again after the time in Retry-After."
	case CodeUnconfirmed:
		return http.StatusServiceUnavailable, "The submission could not be confirmed in time", "It may still be stored, at most once, under the id in the answer. Send it again with the same Idempotency-Key; without a key, sending it again makes a second submission if it is."
	default:
		return http.StatusInternalServerError, "Something is broken on our side", "It has been logged. Send it again later."
	}
}

// Problem is an error as a client gets it: RFC 9457, application/problem+json.
type Problem struct {
	Type   string `json:"type"` // /problems/{code}
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code"`

	Position *Position         `json:"position,omitempty"` // of malformed
	Errors   []form.FieldError `json:"errors,omitempty"`   // of invalid: one for each wrong field
	Stored   string            `json:"stored,omitempty"`   // of a 503: "no" or "maybe"
	ID       string            `json:"id,omitempty"`       // of unconfirmed
	Form     string            `json:"form,omitempty"`     // of unconfirmed

	header http.Header // what this one needs beside the usual
}

const (
	storedNo    = "no"
	storedMaybe = "maybe"

	// retryAfter is in seconds: long enough for a queue to drain, short enough for a person to wait.
	retryAfter = 2
)

func newProblem(code Code, detail string) *Problem {
	status, title, remedy := code.about()
	if detail == "" {
		detail = remedy
	}
	p := &Problem{Type: "/problems/" + string(code), Title: title, Status: status, Detail: detail, Code: code, header: http.Header{}}
	if status == http.StatusServiceUnavailable {
		p.Stored = storedNo
		p.header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	return p
}

// with adds a header to the answer.
func (p *Problem) with(key, value string) *Problem {
	p.header.Set(key, value)
	return p
}

func malformed(err *SyntaxError) *Problem {
	p := newProblem(CodeMalformed, err.Error())
	p.Position = &err.Position
	return p
}

func invalid(wrong []form.FieldError) *Problem {
	noun := "fields are"
	if len(wrong) == 1 {
		noun = "field is"
	}
	p := newProblem(CodeInvalid, fmt.Sprintf("%d %s not right.", len(wrong), noun))
	p.Errors = wrong
	return p
}

func unconfirmed(formID, id string) *Problem {
	p := newProblem(CodeUnconfirmed, "")
	p.Stored, p.ID, p.Form = storedMaybe, id, formID
	return p
}

// write sends the problem. What cannot be written has no reader any more.
func (p *Problem) write(w http.ResponseWriter) {
	p.addHeaders(w)
	writeJSON(w, p.Status, "application/problem+json", p)
}

// addHeaders adds what this problem needs beside the usual.
func (p *Problem) addHeaders(w http.ResponseWriter) {
	header := w.Header()
	for key, values := range p.header {
		header[key] = values
	}
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only a programmer can bring this about: every v is a struct of ours
		panic(err)
	}
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// problemPage explains one code to the person who followed a problem's type.
type problemPage struct {
	Code          Code
	Status        int
	Title, Remedy string
}

const problemHTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Remedy}}</p>
<p>HTTP status {{.Status}}, code <code>{{.Code}}</code>.</p>
</html>
`

// problems serves GET /problems/{code}.
func problems() http.HandlerFunc {
	page := template.Must(template.New("problem").Parse(problemHTML))
	known := make(map[Code]problemPage)
	for _, code := range codes() {
		status, title, remedy := code.about()
		known[code] = problemPage{code, status, title, remedy}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		about, ok := known[Code(chi.URLParam(r, "code"))]
		if !ok {
			newProblem(CodeNotFound, "There is no problem with this code.").write(w)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "max-age=3600")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		_ = page.Execute(w, about)
	}
}
