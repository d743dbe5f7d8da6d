package formapi

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/decode"
)

// The media types of a submission.
const (
	mediaJSON       = "application/json"
	mediaURLEncoded = "application/x-www-form-urlencoded"
	mediaMultipart  = "multipart/form-data"
	mediaAll        = mediaJSON + ", " + mediaURLEncoded + ", " + mediaMultipart
)

// media is what a request says that its body is.
type media struct {
	name     string
	boundary string // of multipart
}

// content is what a body holds.
type content struct {
	raw      map[string]any
	steering map[string]string // fields that steer the submission instead of being answers; nil for JSON
}

// mediaOf returns what the body is, or why it is refused unread.
func mediaOf(h http.Header) (media, *Problem) {
	refused := func(detail string) (media, *Problem) {
		return media{}, newProblem(CodeMediaType, detail).with("Accept", mediaAll).with("Accept-Post", mediaAll)
	}
	given := h.Get("Content-Type")
	switch encoding := h.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		m, p := refused("The body is compressed.")
		return m, p.with("Accept-Encoding", "identity")
	case given == mediaJSON, given == mediaURLEncoded:
		return media{name: given}, nil // nearly always
	}
	name, params, err := mime.ParseMediaType(given)
	switch {
	case err != nil || name != mediaJSON && name != mediaURLEncoded && name != mediaMultipart:
		return refused("The Content-Type must be application/json, application/x-www-form-urlencoded or multipart/form-data.")
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return refused("The charset must be utf-8.")
	case name == mediaMultipart && params["boundary"] == "":
		return refused("The Content-Type names no boundary.")
	}
	return media{name, params["boundary"]}, nil
}

// parse reads a body of that kind. Its error is a *Problem's.
func (m media) parse(body []byte, f *form.Form) (c content, problem *Problem) {
	var err error
	switch m.name {
	case mediaURLEncoded:
		c.raw, c.steering, err = decode.URLEncoded(body, f)
	case mediaMultipart:
		c.raw, c.steering, err = decode.Multipart(bytes.NewReader(body), m.boundary, f)
	default:
		c.raw, err = decodeJSON(body)
	}
	if err == nil {
		return c, nil
	}
	var (
		inJSON *SyntaxError
		inForm *decode.SyntaxError
		file   *decode.FilePartError
	)
	switch {
	case errors.As(err, &inJSON):
		return c, malformed(inJSON)
	case errors.As(err, &inForm):
		return c, newProblem(CodeMalformed, inForm.Error())
	case errors.As(err, &file):
		return c, newProblem(CodeMediaType, err.Error())
	case errors.Is(err, decode.ErrTooLarge):
		return c, newProblem(CodeTooLarge, "A submission has at most 262144 bytes.")
	}
	return c, newProblem(CodeMalformed, "The body ended before it was complete.")
}

// fromPage reports whether a person's browser waits for a page: a form was posted, and its sender takes HTML.
func fromPage(r *http.Request, m media) bool {
	return m.name != mediaJSON && prefersHTML(r.Header)
}

// prefersHTML reports whether HTML is accepted, and not behind JSON.
func prefersHTML(h http.Header) bool {
	accept := strings.ToLower(strings.Join(h.Values("Accept"), ","))
	html, json := strings.Index(accept, "text/html"), strings.Index(accept, "application/json")
	return html >= 0 && (json < 0 || html < json)
}
