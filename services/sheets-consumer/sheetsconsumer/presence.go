package sheetsconsumer

import (
	"errors"
	"sync"
	"time"
)

// absentFor is how long the service may be without a session and still count as ready: a rebalance ends the session of every
// member, and lasts as long as the slowest of them takes, which is no reason to raise an alarm or to hold up a roll-out.
const absentFor = 15 * time.Second

var errNotJoined = errors.New("not a member of the group")

// presence knows whether the service takes part in its group.
type presence struct {
	mu     sync.Mutex
	joined bool      // in a session now, or up to lately
	since  time.Time // when the last session ended; zero in a session
}

// begin is called in each session.
func (p *presence) begin() { p.set(true, time.Time{}) }

// leave is called when there will be no other session.
func (p *presence) leave() { p.set(false, time.Time{}) }

func (p *presence) set(joined bool, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined, p.since = joined, since
}

// end is called after each attempt at a session, also one that never began.
func (p *presence) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.joined && p.since.IsZero() {
		p.since = now
	}
}

// check is the readiness check.
func (p *presence) check(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.joined && (p.since.IsZero() || now.Sub(p.since) < absentFor) {
		return nil
	}
	return errNotJoined
}
