package submission

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
)

const (
	// Type is the event type of every submission. A change that old readers cannot follow makes a v2.
	Type = "formstream.submission.v1"

	// MaxIDLength bounds an id, in bytes. Ours have 36; a foreign producer may choose others.
	MaxIDLength = 64

	// MaxFormLength bounds a form's id, in bytes.
	MaxFormLength = 63

	specVersion  = "1.0"
	contentType  = "application/json"
	sourcePrefix = "/forms/"

	// timeLayout always prints three decimals, so that equal instants have equal bytes.
	timeLayout = "2006-01-02T15:04:05.000Z07:00"

	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerTime        = "ce_time"
	headerContentType = "content-type"
)

// Submission is one accepted set of answers.
type Submission struct {
	ID         string    // UUIDv7, or UUIDv8 with an Idempotency-Key; also the Kafka key
	Form       string    // the form's id
	ReceivedAt time.Time // the clock of the process that accepted it: UTC, whole milliseconds
	Data       []byte    // the answers: one JSON object
}

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// ParseError says which header of a record, or which part of it, cannot be a submission's, and why. It is permanent.
type ParseError struct {
	Part   string // a header's name, "key" or "value"
	Reason string
}

func (e *ParseError) Error() string { return "not a submission: " + e.Part + ": " + e.Reason }

// Permanent reports that the same record can never be parsed: do not try it again.
func (e *ParseError) Permanent() bool { return true }

// Headers returns the six CloudEvents headers of s. ReceivedAt is cut to whole milliseconds.
// The caller may keep and change what it gets.
func (s Submission) Headers() []Header {
	// One buffer for all values: the hot path pays two allocations instead of seven. Each slice is capped at its own
	// length, so that appending to one cannot run into the next.
	buf := make([]byte, 0, len(specVersion)+len(s.ID)+len(sourcePrefix)+len(s.Form)+len(Type)+len(timeLayout)+len(contentType))
	cut := func(from int) []byte { return buf[from:len(buf):len(buf)] }

	headers := make([]Header, 0, 6)
	add := func(key string, parts ...string) {
		from := len(buf)
		for _, part := range parts {
			buf = append(buf, part...)
		}
		headers = append(headers, Header{Key: key, Value: cut(from)})
	}
	add(headerSpecVersion, specVersion)
	add(headerID, s.ID)
	add(headerSource, sourcePrefix, s.Form)
	add(headerType, Type)
	from := len(buf)
	buf = s.ReceivedAt.UTC().Truncate(time.Millisecond).AppendFormat(buf, timeLayout)
	headers = append(headers, Header{Key: headerTime, Value: cut(from)})
	add(headerContentType, contentType)
	return headers
}

// Parse reads a submission from a Kafka record. It is strict on the six headers, on the key (which must be the id) and
// on the value (which must be one JSON object), and ignores every other header. Its error is a [*ParseError]: it names
// the part at fault and never its content. Data shares memory with value.
func Parse(key []byte, headers []Header, value []byte) (Submission, error) {
	found, err := collect(headers)
	if err != nil {
		return Submission{}, err
	}
	s := Submission{ID: string(found.id), Data: value}
	if err := found.check(key); err != nil {
		return Submission{}, err
	}
	if s.Form, err = parseSource(string(found.source)); err != nil {
		return Submission{}, err
	}
	if s.ReceivedAt, err = parseTime(string(found.time)); err != nil {
		return Submission{}, err
	}
	if err := checkObject(value); err != nil {
		return Submission{}, &ParseError{Part: "value", Reason: err.Error()}
	}
	return s, nil
}

// envelope holds the headers that make a record a submission.
type envelope struct{ specVersion, id, source, typ, time, contentType []byte }

func (e *envelope) slot(key string) *[]byte {
	switch key {
	case headerSpecVersion:
		return &e.specVersion
	case headerID:
		return &e.id
	case headerSource:
		return &e.source
	case headerType:
		return &e.typ
	case headerTime:
		return &e.time
	case headerContentType:
		return &e.contentType
	default:
		return nil
	}
}

func collect(headers []Header) (envelope, error) {
	var e envelope
	for _, h := range headers {
		slot := e.slot(h.Key)
		if slot == nil {
			continue
		}
		if *slot != nil {
			return e, &ParseError{Part: h.Key, Reason: "is there twice"}
		}
		*slot = h.Value
	}
	for _, key := range [...]string{headerSpecVersion, headerID, headerSource, headerType, headerTime, headerContentType} {
		if len(*e.slot(key)) == 0 {
			return e, &ParseError{Part: key, Reason: "is missing"}
		}
	}
	return e, nil
}

func (e *envelope) check(key []byte) error {
	if string(e.specVersion) != specVersion {
		return &ParseError{Part: headerSpecVersion, Reason: "is not " + specVersion}
	}
	if string(e.typ) != Type {
		return &ParseError{Part: headerType, Reason: "is not " + Type}
	}
	if media, _, err := mime.ParseMediaType(string(e.contentType)); err != nil || media != contentType {
		return &ParseError{Part: headerContentType, Reason: "is not " + contentType}
	}
	if !validID(e.id) {
		return &ParseError{Part: headerID, Reason: fmt.Sprintf("is not 1 to %d printable ASCII characters without spaces", MaxIDLength)}
	}
	if !bytes.Equal(key, e.id) {
		return &ParseError{Part: "key", Reason: "is not the same as " + headerID}
	}
	return nil
}

func validID(id []byte) bool {
	for _, c := range id {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= MaxIDLength
}

func parseSource(source string) (string, error) {
	form, ok := strings.CutPrefix(source, sourcePrefix)
	if !ok || !ValidForm(form) {
		return "", &ParseError{Part: headerSource, Reason: "is not " + sourcePrefix + "{form}"}
	}
	return form, nil
}

// ValidForm reports whether id can be a form's: [a-z0-9][a-z0-9-]{0,62}.
func ValidForm(id string) bool {
	for i := range len(id) {
		c := id[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 {
			continue
		}
		return false
	}
	return len(id) >= 1 && len(id) <= MaxFormLength
}

// parseTime cuts what a foreign producer may have written more precisely: received_at counts milliseconds.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, &ParseError{Part: headerTime, Reason: "is not an RFC 3339 time"}
	}
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 9999 { // an offset can carry a four-digit year beyond what can be written back
		return time.Time{}, &ParseError{Part: headerTime, Reason: "is not between the years 1970 and 9999"}
	}
	return t, nil
}

func checkObject(value []byte) error {
	trimmed := bytes.TrimLeft(value, " \t\r\n")
	if len(trimmed) == 0 {
		return errors.New("is empty")
	}
	if trimmed[0] != '{' || !json.Valid(value) {
		return errors.New("is not one JSON object")
	}
	return nil
}
