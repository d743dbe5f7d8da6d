package form

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// maxNumberLength bounds the text of a number, in bytes: no number that float64 or int64 keeps needs more.
const maxNumberLength = 400

// decimal is a number as it was written: 0.001200 and 12e-4 are the same one.
type decimal struct {
	negative bool
	digits   string // no zeros at either end; "" is zero
	exponent int    // of ten, times digits as a whole number
}

// parseDecimal reads a JSON number, and what people write besides: +5, 007, .5 and 5. too.
func parseDecimal(s string) (decimal, bool) {
	if len(s) > maxNumberLength {
		return decimal{}, false
	}
	var d decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, err := strconv.ParseInt(s[i+1:], 10, 16) // beyond 16 bits it is out of every range anyway
		if err != nil {
			return decimal{}, false
		}
		mantissa, d.exponent = s[:i], int(exponent)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return decimal{}, false
	}
	d.exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	d.exponent += len(digits) - len(trimmed)
	if d.digits = strings.TrimLeft(trimmed, "0"); d.digits == "" {
		return decimal{}, true // zero has no sign and no exponent
	}
	return d, true
}

// int64 returns d's value; whole tells whether it has no fraction, fits whether an int64 holds it.
func (d decimal) int64() (value int64, whole, fits bool) {
	const mostDigits = 19 // of math.MaxInt64
	if d.exponent < 0 {
		return 0, false, false
	}
	if len(d.digits)+d.exponent > mostDigits {
		return 0, true, false
	}
	text := d.digits + strings.Repeat("0", d.exponent)
	if d.negative {
		text = "-" + text
	}
	if d.digits == "" {
		return 0, true, true
	}
	value, err := strconv.ParseInt(text, 10, 64)
	return value, true, err == nil
}

// float64 returns d's value; exact tells whether printing it gives d's digits back.
func (d decimal) float64() (value float64, exact bool) {
	if d.digits == "" {
		return 0, true
	}
	text := d.digits + "e" + strconv.Itoa(d.exponent)
	if d.negative {
		text = "-" + text
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	again, ok := parseDecimal(strconv.FormatFloat(value, 'e', -1, 64))
	return value, ok && again == d
}

// numberText returns the text of a JSON number, however the decoder left it; ok is false for what is no number.
func numberText(raw any) (text string, ok bool) {
	switch n := raw.(type) {
	case json.Number:
		return n.String(), true
	case float64:
		return strconv.FormatFloat(n, 'g', -1, 64), !math.IsNaN(n) && !math.IsInf(n, 0)
	case int64:
		return strconv.FormatInt(n, 10), true
	case int:
		return strconv.Itoa(n), true
	}
	return "", false
}
