package formapi

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads what follows a ".
func (d *decoder) string() (string, error) {
	begin := d.at
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			return d.text[begin : d.at-1], nil
		case c == '\\':
			return d.escaped(begin)
		case c < ' ':
			return "", d.control()
		}
		d.at++
	}
	return "", d.incomplete()
}

// escaped reads a string that has an escape at d.at; it began at begin.
func (d *decoder) escaped(begin int) (string, error) {
	b := append(make([]byte, 0, 2*(d.at-begin)+16), d.text[begin:d.at]...)
	for d.at < len(d.text) {
		c := d.text[d.at]
		switch {
		case c == '"':
			d.at++
			return string(b), nil
		case c < ' ':
			return "", d.control()
		case c != '\\':
			b = append(b, c)
			d.at++
		default:
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return "", d.incomplete()
}

// escape reads one escape, or two that together are one character beyond U+FFFF. Half of such a pair alone is no
// character: it is read as U+FFFD, as encoding/json does.
func (d *decoder) escape() (rune, error) {
	if len(d.text)-d.at < 2 {
		return 0, d.incomplete()
	}
	c := d.text[d.at+1]
	if c == 'u' {
		return d.unicode()
	}
	var r rune
	switch c {
	case '"', '\\', '/':
		r = rune(c)
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	default:
		return 0, d.fail(d.at, `this escape does not exist: a backslash itself is written as \\`)
	}
	d.at += 2
	return r, nil
}

func (d *decoder) unicode() (rune, error) {
	const size = len(`\u0000`)
	if len(d.text)-d.at < size {
		return 0, d.incomplete()
	}
	r, ok := unit(d.text[d.at:])
	if !ok {
		return 0, d.fail(d.at, `\u must be followed by four hexadecimal digits`)
	}
	d.at += size
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if second, ok := unit(d.text[d.at:]); ok {
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			d.at += size
			return pair, nil
		}
	}
	return utf8.RuneError, nil
}

// unit reads \uXXXX.
func unit(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(text[2:6]) { // ParseUint would also take an underscore or a sign in some bases
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil //nolint:gosec // 16 bits
}

func (d *decoder) control() error {
	return d.fail(d.at, `a line break or control character must be written as an escape, such as \n`)
}
