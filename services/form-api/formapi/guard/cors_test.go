package guard

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCORS_onlyListedOriginsAreAnswered(t *testing.T) {
	const (
		none   = ""
		listed = "origins: [https://example.org, https://*.example.org, \"http://localhost:8080\", \"https://*.dev.test:8443\"]\n"
		anyone = "origins: [\"*\"]\n"
	)
	for _, row := range []struct {
		name, form, origin, want string
	}{
		{"listed", listed, "https://example.org", "https://example.org"},
		{"listed with a port", listed, "http://localhost:8080", "http://localhost:8080"},
		{"one label", listed, "https://www.example.org", "https://www.example.org"},
		{"one label and a port", listed, "https://a.dev.test:8443", "https://a.dev.test:8443"},
		{"two labels", listed, "https://a.b.example.org", ""},
		{"no label", listed, "https://.example.org", ""},
		{"another scheme", listed, "http://example.org", ""},
		{"another port", listed, "https://example.org:444", ""},
		{"a longer name", listed, "https://evilexample.org", ""},
		{"a name that goes on", listed, "https://example.org.evil.test", ""},
		{"another host before", listed, "https://evil.test/.example.org", ""},
		{"a user before", listed, "https://evil@.example.org", ""},
		{"nothing", listed, "null", ""},
		{"empty", listed, "", ""},
		{"the wildcard itself", listed, "https://*.example.org", ""},
		{"in capitals, as no browser sends it", listed, "https://EXAMPLE.org", ""},
		{"none listed", none, "https://example.org", ""},
		{"none listed, from our own page", none, "https://forms.example.org", ""},
		{"any", anyone, "https://example.org", "*"},
		{"any, from a sandbox", anyone, "null", "*"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, f := setup(t, nil), testForm(t, row.form)
			r := post(visitor)
			r.Header["Origin"] = []string{row.origin}
			w := httptest.NewRecorder()
			require.False(t, g.CORS(w, r, f), "a post goes on, listed or not")
			require.Equal(t, row.want, w.Header().Get("Access-Control-Allow-Origin"))
			require.Equal(t, "Origin", w.Header().Get("Vary"))
			require.NotContains(t, w.Header(), "Access-Control-Allow-Credentials")

			w = httptest.NewRecorder()
			r = preflight(row.origin, http.MethodPost, "content-type,idempotency-key")
			require.True(t, g.CORS(w, r, f), "a preflight is answered, listed or not")
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, row.want, w.Header().Get("Access-Control-Allow-Origin"))
			require.NotContains(t, w.Header(), "Access-Control-Allow-Credentials")
			require.Contains(t, w.Header().Values("Vary"), "Origin")
			if row.want == "" {
				require.NotContains(t, w.Header(), "Access-Control-Allow-Methods")
				require.NotContains(t, w.Header(), "Access-Control-Allow-Headers")
				return
			}
			require.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
			require.Equal(t, "Content-Type, Idempotency-Key", w.Header().Get("Access-Control-Allow-Headers"))
			require.Equal(t, "600", w.Header().Get("Access-Control-Max-Age"))
		})
	}
}

func preflight(origin, method, headers string) *http.Request {
	r := post(visitor)
	r.Method = http.MethodOptions
	r.Header["Origin"] = []string{origin}
	r.Header.Set("Access-Control-Request-Method", method)
	r.Header.Set("Access-Control-Request-Headers", headers)
	return r
}

func TestCORS_preflightForMoreThanIsOffered(t *testing.T) {
	g, f := setup(t, nil), testForm(t, "origins: [https://example.org]\n")
	for name, r := range map[string]*http.Request{
		"a method": preflight("https://example.org", http.MethodDelete, ""),
		"a key":    preflight("https://example.org", http.MethodPost, "x-api-key"), // keys are for servers
	} {
		w := httptest.NewRecorder()
		require.True(t, g.CORS(w, r, f), name)
		require.NotContains(t, w.Header(), "Access-Control-Allow-Origin", name)
	}
}

func TestCORS_withoutOrigin(t *testing.T) {
	g := setup(t, nil)
	w := httptest.NewRecorder()
	require.False(t, g.CORS(w, post(visitor), testForm(t, "origins: [https://example.org]\n")))
	require.Equal(t, http.Header{"Vary": {"Origin"}}, w.Header(), "a cache must not give the answer to a page of another site")
	w = httptest.NewRecorder()
	require.False(t, g.CORS(w, post(visitor), testForm(t, "")))
	require.Empty(t, w.Header())
}

func TestCORS_optionsThatIsNoPreflightGoesOn(t *testing.T) {
	g, r := setup(t, nil), post(visitor)
	r.Method = http.MethodOptions
	require.False(t, g.CORS(httptest.NewRecorder(), r, testForm(t, "")))
}

func TestCORS_pagesMayReadWhenToComeAgain(t *testing.T) {
	g, r, w := setup(t, nil), post(visitor), httptest.NewRecorder()
	r.Header.Set("Origin", "https://example.org")
	require.False(t, g.CORS(w, r, testForm(t, "origins: [https://example.org]\n")))
	require.Equal(t, "Location, Retry-After", w.Header().Get("Access-Control-Expose-Headers"))
}
