package guard

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

// httprate reads the process's clock: these tests run in a bubble that has its own, and stands still unless they sleep.
func wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, this is how the clock goes on
}

func TestAdmit_overTheClientsLimit_429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {client: 3/1m}\n")
		for range 3 {
			require.Empty(t, g.admit(f, visitor))
		}
		refusal := g.Admit(post(visitor), f)
		require.Equal(t, &Refusal{
			Status: http.StatusTooManyRequests, Code: CodeClientLimit, RetryAfter: refusal.RetryAfter,
			Detail: "Too many submissions came from this address. Nothing was stored. Send it again after the time in Retry-After.",
		}, refusal)
		require.Empty(t, g.admit(f, "203.0.113.8"), "another client")
		require.Equal(t, 1, g.outcomes(CodeClientLimit))
		require.Zero(t, g.outcomes(CodeFormLimit))

		wait(refusal.RetryAfter)
		require.Empty(t, g.admit(f, visitor), "when it was told to come again")
	})
}

func TestAdmit_clientsOfOneIPv6NetworkAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {client: 1/1m}\n")
		require.Empty(t, g.admit(f, "2001:db8:1:2::1"))
		require.Equal(t, CodeClientLimit, g.admit(f, "2001:db8:1:2:ffff::9"))
		require.Empty(t, g.admit(f, "2001:db8:1:3::1"))
	})
}

func TestAdmit_formsAreCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {client: 1/1m}\n")
		other := *f
		other.ID = "other"
		require.Empty(t, g.admit(f, visitor))
		require.Empty(t, g.admit(&other, visitor))
	})
}

func TestAdmit_overTheFormsLimit_429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {form: 5/10s, client: off}\n")
		for i := range 5 {
			require.Empty(t, g.admit(f, fmt.Sprintf("203.0.113.%d", i)))
		}
		refusal := g.Admit(post(visitor), f)
		require.Equal(t, CodeFormLimit, refusal.Code)
		wait(refusal.RetryAfter)
		require.Empty(t, g.admit(f, visitor))
	})
}

func TestAdmit_refusedByItsOwnLimit_doesNotCountForTheForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {form: 3/10s, client: 2/10s}\n")
		require.Empty(t, g.admit(f, visitor))
		require.Empty(t, g.admit(f, visitor))
		for range 10 {
			require.Equal(t, CodeClientLimit, g.admit(f, visitor))
		}
		require.Empty(t, g.admit(f, "203.0.113.8"))
		require.Equal(t, CodeFormLimit, g.admit(f, "203.0.113.8"))
	})
}

func TestAdmit_raisedLimit_letsGoWhomTheOldOneHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		require.Empty(t, g.admit(testForm(t, "limits: {client: 1/24h}\n"), visitor))
		require.Equal(t, CodeClientLimit, g.admit(testForm(t, "limits: {client: 1/24h}\n"), visitor), "loaded again, unchanged")
		require.Empty(t, g.admit(testForm(t, "limits: {client: 2/24h}\n"), visitor))
	})
}

func TestAdmit_noLimits_butKeysAreStillWanted(t *testing.T) {
	g := setup(t, func(o *Options) { o.NoLimits = true })
	f := withKeys(t, "limits: {client: 1/24h, form: 1/24h}\n")
	r := post(visitor)
	r.Header.Set("X-Api-Key", oneKey)
	for range 3 {
		require.Nil(t, g.Admit(r, f))
		require.Equal(t, CodeUnauthorized, g.admit(f, visitor))
	}
}

func TestAdmit_offMeansAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), testForm(t, "limits: {client: off}\n")
		for range 1_000 {
			require.Empty(t, g.admit(f, visitor))
		}
	})
}

func TestAdmit_unknownClient_isNotLimitedButCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		f := testForm(t, "limits: {client: 1/1m}\n")
		for range 5 {
			require.Empty(t, g.admit(f, "10.0.0.1"), "the balancer's own address is nobody's")
		}
		require.Equal(t, 5.0, testutil.ToFloat64(g.unknownClients))

		through := post("10.0.0.1")
		through.Header.Set("X-Forwarded-For", visitor)
		require.Nil(t, g.Admit(through, f))
		require.NotNil(t, g.Admit(through, f))
	})
}

// Whoever does as the answer says is taken, and no window takes more than the rate: whatever the rate and the times.
func TestTake_slidingWindow(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			rate := form.Rate{Count: 1 + rnd.IntN(20), Per: time.Duration(1+rnd.IntN(100_000)) * 10 * time.Millisecond}
			l := &limits{local: newCounters(), secret: []byte(testKey)}
			taken := map[time.Time]int{}
			for range 300 {
				left, ok := l.take(t.Context(), "demo", netip.MustParseAddr(visitor), rate)
				if !ok {
					require.Positive(t, left)
					require.LessOrEqual(t, left, 2*rate.Per+time.Millisecond)
					if rnd.IntN(2) == 0 {
						wait(left / 2)
						_, early := l.take(t.Context(), "demo", netip.MustParseAddr(visitor), rate)
						require.False(t, early, "seed %d, %v: taken earlier than was said", seed, rate)
						wait(left - left/2)
					} else {
						wait(left)
					}
					_, ok = l.take(t.Context(), "demo", netip.MustParseAddr(visitor), rate)
					require.True(t, ok, "seed %d, %v: refused after %v", seed, rate, left)
				}
				window := time.Now().UTC().Truncate(rate.Per)
				taken[window]++
				require.LessOrEqual(t, taken[window], rate.Count, "seed %d, %v", seed, rate)
				wait(time.Duration(rnd.Int64N(1 + int64(rate.Per)/int64(rate.Count))))
			}
		})
	}
}

// Others that are being refused at the same moment are counted for that moment: nobody waits for them.
func TestTake_crowdOfRefused_doesNotMakeTheWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limits{local: newCounters(), secret: []byte(testKey)}
		rate, client := form.Rate{Count: 2, Per: time.Minute}, netip.MustParseAddr(visitor)
		l.local.count(l.hash("demo", client, rate), time.Now().UTC().Truncate(time.Minute), time.Minute, 2+100)
		left, ok := l.take(t.Context(), "demo", client, rate)
		require.False(t, ok)
		elapsed := time.Since(time.Now().Truncate(time.Minute))
		require.Equal(t, untilAllowed(rate, elapsed, 2, 0), left)
	})
}

// untilAllowed is the first moment, to the millisecond, at which httprate's arithmetic takes one more.
func TestUntilAllowed_isTheFirstMoment(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		rate := form.Rate{Count: 1 + rnd.IntN(50), Per: time.Duration(1+rnd.IntN(86_400)) * time.Second}
		elapsed := time.Duration(rnd.Int64N(int64(rate.Per)))
		current, previous := rnd.IntN(rate.Count+1), rnd.IntN(rate.Count+1)
		allowed := func(after time.Duration) bool {
			current, previous, at := current, previous, elapsed+after
			for at >= rate.Per {
				current, previous, at = 0, current, at-rate.Per
			}
			fading := float64(previous) * float64(rate.Per-at) / float64(rate.Per)
			return fading+float64(current)+1 <= float64(rate.Count)
		}
		if allowed(0) {
			continue
		}
		left := untilAllowed(rate, elapsed, current, previous)
		require.True(t, allowed(left), "%v, %v into it, %d and %d before: not after %v", rate, elapsed, current, previous, left)
		require.False(t, allowed(left-2*time.Millisecond), "%v, %v into it, %d and %d before: long before %v", rate, elapsed, current, previous, left)
	}
}

func TestRetryAfter_isInWholeSecondsAndNeverNone(t *testing.T) {
	require.Equal(t, time.Second, retryAfter(0))
	require.Equal(t, time.Second, retryAfter(time.Millisecond))
	require.Equal(t, 3*time.Second, retryAfter(2*time.Second+time.Millisecond))
}

func TestCounters_fullShard_doesNotCountAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, window := newCounters(), time.Now().Truncate(time.Minute)
		key := func(i int) counterKey { return counterKey{0, byte(i), byte(i >> 8)} } // all in the first shard
		for i := range shardSize {
			c.count(key(i), window, time.Minute, 1)
		}
		for range 3 {
			current, previous := c.count(key(shardSize), window, time.Minute, 1)
			require.Equal(t, 1, current, "it is always the first")
			require.Zero(t, previous)
			c.block(key(shardSize), time.Now().Add(time.Hour), window, time.Minute)
			require.Zero(t, c.blocked(key(shardSize), time.Now()))
		}
		current, _ := c.count(key(0), window, time.Minute, 1)
		require.Equal(t, 2, current, "those who were there are counted on")
		require.Len(t, c.shards[0].entries, shardSize)

		wait(2 * time.Minute)
		c.count(key(shardSize), time.Now().Truncate(time.Minute), time.Minute, 1)
		require.Len(t, c.shards[0].entries, 1, "what is over is forgotten")
	})
}

func TestCounters_sweep_keepsWhoIsStillCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, key, per := newCounters(), counterKey{1}, time.Hour
		window := time.Now().UTC().Truncate(per)
		c.count(key, window, per, 1)
		wait(sweepEvery)
		current, _ := c.count(key, window, per, 1)
		require.Equal(t, 2, current)
		wait(time.Until(window.Add(2*per - time.Second)))
		_, previous := c.count(key, window.Add(per), per, 1)
		require.Equal(t, 2, previous, "its window has ended, but counts for the next one")
	})
}

func TestCounters_windowsMoveOn(t *testing.T) {
	c, key, window := newCounters(), counterKey{1}, time.Unix(1_795_282_440, 0)
	counts := func(window time.Time, n int) [2]int {
		current, previous := c.count(key, window, time.Minute, n)
		return [2]int{current, previous}
	}
	require.Equal(t, [2]int{1, 0}, counts(window, 1))
	require.Equal(t, [2]int{2, 0}, counts(window, 1))
	require.Equal(t, [2]int{1, 0}, counts(window, -1))
	require.Equal(t, [2]int{1, 1}, counts(window.Add(time.Minute), 1))
	require.Equal(t, [2]int{2, 1}, counts(window, 1), "a window that has just ended")
	require.Equal(t, [2]int{1, 0}, counts(window.Add(3*time.Minute), 1), "nothing in the window before")
	require.Equal(t, [2]int{0, 0}, counts(window.Add(3*time.Minute), -5), "never less than nothing")
}
