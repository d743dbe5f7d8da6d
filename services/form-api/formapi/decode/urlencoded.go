package decode

import (
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// URLEncoded reads a body of application/x-www-form-urlencoded, as the URL standard has it
// (https://url.spec.whatwg.org/#urlencoded-parsing), but that a percent sign without two hexadecimal digits is an error.
// Its error is [ErrTooLarge] or a [*SyntaxError]. The result shares no memory with body.
func URLEncoded(body []byte, f *form.Form) (raw map[string]any, steering map[string]string, err error) {
	if len(body) > MaxBody {
		return nil, nil, ErrTooLarge
	}
	s := newFields(f)
	rest := string(body) // one copy, which strings without an escape are cut from
	for at := 0; rest != ""; {
		pair, after, more := strings.Cut(rest, "&")
		if pair != "" {
			if err := s.pair(pair, at); err != nil {
				return nil, nil, err
			}
		}
		if at += len(pair); more {
			at++
		}
		rest = after
	}
	return s.raw, s.steering, nil
}

func (s *fields) pair(pair string, at int) error {
	if err := s.count(at); err != nil {
		return err
	}
	name, value, _ := strings.Cut(pair, "=")
	plainName, err := unescape(name, at)
	if err != nil {
		return err
	}
	plainValue, err := unescape(value, at+len(name)+1)
	if err != nil {
		return err
	}
	return s.add(plainName, plainValue, at)
}

// unescape decodes what stands at an offset of the body. [net/url.QueryUnescape] does the same, but its error repeats
// what was submitted and does not say where it stood.
func unescape(text string, at int) (string, error) {
	i := strings.IndexAny(text, "%+")
	if i < 0 {
		return text, nil
	}
	plain := append(make([]byte, 0, len(text)), text[:i]...)
	for ; i < len(text); i++ {
		switch text[i] {
		case '+':
			plain = append(plain, ' ')
		case '%':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return "", &SyntaxError{"a percent sign must be followed by two hexadecimal digits: write it as %25", at + i}
			}
			plain = append(plain, digit(text[i+1])<<4|digit(text[i+2]))
			i += 2
		default:
			plain = append(plain, text[i])
		}
	}
	return string(plain), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// digit returns the value of a hexadecimal digit.
func digit(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10 // the bit that small letters have more
}
