package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

var errNotNow = errors.New("not now")

// Suite is what pkg/plugin promises on any Kafka. Every test has topics and a group of its own.
func Suite(t *testing.T, log kafkatest.Log) {
	for _, test := range []struct {
		name string
		run  func(*Bundle)
	}{
		{"every submission once, in order, marked to the end", inOrder},
		{"a submission that fails comes again before the next one", failsThenSucceeds},
		{"a permanent error is not skipped", permanentError},
		{"a panic is met like an error", panics},
		{"a record that is no submission is skipped and told", poison},
		{"a topic that appears later is read from its beginning", topicAppears},
		{"topics of events are made, or told of", eventTopics},
		{"three instances share the work", rebalances},
		{"a partition that fails can be given away", failingPartitionMoves},
		{"each form is read only by those who know it", mixedForms},
		{"a handler that does not return holds up its partition only", stuckHandlerOthersGoOn},
		{"a partition whose handler does not return can be given away", stuckPartitionMoves},
		{"what is under way is finished when told to end", drains},
		{"a handler that does not heed its end is left behind in time", endsInTime},
		{"a handler that takes too long is told, and comes again", handlerTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // they wait for heartbeats and commits most of the time
			test.run(New(t, log.Brokers(), 1))
		})
	}
}

func inOrder(b *Bundle) {
	b.CreateTopics(3)
	f := b.Forms[0]
	ids := b.Submit(f, 200)
	echo := &Echo{}
	r := b.Start(echo.Handle)
	ids = append(ids, b.Submit(f, 100)...)
	b.WaitDone(f)
	r.End()

	require.ElementsMatch(b, ids, echo.IDs())
	handled := map[int32][]string{} // more than is promised, which is the order for the same id
	for _, id := range echo.IDs() {
		p := submission.Partition(id, 3)
		handled[p] = append(handled[p], id)
	}
	stored := map[int32][]string{}
	for _, record := range kafkatest.Records(b, b.Brokers, "forms."+f) {
		stored[record.Partition] = append(stored[record.Partition], string(record.Key))
	}
	require.Equal(b, stored, handled, "each partition in the log's order")

	events, seen := b.Events(f), map[string]bool{}
	require.Len(b, events, len(ids))
	for _, e := range events {
		require.Equal(b, e.Key, e.Headers["ce_subject"])
		require.Equal(b, "/plugins/"+b.Plugin, e.Headers["ce_source"])
		seen[e.Headers["ce_id"]] = true
	}
	require.Len(b, seen, len(ids), "ids of their own")
	require.EqualValues(b, len(ids), r.Metric("submissions_total", f, "done"))
	require.EqualValues(b, len(ids), r.Metric("events_total", f))
	require.Zero(b, r.Metric("failures_total"))
}

func failsThenSucceeds(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	ids := b.Submit(f, 4)
	echo := &Echo{Fail: func(s submission.Submission, call int) error {
		if s.ID == ids[1] && call <= 3 {
			return fmt.Errorf("%w: %s", errNotNow, Secret) // an author's mistake, which the log must not show
		}
		return nil
	}}
	r := b.Start(echo.Handle)
	b.WaitDone(f)
	require.Equal(b, []string{ids[0], ids[1], ids[1], ids[1], ids[2], ids[3]}, echo.IDs())
	require.Len(b, b.Events(f), 4)
	require.EqualValues(b, 2, r.Metric("failures_total", f, "error"))
	require.Zero(b, r.Metric("retrying_submissions"))
	require.Len(b, r.Log.Lines("WARN", ids[1], "not now", "[REDACTED]"), 2)
}

func permanentError(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	ids := b.Submit(f, 2)
	echo := &Echo{Fail: func(submission.Submission, int) error { return plugin.Permanent(errNotNow) }}
	r := b.Start(echo.Handle)
	kafkatest.WaitUntil(b, func() bool { return r.Metric("failures_total", f, "permanent") == 1 }, "counted")
	require.EqualValues(b, 1, r.Metric("retrying_submissions", f), "an operator sees that something is stuck")
	require.Len(b, r.Log.Lines("ERROR", ids[0], "not now"), 1)
	r.End()
	require.Equal(b, ids[:1], echo.IDs(), "nothing is handled before it")
	offsets, _ := b.Committed(f)
	require.Zero(b, offsets[0])
}

func panics(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	ids := b.Submit(f, 2)
	echo := &Echo{Fail: func(_ submission.Submission, call int) error {
		if call == 1 {
			panic("at the sight of " + Secret)
		}
		return nil
	}}
	r := b.Start(echo.Handle)
	b.WaitDone(f)
	require.Equal(b, []string{ids[0], ids[0], ids[1]}, echo.IDs())
	require.EqualValues(b, 1, r.Metric("failures_total", f, "panic"))
	require.Len(b, r.Log.Lines("ERROR", "handler panicked", "suite.go"), 1, "with its stack")
}

func poison(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	topic := "forms." + f
	other := submission.Submission{ID: submission.NewID(), Form: "other", ReceivedAt: time.Now(), Data: []byte("{}")}
	ids := b.Submit(f, 1)
	b.Produce(topic, "poison", nil, []byte(Secret))
	b.Produce(topic, other.ID, other.Headers(), other.Data)
	ids = append(ids, b.Submit(f, 1)...)
	echo := &Echo{}
	r := b.Start(echo.Handle)
	b.WaitDone(f)
	require.Equal(b, ids, echo.IDs())
	require.EqualValues(b, 2, r.Metric("submissions_total", f, "unreadable"))
	for offset := 1; offset <= 2; offset++ {
		require.Len(b, r.Log.Lines("ERROR", topic, `"partition":0`, fmt.Sprintf(`"offset":%d`, offset)), 1)
	}
}

func topicAppears(b *Bundle) {
	b.CreateTopics(1)
	late := b.Forms[0] + "-late"
	b.Forms = append(b.Forms, late)
	echo := &Echo{}
	r := b.Start(echo.Handle)
	ids := b.Submit(b.Forms[0], 1)
	b.WaitDone(b.Forms[0])
	r.WaitReady()
	require.Len(b, r.Log.Lines("WARN", "topic is missing", "forms."+late), 1)

	kafkatest.CreateTopic(b, b.Brokers, "forms."+late, 2)
	ids = append(ids, b.Submit(late, 3)...)
	b.WaitDone(late)
	require.ElementsMatch(b, ids, echo.IDs())
	require.NotZero(b, len(b.Events(late)), "its topic of events was made")
}

func eventTopics(b *Bundle) {
	f := b.Forms[0]
	kafkatest.CreateTopic(b, b.Brokers, "forms."+f, 1)
	b.Config.Topics.Create = false
	r := b.Start((&Echo{}).Handle)
	b.Submit(f, 1)
	kafkatest.WaitUntil(b, func() bool {
		return len(r.Log.Lines("topics are missing: processed."+f, "kafka-topics.sh")) == 1
	}, "told with the command")
	require.ErrorContains(b, r.Health.Ready(context.Background()), "topics are missing")
	kafkatest.CreateTopic(b, b.Brokers, "processed."+f, 1)
	b.WaitDone(f)
	r.WaitReady()
	require.Len(b, b.Events(f), 1)
}

func rebalances(b *Bundle) {
	b.CreateTopics(6)
	f := b.Forms[0]
	ids := b.Submit(f, 60)
	var echoes []*Echo
	var running []*Running
	start := func() {
		echo := &Echo{}
		echoes, running = append(echoes, echo), append(running, b.Start(echo.Handle))
	}
	start()
	kafkatest.WaitUntil(b, func() bool { return echoes[0].Calls() > 0 }, "the first works")
	start()
	start()
	kafkatest.WaitUntil(b, func() bool {
		ids = append(ids, b.Submit(f, 6)...)
		return echoes[1].Calls() > 0 && echoes[2].Calls() > 0
	}, "all of them work")
	running[0].End()
	ids = append(ids, b.Submit(f, 60)...)
	b.WaitDone(f)
	running[1].End()
	running[2].End()

	subjects := b.Subjects(f)
	for _, id := range ids {
		require.NotZero(b, subjects[id], "an event for each submission")
	}
	require.Len(b, subjects, len(ids))
	unique := map[string]bool{}
	for _, e := range b.Events(f) {
		unique[e.Headers["ce_id"]] = true
	}
	require.Len(b, unique, len(ids), "a submission that was handled twice has one event id")
	for _, r := range running {
		require.Empty(b, r.Log.Lines("Rebalance.Timeout"))
	}
}

// The first instance fails on everything. When the second one comes, the partition that it gets must not wait for the
// first one's back-off, nor cost the first one its session.
func failingPartitionMoves(b *Bundle) {
	b.CreateTopics(2)
	f := b.Forms[0]
	ids := b.Submit(f, 40)
	failing := &Echo{Fail: func(submission.Submission, int) error { return plugin.Permanent(errNotNow) }}
	first := b.Start(failing.Handle)
	kafkatest.WaitUntil(b, func() bool { return first.Metric("retrying_submissions", f) == 2 }, "both partitions are stuck")
	good := &Echo{}
	second := b.Start(good.Handle)
	kafkatest.WaitUntil(b, func() bool { return good.Calls() > 0 }, "the second one has a partition")
	kafkatest.WaitUntil(b, func() bool { return first.Metric("retrying_submissions", f) == 1 }, "the first one has let go of it")
	require.Len(b, first.Log.Lines("joined the group"), 1, "its session goes on")
	first.End()
	b.WaitDone(f)
	second.End()
	require.ElementsMatch(b, ids, good.IDs())
}

func drains(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	b.Submit(f, 3)
	begun, finish := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	r := b.Start(func(ctx context.Context, s submission.Submission) ([]plugin.Event, error) {
		if calls.Add(1) > 1 {
			return nil, errNotNow
		}
		close(begun)
		<-finish
		return []plugin.Event{{Type: "test.slow.v1"}}, ctx.Err()
	})
	<-begun
	r.Stop()
	close(finish)
	r.End()
	require.EqualValues(b, 1, calls.Load(), "nothing is begun after that")
	offsets, _ := b.Committed(f)
	require.Equal(b, []int64{1}, offsets)
	require.Len(b, b.Events(f), 1)
}

func endsInTime(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	b.Submit(f, 1)
	b.Config.ShutdownTimeout = 200 * time.Millisecond
	begun, finish := make(chan struct{}, 10), make(chan struct{})
	r := b.Start(func(context.Context, submission.Submission) ([]plugin.Event, error) {
		begun <- struct{}{}
		<-finish
		return nil, errNotNow
	})
	<-begun
	r.End() // would hang
	close(finish)
	require.NotEmpty(b, r.Log.Lines("WARN", "did not finish"))
	kafkatest.WaitUntil(b, func() bool { return r.Metric("retrying_submissions") == 0 }, "the handler has returned")
	offsets, _ := b.Committed(f)
	require.Zero(b, offsets[0], "not done")
}

func handlerTimeout(b *Bundle) {
	b.CreateTopics(1)
	f := b.Forms[0]
	ids := b.Submit(f, 1)
	b.Config.HandlerTimeout = 50 * time.Millisecond
	var calls atomic.Int32
	r := b.Start(func(ctx context.Context, s submission.Submission) ([]plugin.Event, error) {
		if calls.Add(1) == 1 {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return nil, nil
	})
	b.WaitDone(f)
	require.Len(b, r.Log.Lines(ids[0], "-handler-timeout"), 1)
	require.Empty(b, b.Events(f), "a handler may return none")
	require.True(b, slices.ContainsFunc(r.Log.Lines("submission failed"), func(l string) bool { return strings.Contains(l, `"attempt":1`) }))
}
