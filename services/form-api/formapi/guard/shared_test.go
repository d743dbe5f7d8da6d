package guard

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/redistest"
)

// onRedis runs a test on a Redis in the process, on a real one, and on a real one that is a cluster.
func onRedis(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		_, rdb := redistest.Mini(t)
		test(t, rdb)
	})
	t.Run("real", func(t *testing.T) { test(t, redistest.Real(t)) })
	t.Run("cluster", func(t *testing.T) { test(t, redistest.Cluster(t)) })
}

func replica(t *testing.T, rdb redis.UniversalClient) *testBundle {
	t.Helper()
	return setup(t, func(o *Options) { o.Redis = rdb })
}

// patient keeps a test that counts exactly off a busy machine's slow moments: each call has as long as it needs.
func patient(replicas ...*testBundle) {
	for _, g := range replicas {
		g.limits.shared.timeout = 10 * time.Second
	}
}

func TestShared_replicasCountTogether(t *testing.T) {
	onRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		a, b := replica(t, rdb), replica(t, rdb)
		patient(a, b)
		f := testForm(t, "limits: {client: 5/24h, form: 7/24h}\n")
		for i := range 5 {
			require.Empty(t, []*testBundle{a, b}[i%2].admit(f, visitor))
		}
		require.Equal(t, CodeClientLimit, a.admit(f, visitor))
		require.Equal(t, CodeClientLimit, b.admit(f, visitor))
		require.Empty(t, a.admit(f, "203.0.113.8"))
		require.Empty(t, b.admit(f, "203.0.113.8"), "the form had five and these two, not the refused ones")
		require.Equal(t, CodeFormLimit, a.admit(f, "203.0.113.8"))
		require.Equal(t, CodeFormLimit, b.admit(f, "203.0.113.9"))
	})
}

func TestShared_atTheSameMoment_exactlyTheRate(t *testing.T) {
	onRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		replicas := []*testBundle{replica(t, rdb), replica(t, rdb)}
		patient(replicas...)
		f := testForm(t, "limits: {client: 37/24h}\n")
		var admitted atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for range 10 {
					if replicas[i%2].admit(f, visitor) == "" {
						admitted.Add(1)
					}
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 37, admitted.Load())
	})
}

func TestShared_redisHoldsNoAddressAndForgets(t *testing.T) {
	ctx := context.Background()
	rdb := redistest.Real(t)
	g, f := replica(t, rdb), testForm(t, "limits: {client: 5/1m, form: 5/1m}\n")
	patient(g)
	require.Empty(t, g.admit(f, visitor))
	require.Empty(t, g.admit(f, "2001:db8::7"))
	keys, err := rdb.Keys(ctx, "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	for _, key := range keys {
		require.Regexp(t, `^test:\{demo\}:limit:60000:\d+$`, key)
		ttl, err := rdb.PTTL(ctx, key).Result()
		require.NoError(t, err)
		require.Greater(t, ttl, time.Minute)
		require.LessOrEqual(t, ttl, 2*time.Minute+clockMargin)
		fields, err := rdb.HGetAll(ctx, key).Result()
		require.NoError(t, err)
		for field, value := range fields {
			require.Len(t, field, 16)
			for _, clear := range []string{visitor, "\xcb\x00\x71\x07", "2001:db8", "\x20\x01\x0d\xb8"} {
				require.NotContains(t, field+value, clear)
			}
		}
	}
}

func TestShared_otherReceiptKey_countsApart(t *testing.T) {
	_, rdb := redistest.Mini(t)
	f := testForm(t, "limits: {client: 1/24h}\n")
	a := replica(t, rdb)
	b := setup(t, func(o *Options) {
		o.Redis, o.Keys = rdb, [][]byte{[]byte("a new key, a new key, a new key!"), []byte(testKey)}
	})
	patient(a, b)
	require.Empty(t, a.admit(f, visitor))
	require.Empty(t, b.admit(f, visitor))
}

func TestShared_fullHash_doesNotCountAnother(t *testing.T) {
	onRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		g, f := replica(t, rdb), testForm(t, "limits: {client: 1/24h}\n")
		patient(g)
		g.limits.shared.room = 3
		for i := range 3 {
			require.Empty(t, g.admit(f, fmt.Sprintf("203.0.113.%d", i)))
		}
		require.Equal(t, CodeClientLimit, g.admit(f, "203.0.113.0"), "those who were there are counted on")
		for range 3 {
			require.Empty(t, g.admit(f, "203.0.113.99"))
		}
		keys, err := rdb.Keys(context.Background(), "*").Result()
		require.NoError(t, err)
		require.Len(t, keys, 1)
		n, err := rdb.HLen(context.Background(), keys[0]).Result()
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
	})
}

func TestShared_refusedClient_costsRedisNothing(t *testing.T) {
	server, rdb := redistest.Mini(t)
	g, f := replica(t, rdb), testForm(t, "limits: {client: 1/24h}\n")
	patient(g)
	require.Empty(t, g.admit(f, visitor))
	require.Equal(t, CodeClientLimit, g.admit(f, visitor))
	before := server.CommandCount()
	for range 100 {
		require.Equal(t, CodeClientLimit, g.admit(f, visitor))
	}
	require.Equal(t, before, server.CommandCount())
}

func TestShared_redisAway_eachReplicaCountsForItself(t *testing.T) {
	server, rdb := redistest.Mini(t)
	g, f := replica(t, rdb), testForm(t, "limits: {client: 2/24h}\n")
	g.limits.shared.timeout = 10 * time.Second // a refused connection fails at once
	server.Close()
	require.Empty(t, g.admit(f, visitor))
	require.Equal(t, 1.0, testutil.ToFloat64(g.limits.shared.failures))

	g.limits.shared.pausedUntil.Store(math.MaxInt64)
	require.Empty(t, g.admit(f, visitor))
	require.Equal(t, CodeClientLimit, g.admit(f, visitor))
	require.Equal(t, 1.0, testutil.ToFloat64(g.limits.shared.failures), "it is left alone")

	require.NoError(t, server.Restart())
	g.limits.shared.pausedUntil.Store(1) // the pause is over
	require.Empty(t, g.admit(f, "203.0.113.8"))
	require.Zero(t, g.limits.shared.pausedUntil.Load())
	require.NotEmpty(t, server.Keys(), "replicas count together again")
	require.Equal(t, 1, strings.Count(g.log.String(), "redis does not answer"))
	require.Equal(t, 1, strings.Count(g.log.String(), "redis answers again"))
	require.NotContains(t, g.log.String(), visitor)
}

// A Redis that takes calls and never answers.
func TestShared_redisHangs_callsEndAndOneSubmissionATimeTriesIt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	rdb := redis.NewClient(&redis.Options{Addr: silent.Addr().String(), ContextTimeoutEnabled: true, DisableIdentity: true, MaxRetries: -1})
	defer rdb.Close()
	g, f := replica(t, rdb), testForm(t, "limits: {client: 1/24h}\n")
	require.Empty(t, g.admit(f, visitor))
	require.Equal(t, CodeClientLimit, g.admit(f, visitor))
	require.Equal(t, 1, strings.Count(g.log.String(), "redis does not answer"))

	// While one tries, whenever that is, nobody else does.
	var calls atomic.Int64
	started, release := make(chan struct{}), make(chan struct{})
	s := g.limits.shared
	s.pausedUntil.Store(1)
	done := make(chan bool)
	go func() {
		done <- s.try(context.Background(), func(context.Context) error {
			calls.Add(1)
			close(started)
			<-release
			return nil
		})
	}()
	<-started
	s.pausedUntil.Store(math.MaxInt64) // this machine may be slower than the pause is long
	require.False(t, s.try(context.Background(), func(context.Context) error { calls.Add(1); return nil }))
	close(release)
	require.True(t, <-done)
	require.EqualValues(t, 1, calls.Load())
}

func TestShared_submitterHangsUp_isNoFailureOfRedis(t *testing.T) {
	_, rdb := redistest.Mini(t)
	g, f := replica(t, rdb), testForm(t, "limits: {client: 1/24h}\n")
	patient(g)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Nil(t, g.Admit(post(visitor).WithContext(ctx), f))
	require.Zero(t, testutil.ToFloat64(g.limits.shared.failures))
}

// A flood while Redis comes and goes: nothing blocks, nothing panics, and the counts of each replica hold.
func TestShared_redisComesAndGoes_underLoad(t *testing.T) {
	server, rdb := redistest.Mini(t)
	g, f := replica(t, rdb), testForm(t, "limits: {client: 100/24h, form: 100000/24h}\n")
	stop := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				g.limits.shared.pausedUntil.Store(0)
				server.SetError("LOADING")
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				server.SetError("")
				g.limits.shared.pausedUntil.Store(0)
			}
		}
	})
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if g.admit(f, visitor) == "" {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	flapping.Wait()
	require.GreaterOrEqual(t, admitted.Load(), int64(100))
	require.LessOrEqual(t, admitted.Load(), int64(200), "at most the rate in Redis, and the rate here")
}

// What a submission pays for its limits where there is Redis: one call for each.
func BenchmarkAdmit_redis(b *testing.B) {
	rdb := redistest.Real(b)
	g := setup(b, func(o *Options) { o.Redis = rdb })
	f, r := testForm(b, "limits: {client: 1000000/1s}\n"), post(visitor)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Admit(r, f)
		}
	})
	b.ReportMetric(testutil.ToFloat64(g.limits.shared.failures), "failures")
}
