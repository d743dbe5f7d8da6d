package sheetsemulator_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

type journal struct {
	Entries []struct {
		Seq         int64
		Time        time.Time
		Spreadsheet string
		Requests    []struct {
			Kind  string
			Count int
		}
		Writes []struct {
			SheetID           int64
			Title             string
			FirstRow, LastRow int
			Rows              [][]string
		}
	}
	Next int64
	More bool
}

func (b *testBundle) journal(t *testing.T, query string) journal {
	t.Helper()
	status, body := b.get(t, "/api/journal"+query)
	require.Equal(t, 200, status, body)
	var j journal
	require.NoError(t, json.Unmarshal([]byte(body), &j))
	return j
}

func TestJournal_hasEachBatchWithTheRowsAsTheyWereWritten(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 123_000_000, time.UTC)
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Now: func() time.Time { return now }}))
	b.mustUpdate(t, create(1, "k", "v"), addTab(7, "T"), appendRows(7, []string{"h1", "h2"}), appendRows(7, []string{"a", "b"}, []string{"c"}), create(2, "k", "v"))
	b.mustUpdate(t, updateAt(7, 1, 0, []string{"changed"}))
	j := b.journal(t, "?spreadsheet="+book)
	require.Len(t, j.Entries, 2)
	require.Equal(t, int64(2), j.Next)
	require.False(t, j.More)
	e := j.Entries[0]
	require.Equal(t, int64(1), e.Seq)
	require.Equal(t, now, e.Time)
	require.Equal(t, book, e.Spreadsheet)
	require.Equal(t, "[{createDeveloperMetadata 2} {addSheet 1} {appendCells 2}]", fmt.Sprint(e.Requests))
	require.Len(t, e.Writes, 2)
	require.Equal(t, "{7 T 2 3 [[a b] [c]]}", fmt.Sprint(e.Writes[1]))
	require.Equal(t, "{7 T 2 2 [[changed]]}", fmt.Sprint(j.Entries[1].Writes[0]))
}

func TestJournal_isReadInPages(t *testing.T) {
	b := setup(t)
	require.NoError(t, b.store.CreateSpreadsheet(t.Context(), "other"))
	for range 5 {
		b.mustUpdate(t, appendRows(0, []string{"a"}))
	}
	var seen []int64
	for after := int64(0); ; {
		j := b.journal(t, fmt.Sprintf("?spreadsheet=%s&after=%d&limit=2", book, after))
		for _, e := range j.Entries {
			seen = append(seen, e.Seq)
		}
		after = j.Next
		if !j.More {
			break
		}
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, seen)
	require.Empty(t, b.journal(t, "?spreadsheet=other").Entries)
	require.Empty(t, b.journal(t, "?after=5").Entries)
	require.Len(t, b.journal(t, "").Entries, 5)
	for _, query := range []string{"?after=x", "?limit=0", "?limit=-1"} {
		status, _ := b.get(t, "/api/journal"+query)
		require.Equal(t, 400, status, query)
	}
}

func TestJournal_keepsTheNewestEntries(t *testing.T) {
	b := setup(t, withStore(sheetsemulator.StoreOptions{JournalKeep: 3}))
	for range 5 {
		b.mustUpdate(t, appendRows(0, []string{"a"}))
	}
	j := b.journal(t, "")
	require.Len(t, j.Entries, 3)
	require.Equal(t, int64(3), j.Entries[0].Seq)
	require.Len(t, b.values(t, "Sheet1"), 5)
}

func TestJournal_page_isNewestFirstAndLeadsToOlder(t *testing.T) {
	b := setup(t)
	for i := range 60 {
		b.mustUpdate(t, appendRows(0, []string{fmt.Sprintf("row-%d.", i)}))
	}
	_, body := b.get(t, page+"/journal")
	require.Contains(t, body, "row-59.")
	require.Contains(t, body, "row-10.")
	require.NotContains(t, body, "row-9.")
	require.Contains(t, body, `<a href="?before=11">Older entries</a>`)
	_, body = b.get(t, page+"/journal?before=11")
	require.Contains(t, body, "row-9.")
	require.NotContains(t, body, "Older entries")
}
