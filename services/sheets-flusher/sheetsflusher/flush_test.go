package sheetsflusher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func TestRun_nothingToWrite_noRequestToSheets(t *testing.T) {
	b := setup(t)
	require.Equal(t, Result{}, b.run())
	b.aged("demo", "a")
	b.run()
	b.reset()
	require.Equal(t, Result{}, b.run())
	require.Empty(t, b.wire.seen())
}

func TestRun_loop_readsNothingAfterItsOwnSuccess(t *testing.T) {
	b := setup(t)
	w := b.writer()
	for i := range 5 {
		b.aged("demo", fmt.Sprint("d", i))
		b.aged("other", fmt.Sprint("o", i))
		r, err := w.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, Result{Flushes: 1, Rows: 2}, r)
	}
	require.Equal(t, []string{"get", "batchUpdate", "batchUpdate", "batchUpdate", "batchUpdate", "batchUpdate"}, b.wire.seen())
	require.Equal(t, []string{"d0", "d1", "d2", "d3", "d4"}, b.ids("Demo"))
}

func TestRun_brokersAway_noFlush(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.brokers.err = errors.New("brokers away")
	_, err := b.writer().Run(t.Context())
	require.ErrorContains(t, err, "ask the brokers for topics: brokers away")
	require.Empty(t, b.wire.seen())
}

func TestRun_topicMadeAnewWhilePlanning_isParked(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	w := b.writer()
	asked := 0
	w.Brokers = brokersFunc(func(ctx context.Context, names []string) (map[string]topicState, error) {
		if asked++; asked == 3 { // the entries are in hand
			b.changeTopic(func(t *topicState) { t.ID = "topic-2" })
		}
		return b.brokers.Topics(ctx, names)
	})
	r, err := w.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Park{{"demo", reasonTopic}}, r.Parked)
	require.Nil(t, b.rows("Demo"))
}

func TestRun_brokersAnswerForSomeTopics_thoseFormsGoOn(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.aged("other", "o")
	b.run()
	b.aged("demo", "b")
	b.aged("other", "p")
	b.ports.Brokers = brokersFunc(func(ctx context.Context, names []string) (map[string]topicState, error) {
		topics, err := b.brokers.Topics(ctx, names)
		delete(topics, "forms.demo")
		return topics, errors.Join(err, errors.New("forms.demo: a partition has no leader"))
	})
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"o", "p"}, b.ids("Other"))
	require.Empty(t, b.parks(), "it is not the form's fault")
	b.ports.Brokers = b.brokers
	b.run()
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

func TestRun_endsAfterSoManyFlushes_andSaysThatThereIsMore(t *testing.T) {
	b := setup(t)
	b.set.Rows, b.set.Flushes = 1, 2
	b.aged("demo", "a", "b", "c", "d", "e")
	w := b.writer()
	for _, want := range []Result{{Flushes: 2, Rows: 2, More: true}, {Flushes: 2, Rows: 2, More: true}} {
		r, err := w.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, r)
	}
	require.Equal(t, Result{Flushes: 1, Rows: 1}, runAll(b, w))
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, b.ids("Demo"))
}

func TestFlush_settle_youngEntriesWait(t *testing.T) {
	b := setup(t)
	b.add("demo", 0, entry{id: "a"})
	b.clock.advance(b.set.Settle - time.Millisecond)
	require.Equal(t, Result{}, b.run())
	b.clock.advance(time.Millisecond)
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
}

func TestFlush_rows_areInOrderOfReceivedAtThenPartitionThenOffset(t *testing.T) {
	b := setup(t)
	b.clock.advance(time.Second) // later than every received_at below
	b.add("demo", 1, entry{id: "p1-5ms", received: 5}, entry{id: "p1-1ms", received: 1}, entry{id: "p1-9ms", received: 9})
	b.add("demo", 0, entry{id: "p0-9ms", received: 9}, entry{id: "p0-9ms-too", received: 9}, entry{id: "p0-2ms", received: 2})
	b.clock.advance(b.set.Settle)
	require.Equal(t, 6, b.run().Rows)
	require.Equal(t, []string{"p1-1ms", "p0-2ms", "p1-5ms", "p0-9ms", "p0-9ms-too", "p1-9ms"}, b.ids("Demo"))
}

func TestFlush_placeholdersAndGaps_moveTheVectorWithoutRows(t *testing.T) {
	b := setup(t)
	b.add("demo", 0, entry{id: "k", key: true}, entry{id: "k", key: true}, entry{gap: 40}, entry{id: "a"}, entry{id: "k", key: true})
	b.clock.advance(b.set.Settle)
	require.Equal(t, Result{Flushes: 1, Rows: 2}, b.run())
	require.Equal(t, []string{"k", "a"}, b.ids("Demo"))
	require.Equal(t, []int64{44, 0}, b.state().Items["demo"].Vector.Offsets)

	b.reset()
	b.add("demo", 0, entry{id: "k", key: true}, entry{gap: 3})
	b.clock.advance(b.set.Settle)
	require.Equal(t, Result{Flushes: 1}, b.run())
	require.Equal(t, []int64{48, 0}, b.state().Items["demo"].Vector.Offsets)
	require.Equal(t, []string{"k", "a"}, b.ids("Demo"))
	require.NotContains(t, b.wire.sent()[0], "appendCells")
}

func TestFlush_topicGrown_newPartitionBeginsAtZero(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.changeTopic(func(t *topicState) { t.End, t.Start = append(t.End, 0), append(t.Start, 0) })
	b.add("demo", 2, entry{id: "b"})
	b.clock.advance(b.set.Settle)
	require.Equal(t, 1, b.run().Rows)
	require.Equal(t, []int64{1, 0, 1}, b.state().Items["demo"].Vector.Offsets)
}

func TestFlush_tabs(t *testing.T) {
	headed := []string{"Received at", "Id", "Name", "note"}
	for name, prepare := range map[string]func(b *testBundle){
		"missing: made with a header":                        func(*testBundle) {},
		"there and empty: gets a header":                     func(b *testBundle) { b.edit(addTab(7, "Demo", 26)) },
		"there in other letters, and narrow: columns, too":   func(b *testBundle) { b.edit(addTab(7, "DEMO", 1)) },
		"there with our header only: gets no second one":     func(b *testBundle) { b.edit(addTab(7, "Demo", 26), appendRow(7, headed...)) },
		"title with a quote in another tab: does not matter": func(b *testBundle) { b.edit(addTab(7, "it's", 26)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			prepare(b)
			b.add("demo", 0, entry{id: "a", data: `{"name":"=1+1","note":"n"}`})
			b.clock.advance(b.set.Settle)
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, [][]string{headed, {"2026-11-21T12:00:00.000Z", "a", "=1+1", "n"}}, b.rows("Demo"))
			b.aged("demo", "b")
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
		})
	}
}

func TestFlush_tabRenamed_isFoundAgain(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.edit(&sheets.Request{UpdateSheetProperties: &sheets.UpdateSheetPropertiesRequest{
		Properties: &sheets.SheetProperties{SheetId: b.tab("Demo"), Title: "Mine now"}, Fields: "title",
	}})
	b.aged("demo", "b")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b"}, b.ids("Mine now"))
	require.Nil(t, b.rows("Demo"))
}

func TestFlush_firstFlushOfPlaceholdersOnly_makesTabAndHeader(t *testing.T) {
	b := setup(t)
	b.add("demo", 0, entry{gap: 5})
	b.clock.advance(b.set.Settle)
	require.Equal(t, Result{Flushes: 1}, b.run())
	require.Empty(t, b.ids("Demo"))
	require.Len(t, b.rows("Demo"), 1)
	b.aged("demo", "a")
	require.Equal(t, 1, b.run().Rows)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func TestFlush_planTooOld_isNotSent(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.quota.onWrite = func() {
		b.quota.onWrite = nil
		b.clock.advance(b.set.PlanAge + time.Millisecond)
	}
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"get", "get", "batchUpdate"}, b.wire.seen())
	require.Equal(t, 2, b.quota.writes)
}

func TestFlush_planJustNotTooOld_isSent(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.quota.onWrite = func() { b.clock.advance(b.set.PlanAge) }
	require.Equal(t, 1, b.run().Flushes)
	require.Equal(t, []string{"get", "batchUpdate"}, b.wire.seen())
}

func TestRun_toldToStop_finishesTheFlushUnderWay(t *testing.T) {
	b := setup(t)
	b.set.Rows = 1
	b.aged("demo", "a", "b")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b.wire.writes(func(n int) sheetsemulator.Fault {
		stop()
		if n == 0 { // and not even its answer arrives
			return sheetsemulator.Fault{Cut: true}
		}
		return sheetsemulator.Fault{}
	})
	r, err := b.writer().Run(ctx)
	require.NoError(t, err)
	require.Equal(t, Result{Flushes: 1, Rows: 1, More: true}, r)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
	require.Equal(t, int64(1), b.peek("demo").Partitions[0].Delivered, "released")
	require.Equal(t, 1, b.run().Rows)
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

func TestFlush_valueTooLongForACell_isCutAndCounted(t *testing.T) {
	b := setup(t)
	b.add("demo", 0, entry{id: "a", data: `{"name":"` + strings.Repeat("🌵", 25_001) + `","note":"` + strings.Repeat("x", 50_000) + `"}`})
	b.clock.advance(b.set.Settle)
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	row := b.rows("Demo")[1]
	require.True(t, strings.HasSuffix(row[2], "… [cut]"))
	require.True(t, strings.HasPrefix(row[2], strings.Repeat("🌵", 24_000)))
	require.Len(t, row[3], 50_000)
	require.InDelta(t, 1, b.counter("formstream_flusher_cut_values_total"), 0)
}

func TestFlush_budget_isSharedAndAnyPrefixMayBeCut(t *testing.T) {
	b := setup(t)
	b.clock.advance(time.Second) // later than every received_at below
	var want [2][]string
	for i := range 60 {
		for f, id := range []string{"demo", "other"} {
			name := fmt.Sprintf("%s-%03d", id, i)
			want[f] = append(want[f], name)
			b.add(id, int32(i%2), entry{id: name, data: `{"name":"` + strings.Repeat("x", 100*(1+i%7)) + `"}`, received: int64(i)})
		}
	}
	b.clock.advance(b.set.Settle)
	b.set.Bytes = 8000
	r := b.run()
	require.Equal(t, 120, r.Rows)
	require.Greater(t, r.Flushes, 5)
	require.Equal(t, want[0], b.ids("Demo"))
	require.Equal(t, want[1], b.ids("Other"))
	for i, body := range b.wire.sent() {
		require.Less(t, len(body), b.set.Bytes+2500, "rows and the frame around them")
		if i < r.Flushes-1 {
			require.Contains(t, body, "demo-", "each form has its share of each request")
			require.Contains(t, body, "other-")
		}
	}
}

func TestFlush_rowLargerThanTheBudget_goesAlone(t *testing.T) {
	b := setup(t)
	b.add("demo", 0, entry{id: "small-1"}, entry{id: "large", data: `{"name":"` + strings.Repeat("x", 9000) + `"}`}, entry{id: "small-2"})
	b.clock.advance(b.set.Settle)
	b.set.Bytes = 4000
	require.Equal(t, Result{Flushes: 3, Rows: 3}, b.run())
	require.Equal(t, []string{"small-1", "large", "small-2"}, b.ids("Demo"))
}

func TestFlush_fences_newestStay(t *testing.T) {
	b := setup(t)
	b.set.Keep = 3
	w := b.writer()
	for i := range 8 {
		b.aged("demo", fmt.Sprint(i))
		_, err := w.Run(t.Context())
		require.NoError(t, err)
	}
	var ids []int64
	for _, f := range b.state().Fences {
		ids = append(ids, f.ID)
	}
	require.Equal(t, []int64{500_000_004, 500_000_005, 500_000_006, 500_000_007}, ids, "the newest three and, until the next flush, one more")
}

// State.Advance says what a read would have said: whatever is written, with foreign metadata and tabs about.
func TestAdvance_agreesWithWhatTheEmulatorReturns(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			b := setup(t)
			rng := rand.New(rand.NewPCG(seed, 7))
			b.edit(addTab(7, "alpha tab", 1), createItem(500_000_003, "somebody.else", "x"), createItem(9, "formstreams", "x"))
			state, err := b.client.Read(t.Context(), book)
			require.NoError(t, err)
			offset := int64(0)
			for n := range 25 {
				var parts []sheet.Part
				for _, name := range []string{"alpha", "beta", "gamma"} {
					if rng.IntN(2) == 0 {
						continue
					}
					offset++
					p := sheet.Part{Form: name, Title: name + " tab", Header: []string{"a", "b", "c"}[:1+rng.IntN(3)], Headed: rng.IntN(2) == 0, TopicID: topic, Offsets: []int64{offset, 0}}
					for range rng.IntN(3) {
						row, err := sheet.NewRow(p.Header)
						require.NoError(t, err)
						p.Rows = append(p.Rows, row)
					}
					parts = append(parts, p)
				}
				f := state.Flush(fmt.Sprintf("nonce-%010d", n), 5, start, parts)
				answer, err := b.client.Apply(t.Context(), book, f.Request)
				require.NoError(t, err)
				require.Empty(t, f.Unmatched(answer))
				state = state.Advance(f)
				read, err := b.client.Read(t.Context(), book)
				require.NoError(t, err)
				require.True(t, read.Unchanged(state))
				require.Equal(t, sorted(read), sorted(state))
				if rng.IntN(4) == 0 {
					state = read
				}
			}
		})
	}
}

// sorted is the state with its tabs by id: a read has them in the order of the page.
func sorted(s *sheet.State) *sheet.State {
	c := *s
	c.Tabs = slices.SortedFunc(slices.Values(s.Tabs), func(a, b sheet.Tab) int { return int(a.ID - b.ID) })
	return &c
}
