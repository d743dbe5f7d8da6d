package buffertest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkgtest/redistest"
)

const (
	benchForm       = "demo-form"
	benchPartitions = 6
	benchBatch      = 500
	benchFlush      = 4000
	benchBacklog    = 99_000 // below the bound, so that Add stores
)

// bench runs a benchmark on the Redis in the process and on a real one.
func bench(b *testing.B, run func(*testing.B, *benchBuffer)) {
	b.Run("in process", func(b *testing.B) {
		_, rdb := redistest.Mini(b)
		run(b, newBenchBuffer(rdb))
	})
	b.Run("on Redis", func(b *testing.B) { run(b, newBenchBuffer(redistest.Real(b))) })
}

// benchBuffer is a store and where each of its partitions stands.
type benchBuffer struct {
	*buffer.Store
	next, delivered [benchPartitions]int64
	data            []byte
}

func newBenchBuffer(rdb redis.UniversalClient) *benchBuffer {
	return &benchBuffer{Store: buffer.New(rdb, buffer.Options{}), data: bytes.Repeat([]byte("x"), 350)}
}

// add stores one batch.
func (bb *benchBuffer) add(b *testing.B, p int, keyed bool) {
	now := time.Now().UnixMilli()
	r := buffer.AddRequest{Form: benchForm, TopicID: "t", Partition: int32(p), Expected: bb.next[p], Records: make([]buffer.Record, benchBatch)}
	for i := range r.Records {
		offset := bb.next[p] + int64(i)
		r.Records[i] = buffer.Record{Offset: offset, ReceivedAt: now, Time: now, Data: bb.data}
		if keyed {
			r.Records[i].ID = fmt.Sprintf("0192b7c4-55aa-8000-8000-%012d", offset)
		}
	}
	answers, err := bb.Add(context.Background(), r)
	require.NoError(b, err)
	require.Equal(b, buffer.AddOK, answers[0].Status)
	bb.next[p] = answers[0].Next
}

// fill adds to the emptiest partition until the backlog is there.
func (bb *benchBuffer) fill(b *testing.B) {
	for {
		emptiest, entries := 0, int64(0)
		for p := range benchPartitions {
			entries += bb.next[p] - bb.delivered[p]
			if bb.next[p]-bb.delivered[p] < bb.next[emptiest]-bb.delivered[emptiest] {
				emptiest = p
			}
		}
		if entries >= benchBacklog {
			return
		}
		bb.add(b, emptiest, false)
	}
}

func (bb *benchBuffer) release(b *testing.B) {
	require.NoError(b, bb.Release(context.Background(), benchForm, "t", bb.delivered[:], "sheet"))
}

func benchmarkAdd(b *testing.B, keyed bool) {
	bench(b, func(b *testing.B, bb *benchBuffer) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if n++; n%40 == 0 { // a flusher keeps up
				b.StopTimer()
				bb.delivered = bb.next
				bb.release(b)
				b.StartTimer()
			}
			bb.add(b, n%benchPartitions, keyed)
		}
		b.ReportMetric(float64(n*benchBatch)/b.Elapsed().Seconds(), "submissions/s")
	})
}

// BenchmarkAdd stores batches of 500 submissions of 350 bytes each.
func BenchmarkAdd(b *testing.B) { benchmarkAdd(b, false) }

// BenchmarkAddKeyed does the same with an Idempotency-Key for each: every partition remembers up to 100,000 ids.
func BenchmarkAddKeyed(b *testing.B) { benchmarkAdd(b, true) }

// BenchmarkPlan takes the oldest 4,000 of 99,000 entries in 6 partitions.
func BenchmarkPlan(b *testing.B) {
	bench(b, func(b *testing.B, bb *benchBuffer) {
		bb.fill(b)
		b.ReportAllocs()
		for b.Loop() {
			a, err := bb.Plan(context.Background(), buffer.PlanRequest{Form: benchForm, TopicID: "t", Vector: bb.delivered[:], Limit: benchFlush})
			require.NoError(b, err)
			require.Len(b, a.Entries, benchFlush)
		}
	})
}

// BenchmarkRelease lets 4,000 of 99,000 entries in 6 partitions go.
func BenchmarkRelease(b *testing.B) {
	bench(b, func(b *testing.B, bb *benchBuffer) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			bb.fill(b)
			for p := range bb.delivered {
				bb.delivered[p] += benchFlush / benchPartitions
			}
			b.StartTimer()
			bb.release(b)
		}
	})
}
