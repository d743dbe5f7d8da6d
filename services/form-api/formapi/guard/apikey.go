package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// ServersOnly reports whether f takes posts with an API key alone: then it has no use for a hosted page.
func ServersOnly(f *form.Form) bool { return len(f.APIKeys) > 0 }

// authorized reports whether r carries one of f's keys.
func authorized(r *http.Request, f *form.Form) bool {
	key := apiKey(r.Header)
	if key == "" {
		return false // also where somebody listed the hash of nothing
	}
	sum := sha256.Sum256([]byte(key))
	found := 0
	for i := range f.APIKeys { // all of them, whichever fits: the time taken tells nothing
		found |= subtle.ConstantTimeCompare(sum[:], f.APIKeys[i][:])
	}
	return found == 1
}

// apiKey returns what the client sent as its key, "" for none.
func apiKey(h http.Header) string {
	if key := h.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return ""
}
