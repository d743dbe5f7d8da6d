package sheetsflusher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

// Every row of the table of answers.

func TestFlush_200_rowsAreThereAndTheBufferIsReleased(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a", "b")
	require.Equal(t, Result{Flushes: 1, Rows: 2}, b.run())
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
	require.Equal(t, []string{"2026-11-21T12:00:00.000Z", "a", "a"}, b.rows("Demo")[1])
	require.Nil(t, b.rows("Other"), "a form without a submission gets no tab yet")
	require.True(t, b.peek("demo").Empty())
	require.Equal(t, book, b.peek("demo").Spreadsheet)
	require.Equal(t, []string{"get", "batchUpdate"}, b.wire.seen())
	require.InDelta(t, 2, b.counter("formstream_flusher_rows_total"), 0)
	require.Equal(t, "v1 500000000 topic-1 2,0", b.state().Items["demo"].Value)
}

func TestFlush_200_vectorNotMatched_formIsHeldUntilResumed(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.aged("other", "o")
	b.run()
	b.aged("demo", "b")
	b.aged("other", "p")
	vector := b.state().Items["demo"]
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n == 0 { // another flusher has written "b", and its fence is gone already
			b.edit(setVector(vector, "v1 500000700 topic-1 2,0"), appendRow(b.tab("Demo"), "2026-11-21T12:00:00.000Z", "b", "b"))
		}
		return sheetsemulator.Fault{}
	})
	r := b.run()
	require.Equal(t, 1, r.Flushes)
	require.Equal(t, []Park{{"demo", reasonUnmatched(500_000_001)}}, r.Parked)
	require.Equal(t, []string{"a", "b", "b"}, b.ids("Demo"), "doubled, and said so")
	require.Equal(t, []string{"demo"}, b.state().Fences[1].Parked)
	require.Equal(t, []string{"o", "p"}, b.ids("Other"))
	require.True(t, b.peek("other").Empty())

	b.aged("demo", "c")
	b.aged("other", "q")
	r = b.run()
	require.Equal(t, []Park{{"demo", reasonUnmatched(500_000_001)}}, r.Parked, "every later run sees it")
	require.Equal(t, map[string]string{"demo": "unmatched"}, b.parks())
	require.Equal(t, []string{"o", "p", "q"}, b.ids("Other"))

	said, err := b.writer().Resume(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "the form is no longer held", said)
	require.Empty(t, b.run().Parked)
	require.Equal(t, []string{"a", "b", "b", "c"}, b.ids("Demo"))
	require.Empty(t, b.parks())
	require.Empty(t, b.peek("demo").Park)
}

// tab returns the id of a tab.
func (b *testBundle) tab(title string) int64 {
	b.Helper()
	for _, t := range b.state().Tabs {
		if t.Title == title {
			return t.ID
		}
	}
	b.Fatalf("no tab %s", title)
	return 0
}

func TestFlush_429_sameBytesAfterAWait(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n < 3 {
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: http.StatusTooManyRequests}
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, 1, b.run().Flushes)
	require.Equal(t, []string{"get", "batchUpdate", "batchUpdate", "batchUpdate", "batchUpdate"}, b.wire.seen())
	b.requireSameBytes(4)
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, b.clock.slept)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func (b *testBundle) requireSameBytes(n int) {
	b.Helper()
	sent := b.wire.sent()
	require.Len(b, sent, n)
	for _, s := range sent {
		require.Equal(b, sent[0], s)
	}
}

func TestFlush_outcomeUnknown(t *testing.T) {
	for _, status := range []int{409, 500, 502, 503, 504, 0} {
		fault := sheetsemulator.Fault{Status: status, Cut: status == 0}
		name := fmt.Sprint(status)
		if fault.Cut {
			name = "cut"
		}
		once := func(b *testBundle, f sheetsemulator.Fault, before func()) {
			b.wire.writes(func(n int) sheetsemulator.Fault {
				if n > 0 {
					return sheetsemulator.Fault{}
				}
				before()
				return f
			})
		}
		t.Run(name+", applied: released", func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			once(b, fault, func() {})
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, []string{"get", "batchUpdate", "developerMetadata.get", "get"}, b.wire.seen())
			require.Equal(t, []string{"a"}, b.ids("Demo"))
			require.True(t, b.peek("demo").Empty())
		})
		fault.Apply = sheetsemulator.ApplyNever
		t.Run(name+", not applied: same bytes", func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			once(b, fault, func() {})
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, []string{"get", "batchUpdate", "developerMetadata.get", "get", "batchUpdate"}, b.wire.seen())
			b.requireSameBytes(2)
			require.Equal(t, []string{"a"}, b.ids("Demo"))
		})
		t.Run(name+", another's fence: planned anew", func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			other := b.beside()
			once(b, fault, func() {
				if _, err := other.Run(t.Context()); err != nil {
					t.Error(err)
				}
				b.add("demo", 1, entry{id: "b"})
				b.clock.advance(b.set.Settle)
			})
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
		})
		t.Run(name+", not applied, but others wrote: planned anew", func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			b.run()
			b.aged("demo", "b")
			once(b, fault, func() { b.edit(createItem(500_000_050, sheet.FenceKey, "x")) })
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
			require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
			require.Equal(t, int64(500_000_051), b.state().Items["demo"].Vector.Number)
		})
	}
}

// beside makes a second flusher that reaches the spreadsheet past the faults.
func (b *testBundle) beside() *Writer {
	b.Helper()
	p := b.ports
	client, err := sheet.Dial(b.Context(), b.apiURL, "")
	require.NoError(b, err)
	p.Sheets, p.Quota, p.Clock = client, &fakeQuota{}, newClock()
	p.Nonce = func() string { return "the other nonce." }
	p.Metrics = NewMetrics(nil)
	return NewWriter(p, b.set, book, b.forms)
}

func TestFlush_appliedLong_afterTheAnswer_isStillOnce(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	late := make(chan struct{})
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n == 0 {
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyLate, Until: late, Status: 503}
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, 1, b.run().Flushes)
	close(late)
	b.aged("demo", "b")
	require.Equal(t, 1, b.run().Flushes)
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

// impatient gives a write up as soon as it is told to.
type impatient struct {
	Sheets
	arrived chan struct{}
}

func (i impatient) Apply(ctx context.Context, id string, r *sheets.BatchUpdateSpreadsheetRequest) (*sheets.BatchUpdateSpreadsheetResponse, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-i.arrived:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return i.Sheets.Apply(ctx, id, r)
}

func TestFlush_timeOut_asksForTheFence(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	arrived, done := make(chan struct{}), make(chan struct{})
	b.ports.Sheets = impatient{b.client, arrived}
	b.wire.script(func(n int, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method == "spreadsheets.batchUpdate" && n == 0 {
			arrived <- struct{}{}
			<-done
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever}
		}
		if c.Method == "spreadsheets.developerMetadata.get" {
			close(done)
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	b.requireSameBytes(2)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func TestFlush_400_ours_isReleased(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n == 0 {
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 503}
		}
		// The first one, given up by then, is applied just before its repeat.
		r, err := http.Post(b.apiURL+"/v4/spreadsheets/"+book+":batchUpdate", "application/json", strings.NewReader(b.wire.sent()[0])) //nolint:noctx // a test's
		if err != nil || r.StatusCode != http.StatusOK || r.Body.Close() != nil {
			t.Errorf("apply late: %v", err)
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"get", "batchUpdate", "developerMetadata.get", "get", "batchUpdate", "developerMetadata.get", "get"}, b.wire.seen())
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func TestFlush_400_anothers_isPlannedAnew(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a", "b")
	other := b.beside()
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n == 0 {
			if _, err := other.Run(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, Result{}, b.run(), "the other one has written everything")
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
	require.Equal(t, []string{"get", "batchUpdate", "developerMetadata.get"}, b.wire.seen())
}

func TestFlush_400_notThereAndChanged_isPlannedAnew(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n > 0 {
			return sheetsemulator.Fault{}
		}
		b.edit(createItem(500_000_100, sheet.FenceKey, "x"))
		return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 400}
	})
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, int64(500_000_101), b.state().Items["demo"].Vector.Number)
	require.Equal(t, []string{"a"}, b.ids("Demo"))
}

func TestFlush_400_unchangedTwice_eachFormAlone_theRefusedOneIsParked(t *testing.T) {
	b := setup(t)
	b.aged("demo", "poison")
	b.aged("other", "o")
	b.wire.refuse = "poison"
	r := b.run()
	require.Equal(t, []Park{{"demo", reasonRefused}}, r.Parked)
	require.Equal(t, []string{"o"}, b.ids("Other"))
	require.Nil(t, b.rows("Demo"))
	require.Equal(t, map[string]string{"demo": "refused"}, b.parks())

	b.wire.refuse = ""
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"poison"}, b.ids("Demo"))
	require.Empty(t, b.parks())
}

func TestFlush_400_once_isNoFault(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(n int) sheetsemulator.Fault {
		if n == 0 {
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 400}
		}
		return sheetsemulator.Fault{}
	})
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	b.requireSameBytes(2)
}

func TestFlush_manyFormsRefused_theOthersGoOnInTheSameRun(t *testing.T) {
	b := setup(t)
	b.aged("other", "o")
	for i := range 30 {
		f := newForm(t, fmt.Sprintf("bad%d", i), fmt.Sprintf("Bad %d", i))
		b.forms = append(b.forms, f)
		b.brokers.topics[f.Topic()] = b.brokers.topics["forms.demo"]
		b.aged(f.ID, "poison")
	}
	b.wire.refuse = "poison"
	r := b.run()
	require.Len(t, r.Parked, 30)
	require.Equal(t, []string{"o"}, b.ids("Other"))
}

func TestFlush_spreadsheetNotReached_allItsFormsAreParkedWithTheRemedy(t *testing.T) {
	for status, says := range map[int]string{401: "credentials: ", 403: "no_access: ", 404: "no_spreadsheet: "} {
		for _, method := range []string{"spreadsheets.get", "spreadsheets.batchUpdate"} {
			t.Run(fmt.Sprint(status, " ", method), func(t *testing.T) {
				b := setup(t)
				b.aged("demo", "a")
				b.aged("other", "o")
				b.wire.script(func(_ int, c sheetsemulator.Call) sheetsemulator.Fault {
					if c.Method == method {
						return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: status}
					}
					return sheetsemulator.Fault{}
				})
				w := b.writer()
				r, err := w.Run(t.Context())
				require.NoError(t, err)
				require.Len(t, r.Parked, 2)
				word := strings.TrimSuffix(says, ": ")
				require.Equal(t, map[string]string{"demo": word, "other": word}, b.parks())
				for _, p := range r.Parked {
					require.True(t, strings.HasPrefix(p.Reason, says), p.Reason)
					require.Equal(t, p.Reason, b.peek(p.Form).Park)
				}
				b.reset()
				r, err = w.Run(t.Context())
				require.NoError(t, err)
				require.Equal(t, Result{Flushes: 1, Rows: 2}, r)
				require.Equal(t, []string{"a"}, b.ids("Demo"))
				require.Empty(t, b.parks())
				require.Empty(t, b.peek("demo").Park)
			})
		}
	}
}

func TestRun_readNotAnswered_isRetriedThenAnError(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.script(func(n int, _ sheetsemulator.Call) sheetsemulator.Fault {
		return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 503}
	})
	_, err := b.writer().Run(t.Context())
	require.ErrorContains(t, err, "read spreadsheet book")
	require.Len(t, b.wire.seen(), b.set.Attempts)
	b.reset()
	require.Equal(t, 1, b.run().Flushes)
}

func TestRun_429ForMinutes_isAnErrorAndTheNextRunGoesOn(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.wire.writes(func(int) sheetsFault {
		return sheetsFault{Apply: sheetsemulator.ApplyNever, Status: http.StatusTooManyRequests}
	})
	r, err := b.writer().Run(t.Context())
	require.ErrorIs(t, err, errNoProgress)
	require.Empty(t, r.Parked, "a quota is no fault of the form")
	b.reset()
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
}

func TestFlush_fenceNotAnswered_isAnErrorAndTheNextRunFindsOut(t *testing.T) {
	for name, applied := range map[string]sheetsemulator.Apply{"applied": sheetsemulator.ApplyNow, "not applied": sheetsemulator.ApplyNever} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a")
			b.wire.script(func(_ int, c sheetsCall) sheetsFault {
				switch c.Method {
				case "spreadsheets.batchUpdate":
					return sheetsFault{Apply: applied, Status: 503}
				case "spreadsheets.developerMetadata.get":
					return sheetsFault{Apply: sheetsemulator.ApplyNever, Status: 503}
				}
				return sheetsFault{}
			})
			_, err := b.writer().Run(t.Context())
			require.ErrorContains(t, err, "ask for fence 500000000")
			b.reset()
			b.run()
			require.Equal(t, []string{"a"}, b.ids("Demo"))
			require.True(t, b.peek("demo").Empty())
		})
	}
}
