package ledger_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/ledger"
)

func demoRow(id, mark string) []any {
	return []any{"2026-01-01T00:00:00.000Z", id, "Ada", "a@b.org", mark}
}

func TestCompare_findsWhateverBreaksTheGuarantee(t *testing.T) {
	sent := func(mark string, fate ledger.Fate, id string) ledger.Sent {
		return ledger.Sent{Form: "demo-form", Mark: mark, Fate: fate, ID: id}
	}
	for _, row := range []struct {
		name string
		sent ledger.Sent
		rows [][]any
		want string // "" is well
	}{
		{"accepted, there", sent("m", ledger.Accepted, "i"), [][]any{demoRow("i", "m")}, ""},
		{"accepted, lost", sent("m", ledger.Accepted, "i"), nil, "not in the spreadsheet"},
		{"accepted, under another id", sent("m", ledger.Accepted, "i"), [][]any{demoRow("j", "m")}, "not in the spreadsheet"},
		{"accepted, twice", sent("m", ledger.Accepted, "i"), [][]any{demoRow("i", "m"), demoRow("i", "m")}, "more than once"},
		{"unanswered, there", sent("m", ledger.Unanswered, ""), [][]any{demoRow("i", "m")}, ""},
		{"unanswered, not there", sent("m", ledger.Unanswered, ""), nil, ""},
		{"unanswered, twice under two ids", sent("m", ledger.Unanswered, ""), [][]any{demoRow("i", "m"), demoRow("j", "m")}, "more than once"},
		{"503, twice", sent("m", ledger.Unstored, "i"), [][]any{demoRow("i", "m"), demoRow("i", "m")}, "more than once"},
		{"refused, there", ledger.Sent{Mark: "m", Fate: ledger.Refused, Invalid: true}, [][]any{demoRow("i", "m")}, "answered 4xx and"},
		{"refused, and right", sent("m", ledger.Refused, ""), nil, "against the rules"},
		{"accepted, and wrong", ledger.Sent{Mark: "m", Fate: ledger.Accepted, ID: "i", Invalid: true}, [][]any{demoRow("i", "m")}, "against the rules"},
		{"a row of nobody", sent("m", ledger.Unanswered, ""), [][]any{demoRow("i", "x")}, "nobody sent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			verdict := ledger.Ledger{row.sent}.Compare(map[string][][]any{"demo-form": row.rows})
			require.Equal(t, len(row.rows), verdict.Rows)
			if row.want == "" {
				require.NoError(t, verdict.Err())
				return
			}
			require.ErrorContains(t, verdict.Err(), row.want)
		})
	}
}

func TestLoad_knowsWhatBecameOfEach(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch i := n.Add(1); i % 4 {
		case 0:
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprintf(w, `{"id":"id-%d"}`, i)
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, `{"id":"id"}`)
		case 2:
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprint(w, `{}`)
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	load := &ledger.Load{Seed: 1, Count: 400, Clients: 1, Reach: ledger.At(server.URL)}
	all, err := load.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 400)
	marks := map[string]bool{}
	for _, s := range all {
		marks[s.Mark] = true
		require.Equal(t, s.Fate == ledger.Accepted, strings.HasPrefix(s.ID, "id-"))
	}
	require.Len(t, marks, 400, "every mark once")
	for _, fate := range []ledger.Fate{ledger.Accepted, ledger.Unstored, ledger.Refused, ledger.Unanswered} {
		require.Equal(t, 100, all.Count(fate))
	}
	require.EqualValues(t, 300, load.Answered())
	require.EqualValues(t, 100, load.Accepted())
}

func TestLoad_reachFails_ends(t *testing.T) {
	load := &ledger.Load{Count: 10, Clients: 2, Reach: func() func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return "", context.DeadlineExceeded }
	}}
	_, err := load.Run(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestReadJournal_rowsOutOfOrder_isAnError(t *testing.T) {
	rows := `["2026-01-01T00:00:01Z","a"],["2026-01-01T00:00:02Z","b"]`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"entries":[{"writes":[{"title":"Demo","rows":[["Received at","Id"],%s]}]}],"next":1}`, rows)
	}))
	defer server.Close()
	journal, err := ledger.ReadJournal(t.Context(), server.URL)
	require.NoError(t, err)
	require.Equal(t, ledger.Journal{Flushes: 1, Rows: 2}, journal)
	rows = `["2026-01-01T00:00:02Z","a"],["2026-01-01T00:00:01Z","b"]`
	_, err = ledger.ReadJournal(t.Context(), server.URL)
	require.ErrorContains(t, err, "order of time")
}
