package decode

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// maxBoundary is what RFC 2046, section 5.1.1 allows.
const maxBoundary = 70

// Multipart reads a body of multipart/form-data (RFC 7578). Parts hold text, in UTF-8; a file input without a file, which
// browsers send with an empty file name, is no answer. Its error is [ErrTooLarge], a [*SyntaxError], a [*FilePartError], or
// what body itself returned, wrapped.
func Multipart(body io.Reader, boundary string, f *form.Form) (raw map[string]any, steering map[string]string, err error) {
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, nil, &SyntaxError{"the Content-Type must name a boundary of 1 to 70 characters", -1}
	}
	bounded := &boundedReader{from: body, left: MaxBody}
	s := newFields(f)
	parts := multipart.NewReader(bounded, boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // a wrapped one is a body cut short
			return s.raw, s.steering, nil
		}
		if err == nil {
			err = s.part(part)
		}
		if err != nil {
			return nil, nil, bounded.cause(err)
		}
	}
}

// part takes one part.
func (s *fields) part(part *multipart.Part) error {
	if err := s.count(-1); err != nil {
		return err
	}
	media, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil || media != "form-data" || params["name"] == "" {
		return &SyntaxError{fmt.Sprintf("part %d has no Content-Disposition with a name", s.pairs), -1}
	}
	name := params["name"]
	content, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	if filename, is := params["filename"]; is {
		if filename == "" && len(content) == 0 {
			return nil
		}
		return &FilePartError{echo(name)}
	}
	if err := checkText(part, name); err != nil {
		return err
	}
	return s.add(name, string(content), -1)
}

// checkText refuses what would have to be read as something else than text in UTF-8.
func checkText(part *multipart.Part, name string) error {
	switch encoding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding")); encoding {
	case "", "7bit", "8bit", "binary": // quoted-printable is decoded, and its header gone, before it comes here
	default:
		return &SyntaxError{fmt.Sprintf("%q has a Content-Transfer-Encoding: leave it out", echo(name)), -1}
	}
	given := part.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(given)
	switch {
	case err != nil:
		return &SyntaxError{fmt.Sprintf("%q has a Content-Type that cannot be read", echo(name)), -1}
	case media != "text/plain":
		return &FilePartError{echo(name)}
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return &SyntaxError{fmt.Sprintf("%q has another charset than utf-8", echo(name)), -1}
	}
	return nil
}

// boundedReader fails with [ErrTooLarge] at the first byte after left, and keeps why it failed: what multipart makes of an
// error says less.
type boundedReader struct {
	from io.Reader
	left int
	err  error
}

func (r *boundedReader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	b = b[:min(len(b), r.left+1)]
	n, err := r.from.Read(b)
	if r.left -= n; r.left < 0 {
		n, err = n-1, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// cause returns what is to blame for an error of reading: the body itself, or what it holds.
func (r *boundedReader) cause(err error) error {
	var syntax *SyntaxError
	var file *FilePartError
	switch {
	case errors.As(err, &syntax), errors.As(err, &file):
		return err
	case errors.Is(r.err, ErrTooLarge):
		return ErrTooLarge
	case r.err != nil:
		return fmt.Errorf("read the parts: %w", r.err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &SyntaxError{"the body ends before its last boundary", -1}
	}
	return &SyntaxError{"the parts cannot be read: check the boundary and each part's header", -1}
}
