package guard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/submission"
)

func TestJudge_honeypot(t *testing.T) {
	for _, row := range []struct {
		name, form, field, value, want string
	}{
		{"left empty", "", "_website", "", ""},
		{"blanks", "", "_website", " \t", ""},
		{"filled in", "", "_website", "http://spam.example", Honeypot},
		{"under its own name", "spam: {honeypot: nickname}\n", "nickname", "x", Honeypot},
		{"the usual name is not its own", "spam: {honeypot: nickname}\n", "_website", "x", ""},
		{"off", "spam: {honeypot: off}\n", "_website", "x", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := setup(t, nil)
			require.Equal(t, Verdict{Quarantine: row.want}, g.judge(testForm(t, row.form), row.field, row.value))
			if row.want != "" {
				require.Equal(t, 1, g.outcomes(row.want))
				require.Zero(t, g.outcomes(outcomePassed))
			} else {
				require.Equal(t, 1, g.outcomes(outcomePassed))
			}
		})
	}
}

func TestJudge_honeypotOff_emptyNameIsNotOne(t *testing.T) {
	require.Equal(t, Verdict{}, setup(t, nil).judge(testForm(t, "spam: {honeypot: off}\n"), "", "x"))
}

func TestFromPage(t *testing.T) {
	const page = "https://forms.example.org/forms/demo"
	for _, row := range []struct {
		name, referer string
		want          bool
	}{
		{"the page itself", page, true},
		{"with a query", page + "?lang=de", true},
		{"in capitals", "https://FORMS.example.org/forms/demo", true},
		{"an owner's page beside it", "https://forms.example.org/contact", false},
		{"another site", "https://example.org/forms/demo", false},
		{"only the origin", "https://forms.example.org/", false},
		{"none", "", false},
		{"broken", "https://%zz", false},
		{"a path alone", "/forms/demo", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, page, nil)
			if row.referer != "" {
				r.Header.Set("Referer", row.referer)
			}
			require.Equal(t, row.want, FromPage(r))
		})
	}
}

func TestQuarantine_recordIsTheSubmissionAndItsVerdict(t *testing.T) {
	require.Equal(t, "quarantine.demo", Quarantine("demo"))
	s := submission.Submission{ID: submission.NewID(), Form: "demo", ReceivedAt: newClock().at, Data: []byte(`{"text":"x"}`)}
	headers := append(s.Headers(), Headers(Honeypot)...)
	require.Equal(t, submission.Header{Key: "ce_verdict", Value: []byte("honeypot")}, headers[len(headers)-1])
	got, err := submission.Parse([]byte(s.ID), headers, s.Data)
	require.NoError(t, err, "readers of submissions read it all the same")
	require.Equal(t, s.ID, got.ID)
}

func TestNew_withoutKey_fails(t *testing.T) {
	_, err := New(Options{Registerer: prometheus.NewRegistry()})
	require.EqualError(t, err, "at least one secret key is needed")
}

func TestNew_twiceOnOneRegisterer_fails(t *testing.T) {
	o := Options{Keys: [][]byte{[]byte(testKey)}, Registerer: prometheus.NewRegistry()}
	_, err := New(o)
	require.NoError(t, err)
	_, err = New(o)
	require.ErrorContains(t, err, "register the guard's metrics")
}

// Admit is on the way of every submission.
func BenchmarkAdmit(b *testing.B) {
	for name, limits := range map[string]string{"client": "client: 1000000/1s", "client and form": "client: 1000000/1s, form: 1000000/1s", "off": "client: off"} {
		b.Run(name, func(b *testing.B) {
			g, f, r := setup(b, nil), testForm(b, fmt.Sprintf("limits: {%s}\n", limits)), post(visitor)
			b.ReportAllocs()
			for b.Loop() {
				g.Admit(r, f)
			}
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	g, f, r := setup(b, nil), testForm(b, ""), post(visitor)
	p := Post{Form: f, Steering: map[string]string{"_started": g.Start("demo")}}
	b.ReportAllocs()
	for b.Loop() {
		g.Judge(b.Context(), r, p)
	}
}

func captchaYAML(provider, more string) string {
	return fmt.Sprintf("spam: {captcha: {provider: %s, site-key: site-4711, secret: secret-4711%s}}\n", provider, more)
}
