package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stalledAfter is how long records must have failed, without one success, until that is more than a slow moment or the
	// election of a leader. Replicas that all turn away from their balancer at once take our answers from submitters.
	stalledAfter = 5 * time.Second
	// stalledFor is how long that holds after the last failure. It must end by itself: who is told that nothing works stops
	// sending, and then nothing can succeed either. It is longer than form-api's callers wait, so that it holds while they
	// try; and no longer, since so long may a replica stay away after the brokers are back.
	stalledFor = 4 * time.Second
)

// pulse knows whether the brokers acknowledge anything at all. One form's broken topic is no stall while others work.
type pulse struct {
	log *slog.Logger
	ill atomic.Bool // something failed since the last success: all that the way of a healthy record looks at

	mu    sync.Mutex
	first time.Time // failure since the last success
	last  time.Time // failure
	cause error     // what Sarama said last; nil: only deadlines have ended
	told  bool      // that nothing is acknowledged
}

// beat notes that a record was acknowledged.
func (p *pulse) beat() {
	if !p.ill.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ill.Store(false)
	if p.told {
		p.log.Info("records are acknowledged again")
		p.told = false
	}
}

// miss notes that a record was not, unless the cause is the record, its topic or its caller.
func (p *pulse) miss(err error, now time.Time) {
	if refusedForGood(err) || unauthorised(err) || errors.Is(err, errGone) || errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ill.Swap(true) || now.Sub(p.last) > stalledFor {
		p.first, p.cause = now, nil
	}
	p.last = now
	if !errors.Is(err, context.DeadlineExceeded) {
		p.cause = err
	}
	if !p.told && p.stalled() {
		p.log.Warn("no record is acknowledged", "error", err)
		p.told = true
	}
}

func (p *pulse) stalled() bool { return p.last.Sub(p.first) >= stalledAfter }

// err is nil, or says since when nothing has been acknowledged.
func (p *pulse) err(now time.Time) error {
	if !p.ill.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stalled() || now.Sub(p.last) > stalledFor {
		return nil
	}
	err := fmt.Errorf("%w since %s", ErrStalled, p.first.UTC().Format(time.TimeOnly))
	if p.cause != nil {
		return fmt.Errorf("%w: %w", err, p.cause)
	}
	return err
}
