package chassis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// checkTimeout bounds one readiness check; a probe waits as long at most.
const checkTimeout = 2 * time.Second

// ErrDraining is what Ready reports once the process is about to end.
var ErrDraining = errors.New("draining: the process is about to end")

// Health knows whether the process is ready for work: all its checks pass and it
// is not draining. It knows nothing of liveness, which is that it answers.
type Health struct {
	mu       sync.Mutex
	checks   []*check
	draining chan struct{}
	drain    sync.Once
}

// ErrStarting is what Ready reports before there is a check: the admin server
// answers before the service has been made, which then says when it is ready.
var ErrStarting = errors.New("starting")

// NewHealth returns a Health without checks, which is not ready.
func NewHealth() *Health { return &Health{draining: make(chan struct{})} }

// Register adds a check under a name, which need not be unique. The check must
// heed its context, which ends after 2 s; it is never run twice at a time.
func (h *Health) Register(name string, run func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &check{name: name, run: run})
}

// Drain makes the process not ready for good.
func (h *Health) Drain() { h.drain.Do(func() { close(h.draining) }) }

// Draining is closed when Drain has been called.
func (h *Health) Draining() <-chan struct{} { return h.draining }

// Ready runs all checks side by side and joins what is wrong, each error behind
// its check's name.
func (h *Health) Ready(ctx context.Context) error {
	select {
	case <-h.draining:
		return ErrDraining
	default:
	}
	h.mu.Lock()
	checks := append([]*check(nil), h.checks...)
	h.mu.Unlock()
	if len(checks) == 0 {
		return ErrStarting
	}
	pending := make([]<-chan error, len(checks))
	for i, c := range checks {
		pending[i] = c.start()
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var errs []error
	for i, c := range checks {
		if err := wait(ctx, pending[i]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

func wait(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return errors.New("no answer within " + checkTimeout.String())
	}
}

// check is one readiness check. Probes that come while it runs share its result,
// so that a check which hangs holds one goroutine and not one per probe.
type check struct {
	name string
	run  func(context.Context) error

	mu      sync.Mutex
	waiting []chan error // the probes that share the run in progress; nil if there is none
}

func (c *check) start() <-chan error {
	result := make(chan error, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	running := c.waiting != nil
	c.waiting = append(c.waiting, result)
	if !running {
		go c.runOnce()
	}
	return result
}

func (c *check) runOnce() {
	// Not the probe's context: the result is shared with the probes that join.
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	err := c.run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, result := range c.waiting {
		result <- err
	}
	c.waiting = nil
}
