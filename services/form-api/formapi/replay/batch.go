package replay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch bounds the calls of one round trip, and with it how long one holds Redis up: some milliseconds.
	maxBatch = 128

	// restAfter is how long Redis is left alone after it failed: a submitter must not pay a time-out that is known already.
	restAfter = time.Second
)

var (
	errResting = errors.New("redis has failed just now")
	errNotRun  = errors.New("the batch was not run")
)

// call is one run of the script.
type call struct {
	args []any // of EVALSHA
	told []string
	err  error
	turn chan bool // false: run the next batch; true: told and err are set
}

// batches gathers the calls of many submitters into few round trips: a call alone costs more than all else that is done for a
// submission. There is no waiting for company and no goroutine: who finds nobody under way runs the calls that wait, which
// are its own at least; when it is back, the first of those that have come since then does the same.
type batches struct {
	rdb     redis.UniversalClient
	source  string // of the script
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger

	restOn atomic.Int64 // Unix nanoseconds until which Redis is left alone; 0 while it answers

	mu      sync.Mutex
	running bool
	waiting []*call // while a batch is running, or is about to: its first one runs the next
}

// do returns when c has its answer, or an error: after two round trips, unless more than maxBatch wait. When one fails, all
// that wait fail with it.
func (b *batches) do(c *call) {
	c.err, c.turn = errNotRun, make(chan bool, 1)
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	mine := !b.running
	b.running = true
	b.mu.Unlock()
	if !mine && <-c.turn {
		return
	}
	batch := b.take()
	defer b.pass(batch)
	b.run(batch)
}

func (b *batches) take() []*call {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return batch
}

// pass hands the batch's answers out, and the next batch on.
func (b *batches) pass(batch []*call) {
	for _, c := range batch {
		c.turn <- true // the one that ran it does not look
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.running, b.waiting = false, nil
		return
	}
	b.waiting[0].turn <- false
}

// run makes the calls. Those whose server does not have the script yet are made once more with the script's text, which
// also loads it.
func (b *batches) run(batch []*call) {
	if b.resting() {
		for _, c := range batch {
			c.err = errResting
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	b.send(ctx, batch)
	var again []*call
	for _, c := range batch {
		if redis.HasErrorPrefix(c.err, "NOSCRIPT") {
			c.args[0], c.args[1] = "eval", b.source
			again = append(again, c)
		}
	}
	if len(again) > 0 {
		b.send(ctx, again)
	}
	b.judge(batch)
}

func (b *batches) send(ctx context.Context, batch []*call) {
	pipe := b.rdb.Pipeline()
	answers := make([]*redis.StringSliceCmd, len(batch))
	for i, c := range batch {
		answers[i] = redis.NewStringSliceCmd(ctx, c.args...)
		_ = pipe.Process(ctx, answers[i])
	}
	_, _ = pipe.Exec(ctx) // each call has its own error
	for i, c := range batch {
		c.told, c.err = answers[i].Result()
	}
}

// judge leaves Redis alone for a while when a call has failed. It says so when that changes.
func (b *batches) judge(batch []*call) {
	for _, c := range batch {
		if c.err == nil {
			continue
		}
		if b.restOn.Swap(b.now().Add(restAfter).UnixNano()) == 0 {
			b.log.Warn("repeats are not remembered: redis does not answer; submissions are taken all the same", "component", "replay", "error", c.err)
		}
		return
	}
	if b.restOn.Swap(0) != 0 {
		b.log.Info("repeats are remembered again", "component", "replay")
	}
}

func (b *batches) resting() bool {
	until := b.restOn.Load()
	return until != 0 && b.now().UnixNano() < until
}
