package form

import (
	"regexp"
	"strings"
)

// patternURL is how a web address is stored: http or https, a host without a user before it, a port, and anything that
// is no space. It is the reader's and the schema's, so that the two cannot differ.
const patternURL = `^https?://(?:\[[0-9a-f:.]+\]|[^ /?#@:\\\[\]"<>^{|}%\x60]+)(?::[0-9]{1,5})?(?:[/?#][^ ]*)?$`

const maxURL = 2_048 // UTF-16 units or fewer; what all browsers and servers take

type urls struct{ pattern *regexp.Regexp }

func newURLs() urls { return urls{regexp.MustCompile(patternURL)} }

// read makes scheme and host lower case: they are the same in either. The rest belongs to the server.
func (u urls) read(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		s = a.clean.text(strings.ToLower(scheme+"://"+rest[:end])+rest[end:], false)
	}
	if !u.pattern.MatchString(s) || len([]rune(s)) > maxURL {
		return nil, &fault{rule: RuleURL}
	}
	return s, nil
}
