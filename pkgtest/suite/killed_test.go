package suite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/suite"
)

const (
	submissions = 20_000
	clients     = 64
	kills       = 3 // of each service
)

// Everything is killed with kill -9, again and again, at moments that the seed chooses, while clients post; Redis is emptied
// once, and two flushers run all the time. Whoever was answered 202 finds the row, once.
func TestSuite_everyServiceKilledAndRedisEmptied_everyAcceptedSubmissionIsInTheSheetOnce(t *testing.T) {
	seed := ledger.Seed(t)
	s := start(t, suite.Options{Replicas: map[string]int{suite.Flusher: 2, suite.Demo: 2}})
	load := &ledger.Load{Seed: seed, Count: submissions, Clients: clients, Reach: ledger.At(s.Balancer.URL)}
	faults := newFaults(seed, s, load)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	faults.run(ctx)
	all, err := load.Run(ctx)
	require.NoError(t, err)
	require.Len(t, all, submissions)
	posted := time.Since(began)
	require.NoError(t, faults.wait())
	require.Equal(t, len(faults.plan), faults.kills+faults.emptied, "all the harm was done")

	verdict := settle(t, s, all)
	require.NoError(t, verdict.Err())
	require.Zero(t, all.Count(ledger.Refused), "answered 4xx")
	require.Greater(t, all.Count(ledger.Accepted), submissions*9/10, "the harm is done while submissions are taken")
	journal, err := ledger.ReadJournal(t.Context(), s.Emulator.URL)
	require.NoError(t, err)
	require.Equal(t, verdict.Rows, journal.Rows, "the journal wrote what the spreadsheet shows")
	ledger.Report(t, "suite, every service killed: seed=%d submissions=%d accepted=%d unanswered=%d answered503=%d rows=%d (%d of them unanswered or 503) flushes=%d kills=%d "+
		"redis-emptied=%d lost=%d doubled=%d; posted in %.1f s, shown in %.1f s", seed, len(all), all.Count(ledger.Accepted), all.Count(ledger.Unanswered), all.Count(ledger.Unstored),
		verdict.Rows, verdict.Untold, journal.Flushes, faults.kills, faults.emptied, len(verdict.Lost), len(verdict.Doubled), posted.Seconds(), time.Since(began).Seconds())
}

// faults does harm at random moments of a load.
type faults struct {
	suite *suite.Suite
	load  *ledger.Load
	plan  []fault

	workers sync.WaitGroup
	mu      sync.Mutex
	kills   int
	emptied int
	err     error
}

// fault is done once so many submissions have been answered, and a little later.
type fault struct {
	answered int64
	later    time.Duration
	victim   *suite.Service // nil: Redis is emptied
}

func newFaults(seed int64, s *suite.Suite, load *ledger.Load) *faults {
	r := rand.New(rand.NewPCG(uint64(seed), 0)) //nolint:gosec // a test chooses moments
	f := &faults{suite: s, load: load}
	at := func(part, parts int) fault {
		span := int64(load.Count / parts)
		return fault{answered: int64(part)*span + r.Int64N(span*3/4), later: time.Duration(r.Int64N(int64(100 * time.Millisecond)))}
	}
	for _, name := range []string{suite.API, suite.Consumer, suite.Flusher, suite.Demo} {
		for i := range kills {
			one := at(i, kills)
			replicas := s.Services[name]
			one.victim = replicas[r.IntN(len(replicas))]
			f.plan = append(f.plan, one)
		}
	}
	f.plan = append(f.plan, at(1, 3))
	return f
}

// run begins all of them; wait waits for the end.
func (f *faults) run(ctx context.Context) {
	for _, one := range f.plan {
		f.workers.Go(func() {
			for f.load.Answered() < one.answered {
				select {
				case <-ctx.Done():
					return // wait's caller counts
				case <-time.After(5 * time.Millisecond):
				}
			}
			<-time.After(one.later)
			f.harm(ctx, one)
		})
	}
}

func (f *faults) harm(ctx context.Context, one fault) {
	f.mu.Lock() // one after the other; a replica may be killed again while it starts
	defer f.mu.Unlock()
	var err error
	if one.victim == nil {
		if err = empty(ctx, f.suite.Redis.Addr); err == nil {
			f.emptied++
		}
	} else {
		one.victim.Kill()
		f.kills++
		err = one.victim.Launch()
	}
	if err != nil && f.err == nil {
		f.err = err
	}
}

// empty takes everything out of Redis, which must have had something.
func empty(ctx context.Context, addr string) error {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = rdb.Close() }()
	if keys, err := rdb.DBSize(ctx).Result(); err != nil || keys == 0 {
		return fmt.Errorf("empty Redis: it has %d keys: %w", keys, err)
	}
	return rdb.FlushAll(ctx).Err()
}

func (f *faults) wait() error {
	f.workers.Wait()
	return f.err
}
