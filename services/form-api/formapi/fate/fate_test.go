package fate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
)

// fakeAdmin answers what the test sets, and counts what it is asked.
type fakeAdmin struct {
	mu      sync.Mutex
	topics  map[string]kafka.Topic
	commits map[string]map[int32]kafka.Commit
	err     error
	hang    chan struct{} // Committed waits for it
	asked   chan struct{} // gets one for each Committed
	looks   int           // Committed
	ids     int           // Topics
}

func (f *fakeAdmin) Topics(_ context.Context, names []string) (map[string]kafka.Topic, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids++
	found := make(map[string]kafka.Topic)
	for _, name := range names {
		if topic, ok := f.topics[name]; ok {
			found[name] = topic
		}
	}
	return found, f.err
}

func (f *fakeAdmin) Committed(ctx context.Context, group string, topics map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.hang != nil {
		f.asked <- struct{}{}
		select {
		case <-f.hang:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if group != fate.Group {
		return nil, fmt.Errorf("asked for group %s", group)
	}
	told := make(map[string]map[int32]kafka.Commit)
	for topic, partitions := range topics {
		told[topic] = make(map[int32]kafka.Commit)
		for _, p := range partitions {
			if c, ok := f.commits[topic][p]; ok {
				told[topic][p] = c
			}
		}
	}
	return told, f.err
}

// commit sets what partition 1 of forms.demo has.
func (f *fakeAdmin) commit(topicID string, buffered, delivered int64) {
	meta := buffer.Metadata{TopicID: topicID, Delivered: delivered}.String()
	f.commits["forms.demo"] = map[int32]kafka.Commit{1: {Offset: buffered, Metadata: meta}}
}

func (f *fakeAdmin) topic(id string, partitions int) {
	f.topics["forms.demo"] = kafka.Topic{ID: id, Start: make([]int64, partitions), End: make([]int64, partitions)}
}

type testBundle struct {
	*fate.Teller
	admin *fakeAdmin
	mu    sync.Mutex
	clock time.Time
}

func (b *testBundle) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *testBundle) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

// setup returns a teller of one form: topic "id-1" with three partitions, buffered up to 20, delivered up to 10.
func setup(opts fate.Options) *testBundle {
	b := &testBundle{
		admin: &fakeAdmin{topics: make(map[string]kafka.Topic), commits: make(map[string]map[int32]kafka.Commit), asked: make(chan struct{}, 100)},
		clock: time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC),
	}
	b.admin.topic("id-1", 3)
	b.admin.commit("id-1", 20, 10)
	opts.Now = b.now
	b.Teller = fate.New(func(context.Context) (fate.Admin, error) { return b.admin, nil }, opts)
	return b
}

func receipt(partition int32, offset int64) submission.Receipt {
	return submission.Receipt{Form: "demo", Partition: partition, Offset: offset, ID: "id"}
}

// fresh tells the state at an offset of partition 1, which must be fresh.
func (b *testBundle) fresh(t *testing.T, offset int64) fate.State {
	t.Helper()
	f, err := b.State(context.Background(), receipt(1, offset))
	require.NoError(t, err)
	require.False(t, f.Stale)
	return f.State
}

func TestState(t *testing.T) {
	for name, row := range map[string]struct {
		receipt submission.Receipt
		commit  *kafka.Commit
		want    fate.State
	}{
		"delivered":                   {receipt: receipt(1, 0), want: fate.Delivered},
		"last one delivered":          {receipt: receipt(1, 9), want: fate.Delivered},
		"first one buffered":          {receipt: receipt(1, 10), want: fate.Buffered},
		"last one buffered":           {receipt: receipt(1, 19), want: fate.Buffered},
		"not yet read":                {receipt: receipt(1, 20), want: fate.Accepted},
		"partition without a commit":  {receipt: receipt(0, 0), want: fate.Accepted},
		"partition that is not there": {receipt: receipt(3, 0), want: fate.Accepted},
		"place unknown":               {receipt: receipt(1, submission.NoOffset), want: fate.Accepted},
		"commit of another topic":     {receipt: receipt(1, 0), commit: &kafka.Commit{Offset: 20, Metadata: "v1 id-0 10 0"}, want: fate.Accepted},
		"commit of another tool":      {receipt: receipt(1, 0), commit: &kafka.Commit{Offset: 20}, want: fate.Accepted},
		"commit of a later version":   {receipt: receipt(1, 0), commit: &kafka.Commit{Offset: 20, Metadata: "v2 id-1 10 0"}, want: fate.Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(fate.Options{})
			if row.commit != nil {
				b.admin.commits["forms.demo"] = map[int32]kafka.Commit{1: *row.commit}
			}
			got, err := b.State(context.Background(), row.receipt)
			require.NoError(t, err)
			require.Equal(t, fate.Fate{State: row.want}, got)
		})
	}
}

func TestState_askedOften_asksTheBrokersOncePerSecond(t *testing.T) {
	b := setup(fate.Options{})
	for offset := range int64(30) {
		b.fresh(t, offset)
	}
	require.Equal(t, 1, b.admin.looks)
	b.admin.commit("id-1", 30, 20)
	b.advance(time.Second - time.Millisecond)
	require.Equal(t, fate.Buffered, b.fresh(t, 15))
	b.advance(time.Millisecond)
	require.Equal(t, fate.Delivered, b.fresh(t, 15))
	require.Equal(t, 2, b.admin.looks)
	require.Equal(t, 1, b.admin.ids)
}

func TestState_placeUnknown_asksNobody(t *testing.T) {
	b := setup(fate.Options{})
	b.fresh(t, submission.NoOffset)
	require.Zero(t, b.admin.looks+b.admin.ids)
}

func TestState_manyAtOnce_oneAsksForAll(t *testing.T) {
	b := setup(fate.Options{})
	b.admin.hang = make(chan struct{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			f, err := b.State(context.Background(), receipt(1, 0))
			if err != nil || f.State != fate.Delivered {
				t.Errorf("%v, %v", f, err)
			}
		})
	}
	<-b.admin.asked
	close(b.admin.hang)
	wg.Wait()
	require.Equal(t, 1, b.admin.looks)
}

func TestState_askerLeaves_othersHaveTheAnswer(t *testing.T) {
	b := setup(fate.Options{Timeout: time.Minute})
	b.admin.hang = make(chan struct{})
	ctx, leave := context.WithCancel(context.Background())
	asker := make(chan fate.Fate)
	go func() {
		f, _ := b.State(ctx, receipt(1, 0))
		asker <- f
	}()
	<-b.admin.asked
	leave()

	gone, stop := context.WithCancel(context.Background())
	stop()
	f, err := b.State(gone, receipt(1, 0))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fate.Fate{State: fate.Accepted, Stale: true}, f, "who waits leaves at once")

	close(b.admin.hang)
	require.Equal(t, fate.Fate{State: fate.Delivered}, <-asker)
	require.Equal(t, fate.Delivered, b.fresh(t, 0))
	require.Equal(t, 1, b.admin.looks)
}

func TestState_brokersAway_tellsWhatItKnew(t *testing.T) {
	b := setup(fate.Options{})
	require.Equal(t, fate.Delivered, b.fresh(t, 5))
	away := errors.New("away")
	b.admin.err = away
	b.advance(time.Second)
	for range 3 {
		f, err := b.State(context.Background(), receipt(1, 5))
		require.ErrorIs(t, err, away)
		require.Equal(t, fate.Fate{State: fate.Delivered, Stale: true}, f)
		f, _ = b.State(context.Background(), receipt(1, 25))
		require.Equal(t, fate.Fate{State: fate.Accepted, Stale: true}, f)
	}
	require.Equal(t, 2, b.admin.looks, "they are left alone for a second")
	b.admin.err = nil
	b.advance(time.Second)
	require.Equal(t, fate.Delivered, b.fresh(t, 5))
}

func TestState_brokersAwayFromTheStart_isAccepted(t *testing.T) {
	away := errors.New("away")
	teller := fate.New(func(context.Context) (fate.Admin, error) { return nil, away }, fate.Options{})
	f, err := teller.State(context.Background(), receipt(1, 5))
	require.ErrorIs(t, err, away)
	require.Equal(t, fate.Fate{State: fate.Accepted, Stale: true}, f)
}

func TestState_brokersHang_isBounded(t *testing.T) {
	b := setup(fate.Options{Timeout: 10 * time.Millisecond})
	b.admin.hang = make(chan struct{})
	f, err := b.State(context.Background(), receipt(1, 5))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, f.Stale)
}

func TestState_bufferedMovesBack_isNotShown(t *testing.T) {
	b := setup(fate.Options{})
	require.Equal(t, fate.Buffered, b.fresh(t, 15))
	b.admin.commit("id-1", 12, 10) // Redis lost the newest writes: they are read again
	b.advance(time.Second)
	require.Equal(t, fate.Buffered, b.fresh(t, 15))
}

func TestState_topicMadeAnew_beginsAgain(t *testing.T) {
	b := setup(fate.Options{})
	require.Equal(t, fate.Delivered, b.fresh(t, 5))
	b.admin.topic("id-2", 3)
	b.advance(30*time.Second + time.Millisecond)
	require.Equal(t, fate.Accepted, b.fresh(t, 5), "the commit is still the old topic's")
	b.admin.commit("id-2", 6, 0)
	b.advance(time.Second)
	require.Equal(t, fate.Buffered, b.fresh(t, 5))
}

func TestState_topicGone_tellsWhatItKnew(t *testing.T) {
	b := setup(fate.Options{})
	require.Equal(t, fate.Delivered, b.fresh(t, 5))
	delete(b.admin.topics, "forms.demo")
	b.advance(time.Minute)
	f, err := b.State(context.Background(), receipt(1, 5))
	require.ErrorContains(t, err, "the topic does not exist")
	require.Equal(t, fate.Fate{State: fate.Delivered, Stale: true}, f)
}

func TestState_topicGrows_newPartitionIsRead(t *testing.T) {
	b := setup(fate.Options{})
	b.fresh(t, 5)
	b.admin.topic("id-1", 6)
	b.admin.commits["forms.demo"][5] = kafka.Commit{Offset: 3, Metadata: "v1 id-1 2 0"}
	b.advance(time.Minute)
	f, err := b.State(context.Background(), receipt(5, 1))
	require.NoError(t, err)
	require.Equal(t, fate.Delivered, f.State)
}

func TestState_moreFormsThanMay_theOneLeftLongestIsForgotten(t *testing.T) {
	b := setup(fate.Options{MaxForms: 2})
	look := func(form string) {
		_, _ = b.State(context.Background(), submission.Receipt{Form: form, Offset: 1})
		b.advance(time.Millisecond)
	}
	b.admin.topics["forms.a"], b.admin.topics["forms.b"] = kafka.Topic{ID: "a"}, kafka.Topic{ID: "b"}
	look("demo")
	look("a")
	look("demo")
	require.Equal(t, 2, b.admin.looks)
	look("b") // a is forgotten
	look("demo")
	require.Equal(t, 3, b.admin.looks)
	look("a")
	require.Equal(t, 4, b.admin.looks)
}

func TestState_lookPanics_theNextOneAsksAgain(t *testing.T) {
	broken := true
	b := setup(fate.Options{})
	teller := fate.New(func(context.Context) (fate.Admin, error) {
		if broken {
			panic("defect")
		}
		return b.admin, nil
	}, fate.Options{Now: b.now})
	require.Panics(t, func() { _, _ = teller.State(context.Background(), receipt(1, 5)) })
	broken = false
	b.advance(time.Second)
	f, err := teller.State(context.Background(), receipt(1, 5))
	require.NoError(t, err)
	require.Equal(t, fate.Delivered, f.State)
}

func TestView(t *testing.T) {
	r := receipt(1, 5)
	r.ReceivedAt = time.Date(2026, 11, 21, 18, 30, 0, 123_456_789, time.FixedZone("CET", 3600))
	text, err := json.Marshal(fate.NewView(r, fate.Fate{State: fate.Delivered}))
	require.NoError(t, err)
	require.JSONEq(t, `{"form":"demo","id":"id","received_at":"2026-11-21T17:30:00.123Z","state":"delivered"}`, string(text))
	text, err = json.Marshal(fate.NewView(r, fate.Fate{State: fate.Accepted, Stale: true}))
	require.NoError(t, err)
	require.JSONEq(t, `{"form":"demo","id":"id","received_at":"2026-11-21T17:30:00.123Z","state":"accepted","stale":true}`, string(text))
}
