package form_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

const plain = "\nfields: [{name: a, type: text}]\n"

func TestParse_frontDoor_defaults(t *testing.T) {
	f := parse(t, "id: test"+plain)
	require.Equal(t, "en", f.Language)
	require.Empty(t, f.Redirect)
	require.Equal(t, form.Reject, f.Unknown)
	require.False(t, f.Open)
	require.Equal(t, form.Spam{Honeypot: "_website", MinFill: 2 * time.Second}, f.Spam)
	require.Equal(t, form.Limits{Client: form.Rate{Count: 60, Per: time.Minute}}, f.Limits)
	require.True(t, f.Limits.Form.Off())
	require.Empty(t, f.Origins)
	require.Empty(t, f.APIKeys)
}

func TestParse_frontDoor_everyKey(t *testing.T) {
	sum := sha256.Sum256([]byte("s3cret"))
	f, err := form.Parse("t.yaml", []byte(`
id: test
language: de-at
region: IN
redirect: https://example.org/thanks?a=b
unknown: drop
fields:
  - {name: a, type: phone, placeholder: "+91…", autocomplete: section-a tel-national, messages: {type: "Wrong number", required: "Your number?"}, required: true}
  - {name: b, type: phone, region: DE}
spam:
  honeypot: website
  min-fill: 1m
  captcha: {provider: recaptcha, site-key: site, secret: "${SECRET}", on-error: refuse, min-score: 0.7}
limits: {client: off, form: 600/1m}
origins: [https://example.org, "https://*.example.org:8443", "http://localhost:3000", "*"]
api-keys: ["sha256:`+hex.EncodeToString(sum[:])+`"]
`), environment(map[string]string{"SECRET": "s3cret"}))
	require.NoError(t, err)
	require.Equal(t, "de-AT", f.Language)
	require.Equal(t, "https://example.org/thanks?a=b", f.Redirect)
	require.Equal(t, form.Drop, f.Unknown)
	require.Equal(t, "IN", f.Fields[0].Region, "the form's")
	require.Equal(t, "DE", f.Fields[1].Region, "its own")
	require.Equal(t, map[string]string{"type": "Wrong number", "required": "Your number?"}, f.Fields[0].Messages)
	require.Equal(t, "+91…", f.Fields[0].Placeholder)
	require.Equal(t, "section-a tel-national", f.Fields[0].Autocomplete)
	require.Equal(t, "website", f.Spam.Honeypot)
	require.Equal(t, time.Minute, f.Spam.MinFill)
	require.Equal(t, form.Captcha{Provider: form.ReCaptcha, SiteKey: "site", Secret: "s3cret", OnError: form.Refuse, MinScore: 0.7}, *f.Spam.Captcha)
	require.Equal(t, form.Limits{Form: form.Rate{Count: 600, Per: time.Minute}}, f.Limits)
	require.Equal(t, "off 600/1m0s", fmt.Sprint(f.Limits.Client, " ", f.Limits.Form))
	require.Len(t, f.Origins, 4)
	require.Equal(t, [][32]byte{sum}, f.APIKeys)
}

func TestParse_frontDoor_switchedOff(t *testing.T) {
	f := parse(t, "id: test"+plain+"spam: {honeypot: off, min-fill: 0s}\n")
	require.Equal(t, form.Spam{}, f.Spam)
	require.False(t, f.Steers(""))
}

func TestParse_frontDoor_wrong(t *testing.T) {
	for _, row := range []struct{ name, keys, want string }{
		{name: "a language in words", keys: "language: german please", want: `t.yaml:4:11: language: "german please" is not a language: use a tag of BCP 47`},
		{name: "a region in words", keys: "region: India", want: `region: unknown region "India": use a country's two capital letters`},
		{name: "a redirect to a path", keys: "redirect: /thanks", want: "redirect: must be a whole web address"},
		{name: "a redirect to a script", keys: "redirect: 'javascript:alert(1)'", want: "redirect: must be a whole web address"},
		{name: "unknown in other words", keys: "unknown: ignore", want: "t.yaml:4:10: unknown: must be one of reject, drop, keep"},
		{name: "a honeypot that is a field", keys: "spam: {honeypot: A}", want: `spam.honeypot: "A" is the name of fields[0], which people fill in`},
		{name: "a honeypot with spaces", keys: "spam: {honeypot: a b}", want: `spam.honeypot: "a b" must be 1 to 63 of`},
		{name: "a time without a unit", keys: "spam: {min-fill: 2}", want: "spam.min-fill: must be a time from 0s to 1h0m0s, such as 2s"},
		{name: "too long a time", keys: "spam: {min-fill: 2h}", want: "spam.min-fill: must be a time"},
		{name: "an unknown provider", keys: "spam: {captcha: {provider: hcapcha, site-key: a, secret: b}}", want: "spam.captcha.provider: must be one of turnstile, hcaptcha, recaptcha"},
		{name: "no provider", keys: "spam: {captcha: {site-key: a, secret: b}}", want: "spam.captcha.provider: is missing"},
		{name: "no site key", keys: "spam: {captcha: {provider: hcaptcha, secret: b}}", want: "spam.captcha.site-key: is missing"},
		{name: "no secret", keys: "spam: {captcha: {provider: hcaptcha, site-key: a}}", want: "spam.captcha.secret: is missing"},
		{name: "what to do on errors", keys: "spam: {captcha: {provider: hcaptcha, site-key: a, secret: b, on-error: hope}}", want: "spam.captcha.on-error: must be one of accept, refuse"},
		{name: "too high a score", keys: "spam: {captcha: {provider: hcaptcha, site-key: a, secret: b, min-score: 2}}", want: "spam.captcha.min-score: must be a number from 0 to 1"},
		{name: "a score that is none", keys: "spam: {captcha: {provider: hcaptcha, site-key: a, secret: b, min-score: .nan}}", want: "spam.captcha.min-score: must be a number from 0 to 1"},
		{name: "a rate without a time", keys: "limits: {client: 30}", want: "limits.client: must be a count from 1 to 1000000 and a time from 1s to 24h0m0s, such as 30/1m, or off"},
		{name: "a rate of nothing", keys: "limits: {form: 0/1m}", want: "limits.form: must be a count"},
		{name: "a rate in too short a time", keys: "limits: {form: 5/1ms}", want: "limits.form: must be a count"},
		{name: "an origin with a path", keys: "origins: [https://example.org/]", want: `origins[0]: "https://example.org/" is not an origin`},
		{name: "an origin with capitals", keys: "origins: [https://Example.org]", want: "is not an origin"},
		{name: "an origin of another scheme", keys: "origins: ['file://a']", want: "is not an origin"},
		{name: "a wildcard inside", keys: "origins: ['https://a.*.org']", want: "is not an origin"},
		{name: "an origin twice", keys: "origins: [https://a.org, https://a.org]", want: `t.yaml:4:26: origins[1]: "https://a.org" is also origins[0]`},
		{name: "a key itself", keys: "api-keys: [hunter2]", want: "t.yaml:4:12: api-keys[0]: must be sha256: and the 64 hexadecimal digits of the key's SHA-256, as printf %s KEY | sha256sum prints them"},
		{name: "a short hash", keys: "api-keys: ['sha256:abcd']", want: "api-keys[0]: must be sha256:"},
		{name: "a key twice", keys: "api-keys: ['sha256:" + strings.Repeat("ab", 32) + "', 'sha256:" + strings.Repeat("AB", 32) + "']", want: "api-keys[1]: is there already"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := form.Parse("t.yaml", []byte("id: test"+plain+"\n"+row.keys+"\n"), nil)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "\n", "one problem, not its consequences as well")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestParse_fieldKeys_wrong(t *testing.T) {
	for _, row := range []struct{ name, keys, want string }{
		{name: "a message for no rule", keys: "messages: {mni: x}, rules: min=2", want: `fields[0].messages.mni: the field has no rule "mni" (did you mean "min"?): use one of max_length, min, type`},
		{name: "a message for an answer that is not needed", keys: "messages: {required: x}", want: `fields[0].messages.required: the field has no rule "required"`},
		{name: "an empty message", keys: "messages: {type: ''}", want: "fields[0].messages.type: is empty"},
		{name: "a message of two lines", keys: `messages: {type: "a\nb"}`, want: "fields[0].messages.type: must be one line"},
		{name: "messages in a list", keys: "messages: [x]", want: "fields[0].messages: must hold keys and values"},
		{name: "too long a message", keys: "messages: {type: " + strings.Repeat("x", 501) + "}", want: "fields[0].messages.type: has 501 characters: at most 500"},
		{name: "a placeholder of two lines", keys: `placeholder: "a\nb"`, want: "fields[0].placeholder: must be one line"},
		{name: "autocomplete of an attribute", keys: `autocomplete: 'off" x'`, want: "fields[0].autocomplete:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := form.Parse("t.yaml", []byte("id: test\nfields: [{name: a, type: text, "+row.keys+"}]\n"), nil)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "\n", "one problem, not its consequences as well")
		})
	}
}

func TestCaptcha_printed_keepsItsSecret(t *testing.T) {
	c := form.Captcha{Provider: form.Turnstile, SiteKey: "site", Secret: "s3cret", OnError: form.Accept}
	data, err := json.Marshal(form.Spam{Captcha: &c})
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v %s %q %x", c, c, c, c), fmt.Sprintf("%+v", &c), fmt.Sprint(form.Spam{Captcha: &c}), string(data)} {
		require.NotContains(t, text, "s3cret")
		require.NotContains(t, text, hex.EncodeToString([]byte("s3cret")))
	}
	require.Contains(t, fmt.Sprint(c), "[REDACTED]")
}

func TestSteers_namesThatAreNoAnswers(t *testing.T) {
	f := parse(t, "id: test"+plain+"spam: {honeypot: website}\n")
	for name, want := range map[string]bool{
		"_key": true, "_": true, "website": true, "cf-turnstile-response": true, "h-captcha-response": true, "g-recaptcha-response": true,
		"a": false, "": false, "Website": false, "turnstile": false,
	} {
		require.Equal(t, want, f.Steers(name), name)
	}
	require.Equal(t, form.Values{"a": "b"}, accepted(t, f, map[string]any{"a": "b", "website": "spam", "_key": 1, "h-captcha-response": "x"}))
	require.Equal(t, map[string]string{"Website": "undeclared"}, refused(t, f, map[string]any{"a": "b", "Website": "x", "_key": 1}))
}
