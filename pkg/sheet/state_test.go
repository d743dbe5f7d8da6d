package sheet_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

func TestParseState_readsWhatIsOursAndLeavesTheRest(t *testing.T) {
	v := sheet.Vector{Number: 500_000_001, TopicID: topic, Offsets: []int64{4, 5}}
	s := state([]*sheets.Sheet{tab(0, "Sheet1", 26), {Properties: &sheets.SheetProperties{SheetId: 9, Title: "A chart"}}},
		item(500_000_002, sheet.FenceKey, nonce), vectorItem(1<<30, "demo", v), item(3, "somebody.else", "v1 1 t 0"), item(500_000_001, sheet.FenceKey, "bbbbbbbbbbbbbbbb"))
	require.Equal(t, "book", s.Spreadsheet)
	require.Equal(t, []sheet.Tab{{ID: 0, Title: "Sheet1", Columns: 26}, {ID: 9, Title: "A chart"}}, s.Tabs)
	require.Equal(t, []sheet.Fence{{ID: 500_000_001, Nonce: "bbbbbbbbbbbbbbbb"}, {ID: 500_000_002, Nonce: nonce}}, s.Fences)
	require.Equal(t, map[string]sheet.Item{"demo": {ID: 1 << 30, Value: v.String(), Vector: v}}, s.Items)
	require.Empty(t, s.Doubled)
}

func TestParseState_vectorThatCannotBeRead_keepsItsError(t *testing.T) {
	s := state(nil, item(1<<30, sheet.VectorKey("demo"), "hello"))
	require.Error(t, s.Items["demo"].Err)
	require.Equal(t, "hello", s.Items["demo"].Value)
}

func TestParseState_twoVectorsOfAForm_areDoubled(t *testing.T) {
	s := state(nil, item(1<<30, sheet.VectorKey("demo"), "v1 1 t 0"), item(5, sheet.VectorKey("demo"), "v1 1 t 0"), item(6, sheet.VectorKey("other"), "v1 1 t 0"))
	require.Equal(t, map[string]bool{"demo": true}, s.Doubled)
}

func TestState_tab_isFoundUnderANewName(t *testing.T) {
	own := state(nil).Flush(nonce, 600, planned, []sheet.Part{part(t, "demo", []int64{1})}).Request.Requests[2].AddSheet.Properties.SheetId
	s := state([]*sheets.Sheet{tab(3, "demo tab", 26), tab(own, "renamed", 26)})
	found, ok := s.Tab("demo", "demo tab")
	require.True(t, ok)
	require.Equal(t, sheet.Tab{ID: own, Title: "renamed", Columns: 26}, found, "the one we made, whatever else has its old name")
	found, ok = s.Tab("other", "Demo TAB")
	require.True(t, ok)
	require.Equal(t, int64(3), found.ID, "Sheets takes titles that differ in case for one")
	_, ok = s.Tab("other", "missing")
	require.False(t, ok)
}

func TestState_unchanged(t *testing.T) {
	v := sheet.Vector{Number: 500_000_000, TopicID: topic, Offsets: []int64{1}}
	moved := v
	moved.Offsets = []int64{2}
	tabs := []*sheets.Sheet{tab(3, "demo tab", 26)}
	fence, vector := item(500_000_000, sheet.FenceKey, nonce), vectorItem(1<<30, "demo", v)
	before := state(tabs, fence, vector)
	for _, test := range []struct {
		name string
		now  *sheet.State
		same bool
	}{
		{"the same", state(tabs, fence, vector), true},
		{"a foreign item", state(tabs, fence, vector, item(4, "somebody.else", "")), true},
		{"a fence that holds a form", state(tabs, item(500_000_000, sheet.FenceKey, nonce+" !demo"), vector), true},
		{"a new fence", state(tabs, fence, vector, item(500_000_001, sheet.FenceKey, nonce)), false},
		{"a fence gone", state(tabs, vector), false},
		{"another's fence", state(tabs, item(500_000_000, sheet.FenceKey, "bbbbbbbbbbbbbbbb"), vector), false},
		{"a vector moved", state(tabs, fence, vectorItem(1<<30, "demo", moved)), false},
		{"a vector gone", state(tabs, fence), false},
		{"a tab gone", state(nil, fence, vector), false},
		{"a tab renamed", state([]*sheets.Sheet{tab(3, "renamed", 26)}, fence, vector), false},
		{"columns taken away", state([]*sheets.Sheet{tab(3, "demo tab", 2)}, fence, vector), false},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.same, before.Unchanged(test.now)) })
	}
}

func TestAdvance_leavesTheStateAlone(t *testing.T) {
	v := sheet.Vector{Number: 500_000_000, TopicID: topic, Offsets: []int64{1}}
	s := state([]*sheets.Sheet{tab(3, "demo tab", 1)}, item(500_000_000, sheet.FenceKey, nonce), vectorItem(1<<30, "demo", v))
	f := s.Flush(nonce, 0, planned, []sheet.Part{part(t, "demo", []int64{2}, row(t, "a", "b", "c")), part(t, "new", []int64{1})})
	n := s.Advance(f)
	require.Equal(t, state([]*sheets.Sheet{tab(3, "demo tab", 1)}, item(500_000_000, sheet.FenceKey, nonce), vectorItem(1<<30, "demo", v)), s)
	require.Equal(t, []sheet.Fence{{ID: 500_000_001, Nonce: nonce}}, n.Fences)
	require.Equal(t, "v1 500000001 "+topic+" 2", n.Items["demo"].Value)
	require.Equal(t, "v1 500000001 "+topic+" 1", n.Items["new"].Value)
	grown, ok := n.Tab("demo", "demo tab")
	require.True(t, ok)
	require.Equal(t, int64(3), grown.Columns)
	_, ok = n.Tab("new", "new tab")
	require.True(t, ok)
}
