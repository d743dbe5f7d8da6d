package sheetsflusher

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

// failing is a buffer some of whose calls fail.
type failing struct {
	Buffer
	peek, plan, release, park, adopt error
}

func (f failing) Peek(ctx context.Context, forms []string, n []int) ([]buffer.Peek, error) {
	if f.peek != nil {
		return nil, f.peek
	}
	return f.Buffer.Peek(ctx, forms, n)
}

func (f failing) Plan(ctx context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error) {
	if f.plan != nil {
		return buffer.PlanAnswer{}, f.plan
	}
	return f.Buffer.Plan(ctx, r)
}

func (f failing) Release(ctx context.Context, form, id string, v []int64, s string) error {
	if f.release != nil {
		return f.release
	}
	return f.Buffer.Release(ctx, form, id, v, s)
}

func (f failing) Park(ctx context.Context, form, reason string) error {
	if f.park != nil {
		return f.park
	}
	return f.Buffer.Park(ctx, form, reason)
}

func (f failing) Adopt(ctx context.Context, form string, n int, id string) error {
	if f.adopt != nil {
		return f.adopt
	}
	return f.Buffer.Adopt(ctx, form, n, id)
}

var errAway = errors.New("redis away")

func TestRun_bufferAway_isAnErrorAndNothingIsWritten(t *testing.T) {
	for name, f := range map[string]failing{"peek": {peek: errAway}, "plan": {plan: errAway}} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			f.Buffer = b.twin
			b.ports.Buffer = f
			_, err := b.writer().Run(t.Context())
			require.ErrorIs(t, err, errAway)
			require.Nil(t, b.rows("Demo"))
			require.Empty(t, b.parks())
		})
	}
}

func TestFlush_notReleased_theNextPlanReleasesFirst(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a", "b")
	b.ports.Buffer = failing{Buffer: b.twin, release: errAway} // or killed between the two
	require.Equal(t, Result{Flushes: 1, Rows: 2}, b.run())
	b.ports.Buffer = b.twin
	b.aged("demo", "c")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b", "c"}, b.ids("Demo"))
	require.True(t, b.peek("demo").Empty())
}

func TestPark_notNotedInTheBuffer_isStillAPark(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.ports.Buffer = failing{Buffer: b.twin, park: errAway}
	b.changeTopic(func(t *kafka.Topic) { t.End[0] = 0 })
	require.Equal(t, []Park{{"demo", reasonBeyondEnd}}, b.run().Parked)
	require.Equal(t, map[string]string{"demo": "beyond_log"}, b.parks())
}

func TestRun_redisEmptied_nothingIsWrittenTwice(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a", "b")
	b.run()
	b.twin.Empty()
	require.Equal(t, Result{}, b.run())
	// The consumer reads the log again from its start.
	b.changeTopic(func(t *kafka.Topic) { t.End[0] = 0 })
	b.aged("demo", "a", "b", "c")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b", "c"}, b.ids("Demo"))
}

func TestRun_olderTopicsBufferBroughtBack_isTakenAwayAgain(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.changeTopic(func(t *kafka.Topic) { t.ID, t.End = "topic-2", []int64{0, 0} })
	b.aged("other", "o")
	_, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	require.NoError(t, b.twin.Adopt(t.Context(), "demo", 2, topic)) // by a consumer that has not heard yet
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, "topic-2", b.peek("demo").TopicID)
	require.InDelta(t, 1, b.counter("formstream_flusher_rebuilds_total"), 0)
	require.Equal(t, []string{"o"}, b.ids("Other"))
	b.aged("demo", "b")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))

	require.NoError(t, b.twin.Adopt(t.Context(), "demo", 2, topic))
	b.ports.Buffer = failing{Buffer: b.twin, adopt: errAway}
	_, err = b.writer().Run(t.Context())
	require.ErrorIs(t, err, errAway)
}

func TestResume_bufferOfAnOlderTopic_isDropped(t *testing.T) {
	b := setup(t)
	b.aged("demo", "old")
	b.changeTopic(func(t *kafka.Topic) { t.ID, t.End = "topic-2", []int64{0, 0} })
	require.Equal(t, []Park{{"demo", reasonBufferTopic}}, b.run().Parked)
	b.ports.Buffer = failing{Buffer: b.twin, adopt: errAway}
	_, err := b.writer().Resume(t.Context(), "demo")
	require.ErrorIs(t, err, errAway)
	b.ports.Buffer = b.twin
	said, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "the old topic's buffer is dropped", said)
	b.aged("demo", "new")
	require.Equal(t, 1, b.run().Rows)
	require.Equal(t, []string{"new"}, b.ids("Demo"))
}

func TestResume_spreadsheetTroubles_saySo(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.wire.script(func(int, sheetsCall) sheetsFault { return denied })
	_, err := b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "form demo: no_access: ")

	b.edit(sheet.Hold(b.state().Fences[0], []string{"demo"}).Requests...)
	b.wire.writes(func(int) sheetsFault { return refused })
	_, err = b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "form demo: let go of it: ")
	require.Equal(t, []string{"demo"}, b.state().Fences[0].Parked)
}

func TestResume_anotherWroteMeanwhile_asksToRunItAgain(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.changeTopic(func(t *kafka.Topic) { t.ID, t.End = "topic-2", []int64{0, 0} })
	b.wire.writes(func(n int) sheetsFault {
		if n == 0 {
			b.edit(createItem(500_000_001, sheet.FenceKey, "x"))
		}
		return sheetsFault{}
	})
	_, err := b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "run -resume again")
	said, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "the new topic is delivered from its beginning", said)
}

func TestRun_toldToStop_aFlushThatHangsIsGivenUp(t *testing.T) {
	b := setup(t)
	b.set.Finish = time.Millisecond
	b.aged("demo", "a")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b.ports.Sheets = impatient{b.client, make(chan struct{})}
	hang := make(chan struct{})
	b.wire.writes(func(int) sheetsFault {
		stop()
		<-hang
		return sheetsFault{Apply: sheetsemulator.ApplyNever}
	})
	_, err := b.writer().Run(ctx)
	close(hang)
	require.Error(t, err)
	b.reset()
	require.Equal(t, 1, b.run().Rows)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func TestRun_toldToStopBeforeItBegan_doesNothing(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, err := b.writer().Run(ctx)
	require.NoError(t, err)
	require.Equal(t, Result{}, r)
	require.Empty(t, b.wire.seen())
}

func TestHold_notWritten_isStillParkedInThisRun(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.aged("demo", "b")
	vector := b.state().Items["demo"]
	b.wire.writes(func(n int) sheetsFault {
		if n == 0 {
			b.edit(setVector(vector, "v1 500000700 topic-1 2,0"))
			return sheetsFault{}
		}
		return refused
	})
	require.Equal(t, []Park{{"demo", reasonUnmatched(500_000_001)}}, b.run().Parked)
}

func TestFlush_fenceIDHeldByAnItemThatTheReadDoesNotShow_isSkipped(t *testing.T) {
	b := setup(t)
	hidden := createItem(500_000_000, "somebody.else", "x")
	hidden.CreateDeveloperMetadata.DeveloperMetadata.Location = &sheets.DeveloperMetadataLocation{SheetId: b.state().Tabs[0].ID, ForceSendFields: []string{"SheetId"}}
	b.edit(hidden)
	b.aged("demo", "a")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, int64(500_000_001), b.state().Fences[0].ID)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}
