package sheetsemulator_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/sheets/v4"
)

const bookPath = "/v4/spreadsheets/" + book

func TestGet_newSpreadsheet_hasGooglesShape(t *testing.T) {
	b := setup(t)
	status, body := b.get(t, bookPath+"?prettyPrint=false&includeGridData=false")
	require.Equal(t, 200, status)
	require.Equal(t, `{"spreadsheetId":"formstream-demo",`+
		`"properties":{"title":"formstream-demo","locale":"en_US","autoRecalc":"ON_CHANGE","timeZone":"Etc/GMT"},`+
		`"sheets":[{"properties":{"sheetId":0,"title":"Sheet1","index":0,"sheetType":"GRID","gridProperties":{"rowCount":1000,"columnCount":26}}}],`+
		`"spreadsheetUrl":"`+b.url+`/spreadsheets/d/formstream-demo/edit"}`, strings.TrimSpace(body))
}

func TestGet_fieldMasks(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(5, "k", "v"), appendRows(0, []string{"a", "", "c"}))
	for _, test := range []struct{ name, fields, want string }{
		{"one field", "spreadsheetId", `{"spreadsheetId":"formstream-demo"}`},
		{"dots", "properties.title", `{"properties":{"title":"formstream-demo"}}`},
		{"parentheses", "sheets(properties(title,sheetId))", `{"sheets":[{"properties":{"sheetId":0,"title":"Sheet1"}}]}`},
		{"slashes", "sheets/properties/gridProperties/rowCount", `{"sheets":[{"properties":{"gridProperties":{"rowCount":1000}}}]}`},
		{"all of it mixed", "spreadsheetId,sheets/properties(title,gridProperties/columnCount),developerMetadata.metadataId",
			`{"spreadsheetId":"formstream-demo","sheets":[{"properties":{"title":"Sheet1","gridProperties":{"columnCount":26}}}],"developerMetadata":[{"metadataId":5}]}`},
		{"a field and what is below it", "properties,properties.title",
			`{"properties":{"title":"formstream-demo","locale":"en_US","autoRecalc":"ON_CHANGE","timeZone":"Etc/GMT"}}`},
		{"star below", "developerMetadata.*", `{"developerMetadata":[{"metadataId":5,"metadataKey":"k","metadataValue":"v","location":{"locationType":"SPREADSHEET","spreadsheet":true},"visibility":"DOCUMENT"}]}`},
		{"proto names", "spreadsheet_id", `{"spreadsheetId":"formstream-demo"}`},
		{"nothing there", "sheets.properties.hidden", `{"sheets":[{"properties":{}}]}`},
		{"known to Google only", "sheets.protectedRanges,sheets.merges", `{"sheets":[{}]}`},
		{"grid data by mask", "sheets.data.rowData.values.formattedValue", `{"sheets":[{"data":[{"rowData":[{"values":[{"formattedValue":"a"},{},{"formattedValue":"c"}]}]}]}]}`},
		{"grid data without any", "sheets/data/rowData/values/note", `{"sheets":[{"data":[{"rowData":[{"values":[{},{},{}]}]}]}]}`},
		{"effective value", "sheets.data.rowData.values(effectiveValue,userEnteredValue)", `{"sheets":[{"data":[{"rowData":[{"values":[` +
			`{"userEnteredValue":{"stringValue":"a"},"effectiveValue":{"stringValue":"a"}},{},{"userEnteredValue":{"stringValue":"c"},"effectiveValue":{"stringValue":"c"}}]}]}]}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.get(t, bookPath+"?prettyPrint=false&fields="+url.QueryEscape(test.fields))
			require.Equal(t, 200, status, body)
			require.Equal(t, test.want, strings.TrimSpace(body))
		})
	}
}

func TestGet_wrongFieldMasks_areRefusedWithThePath(t *testing.T) {
	b := setup(t)
	for fields, description := range map[string]string{
		"sheet":                        "Error expanding 'fields' parameter. Cannot find matching fields for path 'sheet'.",
		"sheets.properties.tytle":      "Error expanding 'fields' parameter. Cannot find matching fields for path 'sheets.properties.tytle'.",
		"spreadsheetId.x":              "Error expanding 'fields' parameter. Cannot find matching fields for path 'spreadsheetId.x'.",
		"properties, sheets":           "Error expanding 'fields' parameter. Cannot find matching fields for path ' sheets'.",
		"sheets.*.title":               "Error expanding 'fields' parameter. Cannot find matching fields for path 'sheets.*'.",
		"sheets(":                      "Error expanding 'fields' parameter. Unexpected ''.",
		"sheets)":                      "Error expanding 'fields' parameter. Unexpected ')'.",
		"sheets..properties":           "Error expanding 'fields' parameter. Unexpected '.properties'.",
		strings.Repeat("a.", 40) + "a": "Error expanding 'fields' parameter. Unexpected '" + strings.Repeat("a.", 8) + "a'.",
	} {
		status, body := b.get(t, bookPath+"?fields="+url.QueryEscape(fields))
		e := parseError(t, body).Error
		require.Equal(t, 400, status, fields)
		require.Equal(t, "Request contains an invalid argument.", e.Message)
		require.Equal(t, description, e.Details[0].FieldViolations[0].Description)
	}
}

func TestGet_ranges_giveTheirTabsAndCellsOnly(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(4, "two words"), appendRows(4, []string{"a", "b", "c"}, []string{"d"}))
	s, err := b.sheets.Spreadsheets.Get(book).Ranges("'two words'!B1:C2", "'Two Words'!A2").IncludeGridData(true).Do()
	require.NoError(t, err)
	require.Len(t, s.Sheets, 1)
	require.Len(t, s.Sheets[0].Data, 2)
	first, second := s.Sheets[0].Data[0], s.Sheets[0].Data[1]
	require.Equal(t, int64(1), first.StartColumn)
	require.Equal(t, "b", first.RowData[0].Values[0].FormattedValue)
	require.Len(t, first.RowMetadata, 2)
	require.Len(t, first.ColumnMetadata, 2)
	require.Equal(t, int64(100), first.ColumnMetadata[0].PixelSize)
	require.Equal(t, int64(1), second.StartRow)
	require.Equal(t, "d", second.RowData[0].Values[0].FormattedValue)

	s, err = b.sheets.Spreadsheets.Get(book).Ranges("Sheet1").Do()
	require.NoError(t, err)
	require.Nil(t, s.Sheets[0].Data)
}

func TestGet_fieldsWithoutData_ignoreIncludeGridData(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"a"}))
	s, err := b.sheets.Spreadsheets.Get(book).IncludeGridData(true).Fields("sheets.properties").Do()
	require.NoError(t, err)
	require.Nil(t, s.Sheets[0].Data)
}

func TestGet_dimensionMetadata_isOnItsColumn(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, &sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: &sheets.DeveloperMetadata{
		MetadataId: 9, MetadataKey: "field", MetadataValue: "email", Visibility: "DOCUMENT",
		Location: &sheets.DeveloperMetadataLocation{DimensionRange: &sheets.DimensionRange{Dimension: "COLUMNS", StartIndex: 2, EndIndex: 3}},
	}}})
	s, err := b.sheets.Spreadsheets.Get(book).Fields("sheets.data.columnMetadata.developerMetadata").Do()
	require.NoError(t, err)
	columns := s.Sheets[0].Data[0].ColumnMetadata
	require.Len(t, columns, 26)
	require.Equal(t, "email", columns[2].DeveloperMetadata[0].MetadataValue)
	require.Equal(t, "COLUMN", columns[2].DeveloperMetadata[0].Location.LocationType)
	require.Empty(t, columns[1].DeveloperMetadata)
}

func TestGet_unknownSpreadsheet_isNotFound(t *testing.T) {
	b := setup(t)
	_, err := b.sheets.Spreadsheets.Get("nowhere").Do()
	refused(t, err, 404, "Requested entity was not found.")
	_, err = b.sheets.Spreadsheets.Values.Get("nowhere", "A1").Do()
	refused(t, err, 404, "Requested entity was not found.")
	_, err = b.sheets.Spreadsheets.DeveloperMetadata.Get("nowhere", 1).Do()
	refused(t, err, 404, "Requested entity was not found.")
}

func TestQuery_standardParametersAreTaken_othersRefused(t *testing.T) {
	b := setup(t)
	status, _ := b.get(t, bookPath+"?alt=json&key=k&access_token=a&quotaUser=q&prettyPrint=False&%24.xgafv=2")
	require.Equal(t, 200, status)
	status, body := b.get(t, bookPath+"?includeGridDate=true")
	require.Equal(t, 400, status)
	require.Equal(t, `Invalid JSON payload received. Unknown name "includeGridDate": Cannot bind query parameter. Field 'includeGridDate' could not be found in request message.`, parseError(t, body).Error.Message)
	for _, query := range []string{"alt=proto", "callback=f"} {
		status, _ = b.get(t, bookPath+"?"+query)
		require.Equal(t, 501, status, query)
	}
}

func TestMethodsThatAreNotBuilt_answer501WithTheirName(t *testing.T) {
	b := setup(t)
	for _, test := range []struct{ method, path, name string }{
		{"POST", "/v4/spreadsheets", "spreadsheets.create"},
		{"POST", bookPath + ":getByDataFilter", "spreadsheets.getByDataFilter"},
		{"POST", bookPath + "/sheets/0:copyTo", "spreadsheets.sheets.copyTo"},
		{"PUT", bookPath + "/values/A1", "spreadsheets.values.update"},
		{"POST", bookPath + "/values/A1%3AC:append", "spreadsheets.values.append"},
		{"POST", bookPath + "/values/A1:C3:clear", "spreadsheets.values.clear"},
		{"POST", bookPath + "/values:batchUpdate", "spreadsheets.values.batchUpdate"},
		{"POST", bookPath + "/values:batchClear", "spreadsheets.values.batchClear"},
		{"POST", bookPath + "/values:batchGetByDataFilter", "spreadsheets.values.batchGetByDataFilter"},
		{"POST", bookPath + "/values:batchUpdateByDataFilter", "spreadsheets.values.batchUpdateByDataFilter"},
		{"POST", bookPath + "/values:batchClearByDataFilter", "spreadsheets.values.batchClearByDataFilter"},
		{"POST", "/batch", "batch"},
	} {
		status, body := b.do(t, test.method, test.path, strings.NewReader("{}"))
		e := parseError(t, body).Error
		require.Equal(t, 501, status, test.path)
		require.Equal(t, "method "+test.name+" is not implemented by the Formstream Sheets emulator.", e.Message)
		require.Equal(t, "UNIMPLEMENTED", e.Status)
	}
	_, err := b.sheets.Spreadsheets.Values.Append(book, "'Зима/1 it''s'!A1:C", &sheets.ValueRange{}).
		ValueInputOption("RAW").InsertDataOption("INSERT_ROWS").Do()
	refused(t, err, 501, "method spreadsheets.values.append is not implemented by the Formstream Sheets emulator.")
}

func TestPathsThatGoogleDoesNotHave_areNotFound(t *testing.T) {
	b := setup(t)
	for _, test := range []struct{ method, path string }{
		{"GET", "/v4/spreadsheetsX"},
		{"DELETE", bookPath},
		{"POST", bookPath},
		{"POST", bookPath + ":nothing"},
		{"GET", bookPath + "/nothing"},
		{"GET", bookPath + "/values/A1/more"},
		{"GET", bookPath + ":batchUpdate/values/A1"},
		{"GET", "/v4/"},
		{"GET", "/nothing"},
	} {
		status, _ := b.do(t, test.method, test.path, nil)
		require.Equal(t, 404, status, test.path)
	}
}

func TestErrors_haveGooglesHeadersAndClientReadsThem(t *testing.T) {
	b := setup(t)
	_, err := b.sheets.Spreadsheets.Get("nowhere").Do()
	var api *googleapi.Error
	require.ErrorAs(t, err, &api)
	require.Equal(t, "application/json; charset=UTF-8", api.Header.Get("Content-Type"))
	require.Equal(t, "{\n  \"error\": {\n    \"code\": 404,\n    \"message\": \"Requested entity was not found.\",\n    \"status\": \"NOT_FOUND\"\n  }\n}\n", api.Body)
}
