package sheetsflusher

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
)

// changeTopic changes what the brokers say of demo's topic.
func (b *testBundle) changeTopic(change func(*kafka.Topic)) {
	t := b.brokers.topics["forms.demo"]
	t.End = slices.Clone(t.End)
	change(&t)
	b.brokers.topics["forms.demo"] = t
}

func clearRow(tab, row int64) *sheets.Request {
	return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
		Range: &sheets.GridRange{SheetId: tab, StartRowIndex: row, EndRowIndex: row + 1}, Fields: "userEnteredValue",
	}}
}

// Every reason to park a form: the other form of the spreadsheet goes on, and the park ends with its cause.
func TestPark(t *testing.T) {
	headed := []string{"Received at", "Id", "Name", "note"}
	for _, test := range []struct {
		name    string
		first   bool // nothing has been written yet
		reason  string
		breakIt func(b *testBundle) (heal func())
		after   []string // the ids in the tab when it is healed
	}{
		{"topic made anew, unlike the vector's", false, reasonTopic, func(b *testBundle) func() {
			b.changeTopic(func(t *kafka.Topic) { t.ID = "topic-2" })
			return func() { b.changeTopic(func(t *kafka.Topic) { t.ID = topic }) }
		}, []string{"a", "b"}},
		{"topic made anew, unlike the buffer's", true, reasonBufferTopic, func(b *testBundle) func() {
			b.changeTopic(func(t *kafka.Topic) { t.ID = "topic-2" })
			return func() { b.changeTopic(func(t *kafka.Topic) { t.ID = topic }) }
		}, []string{"b"}},
		{"vector beyond the end of the log", false, reasonBeyondEnd, func(b *testBundle) func() {
			b.changeTopic(func(t *kafka.Topic) { t.End[0] = 0 })
			return func() { b.changeTopic(func(t *kafka.Topic) { t.End[0] = 2 }) }
		}, []string{"a", "b"}},
		{"buffer beyond the end of the log", true, reasonBeyondEnd, func(b *testBundle) func() {
			b.changeTopic(func(t *kafka.Topic) { t.End[0] = 0 })
			return func() { b.changeTopic(func(t *kafka.Topic) { t.End[0] = 1 }) }
		}, []string{"b"}},
		{"fewer partitions than the vector has", false, reasonBeyondEnd, func(b *testBundle) func() {
			b.changeTopic(func(t *kafka.Topic) { t.End, t.Start = t.End[:1], t.Start[:1] })
			return func() { b.changeTopic(func(t *kafka.Topic) { t.End, t.Start = append(t.End, 0), append(t.Start, 0) }) }
		}, []string{"a", "b"}},
		{"no vector, but something was delivered", false, reasonNoVector, func(b *testBundle) func() {
			x := b.state().Items["demo"]
			b.edit(deleteItem(x.ID))
			return func() { b.edit(createItem(x.ID, sheet.VectorKey("demo"), x.Value)) }
		}, []string{"a", "b"}},
		{"no vector, but the tab has our header and rows", true, reasonOldRows, func(b *testBundle) func() {
			b.edit(addTab(7, "Demo", 26), appendRow(7, headed...), appendRow(7, "2026", "old"))
			return func() { b.edit(clearRow(7, 1)) }
		}, []string{"b"}},
		{"two vectors", false, reasonDoubled, func(b *testBundle) func() {
			b.edit(createItem(11, sheet.VectorKey("demo"), b.state().Items["demo"].Value))
			return func() { b.edit(deleteItem(11)) }
		}, []string{"a", "b"}},
		{"a vector that cannot be read", false, reasonVector, func(b *testBundle) func() {
			x := b.state().Items["demo"]
			b.edit(setVector(x, "hello"))
			return func() { b.edit(setVector(x, x.Value)) }
		}, []string{"a", "b"}},
		{"a spreadsheet older than what was delivered", false, reasonOlderSheet, func(b *testBundle) func() {
			x := b.state().Items["demo"]
			b.edit(setVector(x, "v1 500000000 topic-1 0,0"))
			return func() { b.edit(setVector(x, x.Value)) }
		}, []string{"a", "b"}},
		{"its tab is gone", false, reasonTabGone, func(b *testBundle) func() {
			id := b.tab("Demo")
			b.edit(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: id}})
			return func() { b.edit(addTab(id, "Restored", 26), appendRow(id, headed...), appendRow(id, "2026", "a", "a")) }
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := setup(t)
			if !test.first {
				b.aged("demo", "a")
				b.aged("other", "o")
				b.run()
			}
			b.aged("demo", "b")
			b.aged("other", "p")
			heal := test.breakIt(b)
			w := b.writer()
			for range 2 { // found anew by each run
				r, err := w.Run(t.Context())
				require.NoError(t, err)
				require.Equal(t, []Park{{"demo", test.reason}}, r.Parked)
				word, _, _ := strings.Cut(test.reason, ": ")
				require.Equal(t, map[string]string{"demo": word}, b.parks())
				require.Equal(t, test.reason, b.peek("demo").Park)
				require.Empty(t, b.peek("other").Park)
				require.Contains(t, b.ids("Other"), "p", "other forms of the spreadsheet go on")
			}
			heal()
			w = b.writer() // the next run, as a CronJob's: a loop's would stand on what it knows, and find out when it is refused
			r, err := w.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, Result{Flushes: 1, Rows: 1}, r)
			require.Empty(t, b.parks())
			require.Empty(t, b.peek("demo").Park)
			if test.after != nil {
				require.Equal(t, test.after, b.ids("Demo"))
			} else {
				require.Equal(t, []string{"a", "b"}, b.ids("Restored"))
			}
		})
	}
}

func TestPark_loopHealsToo(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	w := b.writer()
	runs := func(want Result) {
		t.Helper()
		r, err := w.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, r)
	}
	runs(Result{Flushes: 1, Rows: 1})
	x := b.state().Items["demo"]
	b.edit(deleteItem(x.ID))
	b.aged("demo", "b")
	w.state = nil
	runs(Result{Parked: []Park{{"demo", reasonNoVector}}})
	b.edit(createItem(x.ID, sheet.VectorKey("demo"), x.Value))
	runs(Result{Flushes: 1, Rows: 1})
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

func TestPark_tabGoneWhileInALoop_theReasonIsRight(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	w := b.writer()
	_, err := w.Run(t.Context())
	require.NoError(t, err)
	b.edit(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: b.tab("Demo")}})
	b.aged("demo", "b")
	r, err := w.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Park{{"demo", reasonTabGone}}, r.Parked)
}

func TestPark_columnsTakenAwayWhileInALoop_areMadeAgain(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	w := b.writer()
	_, err := w.Run(t.Context())
	require.NoError(t, err)
	b.edit(&sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: &sheets.DimensionRange{
		SheetId: b.tab("Demo"), Dimension: "COLUMNS", StartIndex: 2, EndIndex: 26,
	}}})
	b.add("demo", 0, entry{id: "b", data: `{"name":"b","note":"kept"}`})
	b.clock.advance(b.set.Settle)
	r, err := w.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, Result{Flushes: 1, Rows: 1}, r)
	require.Equal(t, []string{"2026-11-21T12:00:00.000Z", "b", "b", "kept"}, b.rows("Demo")[2])
}

func TestPark_spreadsheetChanged_remedyIsToChangeItBack(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.aged("demo", "b")
	require.NoError(t, b.store.CreateSpreadsheet(t.Context(), "book-2"))
	r, err := NewWriter(b.ports, b.set, "book-2", b.forms).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Park{{"demo", reasonNoVector}}, r.Parked)
	require.Contains(t, reasonNoVector, "sinks.sheets.spreadsheet")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

func TestPark_submissionThatCannotBeRead_otherFormsGoOn(t *testing.T) {
	for name, data := range map[string]string{"no object": `["x"]`, "no JSON": `{"secret`} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.add("demo", 0, entry{id: "a", data: data})
			b.aged("other", "o")
			r := b.run()
			require.Len(t, r.Parked, 1)
			require.Equal(t, "demo", r.Parked[0].Form)
			require.Contains(t, r.Parked[0].Reason, "partition 0, offset 0")
			require.NotContains(t, r.Parked[0].Reason, "secret")
			require.Equal(t, map[string]string{"demo": "unreadable"}, b.parks())
			require.Equal(t, []string{"o"}, b.ids("Other"))
		})
	}
}

// plans answers demo's plans itself.
type plans struct {
	Buffer
	answer func() (buffer.PlanAnswer, error)
}

func (p plans) Plan(ctx context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error) {
	if r.Form == "demo" {
		return p.answer()
	}
	return p.Buffer.Plan(ctx, r)
}

func TestPark_damagedBuffer(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.aged("other", "o")
	b.ports.Buffer = plans{b.twin, func() (buffer.PlanAnswer, error) {
		return buffer.PlanAnswer{}, &buffer.DamagedError{Form: "demo", Partition: 1, Offset: 7, Reason: "unknown kind"}
	}}
	r := b.run()
	require.Len(t, r.Parked, 1)
	require.True(t, strings.HasPrefix(r.Parked[0].Reason, reasonDamaged), r.Parked[0].Reason)
	require.Contains(t, r.Parked[0].Reason, "partition 1, offset 7")
	require.Equal(t, []string{"o"}, b.ids("Other"))
	b.ports.Buffer = b.twin
	b.run()
	require.Equal(t, []string{"a"}, b.ids("Demo"))
	require.Empty(t, b.parks())
}

func TestPlan_booksDoNotHold_isCountedAndNotParked(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a", "b")
	require.True(t, b.twin.Evict("demo", 0, 0))
	require.Equal(t, Result{}, b.run())
	require.InDelta(t, 1, b.counter("formstream_flusher_rebuilds_total"), 0)
	require.Empty(t, b.parks())
	require.Nil(t, b.rows("Demo"))
}

func TestPark_topicMadeAnew_resumeDeliversItFromItsBeginning(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.aged("demo", "never-read")
	b.changeTopic(func(t *kafka.Topic) { t.ID, t.End = "topic-2", []int64{0, 0} })
	require.Equal(t, []Park{{"demo", reasonTopic}}, b.run().Parked)

	said, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "the new topic is delivered from its beginning", said)
	require.Equal(t, "v1 500000001 topic-2 0,0", b.state().Items["demo"].Value)
	b.aged("demo", "first")
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "first"}, b.ids("Demo"))
	require.Empty(t, b.parks())
}

func TestResume_nothingToEnd_saysSo(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	_, err := b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "form demo is not parked by anything that -resume ends")
	_, err = b.writer().Resume(t.Context(), "missing")
	require.ErrorContains(t, err, "form missing does not go into spreadsheet book")
	delete(b.brokers.topics, "forms.demo")
	_, err = b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "its topic forms.demo does not exist")
	b.brokers.err = errors.New("brokers away")
	_, err = b.writer().Resume(t.Context(), "demo")
	require.ErrorContains(t, err, "brokers away")
}

func TestResume_nothingLeftToWrite_parkIsNoLongerShown(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	fence := b.state().Fences[0]
	b.edit(sheet.Hold(fence, []string{"demo", "other"}).Requests...)
	require.NoError(t, b.twin.Park(t.Context(), "demo", reasonUnmatched(fence.ID)))
	_, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	b.run()
	require.Empty(t, b.peek("demo").Park)
	require.Equal(t, []string{"other"}, b.state().Fences[0].Parked, "the other one stays held")
}

func TestPark_endedByAnotherFlusher_isNoLongerShown(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(int) sheetsFault { return denied })
	w := b.writer()
	_, err := w.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"demo": "no_access", "other": "no_access"}, b.parks())
	_, err = b.beside().Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
	r, err := w.Run(t.Context())
	require.NoError(t, err)
	require.Empty(t, r.Parked)
	require.Empty(t, b.parks())
}

func TestPark_headOfItsTabRefused_otherFormsGoOn(t *testing.T) {
	b := setup(t)
	b.edit(addTab(7, "Demo", 26))
	b.aged("demo", "a")
	b.aged("other", "o")
	b.wire.script(func(_ int, c sheetsCall) sheetsFault {
		if c.Method == "spreadsheets.values.get" {
			return refused
		}
		return sheetsFault{}
	})
	r := b.run()
	require.Len(t, r.Parked, 1)
	require.Equal(t, map[string]string{"demo": "tab_unreadable"}, b.parks())
	require.Equal(t, []string{"o"}, b.ids("Other"))
	b.reset()
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}
