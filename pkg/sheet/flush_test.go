package sheet_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

func TestFlush_firstOfTwoForms_wireForm(t *testing.T) {
	s := state([]*sheets.Sheet{tab(7, "Other Tab", 2)})
	other := part(t, "other", []int64{1}, row(t, "2026-11-21T12:00:00.001Z", "id-2", ""))
	golden(t, "first.json", s.Flush(nonce, 600, planned, []sheet.Part{part(t, "demo", []int64{2, 0}, row(t, "2026-11-21T12:00:00.000Z", "id-1", "=1+1")), other}).Request)
}

func TestFlush_nextOfAForm_wireForm(t *testing.T) {
	own := state(nil).Flush(nonce, 600, planned, []sheet.Part{part(t, "demo", []int64{1})})
	id := own.Request.Requests[2].AddSheet.Properties.SheetId
	s := state([]*sheets.Sheet{tab(id, "renamed", 26)},
		item(500_000_000, sheet.FenceKey, "aaaaaaaaaaaaaaaa"), item(500_000_001, sheet.FenceKey, "bbbbbbbbbbbbbbbb"), item(500_000_002, sheet.FenceKey, "cccccccccccccccc"),
		vectorItem(1_100_000_000, "demo", sheet.Vector{Number: 500_000_001, TopicID: topic, Offsets: []int64{1, 4}}))
	golden(t, "next.json", s.Flush(nonce, 2, planned, []sheet.Part{part(t, "demo", []int64{2, 4}, row(t, "2026-11-21T12:00:00.000Z", "id-1", "Ada"))}).Request)
}

func TestFlush_order_isFenceVectorsTabsRowsDeletions(t *testing.T) {
	s := state([]*sheets.Sheet{tab(7, "narrow tab", 2)}, item(500_000_000, sheet.FenceKey, nonce), item(500_000_001, sheet.FenceKey, nonce))
	f := s.Flush(nonce, 1, planned, []sheet.Part{part(t, "new", []int64{1}, row(t, "a")), part(t, "narrow", []int64{1}, row(t, "b"))})
	require.Equal(t, []string{
		"createDeveloperMetadata", "createDeveloperMetadata", "createDeveloperMetadata",
		"addSheet", "appendCells", "appendDimension", "appendCells", "deleteDeveloperMetadata",
	}, kinds(t, f))
	require.Equal(t, sheet.FenceKey, f.Request.Requests[0].CreateDeveloperMetadata.DeveloperMetadata.MetadataKey, "a flush sent twice is refused by its first request")
	require.Equal(t, 2, f.Rows())
}

func TestFlush_tabAndHeader(t *testing.T) {
	known := vectorItem(1_100_000_000, "demo", sheet.Vector{Number: 500_000_000, TopicID: topic, Offsets: []int64{1}})
	for _, test := range []struct {
		name  string
		tabs  []*sheets.Sheet
		items []*sheets.DeveloperMetadata
		rows  int
		head  bool // the tab has our header already
		kinds []string
		cells int // rows of appendCells, header included
	}{
		{"new form, no tab", nil, nil, 2, false, []string{"createDeveloperMetadata", "createDeveloperMetadata", "addSheet", "appendCells"}, 3},
		{"new form, no tab, placeholders only", nil, nil, 0, false, []string{"createDeveloperMetadata", "createDeveloperMetadata", "addSheet", "appendCells"}, 1},
		{"new form, a tab without a header", []*sheets.Sheet{tab(3, "demo tab", 26)}, nil, 2, false, []string{"createDeveloperMetadata", "createDeveloperMetadata", "appendCells"}, 3},
		{"new form, a tab with our header", []*sheets.Sheet{tab(3, "DEMO TAB", 26)}, nil, 2, true, []string{"createDeveloperMetadata", "createDeveloperMetadata", "appendCells"}, 2},
		{"new form, a tab with our header, placeholders only", []*sheets.Sheet{tab(3, "demo tab", 26)}, nil, 0, true, []string{"createDeveloperMetadata", "createDeveloperMetadata"}, 0},
		{"known form", []*sheets.Sheet{tab(3, "demo tab", 26)}, []*sheets.DeveloperMetadata{known}, 2, false, []string{"createDeveloperMetadata", "updateDeveloperMetadata", "appendCells"}, 2},
		{"known form, placeholders only", []*sheets.Sheet{tab(3, "demo tab", 26)}, []*sheets.DeveloperMetadata{known}, 0, false, []string{"createDeveloperMetadata", "updateDeveloperMetadata"}, 0},
		{"known form, too few columns", []*sheets.Sheet{tab(3, "demo tab", 1)}, []*sheets.DeveloperMetadata{known}, 1, false, []string{"createDeveloperMetadata", "updateDeveloperMetadata", "appendDimension", "appendCells"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := part(t, "demo", []int64{3}, slices.Repeat([]sheet.Row{row(t, "a", "b", "c")}, test.rows)...)
			p.Headed = test.head
			f := state(test.tabs, test.items...).Flush(nonce, 600, planned, []sheet.Part{p})
			require.Equal(t, test.kinds, kinds(t, f))
			cells := 0
			for _, r := range f.Request.Requests {
				if r.AppendCells != nil {
					cells += len(r.AppendCells.Rows)
				}
				if r.AppendDimension != nil {
					require.Equal(t, int64(2), r.AppendDimension.Length)
				}
			}
			require.Equal(t, test.cells, cells)
		})
	}
}

func TestFlush_wideForm_tabIsMadeWithItsColumns(t *testing.T) {
	p := part(t, "wide", []int64{1})
	p.Header = make([]string, 40)
	f := state(nil).Flush(nonce, 600, planned, []sheet.Part{p})
	require.Equal(t, int64(40), f.Request.Requests[2].AddSheet.Properties.GridProperties.ColumnCount)
}

func TestFlush_fences_theNewest600Stay(t *testing.T) {
	var items []*sheets.DeveloperMetadata
	for i := range 700 {
		items = append(items, item(sheet.FirstFence+int64(i), sheet.FenceKey, nonce))
	}
	items[0].MetadataValue = sheet.Fence{Nonce: nonce, Parked: []string{"held"}}.Value()
	s := state([]*sheets.Sheet{tab(3, "demo tab", 26)}, items...)
	gone := map[int64]bool{}
	for n := 0; ; n++ {
		f := s.Flush(nonce, sheet.KeepFences, planned, []sheet.Part{part(t, "demo", []int64{int64(n)})})
		deleted := 0
		for _, r := range f.Request.Requests {
			if d := r.DeleteDeveloperMetadata; d != nil {
				id := d.DataFilter.DeveloperMetadataLookup.MetadataId
				require.Contains(t, s.Fences, sheet.Fence{ID: id, Nonce: nonce}, "only ids that the state has are deleted, each once, and none that holds a form")
				require.False(t, gone[id])
				gone[id] = true
				deleted++
			}
		}
		require.LessOrEqual(t, deleted, 50, "one request stays small")
		s = s.Advance(f)
		require.Equal(t, sheet.FirstFence+700+int64(n), f.Fence.ID)
		if deleted == 0 || n == 20 {
			t.Fatalf("flush %d deleted nothing, and %d fences are left", n, len(s.Fences))
		}
		if len(s.Fences) == sheet.KeepFences+1+1 { // and the one that holds a form
			break
		}
	}
	require.Equal(t, int64(sheet.FirstFence), s.Fences[0].ID)
	newest := s.Fences[len(s.Fences)-1].ID
	for i, f := range s.Fences[1:] {
		require.Equal(t, newest-sheet.KeepFences+int64(i), f.ID)
	}
	held, ok := s.Held("held")
	require.True(t, ok)
	require.Equal(t, s.Fences[0], held)
}

func TestFlush_fenceID(t *testing.T) {
	for _, test := range []struct {
		name  string
		items []*sheets.DeveloperMetadata
		want  int64
	}{
		{"nothing there", nil, 500_000_000},
		{"one above the highest fence", []*sheets.DeveloperMetadata{item(500_000_009, sheet.FenceKey, nonce), item(500_000_003, sheet.FenceKey, nonce)}, 500_000_010},
		{"fences deleted by a person: one above the highest vector's number", []*sheets.DeveloperMetadata{
			item(500_000_003, sheet.FenceKey, nonce), vectorItem(1_100_000_000, "demo", sheet.Vector{Number: 500_000_700, TopicID: topic, Offsets: []int64{1}}),
		}, 500_000_701},
		{"a low number does not lead below the first", []*sheets.DeveloperMetadata{vectorItem(1_100_000_000, "demo", sheet.Vector{Number: 3, TopicID: topic, Offsets: []int64{1}})}, 500_000_000},
		{"an id that a foreign key holds is skipped", []*sheets.DeveloperMetadata{item(500_000_000, "somebody.else", ""), item(500_000_001, "somebody.else", "")}, 500_000_002},
		{"a foreign id elsewhere does not count", []*sheets.DeveloperMetadata{item(700_000_000, "somebody.else", "")}, 500_000_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := state(nil, test.items...).Flush(nonce, 600, planned, []sheet.Part{part(t, "demo", []int64{2})})
			require.Equal(t, test.want, f.Fence.ID)
			require.Equal(t, test.want, f.Request.Requests[0].CreateDeveloperMetadata.DeveloperMetadata.MetadataId)
			require.Equal(t, nonce, f.Request.Requests[0].CreateDeveloperMetadata.DeveloperMetadata.MetadataValue)
		})
	}
}

// createdVector returns the id with which a form's first flush creates its vector.
func createdVector(t *testing.T, s *sheet.State, form string) int64 {
	t.Helper()
	c := s.Flush(nonce, 600, planned, []sheet.Part{part(t, form, []int64{1})}).Request.Requests[1].CreateDeveloperMetadata
	require.Equal(t, sheet.VectorKey(form), c.DeveloperMetadata.MetadataKey)
	return c.DeveloperMetadata.MetadataId
}

func TestFlush_vectorID_taken_nextOne(t *testing.T) {
	id := createdVector(t, state(nil), "demo")
	require.GreaterOrEqual(t, id, int64(1<<30))
	require.Less(t, id, int64(1<<31))
	require.Equal(t, id, createdVector(t, state(nil, item(id+1, "somebody.else", "")), "demo"), "the same each time")
	require.Equal(t, id+1, createdVector(t, state(nil, item(id, "somebody.else", "")), "demo"))
	require.Equal(t, id+2, createdVector(t, state(nil, item(id, "formstream.other", "v1 1 t 0"), item(id+1, "somebody.else", "")), "demo"))
}

func TestFlush_vectorID_atTheEndOfItsRange_wraps(t *testing.T) {
	const form, toEnd = "wrap-6820252", 52 // found by trying: its hash is this far from the last id
	require.Equal(t, int64(math.MaxInt32-toEnd), createdVector(t, state(nil), form))
	var taken []*sheets.DeveloperMetadata
	for id := int64(math.MaxInt32 - toEnd); id <= math.MaxInt32; id++ {
		taken = append(taken, item(id, "somebody.else", ""))
	}
	require.Equal(t, int64(1<<30), createdVector(t, state(nil, taken...), form))
}

func TestFlush_unmatched_namesTheFormsWhoseVectorWasNotThere(t *testing.T) {
	v := sheet.Vector{Number: 500_000_000, TopicID: topic, Offsets: []int64{1}}
	s := state([]*sheets.Sheet{tab(1, "a tab", 26), tab(2, "b tab", 26), tab(3, "c tab", 26)}, vectorItem(1<<30, "a", v), vectorItem(1<<30+1, "b", v))
	f := s.Flush(nonce, 600, planned, []sheet.Part{part(t, "b", []int64{2}), part(t, "a", []int64{2}), part(t, "c", []int64{2})})
	updated := &sheets.Response{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataResponse{DeveloperMetadata: []*sheets.DeveloperMetadata{{}}}}
	nothing := &sheets.Response{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataResponse{}}
	reply := func(b, a *sheets.Response) *sheets.BatchUpdateSpreadsheetResponse {
		return &sheets.BatchUpdateSpreadsheetResponse{Replies: []*sheets.Response{{}, b, a, {}}}
	}
	require.Empty(t, f.Unmatched(reply(updated, updated)))
	require.Equal(t, []string{"a"}, f.Unmatched(reply(updated, nothing)))
	require.Equal(t, []string{"b"}, f.Unmatched(reply(nothing, updated)))
	require.Equal(t, []string{"a", "b"}, f.Unmatched(reply(nothing, &sheets.Response{})))
	require.Equal(t, []string{"a", "b"}, f.Unmatched(&sheets.BatchUpdateSpreadsheetResponse{}), "an answer without replies proves nothing")
}

func TestHold_rewritesTheFencesValue(t *testing.T) {
	free := sheet.Fence{ID: 500_000_000, Nonce: nonce}
	golden(t, "hold.json", sheet.Hold(free, []string{"a", "b"}))
	held := free
	held.Parked = []string{"a", "b"}
	u := sheet.Hold(held, nil).Requests[0].UpdateDeveloperMetadata
	require.Equal(t, held.Value(), u.DataFilters[0].DeveloperMetadataLookup.MetadataValue)
	require.Equal(t, nonce, u.DeveloperMetadata.MetadataValue)
}

func TestNewRow_cellsAreStringsOnly(t *testing.T) {
	for text, want := range map[string]string{
		"plain":       `{"values":[{"userEnteredValue":{"stringValue":"plain"}}]}`,
		"":            `{"values":[{}]}`,
		"=1+1":        `{"values":[{"userEnteredValue":{"stringValue":"=1+1"}}]}`,
		"+7 900":      `{"values":[{"userEnteredValue":{"stringValue":"+7 900"}}]}`,
		"-1":          `{"values":[{"userEnteredValue":{"stringValue":"-1"}}]}`,
		"@SUM(A1)":    `{"values":[{"userEnteredValue":{"stringValue":"@SUM(A1)"}}]}`,
		"0042":        `{"values":[{"userEnteredValue":{"stringValue":"0042"}}]}`,
		"true":        `{"values":[{"userEnteredValue":{"stringValue":"true"}}]}`,
		"'quoted":     `{"values":[{"userEnteredValue":{"stringValue":"'quoted"}}]}`,
		"two\nlines🌵": "{\"values\":[{\"userEnteredValue\":{\"stringValue\":\"two\\nlines🌵\"}}]}",
	} {
		got := request(t, row(t, text))
		require.JSONEq(t, want, got, text)
	}
	require.JSONEq(t, `{"values":[{"userEnteredValue":{"stringValue":"a"}},{},{"userEnteredValue":{"stringValue":"c"}}]}`, request(t, row(t, "a", "", "c")))
}

// request returns the JSON of a row as a flush carries it.
func request(t *testing.T, r sheet.Row) string {
	t.Helper()
	p := part(t, "demo", []int64{1}, r)
	p.Headed = true
	f := state([]*sheets.Sheet{tab(1, "demo tab", 26)}).Flush(nonce, 600, planned, []sheet.Part{p})
	b, err := json.Marshal(f.Request.Requests[2].AppendCells.Rows[0])
	require.NoError(t, err)
	return string(b)
}

func TestRow_size_isItsShareOfTheRequest(t *testing.T) {
	var rows []sheet.Row
	size := 0
	for i, text := range []string{"", "a", "<b>&\"\\\n", "🌵🌵", "\u2028", "=1"} {
		rows = append(rows, row(t, fmt.Sprint(i), text, ""))
		size += rows[i].Size
	}
	p := part(t, "demo", []int64{1}, rows...)
	p.Headed = true
	f := state([]*sheets.Sheet{tab(1, "demo tab", 26)}).Flush(nonce, 600, planned, []sheet.Part{p})
	b, err := json.Marshal(f.Request.Requests[2].AppendCells.Rows)
	require.NoError(t, err)
	require.Equal(t, len(b), size+len("[]")-len(","))
}
