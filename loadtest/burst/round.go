package burst

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/formstream/formstream/pkg/form"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// round is what became of one round.
type round struct {
	answers []answer
	took    time.Duration // from the start to the last answer
}

// tally is a round while it is played.
type tally struct{ sent, answered, accepted atomic.Int64 }

// user is one person at one browser.
type user struct {
	url     string
	bodies  [][]byte
	answers []answer
	starts  time.Duration // after the round's start
	timeout time.Duration
	tally   *tally
}

// play lets the users of one round loose: see the package comment. Its error is the end of ctx.
func play(ctx context.Context, users []user) (round, error) {
	runtime.GC() // what earlier rounds left behind is not charged to this one
	var done sync.WaitGroup
	start := time.Now()
	for i := range users {
		done.Go(func() { users[i].run(ctx, start) })
	}
	done.Wait()
	r := round{took: time.Since(start)}
	for i := range users {
		r.answers = append(r.answers, users[i].answers...)
	}
	return r, context.Cause(ctx)
}

// users makes those of one round, with everything that they will send.
func (c *Config) users(t Target, forms []*form.Form, b *bodies, count *tally) ([]user, error) {
	users := make([]user, c.Users)
	for i := range users {
		f := forms[i%len(forms)]
		u := &users[i]
		*u = user{
			url:     t.URL.JoinPath("forms", f.ID).String(),
			answers: make([]answer, c.Requests),
			starts:  time.Duration(float64(c.Ramp) * float64(i) / float64(c.Users)),
			timeout: c.Timeout, tally: count,
		}
		for range c.Requests {
			body, err := b.next(f)
			if err != nil {
				return nil, err
			}
			u.bodies = append(u.bodies, body)
		}
	}
	return users, nil
}

// run sends the user's submissions one after another. Each is due when the answer to the one before it has come.
func (u *user) run(ctx context.Context, start time.Time) {
	transport := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	due := start.Add(u.starts)
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	for i, body := range u.bodies {
		u.tally.sent.Add(1)
		a := u.send(ctx, client, body, due.Add(u.timeout))
		now := time.Now()
		a.latency = now.Sub(due)
		due = now
		u.answers[i] = a
		u.tally.answered.Add(1)
		if a.status == accepted {
			u.tally.accepted.Add(1)
		}
	}
}

// send sends one submission and reads its answer. What every submission carries is put on it here.
func (u *user) send(ctx context.Context, client *http.Client, body []byte, deadline time.Time) answer {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return answer{kind: brokenKind(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return answer{kind: brokenKind(err)}
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{kind: brokenKind(err)}
	}
	a := answer{kind: statusKind(resp.StatusCode), status: resp.StatusCode}
	if a.status == accepted || a.status == http.StatusServiceUnavailable {
		a.body = text
	}
	return a
}
