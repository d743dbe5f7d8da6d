package replay_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

// An answer as form-api gives it has about this many bytes.
var words = []byte(strings.Repeat("a", 250))

// BenchmarkFirst is what a keyed submission that has not been seen costs: Begin and Finish. cpu-ns/op is this process's,
// without Redis.
func BenchmarkFirst(b *testing.B) {
	for name, start := range map[string]func(testing.TB) redis.UniversalClient{
		"real":       redistest.Real,
		"in process": func(t testing.TB) redis.UniversalClient { _, rdb := redistest.Mini(t); return rdb },
		"none":       func(testing.TB) redis.UniversalClient { return nil },
	} {
		for _, callers := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("%s, %d callers", name, callers), func(b *testing.B) {
				store := benchStore(b, start(b))
				var next atomic.Int64
				b.SetParallelism(max(1, callers/2)) // times GOMAXPROCS
				b.ReportAllocs()
				began := cpu(b)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					ctx := context.Background()
					for pb.Next() {
						n := next.Add(1)
						r := replay.Request{Form: "demo", Key: fmt.Sprint("key ", n), ID: fmt.Sprint("id ", n)}
						if store.Begin(ctx, r).State != replay.First {
							b.Error("not the first")
						}
						store.Finish(r, words)
					}
				})
				b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// BenchmarkMemory is what Redis holds per key when a form has as many as it may.
func BenchmarkMemory(b *testing.B) {
	rdb := redistest.Real(b)
	store := benchStore(b, rdb)
	ctx := context.Background()
	for b.Loop() {
		require.NoError(b, rdb.FlushAll(ctx).Err())
		before := used(b, rdb)
		const keys = 25_000 // beyond the bound
		for i := range keys {
			store.Finish(replay.Request{Form: "demo", Key: fmt.Sprint(i), ID: fmt.Sprint(i)}, words)
		}
		kept := rdb.HLen(ctx, "test:{demo}:replay").Val()
		require.EqualValues(b, 20_000, kept)
		b.ReportMetric((used(b, rdb)-before)/float64(kept), "redis-B/key")
	}
}

func benchStore(b *testing.B, rdb redis.UniversalClient) *replay.Store {
	store, err := replay.New(rdb, replay.Options{
		Prefix: "test:", Secret: []byte("0123456789abcdef"), CallTimeout: patience,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	require.NoError(b, err)
	return store
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var use syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func used(b *testing.B, rdb redis.UniversalClient) float64 {
	info, err := rdb.InfoMap(context.Background(), "memory").Result()
	require.NoError(b, err)
	var bytes float64
	_, err = fmt.Sscan(info["Memory"]["used_memory"], &bytes)
	require.NoError(b, err)
	return bytes
}
