package sheetsemulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

func TestLimit_charactersOfACell_areUTF16Units(t *testing.T) {
	b := setup(t)
	longest := strings.Repeat("🍇", 25_000)
	b.mustUpdate(t, appendRows(0, []string{longest}))
	require.Equal(t, [][]any{{longest}}, b.values(t, "A1"))
	_, err := b.update(appendRows(0, []string{"ok"}, []string{longest + "x"}))
	refused(t, err, 400, "Invalid requests[0].appendCells: Your input contains more than the maximum of 50000 characters in a single cell.")
	_, err = b.update(updateAt(0, 0, 0, []string{longest + "x"}))
	refused(t, err, 400, "Invalid requests[0].updateCells: Your input contains more than the maximum of 50000 characters in a single cell.")
}

func TestLimit_cellsOfASpreadsheet_countEmptyOnes(t *testing.T) {
	b := setup(t)
	// 1000 x 26 of Sheet1 leave room for 9,974,000.
	b.mustUpdate(t, smallTab(3, 9_974, 1_000))
	const full = "This action would increase the number of cells in the workbook above the limit of 10000000 cells."
	_, err := b.update(&sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{SheetId: 3, Dimension: "ROWS", Length: 1}})
	refused(t, err, 400, "Invalid requests[0].appendDimension: "+full)
	_, err = b.update(smallTab(4, 1, 1))
	refused(t, err, 400, `Invalid requests[0].addSheet: A sheet with the name "small" already exists. Please enter another name.`)
	_, err = b.update(&sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 1, ColumnCount: 1}}}})
	refused(t, err, 400, "Invalid requests[0].addSheet: "+full)
	_, err = b.update(&sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: dimension("COLUMNS", 1, 2)}})
	refused(t, err, 400, "Invalid requests[0].insertDimension: "+full)

	// Rows of the grid that are empty can be filled; the first one beyond is refused.
	b.mustUpdate(t, updateAt(3, 9_972, 0, []string{"last but one"}), appendRows(3, []string{"last"}))
	_, err = b.update(appendRows(3, []string{"too many"}))
	refused(t, err, 400, "Invalid requests[0].appendCells: "+full)
	// A smaller grid gives room.
	b.mustUpdate(t, update("gridProperties.rowCount", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{RowCount: 900}}), appendRows(3, []string{"fits"}))
}

func TestLimit_requestSize_isAnsweredBeforeTheConnectionEnds(t *testing.T) {
	b := setup(t)
	const limit = 10_485_760
	pad := func(size int) string {
		body := `{"requests":[{"addSheet":{}}]}`
		return body + strings.Repeat(" ", size-len(body))
	}
	status, body := b.post(t, batchPath, pad(limit))
	require.Equal(t, 200, status, body)
	for name, reader := range map[string]io.Reader{
		"declared": strings.NewReader(pad(limit + 1)),
		"chunked":  io.MultiReader(strings.NewReader(pad(limit + 1))),
	} {
		t.Run(name, func(t *testing.T) {
			status, body := b.do(t, http.MethodPost, batchPath, reader)
			require.Equal(t, 400, status)
			require.Equal(t, "Request payload size exceeds the limit: 10485760 bytes.", parseError(t, body).Error.Message)
		})
	}
}

func TestLimit_requestsOfABatch(t *testing.T) {
	b := setup(t)
	many := strings.Repeat(`{"deleteSheet":{}},`, 100_000)
	status, body := b.post(t, batchPath, `{"requests":[`+many+`{"deleteSheet":{}}]}`)
	require.Equal(t, 400, status)
	require.Equal(t, "Cannot exceed 100000 requests in a single batch.", parseError(t, body).Error.Message)
	status, body = b.post(t, batchPath, `{"requests":[`+strings.TrimSuffix(many, ",")+`]}`)
	require.Equal(t, 400, status)
	require.Equal(t, "Invalid requests[0].deleteSheet: You can't remove all the visible sheets in a document.", parseError(t, body).Error.Message)
}

func TestLimit_violationsOfOneAnswer(t *testing.T) {
	b := setup(t)
	_, body := b.post(t, batchPath, `{"requests":[`+strings.Repeat(`{"x":1},`, 5_000)+`{"x":1}]}`)
	require.Len(t, parseError(t, body).Error.Details[0].FieldViolations, 20)
}

func TestLimit_clientThatNamesAWrongValueAtLength_isNotRepeated(t *testing.T) {
	b := setup(t)
	_, body := b.post(t, batchPath, fmt.Sprintf(`{"requests":%q}`, strings.Repeat("secret", 1_000)))
	require.NotContains(t, body, "secret")
}
