// Package ledger posts submissions, keeps what its clients know of each, and holds that against the spreadsheet: whoever
// was answered 202 must be there once, whoever was answered 503 or not at all may be there once, and nobody else.
//
// Each submission carries a mark, a value that no other one has, so that a row whose id nobody was told is recognised
// too. It sends to the two example forms by turns, and sends nothing twice.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fate is what a client knows of a submission.
type Fate int

// The fates. Each answer is one of them.
const (
	Accepted   Fate = iota // 202
	Unanswered             // the connection broke, or a balancer answered 502
	Unstored               // 503
	Refused                // 4xx
	fates
)

// Sent is one submission, as its client knows it.
type Sent struct {
	Form, Mark string
	Fate       Fate
	ID         string        // of what was answered 202 or 503
	Invalid    bool          // 4xx is the right answer
	Began      time.Time     // when it was sent
	Took       time.Duration // until the answer
	Status     int           // of the answer; 0 if there was none
	Trouble    string        // why it counts as unanswered
}

// Load is what to send.
type Load struct {
	Seed      int64
	Count     int // submissions
	Clients   int
	InvalidOf int // two of so many break a rule; 0: none

	// Reach is called once for each client. The function that it returns tells where to post: at first, and again after each
	// request without an answer. An error ends the load.
	Reach func() func(context.Context) (url string, err error)
	// Timeout is how long a client waits for an answer. Default 30 s.
	Timeout time.Duration

	next, answered, accepted atomic.Int64
	http                     *http.Client
}

// At posts to one address whatever happens.
func At(url string) func() func(context.Context) (string, error) {
	return func() func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return url, nil }
	}
}

// Stop ends the load: what is in flight is still answered.
func (l *Load) Stop() { l.next.Store(int64(l.Count)) }

// Answered is how many have been answered so far.
func (l *Load) Answered() int64 { return l.answered.Load() }

// Accepted is how many have been answered 202 so far.
func (l *Load) Accepted() int64 { return l.accepted.Load() }

// Run posts all of them, or as many as go before ctx ends, and returns what became of each.
func (l *Load) Run(ctx context.Context) (Ledger, error) {
	timeout := l.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	transport := &http.Transport{MaxIdleConnsPerHost: l.Clients}
	defer transport.CloseIdleConnections()
	l.http = &http.Client{Timeout: timeout, Transport: transport}
	var (
		mu     sync.Mutex
		all    Ledger
		failed error
		wait   sync.WaitGroup
	)
	for range l.Clients {
		wait.Go(func() {
			sent, err := l.client(ctx)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, sent...)
			if err != nil && failed == nil {
				failed = err
			}
		})
	}
	wait.Wait()
	return all, failed
}

func (l *Load) client(ctx context.Context) (all Ledger, err error) {
	reach := l.Reach()
	url, err := reach(ctx)
	for err == nil && ctx.Err() == nil {
		n := l.next.Add(1) - 1
		if n >= int64(l.Count) {
			return all, nil
		}
		s := l.post(ctx, url, n)
		all = append(all, s)
		if s.Fate == Unanswered {
			url, err = reach(ctx)
			continue
		}
		l.answered.Add(1)
		if s.Fate == Accepted {
			l.accepted.Add(1)
		}
	}
	return all, err
}

func (l *Load) post(ctx context.Context, url string, n int64) Sent {
	s := Sent{Form: "demo-form", Mark: fmt.Sprintf("s%d-%d", l.Seed, n), Fate: Unanswered, Began: time.Now()}
	body := `{"name":"Ada Lovelace","email":"ada@example.org","message":"` + s.Mark + `"}`
	if n%2 == 1 {
		s.Form = "student-data-form"
		body = `{"name":"Grace Hopper","email":"grace@example.org","gender":"F","mobile":"+919876543210","roll":"` + s.Mark + `"}`
	}
	if l.InvalidOf > 0 && n%int64(l.InvalidOf) < 2 { // one for each form
		s.Invalid = true
		body = strings.Replace(body, "example.org", "example..org", 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/forms/"+s.Form, bytes.NewReader([]byte(body)))
	if err != nil {
		return s
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.http.Do(req)
	s.Took = time.Since(s.Began)
	if err != nil {
		s.Trouble = err.Error()
		return s
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	s.Status, s.Took = resp.StatusCode, time.Since(s.Began)
	var answer struct{ ID string }
	if err != nil || json.Unmarshal(text, &answer) != nil {
		s.Trouble = fmt.Sprintf("%.200s", text)
		return s // the status alone is no answer: the id is in the body
	}
	switch {
	case resp.StatusCode == http.StatusAccepted:
		s.Fate, s.ID = Accepted, answer.ID
	case resp.StatusCode == http.StatusServiceUnavailable:
		s.Fate, s.ID = Unstored, answer.ID
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		s.Fate = Refused
	}
	return s
}
