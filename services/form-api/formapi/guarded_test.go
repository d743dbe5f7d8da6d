package formapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
)

// strict is a bundle with the limits of its forms, and one form of this definition.
func strict(t *testing.T, p producer, definition string) *testBundle {
	t.Helper()
	b := setup(t, p)
	f, err := form.Parse("test.yaml", []byte(definition), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	set, err := form.NewSet(f)
	require.NoError(t, err)
	b.intake.forms = func() *form.Set { return set }
	b.intake.guard, err = guard.New(guard.Options{Keys: [][]byte{[]byte(testKey)}, Log: discard(), Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	return b
}

const guardedForm = "id: demo\nfields:\n  - {name: name, type: text}\n"

func TestGuarded_honeypotFilled_isKeptAsideAndAnsweredLikeAnyOther(t *testing.T) {
	var topics []string
	var verdict string
	b := strict(t, &fakeProducer{func(_ context.Context, topic string, _ []byte, headers []submission.Header, _ []byte) (int32, int64, error) {
		topics = append(topics, topic)
		for _, h := range headers {
			if h.Key == "ce_verdict" {
				verdict = string(h.Value)
			}
		}
		return 0, 7, nil
	}}, guardedForm)
	person := b.request(http.MethodPost, "/forms/demo", mediaURLEncoded, "name=Ada&_website=")
	robot := b.request(http.MethodPost, "/forms/demo", mediaURLEncoded, "name=Bot&_website=http%3A%2F%2Fspam.example")
	require.Equal(t, []string{"forms.demo", "quarantine.demo"}, topics)
	require.Equal(t, guard.Honeypot, verdict)
	require.Equal(t, person.Code, robot.Code)
	require.Equal(t, person.Header(), robot.Header())
	members := func(w *httptest.ResponseRecorder) (names []string) {
		var answer map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		for name := range answer {
			names = append(names, name)
		}
		return names
	}
	require.ElementsMatch(t, members(person), members(robot))
}

func TestGuarded_overTheLimit_is429WithATime(t *testing.T) {
	b := strict(t, stored(), guardedForm+"limits: {client: 2/1m}\n")
	for range 2 {
		require.Equal(t, http.StatusAccepted, b.request(http.MethodPost, "/forms/demo", mediaJSON, `{"name":"Ada"}`).Code)
	}
	w := b.request(http.MethodPost, "/forms/demo", mediaJSON, `{"name":"Ada"}`)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	problemOf(t, CodeClientLimit, w.Header(), w.Body)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

func TestGuarded_apiKeys_areNeeded(t *testing.T) {
	b := strict(t, stored(), guardedForm+"api-keys: [sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b]\n") // of "secret"
	w := b.request(http.MethodPost, "/forms/demo", mediaJSON, `{"name":"Ada"}`)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
	problemOf(t, CodeNoAPIKey, w.Header(), w.Body)
	r := httptest.NewRequest(http.MethodPost, "/forms/demo", strings.NewReader(`{"name":"Ada"}`))
	r.Header.Set("Content-Type", mediaJSON)
	r.Header.Set("Authorization", "Bearer secret")
	answer := httptest.NewRecorder()
	b.handler.ServeHTTP(answer, r)
	require.Equal(t, http.StatusAccepted, answer.Code)
}

func TestGuarded_origins_mayReadTheAnswer(t *testing.T) {
	b := strict(t, stored(), guardedForm+"origins: [https://example.org]\n")
	ask := func(method, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/forms/demo", strings.NewReader(`{"name":"Ada"}`))
		r.Header.Set("Content-Type", mediaJSON)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			r.Header.Set("Access-Control-Request-Headers", "content-type,idempotency-key")
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	for _, method := range []string{http.MethodOptions, http.MethodPost} {
		require.Equal(t, "https://example.org", ask(method, "https://example.org").Header().Get("Access-Control-Allow-Origin"), method)
		require.Empty(t, ask(method, "https://evil.example").Header().Get("Access-Control-Allow-Origin"), method)
	}
	require.Less(t, ask(http.MethodOptions, "https://example.org").Code, 300, "the preflight is answered")
	require.Equal(t, http.StatusAccepted, ask(http.MethodPost, "https://example.org").Code)
}
