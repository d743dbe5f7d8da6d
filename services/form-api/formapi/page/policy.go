package page

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// policy makes the Content-Security-Policy of each page. Nothing is allowed that the page does not need.
type policy struct{ style, script string }

func newPolicy(style, script string) policy { return policy{hash(style), hash(script)} }

func hash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// plain is for pages without a form or a script.
func (p policy) plain() string {
	return join(map[string]string{"style-src": p.style, "form-action": "'none'"})
}

// form lets the form post, be redirected to where it says, and load its captcha.
func (p policy) form(f *form.Form) string {
	sources := map[string]string{
		"style-src": p.style, "script-src": p.script, "connect-src": "'self'", "form-action": "'self'",
	}
	if target, err := url.Parse(f.Redirect); err == nil && target.Host != "" { // browsers hold redirects against form-action
		sources["form-action"] += " " + target.Scheme + "://" + target.Host
	}
	if w := captchaWidget(f); w != nil {
		for directive, hosts := range w.hosts {
			sources[directive] = strings.TrimSpace(sources[directive] + " " + hosts)
		}
	}
	return join(sources)
}

func join(sources map[string]string) string {
	parts := []string{"default-src 'none'"}
	for _, directive := range []string{"style-src", "script-src", "connect-src", "frame-src", "form-action"} {
		if source := sources[directive]; source != "" {
			parts = append(parts, directive+" "+source)
		}
	}
	return strings.Join(append(parts, "base-uri 'none'", "frame-ancestors 'none'"), "; ")
}

// widget is how a captcha gets into the page.
type widget struct {
	Class    string // of the element that the provider's script fills; "": it shows none
	SiteKey  string
	source   string            // of the script
	language string            // the script's parameter for it; "": it sees the document's
	hosts    map[string]string // by CSP directive, as the provider's documentation has them
}

// captchaWidget returns nil for a form without a captcha.
func captchaWidget(f *form.Form) *widget {
	c := f.Spam.Captcha
	if c == nil {
		return nil
	}
	w := &widget{SiteKey: c.SiteKey}
	switch c.Provider {
	case form.Turnstile: // https://developers.cloudflare.com/turnstile/reference/content-security-policy/
		const host = "https://challenges.cloudflare.com"
		w.Class, w.source = "cf-turnstile", host+"/turnstile/v0/api.js"
		w.hosts = map[string]string{"script-src": host, "frame-src": host}
	case form.HCaptcha: // https://docs.hcaptcha.com/#content-security-policy-settings
		const hosts = "https://hcaptcha.com https://*.hcaptcha.com"
		w.Class, w.source, w.language = "h-captcha", "https://js.hcaptcha.com/1/api.js", "hl"
		w.hosts = map[string]string{"script-src": hosts, "frame-src": hosts, "style-src": hosts, "connect-src": hosts}
	case form.ReCaptcha: // https://developers.google.com/recaptcha/docs/faq
		w.Class, w.source, w.language = "g-recaptcha", "https://www.google.com/recaptcha/api.js", "hl"
		w.hosts = map[string]string{
			"script-src": "https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
			"frame-src":  "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
		}
		if c.MinScore > 0 { // version 3, which shows nothing
			w.Class = ""
		}
	}
	return w
}

// scriptURL is where the provider's script is loaded from.
func (w *widget) scriptURL(lang string) string {
	query := url.Values{}
	if w.language != "" {
		query.Set(w.language, lang)
	}
	if w.Class == "" {
		query.Set("render", w.SiteKey)
	}
	if len(query) == 0 {
		return w.source
	}
	return w.source + "?" + query.Encode()
}
