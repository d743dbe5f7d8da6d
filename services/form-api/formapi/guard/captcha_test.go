package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/redistest"
)

// fakeProvider is siteverify of a provider, and what it was asked.
type fakeProvider struct {
	answer http.HandlerFunc

	mu    sync.Mutex
	asked []url.Values
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err == nil && r.Method == http.MethodPost {
		p.mu.Lock()
		p.asked = append(p.asked, r.PostForm)
		p.mu.Unlock()
	}
	p.answer(w, r)
}

func (p *fakeProvider) calls() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

// once confirms each token once, as providers do. A token under one idempotency_key is confirmed again.
func once() http.HandlerFunc {
	var mu sync.Mutex
	spent := map[string]string{}
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		token, repeat := r.PostForm.Get("response"), r.PostForm.Get("idempotency_key")
		if by, known := spent[token]; known && (repeat == "" || by != repeat) {
			_, _ = fmt.Fprint(w, `{"success": false, "error-codes": ["timeout-or-duplicate", "already-seen-response"]}`)
			return
		}
		spent[token] = repeat
		_, _ = fmt.Fprint(w, `{"success": true}`)
	}
}

// withCaptcha is a Guard whose providers all are this one.
func withCaptcha(t testing.TB, answer http.HandlerFunc, change func(*Options)) (*testBundle, *fakeProvider) {
	t.Helper()
	p := &fakeProvider{answer: answer}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	g := setup(t, func(o *Options) {
		o.Endpoints = map[string]string{form.Turnstile: server.URL, form.HCaptcha: server.URL, form.ReCaptcha: server.URL}
		if change != nil {
			change(o)
		}
	})
	g.captcha.http.Transport = transport
	g.captcha.timeout = time.Minute // a busy machine is no failure
	return g, p
}

func widgetField(provider string) string { return providers()[provider].field }

func allProviders() []string { return []string{form.Turnstile, form.HCaptcha, form.ReCaptcha} }

func TestCaptcha_whatTheProviderIsAsked(t *testing.T) {
	for _, provider := range allProviders() {
		for _, field := range []string{widgetField(provider), "_captcha"} {
			t.Run(provider+" in "+field, func(t *testing.T) {
				g, p := withCaptcha(t, says(`{"success": true}`), nil)
				require.Equal(t, Verdict{}, g.judge(testForm(t, captchaYAML(provider, "")), field, "a token"))
				want := url.Values{"secret": {"secret-4711"}, "response": {"a token"}}
				if provider == form.HCaptcha {
					want.Set("sitekey", "site-4711")
				}
				require.Equal(t, []url.Values{want}, p.calls(), "and nothing about the visitor")
				require.Equal(t, 1, g.outcomes(outcomePassed))
			})
		}
	}
}

func TestCaptcha_missingToken_isRefusedSoThatAPersonCanRetry(t *testing.T) {
	for _, provider := range allProviders() {
		g, p := withCaptcha(t, says(`{"success": true}`), nil)
		other := widgetField(form.Turnstile)
		if provider == form.Turnstile {
			other = widgetField(form.HCaptcha)
		}
		verdict := g.judge(testForm(t, captchaYAML(provider, "")), other, "the token of another provider's widget")
		require.Empty(t, verdict.Quarantine)
		require.Equal(t, http.StatusUnprocessableEntity, verdict.Refuse.Status)
		require.Equal(t, CodeCaptchaRequired, verdict.Refuse.Code)
		require.Equal(t, "_captcha", verdict.Refuse.Field)
		require.Empty(t, p.calls())
		require.Equal(t, 1, g.outcomes(CodeCaptchaRequired))
	}
}

func TestCaptcha_verdicts(t *testing.T) {
	const listed = "origins: [https://example.org, https://*.example.org, \"https://dev.test:8443\"]\n"
	anyProvider := allProviders()
	for _, row := range []struct {
		name      string
		providers []string
		more      string // of the captcha
		form      string
		answer    string
		want      string
	}{
		{name: "confirmed", providers: anyProvider, answer: `{"success": true}`},
		{name: "confirmed, all members", providers: []string{form.Turnstile}, answer: `{"success":true,"challenge_ts":"2026-11-21T18:00:00Z","hostname":"example.org","error-codes":[],"action":"signup","cdata":"","metadata":{"interactive":false}}`},
		{name: "not confirmed", providers: anyProvider, answer: `{"success": false}`, want: CaptchaFailed},
		{name: "wrong token", providers: anyProvider, answer: `{"success": false, "error-codes": ["invalid-input-response"]}`, want: CaptchaFailed},
		{name: "spent token", providers: anyProvider, answer: `{"success": false, "error-codes": ["timeout-or-duplicate"]}`, want: CaptchaFailed},
		{name: "spent token of hCaptcha", providers: []string{form.HCaptcha}, answer: `{"success": false, "error-codes": ["invalid-or-already-seen-response"]}`, want: CaptchaFailed},
		{name: "another site key's token", providers: []string{form.HCaptcha}, answer: `{"success": false, "error-codes": ["sitekey-secret-mismatch"]}`, want: CaptchaFailed},
		{name: "what a visitor sent broke it", providers: anyProvider, answer: `{"success": false, "error-codes": ["bad-request"]}`, want: CaptchaFailed},
		{name: "empty answer", providers: anyProvider, answer: `{}`, want: CaptchaFailed},

		{name: "reCAPTCHA's score high enough", providers: []string{form.ReCaptcha}, more: ", min-score: 0.5", answer: `{"success": true, "score": 0.5}`},
		{name: "reCAPTCHA's score too low", providers: []string{form.ReCaptcha}, more: ", min-score: 0.5", answer: `{"success": true, "score": 0.49}`, want: CaptchaScore},
		{name: "hCaptcha's risk low enough", providers: []string{form.HCaptcha}, more: ", min-score: 0.75", answer: `{"success": true, "score": 0.25}`},
		{name: "hCaptcha's risk too high", providers: []string{form.HCaptcha}, more: ", min-score: 0.75", answer: `{"success": true, "score": 0.3}`, want: CaptchaScore},
		{name: "no score, where one is wanted", providers: anyProvider, more: ", min-score: 0.9", answer: `{"success": true}`},
		{name: "any score will do", providers: anyProvider, answer: `{"success": true, "score": 0.0}`},

		{name: "solved on a listed site", providers: anyProvider, form: listed, answer: `{"success": true, "hostname": "example.org"}`},
		{name: "solved on a listed site below", providers: anyProvider, form: listed, answer: `{"success": true, "hostname": "www.example.org"}`},
		{name: "solved on a listed site with a port", providers: anyProvider, form: listed, answer: `{"success": true, "hostname": "dev.test"}`},
		{name: "solved on our own page", providers: anyProvider, form: listed, answer: `{"success": true, "hostname": "forms.example.org"}`},
		{name: "solved elsewhere", providers: anyProvider, form: listed, answer: `{"success": true, "hostname": "evil.test"}`, want: CaptchaHostname},
		{name: "solved elsewhere, no sites listed", providers: anyProvider, answer: `{"success": true, "hostname": "evil.test"}`},
		{name: "solved elsewhere, any site listed", providers: anyProvider, form: "origins: [\"*\"]\n", answer: `{"success": true, "hostname": "evil.test"}`},
		{name: "hCaptcha keeps the site to itself", providers: []string{form.HCaptcha}, form: listed, answer: `{"success": true, "hostname": "not-provided"}`},
	} {
		for _, provider := range row.providers {
			t.Run(row.name+", "+provider, func(t *testing.T) {
				g, _ := withCaptcha(t, says(row.answer), nil)
				f := testForm(t, captchaYAML(provider, row.more)+row.form)
				require.Equal(t, Verdict{Quarantine: row.want}, g.judge(f, "_captcha", "a token"))
			})
		}
	}
}

func TestCaptcha_noVerdict_isAsTheFormSays(t *testing.T) {
	redirected := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		redirected = true
		_, _ = fmt.Fprint(w, `{"success": true}`)
	}))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = fmt.Fprint(w, `{"success": true}`)
		},
		"status 429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"no JSON":    says("<html>"),
		"nothing":    says(""),
		"too long":   says(`{"a":"` + strings.Repeat("x", maxCaptchaAnswer) + `","success":true}`),
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = fmt.Fprint(w, `{"succ`)
		},
		"wrong secret":  says(`{"success": false, "error-codes": ["invalid-input-secret"]}`),
		"no secret":     says(`{"success": false, "error-codes": ["missing-input-secret"]}`),
		"its own fault": says(`{"success": false, "error-codes": ["internal-error"]}`),
		"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"hangs":        nil,
		"is not there": nil,
	} {
		for _, onError := range []form.OnError{form.Accept, form.Refuse} {
			t.Run(name+", "+string(onError), func(t *testing.T) {
				if name == "hangs" {
					answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
				}
				g, _ := withCaptcha(t, answer, nil)
				if name == "hangs" {
					g.captcha.timeout = 20 * time.Millisecond
				}
				if name == "is not there" {
					g.captcha.providers[form.Turnstile] = provider{endpoint: "http://127.0.0.1:1", field: "x"}
				}
				f := testForm(t, captchaYAML(form.Turnstile, ", on-error: "+string(onError)))
				verdict := g.judge(f, "_captcha", "token-4711")
				require.Empty(t, verdict.Quarantine)
				if onError == form.Accept {
					require.Nil(t, verdict.Refuse)
					require.Equal(t, 1, g.outcomes(outcomeCaptchaSkipped))
				} else {
					require.Equal(t, http.StatusServiceUnavailable, verdict.Refuse.Status)
					require.Equal(t, CodeCaptchaUnavailable, verdict.Refuse.Code)
					require.Equal(t, 5*time.Second, verdict.Refuse.RetryAfter)
					require.Equal(t, 1, g.outcomes(CodeCaptchaUnavailable))
				}
				require.Equal(t, 1, strings.Count(g.log.String(), "captcha cannot be verified"))
				g.judge(f, "_captcha", "token-4712")
				require.Equal(t, 1, strings.Count(g.log.String(), "captcha cannot be verified"), "not once for each post")
				require.NotContains(t, g.log.String(), "4711", "neither token nor secret")
			})
		}
	}
	require.False(t, redirected, "the secret goes to the provider alone")
}

func TestCaptcha_providerHangs_timesOutInThreeSeconds(t *testing.T) {
	require.Equal(t, 3*time.Second, setup(t, nil).captcha.timeout)
}

func TestCaptcha_submitterHangsUp_isNotStoredAndNotLogged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, _ := withCaptcha(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}, nil)
	f := testForm(t, captchaYAML(form.ReCaptcha, ", on-error: accept"))
	verdict := g.Judge(ctx, post(visitor), Post{Form: f, Steering: map[string]string{"_captcha": "a token"}})
	require.Equal(t, CodeCaptchaUnavailable, verdict.Refuse.Code)
	require.Empty(t, g.log.String())
}

func TestCaptcha_tooManyUnderWay_waitNoLongerThanOne(t *testing.T) {
	g, p := withCaptcha(t, says(`{"success": true}`), nil)
	for range maxCaptchaUnderWay {
		g.captcha.underWay <- struct{}{}
	}
	g.captcha.timeout = 20 * time.Millisecond
	f := testForm(t, captchaYAML(form.Turnstile, ", on-error: refuse"))
	require.Equal(t, CodeCaptchaUnavailable, g.judge(f, "_captcha", "a token").Refuse.Code)
	require.Empty(t, p.calls())
	require.Contains(t, g.log.String(), "too many verifications are under way")

	g.captcha.timeout = time.Minute
	<-g.captcha.underWay
	require.Equal(t, Verdict{}, g.judge(f, "_captcha", "a token"))
	require.Equal(t, Verdict{}, g.judge(f, "_captcha", "a token"), "its place is free again")
}

func TestCaptcha_longToken_isNotSent(t *testing.T) {
	g, p := withCaptcha(t, says(`{"success": true}`), nil)
	f := testForm(t, captchaYAML(form.Turnstile, ""))
	require.Equal(t, Verdict{Quarantine: CaptchaFailed}, g.judge(f, "_captcha", strings.Repeat("x", maxCaptchaToken+1)))
	require.Empty(t, p.calls())
	require.Equal(t, Verdict{}, g.judge(f, "_captcha", strings.Repeat("x", maxCaptchaToken)))
}

func TestCaptcha_repeats(t *testing.T) {
	id := submission.KeyedID("demo", "a-key", []byte(`{"text":"x"}`))
	again := func(g *testBundle, f *form.Form, id string) string {
		return g.Judge(t.Context(), post(visitor), Post{Form: f, ID: id, Steering: map[string]string{"_captcha": "a token"}}).Quarantine
	}
	for _, provider := range allProviders() {
		t.Run(provider, func(t *testing.T) {
			g, p := withCaptcha(t, once(), nil)
			f := testForm(t, captchaYAML(provider, ""))
			require.Empty(t, again(g, f, id))
			require.Empty(t, again(g, f, id), "the same submission again")
			require.Len(t, p.calls(), 1)
			other := submission.KeyedID("demo", "a-key", []byte(`{"text":"y"}`))
			require.Equal(t, CaptchaFailed, again(g, f, other), "another one needs a token of its own")
			require.Equal(t, CaptchaFailed, again(g, f, ""), "and so does one without a key")
		})
	}
	t.Run("at another replica, with Redis", func(t *testing.T) {
		_, rdb := redistest.Mini(t)
		answer := once()
		a, _ := withCaptcha(t, answer, func(o *Options) { o.Redis = rdb })
		b, p := withCaptcha(t, answer, func(o *Options) { o.Redis = rdb })
		patient(a, b)
		f := testForm(t, captchaYAML(form.ReCaptcha, ""))
		require.Empty(t, again(a, f, id))
		require.Empty(t, again(b, f, id))
		require.Empty(t, p.calls())
		keys, err := rdb.Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		require.Len(t, keys, 1)
		require.Regexp(t, `^test:\{demo\}:captcha:[A-Za-z0-9_-]{22}$`, keys[0])
		require.Equal(t, passAge, rdb.PTTL(t.Context(), keys[0]).Val())
	})
	t.Run("at another replica, without Redis, Turnstile", func(t *testing.T) {
		answer := once()
		a, p := withCaptcha(t, answer, nil)
		b, _ := withCaptcha(t, answer, nil)
		f := testForm(t, captchaYAML(form.Turnstile, ""))
		require.Empty(t, again(a, f, id))
		require.Empty(t, again(b, f, id), "asked under the same idempotency_key")
		repeat, err := uuid.Parse(p.calls()[0].Get("idempotency_key"))
		require.NoError(t, err)
		require.Equal(t, uuid.Version(8), repeat.Version())
	})
	t.Run("with Redis away", func(t *testing.T) {
		server, rdb := redistest.Mini(t)
		g, p := withCaptcha(t, once(), func(o *Options) { o.Redis = rdb })
		server.Close()
		f := testForm(t, captchaYAML(form.ReCaptcha, ""))
		require.Empty(t, again(g, f, id))
		require.Empty(t, again(g, f, id))
		require.Len(t, p.calls(), 1)
	})
}

func TestPasses_boundedTheOldestIsForgotten(t *testing.T) {
	p := newPasses(nil, []byte(testKey))
	for i := range maxPasses + 1 {
		p.add(t.Context(), "demo", "token", fmt.Sprint("id-", i))
	}
	require.Len(t, p.until, maxPasses)
	require.False(t, p.has(t.Context(), "demo", "token", "id-0"))
	require.True(t, p.has(t.Context(), "demo", "token", "id-1"))
	require.True(t, p.has(t.Context(), "demo", "token", fmt.Sprint("id-", maxPasses)))
}

func TestGuard_neverTellsWhatWasSent(t *testing.T) {
	g, _ := withCaptcha(t, says("<html>"), nil)
	f := testForm(t, captchaYAML(form.Turnstile, ", on-error: refuse")+"limits: {client: 1/1m}\n")
	verdict := g.judge(f, "_captcha", "token-4711")
	require.NotNil(t, verdict.Refuse)
	g.judge(f, "_website", "value-4711")
	g.admit(f, visitor)
	refusal := g.Admit(post(visitor), f)
	for _, text := range []string{g.log.String(), fmt.Sprint(*refusal), fmt.Sprint(*verdict.Refuse)} {
		require.NotContains(t, text, "4711")
		require.NotContains(t, text, visitor)
	}
}
