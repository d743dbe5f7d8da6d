package formapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth  = 8      // a submission itself is 1, a list of choices 2; what is deeper is no form's answer
	maxValues = 10_000 // members and items together: 256 KiB could hold 130,000, at 50 bytes of memory each
	maxEcho   = 64     // characters of a member's name that an error repeats
)

// SyntaxError says why a body is not a submission, and where.
type SyntaxError struct {
	Reason   string // plain English; holds no value that was submitted, at most a member's name
	Position Position
}

// Position is a place in a body.
type Position struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // characters, from 1
	Offset int `json:"offset"` // bytes before it
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Position.Line, e.Position.Column, e.Reason)
}

// decodeJSON reads one JSON object (RFC 8259). It is stricter than encoding/json where a reader could be misled: a member that
// is there twice, bytes that are not UTF-8, and anything after the object are errors. Numbers are [json.Number]: nothing
// is rounded. Its error is a [*SyntaxError]. The result shares no memory with body.
//
// Why not encoding/json: see docs/adr/0008-read-submissions-with-our-own-decoder.md.
func decodeJSON(body []byte) (map[string]any, error) {
	d := decoder{text: string(body)} // one copy, which all strings of the result are cut from
	if at := invalidUTF8(d.text); at >= 0 {
		return nil, d.fail(at, "the text is not UTF-8")
	}
	d.skipSpace()
	if d.at < len(d.text) && d.text[d.at] != '{' {
		return nil, d.fail(d.at, `a submission is one JSON object, such as {"name": "value"}`)
	}
	if err := d.expect('{', ""); err != nil {
		return nil, err
	}
	object, err := d.object(1)
	if err != nil {
		return nil, err
	}
	if d.skipSpace(); d.at < len(d.text) {
		return nil, d.fail(d.at, "there is something after the end of the object")
	}
	return object, nil
}

// decoder reads text from at on.
type decoder struct {
	text   string
	at     int
	values int
}

// object reads what follows a {.
func (d *decoder) object(depth int) (map[string]any, error) {
	object := make(map[string]any)
	if d.skipSpace(); d.take('}') {
		return object, nil
	}
	for {
		d.skipSpace()
		begin := d.at
		if err := d.expect('"', "the name of a field must come here, in double quotes"); err != nil {
			return nil, err
		}
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, d.fail(begin, fmt.Sprintf("%q is there twice", shorten(name)))
		}
		d.skipSpace()
		if err := d.expect(':', "a colon must come here"); err != nil {
			return nil, err
		}
		if object[name], err = d.value(depth); err != nil {
			return nil, err
		}
		if d.skipSpace(); d.take('}') {
			return object, nil
		}
		if err := d.expect(',', "a comma or the end of the object must come here"); err != nil {
			return nil, err
		}
	}
}

// list reads what follows a [.
func (d *decoder) list(depth int) ([]any, error) {
	items := []any{}
	if d.skipSpace(); d.take(']') {
		return items, nil
	}
	for {
		item, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if d.skipSpace(); d.take(']') {
			return items, nil
		}
		if err := d.expect(',', "a comma or the end of the list must come here"); err != nil {
			return nil, err
		}
	}
}

// value reads whatever comes next. depth is that of what it stands in.
func (d *decoder) value(depth int) (any, error) {
	d.skipSpace()
	if d.at == len(d.text) {
		return nil, d.incomplete()
	}
	if d.values++; d.values > maxValues {
		return nil, d.fail(d.at, fmt.Sprintf("there are more than %d values", maxValues))
	}
	switch c := d.text[d.at]; c {
	case '"':
		d.at++
		return d.string()
	case '{', '[':
		if depth == maxDepth {
			return nil, d.fail(d.at, fmt.Sprintf("it is nested more than %d deep", maxDepth))
		}
		if d.at++; c == '{' {
			return d.object(depth + 1)
		}
		return d.list(depth + 1)
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	case 'n':
		return nil, d.literal("null")
	default:
		return d.number()
	}
}

func (d *decoder) literal(word string) error {
	rest := d.text[d.at:]
	switch {
	case strings.HasPrefix(rest, word):
		d.at += len(word)
		return nil
	case strings.HasPrefix(word, rest):
		return d.incomplete()
	default:
		return d.noValue()
	}
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (d *decoder) number() (any, error) {
	begin := d.at
	negative := d.take('-')
	if !d.take('0') && d.digits() == 0 {
		return nil, d.badNumber(negative)
	}
	if d.take('.') && d.digits() == 0 {
		return nil, d.badNumber(true)
	}
	if d.take('e') || d.take('E') {
		if !d.take('+') {
			d.take('-')
		}
		if d.digits() == 0 {
			return nil, d.badNumber(true)
		}
	}
	return json.Number(d.text[begin:d.at]), nil
}

// digits skips digits and returns how many there were.
func (d *decoder) digits() int {
	begin := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at - begin
}

func (d *decoder) badNumber(begun bool) error {
	switch {
	case d.at == len(d.text):
		return d.incomplete()
	case begun:
		return d.fail(d.at, "a digit must come here")
	default:
		return d.noValue()
	}
}

func (d *decoder) noValue() error {
	return d.fail(d.at, "a value must come here: a text in double quotes, a number, true, false, null, a list or an object")
}

// take skips c if it comes next.
func (d *decoder) take(c byte) bool {
	if d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

// expect skips c, which must come next.
func (d *decoder) expect(c byte, reason string) error {
	switch {
	case d.take(c):
		return nil
	case d.at == len(d.text):
		return d.incomplete()
	default:
		return d.fail(d.at, reason)
	}
}

func (d *decoder) skipSpace() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) incomplete() error { return d.fail(len(d.text), "the object is not complete") }

func (d *decoder) fail(at int, reason string) error {
	before := d.text[:at]
	line := strings.LastIndexByte(before, '\n') + 1
	return &SyntaxError{Reason: reason, Position: Position{
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[line:]),
		Offset: at,
	}}
}

// invalidUTF8 returns where the first wrong byte is; -1: nowhere.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for at, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[at:]); size == 1 {
			return at
		}
	}
	return -1
}

func shorten(name string) string {
	if utf8.RuneCountInString(name) <= maxEcho {
		return name
	}
	return string([]rune(name)[:maxEcho]) + "…"
}
