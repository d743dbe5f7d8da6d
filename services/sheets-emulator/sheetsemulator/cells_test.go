package sheetsemulator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

func (b *testBundle) tab(t *testing.T, index int) *sheets.SheetProperties {
	t.Helper()
	s, err := b.sheets.Spreadsheets.Get(book).Do()
	require.NoError(t, err)
	return s.Sheets[index].Properties
}

func smallTab(id, rows, columns int64) *sheets.Request {
	return &sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{
		SheetId: id, Title: "small", GridProperties: &sheets.GridProperties{RowCount: rows, ColumnCount: columns},
	}}}
}

func updateAt(sheetID, row, column int64, rows ...[]string) *sheets.Request {
	return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
		Start: &sheets.GridCoordinate{SheetId: sheetID, RowIndex: row, ColumnIndex: column}, Rows: rowData(rows...), Fields: "userEnteredValue",
	}}
}

func clearRange(r *sheets.GridRange) *sheets.Request {
	return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Range: r, Fields: "userEnteredValue"}}
}

func TestAppendCells_growsRowsExactlyAndNeverColumns(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, smallTab(3, 2, 2), appendRows(3, []string{"1"}, []string{"2"}, []string{"3"}))
	grid := b.tab(t, 1).GridProperties
	require.Equal(t, int64(3), grid.RowCount)
	require.Equal(t, int64(2), grid.ColumnCount)
	_, err := b.update(appendRows(3, []string{"1", "2", "3"}))
	refused(t, err, 400, "Invalid requests[0].appendCells: Attempting to write column: 2, beyond the last requested column of: 1")
}

func TestAppendCells_writesAfterTheLastRowWithData(t *testing.T) {
	b := setup(t)
	bold := &sheets.CellData{UserEnteredFormat: &sheets.CellFormat{TextFormat: &sheets.TextFormat{Bold: true}}}
	b.mustUpdate(t,
		updateAt(0, 4, 2, []string{"x"}),
		// formats and notes are not data
		&sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Start: &sheets.GridCoordinate{RowIndex: 8}, Rows: []*sheets.RowData{{Values: []*sheets.CellData{bold}}}, Fields: "userEnteredFormat"}},
		appendRows(0, []string{"y"}, []string{""}, nil),
		appendRows(0, []string{"z"}),
	)
	require.Equal(t, [][]any{{"x"}}, b.values(t, "C5"))
	require.Equal(t, [][]any{{"y"}, {"z"}}, b.values(t, "A6:A"))
}

func TestAppendCells_afterRowsWereCleared_takesTheirPlace(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"1"}, []string{"2"}, []string{"3"}))
	b.mustUpdate(t, clearRange(&sheets.GridRange{StartRowIndex: 1, EndRowIndex: 3, StartColumnIndex: 0, EndColumnIndex: 26}))
	b.mustUpdate(t, appendRows(0, []string{"4"}))
	require.Equal(t, [][]any{{"1"}, {"4"}}, b.values(t, "Sheet1"))
}

func TestAppendCells_manyRows_readBackWhole(t *testing.T) {
	b := setup(t)
	rows := make([][]string, 1700) // more than three blocks
	for i := range rows {
		rows[i] = []string{strings.Repeat("x", i%7), "row"}
	}
	b.mustUpdate(t, appendRows(0, rows...))
	b.mustUpdate(t, appendRows(0, rows...))
	values := b.values(t, "Sheet1!A:B")
	require.Len(t, values, 3400)
	require.Equal(t, []any{"xxx", "row"}, values[1700+3])
	require.Equal(t, int64(3400), b.tab(t, 0).GridProperties.RowCount)
}

func TestUpdateCells_fieldsDecideWhatChanges(t *testing.T) {
	b := setup(t)
	write := func(fields string, cell *sheets.CellData) *sheets.Request {
		return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Start: &sheets.GridCoordinate{}, Fields: fields, Rows: []*sheets.RowData{{Values: []*sheets.CellData{cell}}}}}
	}
	read := func() *sheets.CellData {
		s, err := b.sheets.Spreadsheets.Get(book).Ranges("A1").IncludeGridData(true).Do()
		require.NoError(t, err)
		if len(s.Sheets[0].Data[0].RowData) == 0 {
			return nil
		}
		return s.Sheets[0].Data[0].RowData[0].Values[0]
	}
	date := &sheets.CellFormat{NumberFormat: &sheets.NumberFormat{Type: "DATE_TIME", Pattern: "yyyy-mm-dd"}, TextFormat: &sheets.TextFormat{Bold: true, FontSize: 12}}
	b.mustUpdate(t, write("*", &sheets.CellData{UserEnteredValue: &sheets.ExtendedValue{NumberValue: ptr(43831.0)}, UserEnteredFormat: date, Note: "n"}))
	c := read()
	require.Equal(t, 43831.0, *c.UserEnteredValue.NumberValue)
	require.Equal(t, 43831.0, *c.EffectiveValue.NumberValue)
	require.Equal(t, "43831", c.FormattedValue)
	require.Equal(t, date, c.UserEnteredFormat)
	require.Equal(t, "n", c.Note)

	// Only the masked field of the format changes; the rest of the given cell is not looked at.
	b.mustUpdate(t, write("userEnteredFormat.textFormat.bold", &sheets.CellData{Note: "ignored"}))
	c = read()
	require.False(t, c.UserEnteredFormat.TextFormat.Bold)
	require.Equal(t, int64(12), c.UserEnteredFormat.TextFormat.FontSize)
	require.Equal(t, "DATE_TIME", c.UserEnteredFormat.NumberFormat.Type)
	require.Equal(t, "n", c.Note)

	// A cell without the masked field clears it.
	b.mustUpdate(t, write("userEnteredValue,note", &sheets.CellData{}))
	c = read()
	require.Nil(t, c.UserEnteredValue)
	require.Empty(t, c.Note)
	require.NotNil(t, c.UserEnteredFormat)
	b.mustUpdate(t, write("*", &sheets.CellData{}))
	require.Nil(t, read())

	_, err := b.update(write("*", &sheets.CellData{UserEnteredFormat: &sheets.CellFormat{NumberFormat: &sheets.NumberFormat{Pattern: "0"}}}))
	refused(t, err, 400, "Invalid requests[0].updateCells: NumberFormat.type is required when NumberFormat is set.")
}

func TestUpdateCells_range_clearsWhatIsNotCovered(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"a", "b", "c"}, []string{"d", "e", "f"}, []string{"g", "h", "i"}))
	b.mustUpdate(t, &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
		Range:  &sheets.GridRange{StartRowIndex: 0, EndRowIndex: 2, StartColumnIndex: 1, EndColumnIndex: 3},
		Fields: "userEnteredValue", Rows: rowData([]string{"B"}),
	}})
	require.Equal(t, [][]any{{"a", "B"}, {"d"}, {"g", "h", "i"}}, b.values(t, "Sheet1"))
	b.mustUpdate(t, clearRange(&sheets.GridRange{}))
	require.Empty(t, b.values(t, "Sheet1"))
}

func TestUpdateCells_refusals(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, smallTab(3, 2, 2))
	for _, test := range []struct {
		name    string
		request *sheets.Request
		message string
	}{
		{"no place", &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Fields: "*"}}, "Must specify either start or range."},
		{"no tab", updateAt(99, 0, 0), "No grid with id: 99"},
		{"row after the last", updateAt(3, 2, 0, []string{"x"}), "GridCoordinate.rowIndex[2] is after last row in grid[1]"},
		{"column after the last", updateAt(3, 0, 2, []string{"x"}), "GridCoordinate.columnIndex[2] is after last column in grid[1]"},
		{"negative", updateAt(3, -1, 0, []string{"x"}), "GridCoordinate.rowIndex[-1] and columnIndex[0] must not be negative"},
		{"too many rows", updateAt(3, 1, 0, []string{"x"}, []string{"y"}), "Attempting to write row: 2, beyond the last requested row of: 1"},
		{"too many columns", updateAt(3, 0, 1, []string{"x", "y"}), "Attempting to write column: 2, beyond the last requested column of: 1"},
		{
			"range too large", clearRange(&sheets.GridRange{SheetId: 3, StartRowIndex: 1, EndRowIndex: 3, StartColumnIndex: 0, EndColumnIndex: 1}),
			"Range (small!A2:A3) exceeds grid limits. Max rows: 2, max columns: 2",
		},
		{"range backwards", clearRange(&sheets.GridRange{SheetId: 3, StartRowIndex: 2, EndRowIndex: 1}), "Invalid range: indexes must not be negative, and the end must not be before the start."},
		{"more rows than the range", &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
			Range: &sheets.GridRange{SheetId: 3, EndRowIndex: 1}, Rows: rowData([]string{"x"}, []string{"y"}), Fields: "*",
		}}, "Attempting to write row: 1, beyond the last requested row of: 0"},
		{"more columns than the range", &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
			Range: &sheets.GridRange{SheetId: 3, EndRowIndex: 1, EndColumnIndex: 1}, Rows: rowData([]string{"x", "y"}), Fields: "*",
		}}, "Attempting to write column: 1, beyond the last requested column of: 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.update(test.request)
			refused(t, err, 400, "Invalid requests[0].updateCells: "+test.message)
		})
	}
}

func TestCells_withinAnEmptyRange_changeNothing(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"a"}))
	b.mustUpdate(t, clearRange(&sheets.GridRange{StartRowIndex: 2, EndRowIndex: 2}))
	require.Equal(t, [][]any{{"a"}}, b.values(t, "Sheet1"))
}
