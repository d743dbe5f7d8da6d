package chassis

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// checkRange accepts what lies between least and most, both included.
func checkRange[T cmp.Ordered](key string, value, least, most T) error {
	if value >= least && value <= most {
		return nil
	}
	return Wrong(key, value, fmt.Sprintf("must be from %v to %v", least, most))
}

// checkURL accepts "" and an absolute http or https URL with nothing behind its
// path. A URL that carries a password is not repeated.
func checkURL(key, text string) error {
	if text == "" {
		return nil
	}
	if hidePassword(text) == nil {
		return Wrong(key, nil, "must not hold a user or a password")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return Wrong(key, text, "must be an http or https URL, such as http://127.0.0.1:3001")
	}
	return nil
}

// hidePassword returns nil for an address that may carry a password, and otherwise the address.
func hidePassword(address string) any {
	if strings.Contains(address, "@") {
		return nil
	}
	return address
}
