package sheet

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// busiest returns the largest number of events within any minute.
func busiest(at []time.Time) (most int) {
	from := 0
	for i := range at {
		for at[i].Sub(at[from]) >= time.Minute {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestQuota_neverMoreThanFiftyInAnyMinute(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	gaps := map[string]func() time.Duration{
		"as fast as it goes": func() time.Duration { return 0 },
		"now and then":       func() time.Duration { return time.Duration(rng.Int64N(int64(3 * time.Second))) },
		"bursts after rests": func() time.Duration {
			if rng.IntN(60) == 0 {
				return 5 * time.Minute
			}
			return 0
		},
	}
	for name, gap := range gaps {
		t.Run(name, func(t *testing.T) {
			q := NewQuota()
			for _, l := range []*rate.Limiter{q.reads, q.writes} {
				now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
				var at []time.Time
				for range 2000 {
					now = now.Add(gap())
					r := l.ReserveN(now, 1)
					require.True(t, r.OK())
					now = now.Add(r.DelayFrom(now)) // a writer waits for each
					at = append(at, now)
				}
				require.LessOrEqual(t, busiest(at), 50)
				require.Greater(t, busiest(at), 20, "nor is it much slower than it need be")
			}
		})
	}
}

func TestQuota_aRunOfTheUsualSize_doesNotWait(t *testing.T) {
	q := NewQuota()
	for range burst {
		require.NoError(t, q.Read(t.Context()))
		require.NoError(t, q.Write(t.Context()))
	}
	require.False(t, q.writes.Allow(), "reads and writes are counted apart, and this was the last")
}

func TestQuota_contextEnded_saysWhatItWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, NewQuota().Read(ctx), "sheets quota: wait for a read")
	require.ErrorIs(t, NewQuota().Write(ctx), context.Canceled)
}
