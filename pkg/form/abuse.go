package form

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Bounds of what keeps spam and floods out.
const (
	maxOrigins = 100
	maxAPIKeys = 100
	maxSecret  = 1_000 // characters; the providers' have about 40
	maxMinFill = time.Hour
	maxRate    = 1_000_000 // submissions in the time of a rate
	maxRatePer = 24 * time.Hour
)

// What a form has that says nothing else.
const (
	defaultHoneypot = "_website"
	defaultMinFill  = 2 * time.Second
	defaultClient   = 60 // submissions of one client in a minute
)

// Spam says how a form tells people from programs.
type Spam struct {
	Honeypot string        // the field that people do not see and so leave empty: "_website" unless the file names one; "": none
	MinFill  time.Duration // on the hosted page, what is filled in faster is suspect; 0: any time will do
	Captcha  *Captcha      // nil: none
}

// The providers of a [Captcha].
const (
	Turnstile = "turnstile"
	HCaptcha  = "hcaptcha"
	ReCaptcha = "recaptcha"
)

// Captcha is the puzzle of one provider, and its keys. It prints without its secret.
type Captcha struct {
	Provider string // [Turnstile], [HCaptcha] or [ReCaptcha]
	SiteKey  string // public: the page shows it
	Secret   string `json:"-"`
	OnError  OnError
	MinScore float64 // from 0 to 1: less is spam, where the provider gives a score; 0: any score will do
}

// Format prints c without its secret, whatever the verb.
func (c Captcha) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{%s %s [REDACTED] %s %v}", c.Provider, c.SiteKey, c.OnError, c.MinScore)
}

// OnError says what becomes of a submission while the captcha's provider does not answer.
type OnError string

// Accept takes it as if there were no captcha; Refuse answers 503, to be tried again.
const (
	Accept OnError = "accept"
	Refuse OnError = "refuse"
)

// Limits bound how often a form is submitted; what is beyond is to be tried again later.
type Limits struct {
	Client Rate // of one client: 60 in a minute unless the file says otherwise
	Form   Rate // of all clients together
}

// Rate is a count in a time. The zero rate is no bound.
type Rate struct {
	Count int
	Per   time.Duration
}

// Off reports whether r bounds nothing.
func (r Rate) Off() bool { return r.Count == 0 }

// String writes r as a definition does: 60/1m0s, or off.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	return strconv.Itoa(r.Count) + "/" + r.Per.String()
}

// Steers reports whether a member of a submission with this name steers the submission and is no answer: names with a
// leading underscore, the honeypot's, and those of the captchas' own widgets. They are never stored, and never unknown.
func (f *Form) Steers(name string) bool {
	switch name {
	case "cf-turnstile-response", "h-captcha-response", "g-recaptcha-response":
		return true
	}
	return strings.HasPrefix(name, "_") || name != "" && name == f.Spam.Honeypot
}

func abuseDefaults(f *Form) {
	f.Spam = Spam{Honeypot: defaultHoneypot, MinFill: defaultMinFill}
	f.Limits = Limits{Client: Rate{defaultClient, time.Minute}}
}

func spamShape(r *reader, spam *Spam) read {
	return r.object(map[string]read{
		"honeypot": func(n ast.Node, key string) {
			name := ""
			if r.text(maxLine, &name)(n, key); name == "off" {
				spam.Honeypot = ""
			} else if name != "" {
				spam.Honeypot = name
			}
		},
		"min-fill": r.duration(maxMinFill, &spam.MinFill),
		"captcha": func(n ast.Node, key string) {
			spam.Captcha = &Captcha{OnError: Accept}
			captchaShape(r, spam.Captcha)(n, key)
		},
	})
}

func captchaShape(r *reader, captcha *Captcha) read {
	return r.object(map[string]read{
		"provider": r.oneOf([]string{Turnstile, HCaptcha, ReCaptcha}, &captcha.Provider),
		"site-key": r.text(maxSecret, &captcha.SiteKey),
		"secret":   r.text(maxSecret, &captcha.Secret),
		"on-error": r.oneOf([]string{string(Accept), string(Refuse)}, (*string)(&captcha.OnError)),
		"min-score": func(n ast.Node, key string) {
			text := ""
			r.text(maxLine, &text)(n, key)
			score, err := strconv.ParseFloat(text, 64)
			if err != nil || !(score >= 0 && score <= 1) {
				r.fail(key, "must be a number from 0 to 1, such as 0.5")
				return
			}
			captcha.MinScore = score
		},
	})
}

func limitsShape(r *reader, limits *Limits) read {
	return r.object(map[string]read{"client": r.rate(&limits.Client), "form": r.rate(&limits.Form)})
}

// rate reads 30/1m, or off.
func (r *reader) rate(into *Rate) read {
	return func(n ast.Node, key string) {
		text := ""
		r.text(maxLine, &text)(n, key)
		if text == "off" {
			*into = Rate{}
			return
		}
		count, per, _ := strings.Cut(text, "/")
		times, err := strconv.Atoi(strings.TrimSpace(count))
		span, perErr := time.ParseDuration(strings.TrimSpace(per))
		if err != nil || perErr != nil || times < 1 || times > maxRate || span < time.Second || span > maxRatePer {
			r.fail(key, "must be a count from 1 to %d and a time from 1s to %v, such as 30/1m, or off", maxRate, maxRatePer)
			return
		}
		*into = Rate{times, span}
	}
}

func (r *reader) duration(longest time.Duration, into *time.Duration) read {
	return func(n ast.Node, key string) {
		text := ""
		r.text(maxLine, &text)(n, key)
		span, err := time.ParseDuration(text)
		if err != nil || span < 0 || span > longest {
			r.fail(key, "must be a time from 0s to %v, such as 2s", longest)
			return
		}
		*into = span
	}
}

// apiKeys reads hashes of keys: the keys themselves stay with those who use them.
func (r *reader) apiKeys(into *[][32]byte) read {
	return r.list(maxAPIKeys, func(n ast.Node, key string) {
		text := ""
		r.text(maxLine, &text)(n, key)
		digits, prefixed := strings.CutPrefix(text, "sha256:")
		sum, err := hex.DecodeString(digits)
		if !prefixed || err != nil || len(sum) != 32 {
			r.fail(key, "must be sha256: and the 64 hexadecimal digits of the key's SHA-256, as printf %%s KEY | sha256sum prints them")
			return
		}
		if slices.Contains(*into, [32]byte(sum)) {
			r.fail(key, "is there already: name each key once")
			return
		}
		*into = append(*into, [32]byte(sum))
	})
}

// checkAbuse holds what keeps spam out against what it may be.
func (c *compiler) checkAbuse(r *reader, f *Form) {
	const honeypot = "spam.honeypot"
	if name := f.Spam.Honeypot; name != "" && !c.name.MatchString(strings.TrimPrefix(name, "_")) {
		r.fail(honeypot, "%q must be 1 to 63 of a to z, A to Z, 0 to 9, - and _, and begin with a letter or _ (or off)", name)
	}
	for i := range f.Fields {
		if strings.EqualFold(f.Fields[i].Name, f.Spam.Honeypot) {
			r.fail(honeypot, "%q is the name of fields[%d], which people fill in: take another", f.Spam.Honeypot, i)
		}
	}
	if captcha := f.Spam.Captcha; captcha != nil {
		const key = "spam.captcha"
		if captcha.Provider == "" {
			r.fail(key+".provider", "is missing: use one of %s, %s, %s", Turnstile, HCaptcha, ReCaptcha)
		}
		if captcha.SiteKey == "" {
			r.fail(key+".site-key", "is missing: the provider gives it, with the secret")
		}
		if captcha.Secret == "" {
			r.fail(key+".secret", "is missing: give a variable of the environment that holds it, as in ${CAPTCHA_SECRET}")
		}
	}
	for i, origin := range f.Origins {
		if !c.isOrigin(origin) {
			r.fail(fmt.Sprintf("origins[%d]", i), "%q is not an origin: write it as https://example.org, https://*.example.org or \"*\", without a path", origin)
		} else if first := slices.Index(f.Origins, origin); first < i {
			r.fail(fmt.Sprintf("origins[%d]", i), "%q is also origins[%d]: name each once", origin, first)
		}
	}
}

// isOrigin accepts what a browser sends as Origin, a wildcard in place of the first label, and "*".
func (c *compiler) isOrigin(origin string) bool { return origin == "*" || c.origin.MatchString(origin) }

func originPattern() *regexp.Regexp {
	return regexp.MustCompile(`^https?://(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?$`)
}

// isAddress reports whether text is a web address as a browser can be sent to.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && !strings.ContainsAny(text, " \t\r\n")
}
