package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/formstream/formstream/pkg/form"
)

const (
	MaxBody  = 256 << 10 // bytes of a whole body
	MaxPairs = 400       // fields that are sent, a list's items one by one: a form declares at most 200 fields
	MaxName  = 256       // bytes of one name: a declared one has at most 63
)

// maxEcho bounds how much of a name an error repeats, in characters.
const maxEcho = 64

// ErrTooLarge is a body of more than [MaxBody] bytes.
var ErrTooLarge = errors.New("the body is too large")

// SyntaxError says why a body is not a submission.
type SyntaxError struct {
	Reason string // plain English; holds no value that was submitted, at most a field's name
	Offset int    // bytes of the body before the place; -1: it is not known, as in multipart
}

func (e *SyntaxError) Error() string {
	if e.Offset < 0 {
		return e.Reason
	}
	return fmt.Sprintf("byte %d: %s", e.Offset+1, e.Reason)
}

// FilePartError is a file among the answers.
type FilePartError struct {
	Field string // as it was sent, cut to 64 characters
}

func (e *FilePartError) Error() string {
	return fmt.Sprintf("%q holds a file: files are not taken, remove the file input", e.Field)
}

// fields gathers what is sent, pair by pair.
type fields struct {
	form     *form.Form
	pairs    int
	raw      map[string]any
	steering map[string]string
}

func newFields(f *form.Form) *fields {
	return &fields{form: f, raw: make(map[string]any, len(f.Fields)), steering: map[string]string{}}
}

// count refuses the pair that is one too many.
func (s *fields) count(at int) error {
	if s.pairs++; s.pairs > MaxPairs {
		return &SyntaxError{fmt.Sprintf("more than %d fields were sent", MaxPairs), at}
	}
	return nil
}

// add takes one pair, which stands at an offset of the body.
func (s *fields) add(name, value string, at int) error {
	switch {
	case name == "":
		return &SyntaxError{"a field has no name", at}
	case len(name) > MaxName:
		return &SyntaxError{fmt.Sprintf("a field's name is longer than %d bytes", MaxName), at}
	case !utf8.ValidString(name):
		return &SyntaxError{"a field's name is not in UTF-8: the page with the form must be", at}
	case !utf8.ValidString(value):
		return &SyntaxError{fmt.Sprintf("%q is not in UTF-8: the page with the form must be", echo(name)), at}
	case name == "_charset_" && value != "" && !strings.EqualFold(value, "utf-8"): // a browser fills it with what it used
		return &SyntaxError{"the form was sent in another encoding than UTF-8: the page with the form must be in UTF-8", at}
	case s.form.Steers(name):
		if s.steering[name] == "" {
			s.steering[name] = value
		}
		return nil
	}
	return s.answer(name, value, at)
}

func (s *fields) answer(name, value string, at int) error {
	declared := slices.IndexFunc(s.form.Fields, func(f form.Field) bool { return f.Name == name })
	if declared >= 0 && s.form.Fields[declared].Type == "choices" {
		list, _ := s.raw[name].([]any)
		s.raw[name] = append(list, value)
		return nil
	}
	switch before := s.raw[name].(type) {
	case nil:
		s.raw[name] = value
	case []any:
		s.raw[name] = append(before, value)
	default:
		if declared >= 0 {
			return &SyntaxError{fmt.Sprintf("%q was sent more than once, but takes one answer", name), at}
		}
		s.raw[name] = []any{before, value}
	}
	return nil
}

// echo returns a name from outside as an error may repeat it.
func echo(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if runes := []rune(name); len(runes) > maxEcho {
		return string(runes[:maxEcho]) + "…"
	}
	return name
}
