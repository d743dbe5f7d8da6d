package sheetsemulator_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

// grid3 writes a b c / (empty) / d at A1 of the first tab.
func grid3() *sheets.Request {
	return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{
		Start: &sheets.GridCoordinate{}, Fields: "userEnteredValue",
		Rows: rowData([]string{"a", "", "c"}, nil, []string{"", "d"}),
	}}
}

func TestValuesGet_ranges(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, grid3(), addTab(2, "Зима/1 it's"), addTab(3, "D3"), addTab(4, "data:clear"), addTab(5, "A1!"),
		appendRows(2, []string{"x"}), appendRows(3, []string{"y"}), appendRows(4, []string{"z"}), appendRows(5, []string{"w"}))
	all := [][]any{{"a", "", "c"}, {}, {"", "d"}}
	for _, test := range []struct {
		text, echo string
		want       [][]any
	}{
		{"Sheet1", "Sheet1!A1:Z1000", all},
		{"'Sheet1'", "Sheet1!A1:Z1000", all},
		{"sheet1!A1:C3", "Sheet1!A1:C3", all},
		{"A1:C3", "Sheet1!A1:C3", all},
		{"C3:A1", "Sheet1!A1:C3", all},
		{"C1:A3", "Sheet1!A1:C3", all},
		{"$A$1:$C3", "Sheet1!A1:C3", all},
		{"A1", "Sheet1!A1", [][]any{{"a"}}},
		{"Sheet1!b3", "Sheet1!B3", [][]any{{"d"}}},
		{"A:B", "Sheet1!A1:B1000", [][]any{{"a"}, {}, {"", "d"}}},
		{"B:B", "Sheet1!B1:B1000", [][]any{{}, {}, {"d"}}},
		{"A2:C", "Sheet1!A2:C1000", [][]any{{}, {"", "d"}}},
		{"1:1", "Sheet1!A1:Z1", [][]any{{"a", "", "c"}}},
		{"A2:3", "Sheet1!A2:Z3", [][]any{{}, {"", "d"}}},
		{"A1:ZZZ5000", "Sheet1!A1:Z1000", all},
		{"D4", "Sheet1!D4", nil},
		{"'Зима/1 it''s'!A1", "'Зима/1 it''s'!A1", [][]any{{"x"}}},
		{"'D3'!A1", "'D3'!A1", [][]any{{"y"}}},
		{"D3", "Sheet1!D3", nil}, // a cell before a tab's title
		{"'data:clear'!A1:A", "'data:clear'!A1:A1000", [][]any{{"z"}}},
		{"data:clear!A1", "'data:clear'!A1", [][]any{{"z"}}},
		{"'A1!'!A1", "'A1!'!A1", [][]any{{"w"}}},
	} {
		t.Run(test.text, func(t *testing.T) {
			v, err := b.sheets.Spreadsheets.Values.Get(book, test.text).Do()
			require.NoError(t, err)
			require.Equal(t, test.echo, v.Range)
			require.Equal(t, "ROWS", v.MajorDimension)
			require.Equal(t, test.want, v.Values)
		})
	}
}

func TestValuesGet_colonsAreOfTheRange_unlessAKnownSuffixIsLiteral(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(4, "data:clear"), appendRows(4, []string{"z"}))
	for _, path := range []string{"/values/A1:B2", "/values/A1%3AB2", "/values/data:clear%21A1", "/values/data%3Aclear"} {
		status, body := b.get(t, bookPath+path)
		require.Equal(t, 200, status, body)
	}
	status, body := b.get(t, bookPath+"/values/A1:clear")
	require.Equal(t, 400, status)
	require.Equal(t, "Unable to parse range: A1:clear", parseError(t, body).Error.Message)
}

func TestValuesGet_wrongRanges(t *testing.T) {
	b := setup(t)
	for text, message := range map[string]string{
		"Nowhere":           "Unable to parse range: Nowhere",
		"Nowhere!A1":        "Unable to parse range: Nowhere!A1",
		"Sheet1!":           "Unable to parse range: Sheet1!",
		"!A1":               "Unable to parse range: !A1",
		"Sheet1!A":          "Unable to parse range: Sheet1!A",
		"Sheet1!1":          "Unable to parse range: Sheet1!1",
		"Sheet1!A0":         "Unable to parse range: Sheet1!A0",
		"Sheet1!A1:":        "Unable to parse range: Sheet1!A1:",
		"Sheet1!A1:B2:C3":   "Unable to parse range: Sheet1!A1:B2:C3",
		"Sheet1!ABCD1":      "Unable to parse range: Sheet1!ABCD1",
		"'Sheet1":           "Unable to parse range: 'Sheet1",
		"'Sheet1'A1":        "Unable to parse range: 'Sheet1'A1",
		"''!A1":             "Unable to parse range: ''!A1",
		"Sheet1!A:2":        "Unable to parse range: Sheet1!A:2",
		"Sheet1!AA1":        "Range (Sheet1!AA1) exceeds grid limits. Max rows: 1000, max columns: 26",
		"A1001:B":           "Range (Sheet1!A1001:B1001) exceeds grid limits. Max rows: 1000, max columns: 26",
		"A99999999999999:B": "Unable to parse range: A99999999999999:B",
	} {
		_, err := b.sheets.Spreadsheets.Values.Get(book, text).Do()
		refused(t, err, 400, message)
	}
	for _, text := range []string{"R1C1", "Sheet1!R[1]C[2]:R2C3", "RC"} {
		_, err := b.sheets.Spreadsheets.Values.Get(book, text).Do()
		refused(t, err, 501, "R1C1 notation is not implemented by the Formstream Sheets emulator.")
	}
}

func TestValuesGet_rendering(t *testing.T) {
	b := setup(t)
	number := func(n float64) *sheets.CellData {
		return &sheets.CellData{UserEnteredValue: &sheets.ExtendedValue{NumberValue: &n}}
	}
	b.mustUpdate(t, &sheets.Request{AppendCells: &sheets.AppendCellsRequest{Fields: "userEnteredValue", Rows: []*sheets.RowData{{Values: []*sheets.CellData{
		number(42), number(1.5), number(43831), number(0), number(1e15), number(0.1 + 0.2), number(-3), number(1e-7),
		{UserEnteredValue: &sheets.ExtendedValue{BoolValue: ptr(true)}}, {UserEnteredValue: &sheets.ExtendedValue{BoolValue: ptr(false), ForceSendFields: []string{"BoolValue"}}},
		text2cell("0042"), text2cell("=1+2"), text2cell("+7 999"), text2cell("line\nline 🍇"),
	}}}}})
	require.Equal(t, [][]any{{"42", "1.5", "43831", "0", "1E+15", "0.3", "-3", "1E-07", "TRUE", "FALSE", "0042", "=1+2", "+7 999", "line\nline 🍇"}}, b.values(t, "Sheet1"))
	for _, option := range []string{"UNFORMATTED_VALUE", "FORMULA"} {
		v, err := b.sheets.Spreadsheets.Values.Get(book, "Sheet1").ValueRenderOption(option).Do()
		require.NoError(t, err)
		require.Equal(t, [][]any{{42.0, 1.5, 43831.0, 0.0, 1e15, 0.1 + 0.2, -3.0, 1e-7, true, false, "0042", "=1+2", "+7 999", "line\nline 🍇"}}, v.Values)
	}
	_, body := b.get(t, bookPath+"/values/A1:C1?valueRenderOption=UNFORMATTED_VALUE&prettyPrint=false")
	require.Equal(t, `{"range":"Sheet1!A1:C1","majorDimension":"ROWS","values":[[42,1.5,43831]]}`, strings.TrimSpace(body))
}

func TestValuesGet_options_areChecked(t *testing.T) {
	b := setup(t)
	status, body := b.get(t, bookPath+"/values/A1?valueRenderOption=PRETTY")
	require.Equal(t, 400, status)
	require.Equal(t, `Invalid value at 'value_render_option' (type.googleapis.com/google.apps.sheets.v4.ValueRenderOption), "PRETTY"`, parseError(t, body).Error.Message)
	for query, code := range map[string]int{
		"dateTimeRenderOption=FORMATTED_STRING": 200, "dateTimeRenderOption=X": 400,
		"majorDimension=ROWS": 200, "majorDimension=COLUMNS": 501, "majorDimension=X": 400, "fields=range": 200, "fields=x": 400,
	} {
		status, body := b.get(t, bookPath+"/values/A1?"+query)
		require.Equal(t, code, status, "%s: %s", query, body)
	}
}

func TestValuesBatchGet(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, grid3())
	v, err := b.sheets.Spreadsheets.Values.BatchGet(book).Ranges("A1:B1", "Sheet1!C1").Do()
	require.NoError(t, err)
	require.Equal(t, book, v.SpreadsheetId)
	require.Len(t, v.ValueRanges, 2)
	require.Equal(t, [][]any{{"c"}}, v.ValueRanges[1].Values)
	_, err = b.sheets.Spreadsheets.Values.BatchGet(book).Ranges("A1:B1", "No!C1").Do()
	refused(t, err, 400, "Unable to parse range: No!C1")

	_, body := b.get(t, bookPath+"/values:batchGet?prettyPrint=false&ranges="+url.QueryEscape("Sheet1!D4"))
	require.Equal(t, `{"spreadsheetId":"formstream-demo","valueRanges":[{"range":"Sheet1!D4","majorDimension":"ROWS"}]}`, strings.TrimSpace(body))
}
