package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/formstream/formstream/pkg/form"
)

// Options are what a Guard needs.
type Options struct {
	// Redis counts for all replicas; nil: each counts for itself. Its client must have ContextTimeoutEnabled, or a call may
	// take its read timeout instead of 50 ms. The Guard does not close it.
	Redis  redis.UniversalClient
	Prefix string // what every key in Redis begins with

	Keys    [][]byte       // the receipt keys: the first makes, all verify
	Trusted []netip.Prefix // the proxies whose word on the client's address is taken; none: nobody's

	NoLimits bool // for load tests: neither clients nor forms are held to their rates

	HTTP      *http.Client      // asks the captchas' providers; nil: one of its own
	Endpoints map[string]string // by provider, in place of the providers' own, for tests

	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // of the page's tokens; limits follow the process's clock. nil: time.Now
}

// Guard judges posts. It is safe for concurrent use.
type Guard struct {
	trusted []netip.Prefix
	free    bool // no limits
	limits  *limits
	tokens  *Tokens
	captcha *captcha
	log     *slog.Logger

	outcomes       *prometheus.CounterVec
	unknownClients prometheus.Counter
	lastTrouble    atomic.Int64 // when trouble with a captcha was logged last, in Unix nanoseconds
}

// What else becomes of a post: codes of a [Refusal], and values of the metric's label outcome.
const (
	CodeClientLimit        = "client-limit"
	CodeFormLimit          = "form-limit"
	CodeUnauthorized       = "unauthorized"
	CodeCaptchaRequired    = "captcha-required"
	CodeCaptchaUnavailable = "captcha-unavailable"

	outcomePassed         = "passed"
	outcomeCaptchaSkipped = "captcha-unavailable-accepted"
	captchaRetryAfter     = 5 * time.Second
	troubleEvery          = 10 * time.Second
)

// Refusal says why a post is not taken, and what its sender can do.
type Refusal struct {
	Status     int
	Code       string
	Detail     string        // one English sentence; holds nothing that was sent
	RetryAfter time.Duration // whole seconds for the header Retry-After; 0: none
	Challenge  string        // for the header WWW-Authenticate; "": none
	Field      string        // the steering field that is at fault; "": none
}

// Post is a post whose values are right.
type Post struct {
	Form     *form.Form
	Steering map[string]string // the fields that steer: see [form.Form.Steers]
	Page     bool              // it comes from the hosted page: see [FromPage]
	ID       string            // the submission's id if its sender chose an Idempotency-Key, so that a repeat has it too; otherwise ""
}

// Verdict is what becomes of a post: refused, kept aside, or, with neither, taken.
type Verdict struct {
	Refuse     *Refusal
	Quarantine string // the reason, for [Headers]
}

// New returns a Guard. It fails without a key or when its metrics are registered already.
func New(o Options) (*Guard, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	tokens, err := NewTokens(o.Keys, o.Now)
	if err != nil {
		return nil, err
	}
	secrets, err := derive(o.Keys[:1], "formstream guard hashes")
	if err != nil {
		return nil, err
	}
	g := &Guard{
		trusted: o.Trusted, free: o.NoLimits, tokens: tokens, log: o.Log,
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "formstream_api_guard_total",
			Help: "Posts by verdict: passed, the code of a refusal, or the reason for which they are kept aside.",
		}, []string{"form", "outcome"}),
		unknownClients: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "formstream_api_guard_unknown_clients_total",
			Help: "Posts through a trusted proxy that names no client: no limit per client holds for them.",
		}),
	}
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "formstream_api_guard_redis_failures_total",
		Help: "Calls to Redis that failed or took too long; this replica then counts for itself.",
	})
	var shared *shared
	if o.Redis != nil {
		shared = newShared(o.Redis, o.Prefix, o.Log, failures)
	}
	g.limits = &limits{shared: shared, local: newCounters(), secret: secrets[0]}
	g.captcha = newCaptcha(o, newPasses(shared, secrets[0]))
	if err := errors.Join(o.Registerer.Register(g.outcomes), o.Registerer.Register(g.unknownClients), o.Registerer.Register(failures)); err != nil {
		return nil, fmt.Errorf("register the guard's metrics: %w", err)
	}
	return g, nil
}

func newCaptcha(o Options, p *passes) *captcha {
	c := &captcha{http: o.HTTP, providers: providers(), timeout: captchaTimeout, underWay: make(chan struct{}, maxCaptchaUnderWay), passed: p}
	if c.http == nil {
		// What a provider redirects to must not get the secret.
		c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	for name, known := range maps.Clone(c.providers) {
		if endpoint := o.Endpoints[name]; endpoint != "" {
			c.providers[name] = provider{endpoint, known.field}
		}
	}
	return c
}

// Start returns the token that a hosted page of this form carries in the field _started.
func (g *Guard) Start(formID string) string { return g.tokens.Start(formID) }

// Admit judges a post by what costs nothing to look at, before its body is read. nil: it may go on.
func (g *Guard) Admit(r *http.Request, f *form.Form) *Refusal {
	trusted := ServersOnly(f) && authorized(r, f)
	if !trusted {
		if wait, ok := g.takeClient(r, f); !ok {
			return g.refuse(f, limited(CodeClientLimit, "Too many submissions came from this address.", wait))
		}
	}
	if ServersOnly(f) && !trusted {
		return g.refuse(f, &Refusal{
			Status: http.StatusUnauthorized, Code: CodeUnauthorized, Challenge: `Bearer realm="formstream"`,
			Detail: "This form takes submissions with an API key only: send it as Authorization: Bearer KEY, or as X-API-Key.",
		})
	}
	if g.free {
		return nil
	}
	if wait, ok := g.limits.take(r.Context(), f.ID, netip.Addr{}, f.Limits.Form); !ok {
		return g.refuse(f, limited(CodeFormLimit, "This form gets too many submissions at the moment.", wait))
	}
	return nil
}

func (g *Guard) takeClient(r *http.Request, f *form.Form) (wait time.Duration, ok bool) {
	if g.free || f.Limits.Client.Off() {
		return 0, true
	}
	client := Client(r, g.trusted)
	if !client.IsValid() {
		g.unknownClients.Inc()
		return 0, true
	}
	return g.limits.take(r.Context(), f.ID, clientOf(client), f.Limits.Client)
}

func limited(code, detail string, wait time.Duration) *Refusal {
	return &Refusal{
		Status: http.StatusTooManyRequests, Code: code, RetryAfter: retryAfter(wait),
		Detail: detail + " Nothing was stored. Send it again after the time in Retry-After.",
	}
}

// Judge judges a post that was admitted and whose values are right. It may take as long as the captcha's provider, 3 s.
func (g *Guard) Judge(ctx context.Context, r *http.Request, p Post) Verdict {
	if ServersOnly(p.Form) {
		return g.pass(p.Form, outcomePassed)
	}
	spam := &p.Form.Spam
	if spam.Honeypot != "" && strings.TrimSpace(p.Steering[spam.Honeypot]) != "" {
		return g.quarantine(p.Form, Honeypot)
	}
	if reason := g.fillTime(p); reason != "" {
		return g.quarantine(p.Form, reason)
	}
	if spam.Captcha != nil {
		return g.judgeCaptcha(ctx, r, p)
	}
	return g.pass(p.Form, outcomePassed)
}

func (g *Guard) fillTime(p Post) string {
	token, minFill := p.Steering["_started"], p.Form.Spam.MinFill
	switch {
	case minFill == 0:
		return ""
	case token != "":
		return g.tokens.judge(p.Form.ID, token, minFill)
	case p.Page:
		return StartMissing
	}
	return ""
}

func (g *Guard) judgeCaptcha(ctx context.Context, r *http.Request, p Post) Verdict {
	f := p.Form
	token := g.captcha.token(f, p.Steering)
	if token == "" {
		return Verdict{Refuse: g.refuse(f, &Refusal{
			Status: http.StatusUnprocessableEntity, Code: CodeCaptchaRequired, Field: "_captcha",
			Detail: "This form needs the proof that you are no robot, and none was sent. Solve the puzzle, or reload the page if there is none to be seen, and send it again.",
		})}
	}
	reason, err := g.captcha.judge(ctx, r, f, token, p.ID)
	switch {
	case err != nil:
		g.logTrouble(ctx, f, err)
		if f.Spam.Captcha.OnError == form.Accept && ctx.Err() == nil {
			return g.pass(f, outcomeCaptchaSkipped)
		}
		return Verdict{Refuse: g.refuse(f, &Refusal{
			Status: http.StatusServiceUnavailable, Code: CodeCaptchaUnavailable, RetryAfter: captchaRetryAfter,
			Detail: "The proof that you are no robot cannot be checked at the moment. Nothing was stored. Send it again after the time in Retry-After.",
		})}
	case reason != "":
		return g.quarantine(f, reason)
	}
	return g.pass(f, outcomePassed)
}

// logTrouble logs an error of a captcha's provider, at most one in troubleEvery: while one is away, every post has one.
func (g *Guard) logTrouble(ctx context.Context, f *form.Form, err error) {
	if ctx.Err() != nil {
		return // the submitter hung up
	}
	now, last := time.Now().UnixNano(), g.lastTrouble.Load()
	if now-last >= int64(troubleEvery) && g.lastTrouble.CompareAndSwap(last, now) {
		g.log.Error("captcha cannot be verified", "form", f.ID, "error", err)
	}
}

func (g *Guard) refuse(f *form.Form, refusal *Refusal) *Refusal {
	g.outcomes.WithLabelValues(f.ID, refusal.Code).Inc()
	return refusal
}

func (g *Guard) quarantine(f *form.Form, reason string) Verdict {
	g.outcomes.WithLabelValues(f.ID, reason).Inc()
	return Verdict{Quarantine: reason}
}

func (g *Guard) pass(f *form.Form, outcome string) Verdict {
	g.outcomes.WithLabelValues(f.ID, outcome).Inc()
	return Verdict{}
}

// FromPage reports whether a post comes from the hosted page at its own address, as far as its Referer tells: then it must
// have that page's token. An owner's own page on the same host, at another path, has none and is none. A page sent with
// Referrer-Policy no-referrer is never recognised; use same-origin.
func FromPage(r *http.Request) bool {
	page, err := url.Parse(r.Referer())
	return err == nil && page.Host != "" && strings.EqualFold(page.Host, r.Host) && page.Path == r.URL.Path
}
