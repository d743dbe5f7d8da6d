package sheetsemulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

func TestBatchUpdate_whatAFlushSends_isAppliedAndRead(t *testing.T) {
	b := setup(t)
	reply := b.mustUpdate(t,
		create(500_000_000, "formstream.fence", "nonce-1"),
		create(1<<30+7, "formstream.demo-form", "v1 500000000 topic 1,2,3"),
		addTab(77, "Demo"),
		appendRows(77, []string{"received", "id", "name"}, []string{"2026-11-21", "id-1", "=1+2"}),
	)
	require.Equal(t, int64(500_000_000), reply.Replies[0].CreateDeveloperMetadata.DeveloperMetadata.MetadataId)
	require.Equal(t, "SPREADSHEET", reply.Replies[0].CreateDeveloperMetadata.DeveloperMetadata.Location.LocationType)
	require.Equal(t, int64(77), reply.Replies[2].AddSheet.Properties.SheetId)
	require.Equal(t, &sheets.Response{}, reply.Replies[3])

	reply = b.mustUpdate(t,
		create(500_000_001, "formstream.fence", "nonce-2"),
		&sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
			DataFilters:       []*sheets.DataFilter{lookup(&sheets.DeveloperMetadataLookup{MetadataId: 1<<30 + 7, MetadataValue: "v1 500000000 topic 1,2,3"})},
			DeveloperMetadata: &sheets.DeveloperMetadata{MetadataValue: "v1 500000001 topic 4,5,6"}, Fields: "metadataValue",
		}},
		appendRows(77, []string{"2026-11-22", "id-2", "+7 999"}),
		&sheets.Request{DeleteDeveloperMetadata: &sheets.DeleteDeveloperMetadataRequest{
			DataFilter: lookup(&sheets.DeveloperMetadataLookup{MetadataId: 500_000_000}),
		}},
	)
	require.Equal(t, "v1 500000001 topic 4,5,6", reply.Replies[1].UpdateDeveloperMetadata.DeveloperMetadata[0].MetadataValue)
	require.Equal(t, int64(500_000_000), reply.Replies[3].DeleteDeveloperMetadata.DeletedDeveloperMetadata[0].MetadataId)

	require.Equal(t, [][]any{{"received", "id", "name"}, {"2026-11-21", "id-1", "=1+2"}, {"2026-11-22", "id-2", "+7 999"}}, b.values(t, "Demo"))
	s, err := b.sheets.Spreadsheets.Get(book).
		Fields("spreadsheetId,properties.title,developerMetadata,sheets.properties(sheetId,title,gridProperties)").Do()
	require.NoError(t, err)
	require.Equal(t, book, s.Properties.Title)
	require.Len(t, s.Sheets, 2)
	require.Equal(t, "Demo", s.Sheets[1].Properties.Title)
	require.Equal(t, int64(26), s.Sheets[1].Properties.GridProperties.ColumnCount)
	require.Len(t, s.DeveloperMetadata, 2)
	require.Equal(t, "nonce-2", s.DeveloperMetadata[0].MetadataValue)
}

func TestBatchUpdate_oneRequestIsInvalid_nothingIsApplied(t *testing.T) {
	b := setup(t)
	_, err := b.update(
		create(1, "k", "v"), addTab(5, "New"), appendRows(5, []string{"a"}), appendRows(0, []string{"b"}),
		appendRows(999, []string{"c"}),
	)
	refused(t, err, 400, "Invalid requests[4].appendCells: No grid with id: 999")

	s, err := b.sheets.Spreadsheets.Get(book).Do()
	require.NoError(t, err)
	require.Len(t, s.Sheets, 1)
	require.Empty(t, s.DeveloperMetadata)
	require.Empty(t, b.values(t, "Sheet1"))
	_, journal := b.get(t, "/api/journal")
	require.JSONEq(t, `{"entries":[],"next":0,"more":false}`, journal)
}

func TestBatchUpdate_sameFenceTwice_refusesTheSecondWhole(t *testing.T) {
	b := setup(t)
	batch := []*sheets.Request{create(7, "fence", "n"), appendRows(0, []string{"once"})}
	b.mustUpdate(t, batch...)
	_, err := b.update(batch...)
	refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: Cannot add developer metadata with ID [7] because developer metadata with that ID already exists.")
	require.Equal(t, [][]any{{"once"}}, b.values(t, "Sheet1"))
}

func TestBatchUpdate_manyAtOnceWithOneFence_exactlyOneWins(t *testing.T) {
	b := setup(t)
	const writers = 12
	outcomes := make(chan error, writers)
	for i := range writers {
		go func() {
			_, err := b.update(create(7, "fence", fmt.Sprint(i)), appendRows(0, []string{fmt.Sprint(i)}))
			outcomes <- err
		}()
	}
	won := 0
	for range writers {
		if err := <-outcomes; err == nil {
			won++
		} else {
			refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: Cannot add developer metadata with ID [7] because developer metadata with that ID already exists.")
		}
	}
	require.Equal(t, 1, won)
	m, err := b.sheets.Spreadsheets.DeveloperMetadata.Get(book, 7).Do()
	require.NoError(t, err)
	require.Equal(t, [][]any{{m.MetadataValue}}, b.values(t, "Sheet1"))
}

func TestBatchUpdate_requestsSeeTheEarlierOnes(t *testing.T) {
	b := setup(t)
	reply := b.mustUpdate(t,
		addTab(9, "T"),
		&sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Start: &sheets.GridCoordinate{SheetId: 9, RowIndex: 2}, Rows: rowData([]string{"x"}), Fields: "*"}},
		appendRows(9, []string{"y"}),
		create(3, "k", "1"),
		&sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
			DataFilters:       []*sheets.DataFilter{lookup(&sheets.DeveloperMetadataLookup{MetadataKey: "k"})},
			DeveloperMetadata: &sheets.DeveloperMetadata{MetadataValue: "2"}, Fields: "metadataValue",
		}},
	)
	require.Equal(t, "2", reply.Replies[4].UpdateDeveloperMetadata.DeveloperMetadata[0].MetadataValue)
	require.Equal(t, [][]any{{}, {}, {"x"}, {"y"}}, b.values(t, "T"))
}

func TestBatchUpdate_includeSpreadsheetInResponse_tellsWhereRowsAre(t *testing.T) {
	b := setup(t)
	r, err := b.sheets.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{
		Requests:                     []*sheets.Request{appendRows(0, []string{"a", "b"})},
		IncludeSpreadsheetInResponse: true, ResponseIncludeGridData: true, ResponseRanges: []string{"Sheet1!A1:B5"},
	}).Do()
	require.NoError(t, err)
	require.Equal(t, "b", r.UpdatedSpreadsheet.Sheets[0].Data[0].RowData[0].Values[1].FormattedValue)

	_, err = b.sheets.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{
		Requests:                     []*sheets.Request{appendRows(0, []string{"lost"})},
		IncludeSpreadsheetInResponse: true, ResponseRanges: []string{"Nowhere!A1"},
	}).Do()
	refused(t, err, 400, "Unable to parse range: Nowhere!A1")
	require.Len(t, b.values(t, "Sheet1"), 1)
}

func TestBatchUpdate_refusals(t *testing.T) {
	b := setup(t)
	unknown := func(name, at string) string {
		return `Invalid JSON payload received. Unknown name "` + name + `"` + at + ": Cannot find field."
	}
	for _, test := range []struct {
		name, body string
		code       int
		message    string
	}{
		{"no request", `{}`, 400, "Must specify at least one request."},
		{"empty body", ``, 400, "Must specify at least one request."},
		{"empty request", `{"requests":[{}]}`, 400, "Invalid requests[0]: No request set."},
		{"unknown top name", `{"request":[]}`, 400, unknown("request", "")},
		{"unknown kind", `{"requests":[{"AddSheet":{}}]}`, 400, unknown("AddSheet", " at 'requests[0]'")},
		{"unknown field", `{"requests":[{"appendCells":{"sheet":1}}]}`, 400, unknown("sheet", " at 'requests[0].append_cells'")},
		{
			"all wrong fields at once", `{"requests":[{"appendCells":{"sheetId":"x","rows":[{"values":[{"userEnteredValue":{"numberValue":"y"}}]}]}}]}`, 400,
			"Invalid value at 'requests[0].append_cells.rows[0].values[0].user_entered_value.number_value' (TYPE_DOUBLE), \"y\"\n" +
				"Invalid value at 'requests[0].append_cells.sheet_id' (TYPE_INT32), \"x\"",
		},
		{"string for a list of messages", `{"requests":"x"}`, 400, `Invalid value at 'requests' (type.googleapis.com/google.apps.sheets.v4.Request), "x"`},
		{"list for a message", `{"requests":[{"addSheet":[]}]}`, 400, `Invalid JSON payload received. Unknown name "addSheet" at 'requests[0]': Proto field is not repeating, cannot start list.`},
		{"wrong enum", `{"requests":[{"appendDimension":{"dimension":"ROW"}}]}`, 400, `Invalid value at 'requests[0].append_dimension.dimension' (type.googleapis.com/google.apps.sheets.v4.Dimension), "ROW"`},
		{"wrong bool", `{"includeSpreadsheetInResponse":"yes"}`, 400, `Invalid value at 'include_spreadsheet_in_response' (TYPE_BOOL), "yes"`},
		{"number too large", `{"requests":[{"deleteSheet":{"sheetId":3000000000}}]}`, 400, `Invalid value at 'requests[0].delete_sheet.sheet_id' (TYPE_INT32), 3000000000`},
		{"two kinds", `{"requests":[{"addSheet":{},"deleteSheet":{}}]}`, 400, `Invalid value at 'requests[0]' (oneof), oneof field 'kind' is already set. Cannot set 'deleteSheet'`},
		{"two values", `{"requests":[{"appendCells":{"rows":[{"values":[{"userEnteredValue":{"boolValue":true,"stringValue":"x"}}]}]}}]}`, 400, `Invalid value at 'requests[0].append_cells.rows[0].values[0].user_entered_value' (oneof), oneof field 'value' is already set. Cannot set 'stringValue'`},
		{"bad mask", `{"requests":[{"appendCells":{"fields":"a((b"}}]}`, 400, `Invalid value at 'requests[0].append_cells.fields' (type.googleapis.com/google.protobuf.FieldMask), "a((b"`},
		{"unknown mask", `{"requests":[{"appendCells":{"fields":"values"}}]}`, 400, `Invalid requests[0].appendCells: Invalid field in 'fields': Error expanding 'fields' parameter. Cannot find matching fields for path 'values'.`},
		{"no mask", `{"requests":[{"appendCells":{}}]}`, 400, `Invalid requests[0].appendCells: At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)`},
		{"not JSON", `{"requests":[}`, 400, "Invalid JSON payload received. Unexpected token at byte 14."},
		{"cut off", `{"requests":[`, 400, "Invalid JSON payload received. Unexpected end of string at byte 13."},
		{"two messages", `{} {}`, 400, "Invalid JSON payload received. Unexpected token after the end of the message, at byte 3."},
		{"kind that is not built", `{"requests":[{"addChart":{}}]}`, 501, "addChart is not implemented by the Formstream Sheets emulator."},
		{"field that is not built", `{"requests":[{"appendCells":{"tableId":"t"}}]}`, 501, "appendCells.tableId is not implemented by the Formstream Sheets emulator."},
		{"formula", `{"requests":[{"appendCells":{"rows":[{"values":[{"userEnteredValue":{"formulaValue":"=1"}}]}]}}]}`, 501, "appendCells.rows.values.userEnteredValue.formulaValue is not implemented by the Formstream Sheets emulator."},
		{"mask that is not built", `{"requests":[{"appendCells":{"fields":"dataValidation"}}]}`, 501, "requests[0].appendCells: field dataValidation is not implemented by the Formstream Sheets emulator."},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.post(t, batchPath, test.body)
			e := parseError(t, body).Error
			require.Equal(t, test.message, e.Message)
			require.Equal(t, test.code, status)
			require.Equal(t, test.code, e.Code)
			require.Equal(t, map[int]string{400: "INVALID_ARGUMENT", 501: "UNIMPLEMENTED"}[test.code], e.Status)
		})
	}
}

func TestBatchUpdate_badBodyForAnUnknownSpreadsheet_isRefusedBeforeItIsLookedUp(t *testing.T) {
	b := setup(t)
	status, body := b.post(t, "/v4/spreadsheets/nowhere:batchUpdate", `{"x":1}`)
	require.Equal(t, 400, status, body)
	status, body = b.post(t, "/v4/spreadsheets/nowhere:batchUpdate", `{"requests":[{"addSheet":{}}]}`)
	require.Equal(t, 404, status)
	require.Equal(t, "Requested entity was not found.", parseError(t, body).Error.Message)
	require.Equal(t, "NOT_FOUND", parseError(t, body).Error.Status)
}

func TestBatchUpdate_violationsAreInTheDetails(t *testing.T) {
	b := setup(t)
	_, body := b.post(t, batchPath, `{"requests":[{"appendCells":{"sheet":1}}]}`)
	details := parseError(t, body).Error.Details
	require.Len(t, details, 1)
	require.Equal(t, "type.googleapis.com/google.rpc.BadRequest", details[0].Type)
	require.Equal(t, "requests[0].append_cells", details[0].FieldViolations[0].Field)
}

func TestBatchUpdate_protoNames_areTakenToo(t *testing.T) {
	b := setup(t)
	status, body := b.post(t, batchPath, `{"requests":[{"append_cells":{"sheet_id":0,"fields":"user_entered_value","rows":[{"values":[{"user_entered_value":{"string_value":"x"}}]}]}}]}`)
	require.Equal(t, 200, status, body)
	require.Equal(t, [][]any{{"x"}}, b.values(t, "A1"))
}

func TestBatchUpdate_wireFormsOfTheClient(t *testing.T) {
	b := setup(t)
	// What the official client sends for sheet 0, row 0: zero values left out.
	status, body := b.post(t, batchPath+"?alt=json&prettyPrint=false",
		`{"requests":[{"updateCells":{"fields":"userEnteredValue","rows":[{"values":[{"userEnteredValue":{"stringValue":"x"}}]}],"start":{}}}]}`)
	require.Equal(t, 200, status)
	require.Equal(t, `{"spreadsheetId":"formstream-demo","replies":[{}]}`, strings.TrimSpace(body))
	status, body = b.post(t, batchPath, `{"requests":[{"updateDeveloperMetadata":{"dataFilters":[{"developerMetadataLookup":{"metadataId":5}}],"developerMetadata":{"metadataValue":"y"},"fields":"metadataValue"}}]}`)
	require.Equal(t, 200, status)
	require.Equal(t, "{\n  \"spreadsheetId\": \"formstream-demo\",\n  \"replies\": [\n    {\n      \"updateDeveloperMetadata\": {}\n    }\n  ]\n}\n", body)
}
