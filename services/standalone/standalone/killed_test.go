package standalone_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/ledger"
)

const (
	submissions = 20_000
	clients     = 64
	kills       = 3
	invalidOf   = 20 // two in so many are refused with 422
)

// server is where clients find the process that runs at present.
type server struct {
	mu         sync.Mutex
	url        string
	generation int
	changed    chan struct{}
}

// moved publishes a new process.
func (s *server) moved(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url, s.generation = url, s.generation+1
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

// reach is what a client asks for where to post: each time a process that is younger than the one it had.
func (s *server) reach() func(context.Context) (string, error) {
	generation := 0
	return func(ctx context.Context) (url string, err error) {
		url, generation, err = s.after(ctx, generation)
		return url, err
	}
}

// after returns a process younger than the given generation, once there is one.
func (s *server) after(ctx context.Context, generation int) (string, int, error) {
	for {
		s.mu.Lock()
		url, now, changed := s.url, s.generation, s.changed
		s.mu.Unlock()
		if now > generation {
			return url, now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
}

// Three times the process is killed at a moment that the seed chooses; whoever was answered 202 finds the row, once.
func TestStandalone_killedThreeTimes_everyAcceptedSubmissionIsInTheSheetOnce(t *testing.T) {
	seed := ledger.Seed(t)
	args := []string{"-forms=" + formsDir, "-data=" + filepath.Join(t.TempDir(), "data"), "-http=127.0.0.1:0", "-endpoint-http=127.0.0.1:0", "-limits=false"}
	binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	c := spawn(t, args...)
	at := &server{}
	load := &ledger.Load{Seed: seed, Count: submissions, Clients: clients, InvalidOf: invalidOf, Timeout: patience, Reach: at.reach}
	at.moved(c.forms)
	results := make(chan result, 1)
	go func() {
		all, err := load.Run(ctx)
		results <- result{all, err}
	}()
	for _, moment := range moments(seed) {
		eventually(t, "load", func() bool { return load.Answered() >= moment.answered })
		<-time.After(moment.later)
		c.kill()
		c = spawn(t, args...)
		at.moved(c.forms)
	}
	r := <-results
	require.NoError(t, r.err)
	all := r.all
	require.Len(t, all, submissions)
	posted := time.Since(began)
	require.Less(t, all.Count(ledger.Unanswered), kills*clients+1, "connections break only when the process is killed")
	eventually(t, "all accepted in the sheet", func() bool {
		rows, err := ledger.Rows(ctx, c.sheets)
		require.NoError(t, err)
		return all.Compare(rows).Rows >= all.Count(ledger.Accepted)
	})
	c.interrupt(t) // drains: what was not answered is in the sheet by now, or never will be
	require.NotContains(t, c.err.text(), "not all that was accepted")
	c = spawn(t, args...)

	rows, err := ledger.Rows(ctx, c.sheets)
	require.NoError(t, err)
	verdict := all.Compare(rows)
	require.NoError(t, verdict.Err())
	journal, err := ledger.ReadJournal(ctx, c.sheets)
	require.NoError(t, err)
	require.Equal(t, verdict.Rows, journal.Rows, "the journal wrote what the sheet shows")
	ledger.Report(t, "standalone, killed three times: seed=%d submissions=%d accepted=%d unanswered=%d answered503=%d refused=%d rows=%d (%d of them unanswered or 503) flushes=%d "+
		"lost=%d doubled=%d; posted in %.1f s, shown in %.1f s", seed, len(all), all.Count(ledger.Accepted), all.Count(ledger.Unanswered), all.Count(ledger.Unstored),
		all.Count(ledger.Refused), verdict.Rows, verdict.Untold, journal.Flushes, len(verdict.Lost), len(verdict.Doubled), posted.Seconds(), time.Since(began).Seconds())
	c.interrupt(t)
}

type result struct {
	all ledger.Ledger
	err error
}

// moment is when to kill: so long after so many answers.
type moment struct {
	answered int64
	later    time.Duration
}

func moments(seed int64) []moment {
	r := rand.New(rand.NewPCG(uint64(seed), 0)) //nolint:gosec // a test chooses moments
	var all []moment
	for i := range int64(kills) {
		span := int64(submissions) / kills
		all = append(all, moment{answered: i*span + span/8 + r.Int64N(span*5/8), later: time.Duration(r.Int64N(int64(50 * time.Millisecond)))})
	}
	return all
}
