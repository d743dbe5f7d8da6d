package replay

import (
	"errors"
	"net/http"
	"strings"
)

// Header is the request header of draft-ietf-httpapi-idempotency-key-header.
const Header = "Idempotency-Key"

// MaxKeyLength bounds a key, in characters.
const MaxKeyLength = 255

// What is wrong with a key, and what would be right. None of them holds the key.
var (
	ErrKeyEmpty  = errors.New("the Idempotency-Key is empty: send a new random one, such as a UUID, with each submission, and the same one when you try again")
	ErrKeyLong   = errors.New("the Idempotency-Key has more than 255 characters: a UUID is enough")
	ErrKeyQuotes = errors.New(`the Idempotency-Key begins with a quote, but is not a string of RFC 8941: write "key", with \" for a quote and \\ for a backslash in it, and nothing behind it`)
	ErrKeyChar   = errors.New("the Idempotency-Key has a character that it may not have: without quotes use printable ASCII but blanks, quotes, commas, semicolons and backslashes; within quotes all of printable ASCII")
	ErrKeyMany   = errors.New("the request has more than one Idempotency-Key: send one")
)

// FromHeader returns the key of a request; "" when it has none.
func FromHeader(h http.Header) (string, error) {
	switch values := h[Header]; len(values) {
	case 0:
		return "", nil
	case 1:
		return Key(values[0])
	default:
		return "", ErrKeyMany
	}
}

// Key returns the key that a header's value, or a form's hidden field, holds: bare, or quoted as a string of RFC 8941,
// section 3.3.3. "abc" and abc are the same key. A key has 1 to [MaxKeyLength] characters of printable ASCII.
func Key(value string) (string, error) {
	value = strings.Trim(value, " \t")
	key := value
	if strings.HasPrefix(value, `"`) {
		var err error
		if key, err = unquote(value[1:]); err != nil {
			return "", err
		}
	} else if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",;\`, r) }) {
		return "", ErrKeyChar
	}
	switch {
	case key == "":
		return "", ErrKeyEmpty
	case len(key) > MaxKeyLength:
		return "", ErrKeyLong
	}
	return key, nil
}

// unquote reads what follows the opening quote, up to the closing one, which must be the end.
func unquote(text string) (string, error) {
	var key strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"' && i == len(text)-1:
			return key.String(), nil
		case c == '"':
			return "", ErrKeyQuotes
		case c == '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", ErrKeyQuotes
			}
			c = text[i]
		case c < ' ' || c > '~':
			return "", ErrKeyChar
		}
		key.WriteByte(c)
	}
	return "", ErrKeyQuotes // no closing quote
}
