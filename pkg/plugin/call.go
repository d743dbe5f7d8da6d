package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/formstream/formstream/pkg/submission"
)

// heedTime is what a handler has to return when its context has ended; who needs longer is taken not to heed it. It comes
// on top of the grace, and both together are less than the 10 s that the group waits for who has to let go.
const heedTime = 500 * time.Millisecond

var (
	errAbandoned = errors.New("handler did not return although its context had ended")
	errExited    = errors.New("handler ended its goroutine") // runtime.Goexit, as a test's FailNow does
)

// answer is what a call of the handler came to.
type answer struct {
	events []Event
	err    error
}

// call calls the handler once. It cannot be ended from outside, so it has a goroutine of its own that can be left behind.
func (c *claim) call(ctx context.Context, s submission.Submission) <-chan answer {
	answers := make(chan answer, 1) // whether somebody still waits for it or not
	go func() {
		began, got := time.Now(), answer{err: errExited}
		defer func() {
			c.app.metrics.seconds.WithLabelValues(c.form).Observe(time.Since(began).Seconds())
			if value := recover(); value != nil {
				got.err = &panicError{value: value, stack: debug.Stack()}
			}
			answers <- got
		}()
		if got.events, got.err = c.app.handler(ctx, s); got.err != nil {
			got.err = fmt.Errorf("handle: %w", got.err)
		}
	}()
	return answers
}

// ask calls the handler and waits for what it returns. When its context has ended and the claim has, too, a handler that
// goes on is left behind with errAbandoned: Sarama waits for every claim before it begins a session anew, so one handler
// would hold up all forms. What it returns later is thrown away. While the claim lives it is waited for: to call it a
// second time beside itself would break the order.
func (c *claim) ask(ctx context.Context, offset int64, s submission.Submission) answer {
	answers := c.call(ctx, s)
	select {
	case got := <-answers:
		return got
	case <-ctx.Done():
	}
	heed := time.NewTimer(heedTime)
	defer heed.Stop()
	select {
	case got := <-answers:
		return got
	case <-heed.C:
	}
	returned := c.app.stuck.add(place{c.topic, c.partition}, c.form)
	log := c.log.With("offset", offset, "id", s.ID)
	log.Warn("handler goes on although its context has ended, its partition waits", "error", context.Cause(ctx))
	select {
	case got := <-answers:
		returned()
		return got
	case <-c.ctx.Done():
	}
	c.app.metrics.failures.WithLabelValues(c.form, "abandoned").Inc()
	log.Warn("handler is left behind, what it returns is thrown away")
	go func() {
		<-answers
		returned()
		log.Info("handler that was left behind has returned")
	}()
	return answer{err: errAbandoned}
}

// stuckCalls are the calls of the handler that go on although their context has ended. There is at most one of each
// partition: a claim makes one call at a time, and the next claim waits for the one that was left behind. So they bound
// themselves, and no submission is handled twice at the same time in one process.
type stuckCalls struct {
	now   func() time.Time
	gauge *prometheus.GaugeVec

	mu    sync.Mutex
	calls map[place]stuckCall
}

type stuckCall struct {
	form     string
	since    time.Time
	returned chan struct{}
}

func newStuckCalls(gauge *prometheus.GaugeVec) *stuckCalls {
	return &stuckCalls{now: time.Now, gauge: gauge, calls: map[place]stuckCall{}}
}

// add tells of a call; returned is to be called once it has returned.
func (s *stuckCalls) add(p place, form string) (returned func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := stuckCall{form: form, since: s.now(), returned: make(chan struct{})}
	s.calls[p] = call
	s.gauge.WithLabelValues(form).Inc()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.calls, p)
		s.gauge.WithLabelValues(form).Dec()
		close(call.returned)
	}
}

// of returns a channel that is closed when no call of the partition is left; nil: there is none.
func (s *stuckCalls) of(p place) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[p].returned
}

// ready names the call that has been stuck for the longest time, once that is longer than a rebalance takes.
func (s *stuckCalls) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at place
	var longest time.Duration
	for p, call := range s.calls {
		if d := s.now().Sub(call.since); d > longest {
			at, longest = p, d
		}
	}
	if longest <= staleAfter {
		return nil
	}
	return fmt.Errorf("partition %d of %s waits for a handler that has not heeded the end of its context for %s",
		at.partition, at.topic, longest.Round(time.Second))
}
