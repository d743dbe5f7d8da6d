package chassis

import (
	"fmt"
	"strings"
)

// maxShown bounds how much of a wrong value a message repeats, in bytes.
const maxShown = 120

// Problem is one wrong setting: what it is, and how to put it right.
type Problem struct {
	Key    string // the flag's name, without its dash
	Value  any    // what was given; nil if nothing was, or if it must not be shown
	Remedy string // the limit, and what to give instead
	Origin string // where the value came from, such as "environment FORMSTREAM_BROKERS"; "" if not known
}

// Wrong reports a setting whose value is out of its limits. The remedy says what
// is accepted. A Secret's value is not shown.
func Wrong(key string, value any, remedy string) error {
	return &Problem{Key: key, Value: value, Remedy: remedy}
}

// Missing reports a setting that the service cannot do without.
func Missing(key, remedy string) error {
	return &Problem{Key: key, Remedy: "is not set; " + remedy}
}

// Error tells the whole problem in one line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString("-" + p.Key)
	if text, ok := p.shown(); ok {
		fmt.Fprintf(&b, " %q", text)
	}
	if p.Origin != "" {
		b.WriteString(" (" + p.Origin + ")")
	}
	b.WriteString(": " + p.Remedy)
	return b.String()
}

func (p *Problem) shown() (string, bool) {
	switch v := p.Value.(type) {
	case nil, Secret:
		return "", false
	default:
		return shorten(fmt.Sprint(v)), true
	}
}

// shorten keeps a message readable whatever it repeats.
func shorten(text string) string {
	if len(text) > maxShown {
		return text[:maxShown] + "…"
	}
	return text
}

// problems flattens a tree of joined errors into its leaves.
func problems(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, problems(e)...)
	}
	return all
}
