package page_test

import (
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newPages(t testing.TB) *page.Pages {
	t.Helper()
	pages, err := page.New()
	require.NoError(t, err)
	return pages
}

func load(t testing.TB, id string) *form.Form {
	t.Helper()
	set, err := form.LoadDir("testdata/forms", nil)
	require.NoError(t, err)
	f, ok := set.Lookup(id)
	require.True(t, ok, id)
	return f
}

func parse(t *testing.T, definition string) *form.Form {
	t.Helper()
	f, err := form.Parse("t.yaml", []byte(definition), nil)
	require.NoError(t, err)
	return f
}

// render returns a page's answer.
func render(t *testing.T, write func(http.ResponseWriter) error) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, write(w))
	return w
}

func renderForm(t *testing.T, view page.FormView) *httptest.ResponseRecorder {
	t.Helper()
	pages := newPages(t)
	return render(t, func(w http.ResponseWriter) error { return pages.Form(w, view) })
}

func TestPages_golden(t *testing.T) {
	pages := newPages(t)
	survey := load(t, "survey")
	raw := map[string]any{
		"name": "A", "email": "ada@example.org", "email2": "eve@example.org", "age": "12", "course": "g", "meal": "Vegan",
		"topics": []any{"Rings"}, "first": "false", "news": "true", "message": "\nbegins with a line break", "source": "mail", "extra": "?",
	}
	_, wrong := survey.Check(raw)
	for name, write := range map[string]func(http.ResponseWriter) error{
		"form": func(w http.ResponseWriter) error {
			return pages.Form(w, page.FormView{Form: survey, Lang: "en", Started: "s1gned", Key: "k3y"})
		},
		"errors": func(w http.ResponseWriter) error {
			return pages.Form(w, page.FormView{Form: survey, Lang: "de", Values: page.Values(raw), Errors: wrong, Started: "s1gned", Key: "k3y", Status: 422})
		},
		"busy": func(w http.ResponseWriter) error {
			return pages.Form(w, page.FormView{Form: load(t, "turnstile"), Lang: "es", Values: map[string][]string{"name": {"Ada"}}, Problem: "busy", Key: "k3y", Status: 503})
		},
		"open": func(w http.ResponseWriter) error {
			return pages.Form(w, page.FormView{Form: load(t, "open"), Lang: "en"})
		},
		"thanks": func(w http.ResponseWriter) error {
			return pages.Thanks(w, page.ThanksView{Form: survey, Lang: "de", Receipt: "/receipts/r-1"})
		},
		"problem": func(w http.ResponseWriter) error {
			return pages.Problem(w, page.ProblemView{Lang: "en", Code: "client-limit", Status: 429, RetryAfter: 1500 * time.Millisecond, Back: survey})
		},
		"receipt": func(w http.ResponseWriter) error {
			return pages.Receipt(w, page.ReceiptView{
				Form: survey, Lang: "en", ID: "0198c1d2", State: page.Buffered, ReceivedAt: time.Date(2026, 11, 21, 15, 4, 5, 0, time.UTC),
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, write).Body.String()
			got = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(got, "<style></style>") // they are files of their own
			got = regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(got, "<script></script>")
			golden := filepath.Join("testdata", name+".golden.html")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "go test ./formapi/page -update writes it anew")
		})
	}
}

func TestPages_headers(t *testing.T) {
	pages := newPages(t)
	survey := load(t, "survey")
	for name, write := range map[string]func(http.ResponseWriter) error{
		"form":    func(w http.ResponseWriter) error { return pages.Form(w, page.FormView{Form: survey}) },
		"thanks":  func(w http.ResponseWriter) error { return pages.Thanks(w, page.ThanksView{Form: survey}) },
		"problem": func(w http.ResponseWriter) error { return pages.Problem(w, page.ProblemView{Status: 404}) },
		"receipt": func(w http.ResponseWriter) error { return pages.Receipt(w, page.ReceiptView{}) },
	} {
		t.Run(name, func(t *testing.T) {
			answer := render(t, write)
			header := answer.Header()
			require.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			require.Equal(t, "same-origin", header.Get("Referrer-Policy"), "a post must still say its origin")
			require.Equal(t, "Accept, Accept-Language", header.Get("Vary"))
			policy := header.Get("Content-Security-Policy")
			require.True(t, strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-"), policy)
			require.True(t, strings.HasSuffix(policy, "; base-uri 'none'; frame-ancestors 'none'"), policy)
			require.NotContains(t, policy, "unsafe")
			require.Equal(t, name == "form", strings.Contains(policy, "script-src"))
		})
	}
}

func TestForm_policy_allowsWhatTheFormNeeds(t *testing.T) {
	hashes := regexp.MustCompile(`'sha256-[^']*'`)
	for _, row := range []struct{ form, want string }{
		{"survey", "style-src #; script-src #; connect-src 'self'; form-action 'self'"},
		{"german", "style-src #; script-src #; connect-src 'self'; form-action 'self' https://example.org"},
		{"turnstile", "style-src #; script-src # https://challenges.cloudflare.com; connect-src 'self'; frame-src https://challenges.cloudflare.com; form-action 'self'"},
		{"hcaptcha", "style-src # https://hcaptcha.com https://*.hcaptcha.com; script-src # https://hcaptcha.com https://*.hcaptcha.com; connect-src 'self' https://hcaptcha.com https://*.hcaptcha.com; frame-src https://hcaptcha.com https://*.hcaptcha.com; form-action 'self'"},
		{"recaptcha", "style-src #; script-src # https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/; connect-src 'self'; frame-src https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/; form-action 'self'"},
	} {
		t.Run(row.form, func(t *testing.T) {
			policy := renderForm(t, page.FormView{Form: load(t, row.form)}).Header().Get("Content-Security-Policy")
			require.Equal(t, "default-src 'none'; "+row.want+"; base-uri 'none'; frame-ancestors 'none'", hashes.ReplaceAllString(policy, "#"))
		})
	}
}

// elements returns every element of a page, and all of its text.
func elements(t *testing.T, body string) []html.Token {
	t.Helper()
	var all []html.Token
	tokens := html.NewTokenizer(strings.NewReader(body))
	for tokens.Next() != html.ErrorToken {
		if token := tokens.Token(); token.Type == html.StartTagToken || token.Type == html.SelfClosingTagToken {
			all = append(all, token)
		}
	}
	return all
}

func attribute(token html.Token, name string) (string, bool) {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// shape returns a page's elements with the names of their attributes, none of which may be a handler.
func shape(t *testing.T, pages *page.Pages, view page.FormView) (lines []string) {
	t.Helper()
	answer := render(t, func(w http.ResponseWriter) error { return pages.Form(w, view) })
	for _, e := range elements(t, answer.Body.String()) {
		line := e.Data
		for _, a := range e.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), e)
			line += " " + a.Key
		}
		lines = append(lines, line)
	}
	return lines
}

// saidEverywhere is a view that has a visitor's text wherever one can get.
func saidEverywhere(f *form.Form, text string) page.FormView {
	return page.FormView{
		Form: f, Lang: "en", Key: text, Started: text, Problem: text,
		Values: map[string][]string{"action": {text}, "elements": {text}, "dataset": {text}, text: {text}},
		Errors: []form.FieldError{{Field: "action", Rule: text, Message: text, Param: text}, {Field: text, Rule: text, Message: text}, {Message: text, Rule: text}},
	}
}

func TestForm_hostile_addsNoElementAndNoHandler(t *testing.T) {
	tame := parse(t, `
id: hostile
title: t
description: d
fields:
  - {name: action, label: l, type: text, required: true, help: h, placeholder: p}
  - {name: submit, label: l, type: text}
  - {name: elements, label: l, type: multiline}
  - {name: dataset, label: l, type: choice, options: [a, b]}
  - {name: querySelector, label: l, type: text}
`)
	attack := `"'></textarea></title></script></style><script>alert(1)</script><img src=x onerror=alert(1)><!--`
	pages := newPages(t)
	require.Equal(t, shape(t, pages, saidEverywhere(tame, "x")), shape(t, pages, saidEverywhere(load(t, "hostile"), attack)))
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "\"'>", "</textarea><script>", "<!--", "\xff\x00", "{{.}}", "]]>", "\n\n"} {
		f.Add(seed)
	}
	pages, hostile := newPages(f), load(f, "hostile")
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, shape(t, pages, saidEverywhere(hostile, "x")), shape(t, pages, saidEverywhere(hostile, "x"+text)))
	})
}

func BenchmarkForm(b *testing.B) {
	pages, survey := newPages(b), load(b, "survey")
	b.ReportAllocs()
	for b.Loop() {
		if err := pages.Form(httptest.NewRecorder(), page.FormView{Form: survey, Lang: "de", Key: "k", Started: "s"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPages_hostileTexts_areEscaped(t *testing.T) {
	pages := newPages(t)
	hostile := load(t, "hostile")
	attack := `"><script>alert(1)</script>`
	for name, write := range map[string]func(http.ResponseWriter) error{
		"thanks": func(w http.ResponseWriter) error {
			return pages.Thanks(w, page.ThanksView{Form: hostile, Lang: attack, Receipt: "javascript:alert(1)" + attack})
		},
		"problem": func(w http.ResponseWriter) error {
			return pages.Problem(w, page.ProblemView{Lang: attack, Code: attack, Status: 500, Back: hostile})
		},
		"receipt": func(w http.ResponseWriter) error {
			return pages.Receipt(w, page.ReceiptView{Form: hostile, Lang: attack, ID: attack, State: page.State(attack)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			body := render(t, write).Body.String()
			for _, e := range elements(t, body) {
				require.NotEqual(t, "script", e.Data)
				href, _ := attribute(e, "href")
				require.NotContains(t, href, "javascript:")
			}
		})
	}
}

// inputs returns the page's controls by name.
func inputs(t *testing.T, view page.FormView) map[string][]html.Token {
	t.Helper()
	byName := map[string][]html.Token{}
	for _, e := range elements(t, renderForm(t, view).Body.String()) {
		if name, ok := attribute(e, "name"); ok && e.Data != "meta" {
			byName[name] = append(byName[name], e)
		}
	}
	return byName
}

func TestForm_everyType_hasItsInput(t *testing.T) {
	got := inputs(t, page.FormView{Form: load(t, "survey"), Key: "k", Started: "s"})
	for name, want := range map[string]string{
		"name": "text", "email": "email", "phone": "tel", "homepage": "url", "age": "number", "height": "number", "course": "radio",
		"topics": "checkbox", "arrival": "date", "wake": "time", "call": "datetime-local", "first": "radio", "news": "checkbox",
		"source": "hidden", "terms": "checkbox", "_key": "hidden", "_started": "hidden", "_website": "text",
	} {
		require.NotEmpty(t, got[name], name)
		require.Equal(t, "input", got[name][0].Data, name)
		typ, _ := attribute(got[name][0], "type")
		require.Equal(t, want, typ, name)
	}
	require.Equal(t, "textarea", got["message"][0].Data)
	require.Equal(t, "select", got["meal"][0].Data)
	require.Len(t, got["course"], 2)
	require.Len(t, got["first"], 2)
	require.Len(t, got["topics"], 3)

	for _, typ := range form.Types() {
		definition := "id: a\nfields:\n  - {name: a, type: " + typ + "}"
		if strings.HasPrefix(typ, "choice") {
			definition = strings.Replace(definition, "}", ", options: [b]}", 1)
		}
		require.NotEmpty(t, inputs(t, page.FormView{Form: parse(t, definition)})["a"], typ)
	}
}

func TestForm_choices_areRadiosWhileTheyAreFewAndNeedNotBeTakenBack(t *testing.T) {
	for _, row := range []struct{ name, keys, want string }{
		{"few, required", "required: true, options: [a, b, c, d, e, f]", "radio"},
		{"few, with a default", "default: a, options: [a, b]", "radio"},
		{"few, optional", "options: [a, b]", "select"},
		{"many", "required: true, options: [a, b, c, d, e, f, g]", "select"},
	} {
		t.Run(row.name, func(t *testing.T) {
			first := inputs(t, page.FormView{Form: parse(t, "id: a\nfields:\n  - {name: a, type: choice, "+row.keys+"}")})["a"][0]
			if row.want == "select" {
				require.Equal(t, "select", first.Data)
				return
			}
			typ, _ := attribute(first, "type")
			require.Equal(t, row.want, typ)
		})
	}
}

func TestForm_defaults_areChosenOnTheFirstViewOnly(t *testing.T) {
	f := parse(t, `
id: a
fields:
  - {name: choice, type: choice, options: [a, b], default: b}
  - {name: yes, type: boolean, default: "true"}
  - {name: text, type: text, default: N.A.}
  - {name: source, type: hidden, default: poster}
`)
	chosen := func(view page.FormView) (values []string) {
		for _, name := range []string{"choice", "yes", "text", "source"} {
			for _, e := range inputs(t, view)[name] {
				value, _ := attribute(e, "value")
				typ, _ := attribute(e, "type")
				if _, checked := attribute(e, "checked"); checked || typ != "radio" {
					values = append(values, value)
				}
			}
		}
		return values
	}
	require.Equal(t, []string{"b", "true", "", "poster"}, chosen(page.FormView{Form: f}), "an empty text takes its default by staying empty")
	require.Equal(t, []string{"", "poster"}, chosen(page.FormView{Form: f, Values: map[string][]string{}}))
	require.Equal(t, []string{"a", "false", "x", "mail"}, chosen(page.FormView{Form: f, Values: map[string][]string{
		"choice": {"a"}, "yes": {"false"}, "text": {"x"}, "source": {"mail"},
	}}))
}

func TestForm_error_namesItsFieldAndTakesTheFocus(t *testing.T) {
	f := load(t, "survey")
	_, wrong := f.Check(map[string]any{"name": "Ada"})
	body := renderForm(t, page.FormView{Form: f, Lang: "en", Values: map[string][]string{"name": {"Ada"}}, Errors: wrong}).Body.String()
	focus, described := 0, map[string]bool{}
	for _, e := range elements(t, body) {
		if id, ok := attribute(e, "id"); ok {
			require.False(t, described[id], "the id %s is there twice", id)
			described[id] = true
		}
	}
	for _, e := range elements(t, body) {
		if by, ok := attribute(e, "aria-describedby"); ok {
			for id := range strings.SplitSeq(by, " ") {
				require.True(t, described[id], id)
			}
		}
		if href, ok := attribute(e, "href"); ok {
			require.True(t, described[strings.TrimPrefix(href, "#")], href)
		}
		if _, ok := attribute(e, "autofocus"); ok {
			focus++
			id, _ := attribute(e, "id")
			require.Equal(t, "f.email", id)
			invalid, _ := attribute(e, "aria-invalid")
			require.Equal(t, "true", invalid)
		}
	}
	require.Equal(t, 1, focus)
	require.Contains(t, body, "<title>Error: Summer school</title>")
}

func TestForm_checks_areWhatTheServerWouldSay(t *testing.T) {
	f := load(t, "survey")
	got := map[string][]map[string]string{}
	for _, e := range elements(t, renderForm(t, page.FormView{Form: f, Lang: "de"}).Body.String()) {
		if data, ok := attribute(e, "data-checks"); ok {
			name, _ := attribute(e, "data-field")
			var checks []map[string]string
			require.NoError(t, json.Unmarshal([]byte(data), &checks))
			got[name] = checks
		}
	}
	for field, raw := range map[string]any{"name": "A", "email": "ada", "age": "12", "height": "0", "topics": []any{"Rings"}, "message": strings.Repeat("m", 201), "arrival": "soon", "course": ""} {
		_, wrong := f.Check(map[string]any{field: raw})
		said := ""
		for _, e := range wrong {
			if e.Field == field {
				said = f.Message("de", e)
			}
		}
		require.NotEmpty(t, said, field)
		found := false
		for _, check := range got[field] {
			found = found || strings.EqualFold(check["text"], said)
		}
		require.True(t, found, "%s: %q is not among %v", field, said, got[field])
	}
	require.Len(t, got["email2"], 1, "a rule across fields is the server's")
}

func TestForm_captcha_showsThePublicKeyOnly(t *testing.T) {
	for id, want := range map[string]string{
		"turnstile": `<div class="cf-turnstile" data-sitekey="public-key"></div>`,
		"hcaptcha":  `<div class="h-captcha" data-sitekey="public-key"></div>`,
		"recaptcha": `<div class="g-recaptcha" data-sitekey="public-key"></div>`,
		"score":     `data-score-key="public-key"`,
	} {
		body := renderForm(t, page.FormView{Form: load(t, id), Lang: "es"}).Body.String()
		require.Contains(t, body, want)
		require.NotContains(t, body, "not-shown")
	}
}

func TestReceipt_states(t *testing.T) {
	pages := newPages(t)
	for state, want := range map[page.State]string{
		page.Accepted: "current waiting waiting", page.Buffered: "done current waiting", page.Delivered: "done done current",
	} {
		body := render(t, func(w http.ResponseWriter) error { return pages.Receipt(w, page.ReceiptView{State: state}) }).Body.String()
		var classes []string
		for _, e := range elements(t, body) {
			if e.Data == "li" {
				class, _ := attribute(e, "class")
				classes = append(classes, class)
			}
		}
		require.Equal(t, want, strings.Join(classes, " "))
		require.Equal(t, state != page.Delivered, strings.Contains(body, "Look again"))
	}
}

func TestDone(t *testing.T) {
	require.Equal(t, "https://example.org/danke", page.Done(load(t, "german"), "r"))
	require.Equal(t, "/forms/survey/thanks?receipt=r", page.Done(load(t, "survey"), "r"))
}

func TestValues(t *testing.T) {
	require.Equal(t, map[string][]string{"a": {"x"}, "b": {"y", "1"}, "c": {"true"}},
		page.Values(map[string]any{"a": "x", "b": []any{"y", json.Number("1")}, "c": true, "d": nil}))
}

// brokenWriter is a visitor who has gone.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestPages_visitorGone_isAnError(t *testing.T) {
	pages := newPages(t)
	err := pages.Form(brokenWriter{httptest.NewRecorder()}, page.FormView{Form: load(t, "survey")})
	require.ErrorContains(t, err, "send the page form: gone")
}
