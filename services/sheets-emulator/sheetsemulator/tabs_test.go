package sheetsemulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

func update(fields string, p *sheets.SheetProperties) *sheets.Request {
	return &sheets.Request{UpdateSheetProperties: &sheets.UpdateSheetPropertiesRequest{Properties: p, Fields: fields}}
}

func (b *testBundle) titles(t *testing.T) []string {
	t.Helper()
	s, err := b.sheets.Spreadsheets.Get(book).Do()
	require.NoError(t, err)
	var titles []string
	for i, sheet := range s.Sheets {
		require.Equal(t, int64(i), sheet.Properties.Index)
		titles = append(titles, sheet.Properties.Title)
	}
	return titles
}

func TestAddSheet_defaults(t *testing.T) {
	b := setup(t)
	reply := b.mustUpdate(t, &sheets.Request{AddSheet: &sheets.AddSheetRequest{}}, &sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{
		Title: "First", Index: 0, ForceSendFields: []string{"Index"}, Hidden: true,
		GridProperties: &sheets.GridProperties{RowCount: 10, FrozenRowCount: 1, FrozenColumnCount: 2},
	}}})
	p := reply.Replies[0].AddSheet.Properties
	require.Positive(t, p.SheetId)
	require.Equal(t, "Sheet2", p.Title)
	require.Equal(t, "GRID", p.SheetType)
	require.Equal(t, int64(1), p.Index)
	require.Equal(t, int64(1000), p.GridProperties.RowCount)
	p = reply.Replies[1].AddSheet.Properties
	require.True(t, p.Hidden)
	require.Equal(t, &sheets.GridProperties{RowCount: 10, ColumnCount: 26, FrozenRowCount: 1, FrozenColumnCount: 2}, p.GridProperties)
	require.Equal(t, []string{"First", "Sheet1", "Sheet2"}, b.titles(t))
}

func TestAddSheet_refusals(t *testing.T) {
	b := setup(t)
	grid := func(rows, columns, frozen int64) *sheets.SheetProperties {
		return &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: rows, ColumnCount: columns, FrozenRowCount: frozen}}
	}
	for message, p := range map[string]*sheets.SheetProperties{
		`A sheet with the name "SHEET1" already exists. Please enter another name.`:                         {Title: "SHEET1"},
		"A sheet with the ID 0 already exists.":                                                             {SheetId: 0, ForceSendFields: []string{"SheetId"}},
		"sheetId -4 must not be negative.":                                                                  {SheetId: -4},
		"A sheet's title has 1 to 100 characters, this one has 101.":                                        {Title: strings.Repeat("x", 101)},
		"index 2 is out of bounds: the spreadsheet has 1 sheets.":                                           {Index: 2},
		"A sheet must have at least one row and one column: rowCount -1, columnCount 26.":                   grid(-1, 0, 0),
		"You can't freeze all visible rows on the sheet.":                                                   grid(3, 3, 3),
		"Number of columns exceeds the limit of 18278.":                                                     grid(1, 18279, 0),
		"This action would increase the number of cells in the workbook above the limit of 10000000 cells.": grid(100_000, 100, 0),
	} {
		_, err := b.update(&sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: p}})
		refused(t, err, 400, "Invalid requests[0].addSheet: "+message)
	}
	_, err := b.update(&sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{SheetType: "OBJECT"}}})
	refused(t, err, 501, "requests[0].addSheet: properties.sheetType=OBJECT is not implemented by the Formstream Sheets emulator.")

	var many []*sheets.Request
	for i := range 200 {
		many = append(many, &sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{
			Title: fmt.Sprint("t", i), GridProperties: &sheets.GridProperties{RowCount: 1, ColumnCount: 1},
		}}})
	}
	_, err = b.update(many...)
	refused(t, err, 400, "Invalid requests[199].addSheet: A spreadsheet can have at most 200 sheets.")
}

func TestDeleteSheet(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(5, "T"), appendRows(5, []string{"old"}))
	b.mustUpdate(t, &sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: 5}})
	_, err := b.sheets.Spreadsheets.Values.Get(book, "T").Do()
	refused(t, err, 400, "Unable to parse range: T")
	_, err = b.update(appendRows(5, []string{"x"}))
	refused(t, err, 400, "Invalid requests[0].appendCells: No grid with id: 5")
	_, err = b.update(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: 5}})
	refused(t, err, 400, "Invalid requests[0].deleteSheet: No sheet with id: 5")
	_, err = b.update(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{}})
	refused(t, err, 400, "Invalid requests[0].deleteSheet: You can't remove all the visible sheets in a document.")
	// A tab made anew with the id of a deleted one does not inherit its rows.
	b.mustUpdate(t, addTab(5, "T"))
	require.Empty(t, b.values(t, "T"))
}

func TestUpdateSheetProperties_changesTheListedFieldsOnly(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t,
		update("title,gridProperties.frozenRowCount", &sheets.SheetProperties{Title: "Renamed", Hidden: true, GridProperties: &sheets.GridProperties{FrozenRowCount: 1}}),
		update("gridProperties(rowCount,columnCount)", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 50, ColumnCount: 4}}),
	)
	p := b.tab(t, 0)
	require.Equal(t, "Renamed", p.Title)
	require.False(t, p.Hidden)
	require.Equal(t, &sheets.GridProperties{RowCount: 50, ColumnCount: 4, FrozenRowCount: 1}, p.GridProperties)
	b.mustUpdate(t, update("gridProperties.frozenRowCount", &sheets.SheetProperties{}))
	require.Zero(t, b.tab(t, 0).GridProperties.FrozenRowCount)
}

func TestUpdateSheetProperties_smallerGrid_dropsWhatIsBeyond(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"a", "b", "c"}, []string{"d", "e", "f"}, []string{"g", "h", "i"}))
	b.mustUpdate(t, update("gridProperties.rowCount,gridProperties.columnCount", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 2, ColumnCount: 2}}))
	b.mustUpdate(t, update("gridProperties.rowCount,gridProperties.columnCount", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 5, ColumnCount: 5}}))
	require.Equal(t, [][]any{{"a", "b"}, {"d", "e"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, appendRows(0, []string{"j"}))
	require.Equal(t, [][]any{{"j"}}, b.values(t, "A3:C"))
}

func TestUpdateSheetProperties_index_isBeforeTheMove(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(1, "S2"), addTab(2, "S3"))
	move := func(id, index int64) *sheets.Request {
		return update("index", &sheets.SheetProperties{SheetId: id, Index: index, ForceSendFields: []string{"Index"}})
	}
	b.mustUpdate(t, move(0, 2))
	require.Equal(t, []string{"S2", "Sheet1", "S3"}, b.titles(t))
	b.mustUpdate(t, move(0, 2)) // the index that comes next is where it is
	require.Equal(t, []string{"S2", "Sheet1", "S3"}, b.titles(t))
	b.mustUpdate(t, move(2, 0))
	require.Equal(t, []string{"S3", "S2", "Sheet1"}, b.titles(t))
	b.mustUpdate(t, update("index", &sheets.SheetProperties{SheetId: 2}))
	require.Equal(t, []string{"S2", "Sheet1", "S3"}, b.titles(t))
}

func TestUpdateSheetProperties_refusals(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(1, "Other"), update("hidden", &sheets.SheetProperties{SheetId: 1, Hidden: true}))
	for _, test := range []struct {
		message string
		request *sheets.Request
	}{
		{"No sheet with id: 9", update("title", &sheets.SheetProperties{SheetId: 9, Title: "x"})},
		{`A sheet with the name "other" already exists. Please enter another name.`, update("title", &sheets.SheetProperties{Title: "other"})},
		{"A sheet's title has 1 to 100 characters, this one has 0.", update("title", &sheets.SheetProperties{})},
		{"You can't hide all the sheets in a document.", update("hidden", &sheets.SheetProperties{Hidden: true})},
		{"This action would increase the number of cells in the workbook above the limit of 10000000 cells.", update("gridProperties.rowCount", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 384_000}})},
		{"At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)", update("", &sheets.SheetProperties{})},
		{"index 7 is out of bounds: the spreadsheet has 2 sheets.", update("index", &sheets.SheetProperties{Index: 7})},
	} {
		_, err := b.update(test.request)
		refused(t, err, 400, "Invalid requests[0].updateSheetProperties: "+test.message)
	}
}

func dimension(name string, start, end int64) *sheets.DimensionRange {
	return &sheets.DimensionRange{Dimension: name, StartIndex: start, EndIndex: end}
}

func TestDimensions_rows(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"1"}, []string{"2"}, []string{"3"}))
	b.mustUpdate(t, &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: dimension("ROWS", 1, 3)}})
	require.Equal(t, [][]any{{"1"}, {}, {}, {"2"}, {"3"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, appendRows(0, []string{"4"}), &sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: dimension("ROWS", 0, 4)}})
	require.Equal(t, [][]any{{"3"}, {"4"}}, b.values(t, "Sheet1"))
	require.Equal(t, int64(998), b.tab(t, 0).GridProperties.RowCount)
	b.mustUpdate(t, &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Dimension: "ROWS", Length: 5}}, appendRows(0, []string{"5"}))
	require.Equal(t, [][]any{{"3"}, {"4"}, {"5"}}, b.values(t, "Sheet1"))
	require.Equal(t, int64(1003), b.tab(t, 0).GridProperties.RowCount)
}

func TestDimensions_columns(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"a", "b", "c"}, []string{"d"}))
	b.mustUpdate(t, &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: dimension("COLUMNS", 1, 2)}})
	require.Equal(t, [][]any{{"a", "", "b", "c"}, {"d"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, &sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: dimension("COLUMNS", 0, 3)}})
	require.Equal(t, [][]any{{"c"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, appendRows(0, []string{"e"}))
	require.Equal(t, [][]any{{"c"}, {"e"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Dimension: "COLUMNS", Length: 3}})
	require.Equal(t, int64(27), b.tab(t, 0).GridProperties.ColumnCount)
}

func TestDimensions_refusals(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, smallTab(3, 4, 4), update("gridProperties.frozenRowCount", &sheets.SheetProperties{SheetId: 3, GridProperties: &sheets.GridProperties{FrozenRowCount: 1}}))
	on := func(r *sheets.DimensionRange) *sheets.DimensionRange {
		r.SheetId = 3
		return r
	}
	insert := func(r *sheets.DimensionRange, before bool) *sheets.Request {
		return &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: on(r), InheritFromBefore: before}}
	}
	remove := func(r *sheets.DimensionRange) *sheets.Request {
		return &sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: on(r)}}
	}
	for _, test := range []struct {
		message string
		request *sheets.Request
	}{
		{"insertDimension: range.startIndex is larger than current grid size (4)", insert(dimension("ROWS", 5, 6), true)},
		{"insertDimension: range.startIndex must be less than the grid size (4) if inheritFromBefore is false.", insert(dimension("ROWS", 4, 5), false)},
		{"insertDimension: inheritFromBefore cannot be true when inserting at index 0.", insert(dimension("ROWS", 0, 1), true)},
		{"insertDimension: range [2, 1) must not be empty, nor begin before 0.", insert(dimension("ROWS", 2, 1), true)},
		{"insertDimension: No dimension specified.", insert(dimension("", 1, 2), true)},
		{"insertDimension: range must be specified.", &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{}}},
		{"deleteDimension: Cannot delete [3, 5): the grid size is 4.", remove(dimension("COLUMNS", 3, 5))},
		{"deleteDimension: Sorry, it is not possible to delete all non-frozen rows.", remove(dimension("ROWS", 1, 4))},
		{"deleteDimension: Sorry, it is not possible to delete all non-frozen columns.", remove(dimension("COLUMNS", 0, 4))},
		{"appendDimension: length must be greater than 0, not 0.", &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Dimension: "ROWS"}}},
		{"appendDimension: No dimension specified.", &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Length: 1}}},
		{"appendDimension: No sheet with id: 8", &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{SheetId: 8, Length: 1, Dimension: "ROWS"}}},
		{"appendDimension: Number of columns exceeds the limit of 18278.", &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Length: 18_253, Dimension: "COLUMNS"}}},
	} {
		_, err := b.update(test.request)
		refused(t, err, 400, "Invalid requests[0]."+test.message)
	}
}
