package guard

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/cors"

	"github.com/formstream/formstream/pkg/form"
)

// preflightAge is how long a browser may keep a preflight's answer, in seconds; Chromium keeps none for over two hours.
const preflightAge = 600

// CORS adds to the answer what f's origins ask for, and says whether r was a preflight, which it has then answered.
// Call it before anything else is written, also for a GET.
//
// The handler is made for each request that has an Origin: it costs little, and definitions come and go.
func (g *Guard) CORS(w http.ResponseWriter, r *http.Request, f *form.Form) (answered bool) {
	if r.Header["Origin"] == nil {
		if len(f.Origins) > 0 {
			w.Header().Add("Vary", "Origin") // a cache must not give this answer to a page that has one
		}
		return false
	}
	options := cors.Options{
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders: []string{"Accept", "Content-Type", "Idempotency-Key", "Traceparent", "Tracestate"},
		ExposedHeaders: []string{"Location", "Retry-After"},
		MaxAge:         preflightAge,
	}
	if slices.Contains(f.Origins, "*") {
		options.AllowedOrigins = []string{"*"}
	} else {
		options.AllowOriginFunc = func(_ *http.Request, origin string) bool { return allows(f.Origins, origin) }
	}
	answered = true
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered = false })
	cors.New(options).Handler(next).ServeHTTP(w, r)
	return answered
}

// allows reports whether a listed origin is this one, or matches it with *. for exactly one label. The library's own *
// stands for any text, a second host name included.
func allows(listed []string, origin string) bool {
	for _, l := range listed {
		before, after, wild := strings.Cut(l, "*")
		if !wild && l == origin {
			return true
		}
		rest, begins := strings.CutPrefix(origin, before)
		label, ends := strings.CutSuffix(rest, after)
		if wild && begins && ends && isLabel(label) {
			return true
		}
	}
	return false
}

func isLabel(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return text != ""
}
