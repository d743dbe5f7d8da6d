package form

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/text/unicode/norm"
)

const (
	// stripPasses bounds how many layers of markup are peeled off: <<b>script> is <script> once <b> is gone. Real text
	// needs one pass, and an attack could make one of each letter; so what still holds markup after three loses its
	// angle brackets.
	stripPasses = 3

	// settlePasses bounds the whole; nothing that was ever tried needs more than two once the angle brackets are gone.
	settlePasses = stripPasses + 5

	// ampersand stands in for & while HTML is stripped, so that an entity written by a person stays what it was. Control
	// characters are gone by then, so it cannot be mistaken for one that was there.
	ampersand = "\x01"
)

// sanitizer is the pipeline that doc.go describes. It is safe for concurrent use.
type sanitizer struct{ policy *bluemonday.Policy }

func newSanitizer() *sanitizer { return &sanitizer{policy: bluemonday.StrictPolicy()} }

// text returns s as it is stored. What it returns, it returns unchanged: each step can make work for an earlier one
// (a tag removed brings a letter and its accent together), so the steps are repeated until nothing moves.
func (z *sanitizer) text(s string, multiline bool) string {
	if isPlain(s) {
		return s
	}
	for pass := range settlePasses {
		if pass == stripPasses {
			s = strings.ReplaceAll(s, "<", "")
		}
		next := z.pass(s, multiline)
		if next == s {
			break
		}
		s = next
	}
	return s
}

// isPlain recognises what most answers are, text that no step would change, at a tenth of the pipeline's cost.
func isPlain(s string) bool {
	visible := false
	last := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == '<' || c == ' ' && last == ' ' {
			return false
		}
		visible = visible || c != ' '
		last = c
	}
	return s == "" || visible && last != ' '
}

func (z *sanitizer) pass(s string, multiline bool) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if multiline {
		s = strings.Map(multilineRune, s)
	} else {
		s = strings.Map(lineRune, s)
	}
	if strings.Contains(s, "<") {
		s = z.stripHTML(s)
	}
	s = norm.NFC.String(s)
	return tidySpaces(s)
}

// stripHTML removes elements. What is left is text again, not HTML: AT&T and a < b stay as they are.
func (z *sanitizer) stripHTML(s string) string {
	s = strings.ReplaceAll(s, "&", ampersand)
	s = html.UnescapeString(z.policy.Sanitize(s)) // undoes what bluemonday escaped, and nothing else is escaped here
	return strings.ReplaceAll(s, ampersand, "&")
}

func multilineRune(r rune) rune {
	switch r {
	case '\n', '\t':
		return r
	case '\r', '\u0085', '\u2028', '\u2029':
		return '\n'
	}
	return lineRune(r)
}

// lineRune returns what r is stored as; a negative rune is left out.
func lineRune(r rune) rune {
	switch {
	case r >= ' ' && r <= '~':
		return r
	case unicode.IsSpace(r): // also tabs, line breaks and the no-break space
		return ' '
	case invisible(r):
		return -1
	}
	return r
}

// invisible reports whether r is a control, zero-width, bidi or other character that draws nothing. Some signs of Arabic
// and its neighbours are of the same category but visible; they stay. So does the grapheme joiner, which normalising
// puts into endless runs of accents.
func invisible(r rune) bool {
	const graphemeJoiner = '\u034f'
	switch {
	case r == graphemeJoiner:
		return false
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// tidySpaces makes one space of several, trims both ends, and makes text in which nothing is visible empty.
func tidySpaces(s string) string {
	s = strings.TrimSpace(s)
	if !strings.ContainsFunc(s, visible) {
		return ""
	}
	if !strings.Contains(s, "  ") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] == ' ' && b[len(b)-1] == ' ' { // the first byte is no space: it was trimmed
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func visible(r rune) bool { return r != ' ' && r != '\n' && r != '\t' && !unicode.Is(unicode.M, r) }

// utf16Length counts what Google Sheets counts.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16Units(r)
	}
	return n
}

func utf16Units(r rune) int {
	const lastOfOne = 0xffff
	if r > lastOfOne {
		return 2
	}
	return 1
}
