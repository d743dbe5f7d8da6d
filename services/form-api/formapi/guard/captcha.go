package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/formstream/formstream/pkg/form"
)

const (
	captchaTimeout     = 3 * time.Second
	maxCaptchaToken    = 8 << 10  // bytes; Turnstile's have at most 2,048, and no provider's are known to come near
	maxCaptchaAnswer   = 64 << 10 // bytes
	maxCaptchaUnderWay = 256
)

// provider is where one provider verifies tokens, and how its widget names their field.
type provider struct{ endpoint, field string }

// providers returns the endpoints and fields as the providers document them:
//
//	https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
//	https://docs.hcaptcha.com/#verify-the-user-response-server-side
//	https://developers.google.com/recaptcha/docs/verify
func providers() map[string]provider {
	return map[string]provider{
		form.Turnstile: {"https://challenges.cloudflare.com/turnstile/v0/siteverify", "cf-turnstile-response"},
		form.HCaptcha:  {"https://api.hcaptcha.com/siteverify", "h-captcha-response"},
		form.ReCaptcha: {"https://www.google.com/recaptcha/api/siteverify", "g-recaptcha-response"},
	}
}

// siteverify is what a provider answers. The members mean the same with all three, but for the score.
type siteverify struct {
	Success    bool     `json:"success"`
	Score      *float64 `json:"score"`
	Hostname   string   `json:"hostname"`
	ErrorCodes []string `json:"error-codes"`
}

// captcha asks providers about tokens.
type captcha struct {
	http      *http.Client
	providers map[string]provider
	timeout   time.Duration
	underWay  chan struct{}
	passed    *passes
}

// errTrouble is a verification that says nothing about the submitter.
var errTrouble = errors.New("the captcha's provider gave no verdict")

// token returns the captcha's token among the fields that steer a post: our own name for it, or the widget's.
func (c *captcha) token(f *form.Form, steering map[string]string) string {
	if token := steering["_captcha"]; token != "" {
		return token
	}
	return steering[c.providers[f.Spam.Captcha.Provider].field]
}

// judge returns why the token is suspect, or "". Its error means that there is no verdict, and holds nothing secret.
func (c *captcha) judge(ctx context.Context, r *http.Request, f *form.Form, token, id string) (string, error) {
	if len(token) > maxCaptchaToken {
		return CaptchaFailed, nil
	}
	if c.passed.has(ctx, f.ID, token, id) {
		return "", nil
	}
	v, err := c.verify(ctx, f.Spam.Captcha, token, c.passed.uuid(f.ID, token, id))
	if err != nil {
		return "", err
	}
	reason := v.reason(f, r.Host)
	if reason == "" {
		c.passed.add(ctx, f.ID, token, id)
	}
	return reason, nil
}

// verify asks the provider. The visitor's address is optional with all three, and stays here.
func (c *captcha) verify(ctx context.Context, k *form.Captcha, token, repeat string) (siteverify, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.underWay <- struct{}{}:
		defer func() { <-c.underWay }()
	case <-ctx.Done():
		return siteverify{}, fmt.Errorf("%w: too many verifications are under way", errTrouble)
	}
	ask := url.Values{"secret": {k.Secret}, "response": {token}}
	switch k.Provider {
	case form.HCaptcha:
		ask.Set("sitekey", k.SiteKey) // a token of another site key is refused
	case form.Turnstile:
		if repeat != "" {
			ask.Set("idempotency_key", repeat) // the same verdict when it is asked again
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.providers[k.Provider].endpoint, strings.NewReader(ask.Encode()))
	if err != nil {
		return siteverify{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return siteverify{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readVerdict(resp)
}

func readVerdict(resp *http.Response) (siteverify, error) {
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
		return siteverify{}, fmt.Errorf("%w: status %d", errTrouble, resp.StatusCode)
	}
	var v siteverify
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxCaptchaAnswer)).Decode(&v); err != nil {
		return siteverify{}, fmt.Errorf("%w: status %d and no readable answer", errTrouble, resp.StatusCode)
	}
	// These are no visitor's doing. Every other code can be brought about by what a visitor sends, bad-request and
	// sitekey-secret-mismatch included, and must not open a form that accepts when in doubt.
	for _, code := range []string{"missing-input-secret", "invalid-input-secret", "internal-error"} {
		if !v.Success && slices.Contains(v.ErrorCodes, code) {
			return siteverify{}, fmt.Errorf("%w: %s", errTrouble, code)
		}
	}
	return v, nil
}

// reason returns why a visitor with this verdict is suspect, or "".
//
// The action of Turnstile and reCAPTCHA v3 is not looked at: a page chooses it freely, and a definition names none.
func (v siteverify) reason(f *form.Form, host string) string {
	switch {
	case !v.Success:
		return CaptchaFailed
	case !solvedOnSite(f, v.Hostname, host):
		return CaptchaHostname
	case v.Score != nil && trust(f.Spam.Captcha.Provider, *v.Score) < f.Spam.Captcha.MinScore:
		return CaptchaScore
	}
	return ""
}

// trust turns a score into one where 1 is a person: hCaptcha's tells the risk, reCAPTCHA's
// (https://developers.google.com/recaptcha/docs/v3#interpreting_the_score) the opposite.
func trust(provider string, score float64) float64 {
	if provider == form.HCaptcha {
		return 1 - score
	}
	return score
}

// solvedOnSite reports whether the puzzle was solved on our own page or on one of the form's origins. Where the form
// lists none, its pages may be anywhere; then it is for the provider to bind the site key to domains, as all do by default.
func solvedOnSite(f *form.Form, hostname, host string) bool {
	if len(f.Origins) == 0 || slices.Contains(f.Origins, "*") || hostname == "" || hostname == "not-provided" {
		return true // hCaptcha may leave the name out: https://docs.hcaptcha.com/#siteverify
	}
	if own := (&url.URL{Host: host}).Hostname(); strings.EqualFold(own, hostname) {
		return true
	}
	for _, origin := range f.Origins {
		scheme, rest, _ := strings.Cut(origin, "://")
		listed := (&url.URL{Host: rest}).Hostname()
		if allows([]string{scheme + "://" + listed}, scheme+"://"+strings.ToLower(hostname)) {
			return true
		}
	}
	return false
}

// uuidOf makes 16 bytes the UUIDv8 that they are nearly.
func uuidOf(key counterKey) string {
	id := uuid.UUID(key)
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
