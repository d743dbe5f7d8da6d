package sheetsemulator

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

// The official client is made from Google's description of the API. A field that it has and the schema has not would
// be answered 400 "unknown" instead of 501; one that only the schema has does not exist.
func TestSchema_hasEveryFieldThatGoogleHas_andNoOther(t *testing.T) {
	ours := wireSchema()
	theirs := map[string]reflect.Type{
		"AddSheetResponse":                reflect.TypeFor[sheets.AddSheetResponse](),
		"CreateDeveloperMetadataResponse": reflect.TypeFor[sheets.CreateDeveloperMetadataResponse](),
		"UpdateDeveloperMetadataResponse": reflect.TypeFor[sheets.UpdateDeveloperMetadataResponse](),
		"DeleteDeveloperMetadataResponse": reflect.TypeFor[sheets.DeleteDeveloperMetadataResponse](),
		"AddSheetRequest":                 reflect.TypeFor[sheets.AddSheetRequest](),
		"AppendCellsRequest":              reflect.TypeFor[sheets.AppendCellsRequest](),
		"AppendDimensionRequest":          reflect.TypeFor[sheets.AppendDimensionRequest](),
		"BatchGetValuesResponse":          reflect.TypeFor[sheets.BatchGetValuesResponse](),
		"BatchUpdateSpreadsheetRequest":   reflect.TypeFor[sheets.BatchUpdateSpreadsheetRequest](),
		"BatchUpdateSpreadsheetResponse":  reflect.TypeFor[sheets.BatchUpdateSpreadsheetResponse](),
		"CellData":                        reflect.TypeFor[sheets.CellData](),
		"CellFormat":                      reflect.TypeFor[sheets.CellFormat](),
		"CreateDeveloperMetadataRequest":  reflect.TypeFor[sheets.CreateDeveloperMetadataRequest](),
		"DataFilter":                      reflect.TypeFor[sheets.DataFilter](),
		"DeleteDeveloperMetadataRequest":  reflect.TypeFor[sheets.DeleteDeveloperMetadataRequest](),
		"DeleteDimensionRequest":          reflect.TypeFor[sheets.DeleteDimensionRequest](),
		"DeleteSheetRequest":              reflect.TypeFor[sheets.DeleteSheetRequest](),
		"DeveloperMetadata":               reflect.TypeFor[sheets.DeveloperMetadata](),
		"DeveloperMetadataLocation":       reflect.TypeFor[sheets.DeveloperMetadataLocation](),
		"DeveloperMetadataLookup":         reflect.TypeFor[sheets.DeveloperMetadataLookup](),
		"DimensionProperties":             reflect.TypeFor[sheets.DimensionProperties](),
		"DimensionRange":                  reflect.TypeFor[sheets.DimensionRange](),
		"ExtendedValue":                   reflect.TypeFor[sheets.ExtendedValue](),
		"GridCoordinate":                  reflect.TypeFor[sheets.GridCoordinate](),
		"GridData":                        reflect.TypeFor[sheets.GridData](),
		"GridProperties":                  reflect.TypeFor[sheets.GridProperties](),
		"GridRange":                       reflect.TypeFor[sheets.GridRange](),
		"InsertDimensionRequest":          reflect.TypeFor[sheets.InsertDimensionRequest](),
		"MatchedDeveloperMetadata":        reflect.TypeFor[sheets.MatchedDeveloperMetadata](),
		"NumberFormat":                    reflect.TypeFor[sheets.NumberFormat](),
		"Request":                         reflect.TypeFor[sheets.Request](),
		"Response":                        reflect.TypeFor[sheets.Response](),
		"RowData":                         reflect.TypeFor[sheets.RowData](),
		"SearchDeveloperMetadataRequest":  reflect.TypeFor[sheets.SearchDeveloperMetadataRequest](),
		"SearchDeveloperMetadataResponse": reflect.TypeFor[sheets.SearchDeveloperMetadataResponse](),
		"Sheet":                           reflect.TypeFor[sheets.Sheet](),
		"SheetProperties":                 reflect.TypeFor[sheets.SheetProperties](),
		"Spreadsheet":                     reflect.TypeFor[sheets.Spreadsheet](),
		"SpreadsheetProperties":           reflect.TypeFor[sheets.SpreadsheetProperties](),
		"TextFormat":                      reflect.TypeFor[sheets.TextFormat](),
		"UpdateCellsRequest":              reflect.TypeFor[sheets.UpdateCellsRequest](),
		"UpdateDeveloperMetadataRequest":  reflect.TypeFor[sheets.UpdateDeveloperMetadataRequest](),
		"UpdateSheetPropertiesRequest":    reflect.TypeFor[sheets.UpdateSheetPropertiesRequest](),
		"ValueRange":                      reflect.TypeFor[sheets.ValueRange](),
	}
	for _, message := range ours.messages {
		client := theirs[message.name]
		require.NotNil(t, client, message.name)
		var want []string
		for i := range client.NumField() {
			name, _, _ := strings.Cut(client.Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" {
				want = append(want, name)
			}
		}
		require.ElementsMatch(t, want, slices.Collect(maps.Keys(message.byName)), message.name)
	}
}
