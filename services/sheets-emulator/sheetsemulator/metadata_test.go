package sheetsemulator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func createAt(id int64, key string, location *sheets.DeveloperMetadataLocation) *sheets.Request {
	return &sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: &sheets.DeveloperMetadata{
		MetadataId: id, MetadataKey: key, MetadataValue: "v", Visibility: "PROJECT", Location: location,
	}}}
}

func atSheet(id int64) *sheets.DeveloperMetadataLocation {
	return &sheets.DeveloperMetadataLocation{SheetId: id, ForceSendFields: []string{"SheetId"}}
}

func atRow(row int64) *sheets.DeveloperMetadataLocation {
	return &sheets.DeveloperMetadataLocation{DimensionRange: &sheets.DimensionRange{
		Dimension: "ROWS", StartIndex: row, EndIndex: row + 1, ForceSendFields: []string{"StartIndex"},
	}}
}

func updateValue(value string, l *sheets.DeveloperMetadataLookup) *sheets.Request {
	return &sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
		DataFilters: []*sheets.DataFilter{lookup(l)}, DeveloperMetadata: &sheets.DeveloperMetadata{MetadataValue: value}, Fields: "metadataValue",
	}}
}

func remove(l *sheets.DeveloperMetadataLookup) *sheets.Request {
	return &sheets.Request{DeleteDeveloperMetadata: &sheets.DeleteDeveloperMetadataRequest{DataFilter: lookup(l)}}
}

// search gives the ids that any of the lookups matches.
func (b *testBundle) search(t *testing.T, lookups ...*sheets.DeveloperMetadataLookup) []int64 {
	t.Helper()
	in := &sheets.SearchDeveloperMetadataRequest{}
	for _, l := range lookups {
		in.DataFilters = append(in.DataFilters, lookup(l))
	}
	r, err := b.sheets.Spreadsheets.DeveloperMetadata.Search(book, in).Do()
	require.NoError(t, err)
	var ids []int64
	for _, m := range r.MatchedDeveloperMetadata {
		ids = append(ids, m.DeveloperMetadata.MetadataId)
	}
	return ids
}

func TestMetadata_createWithoutID_getsAPositiveOne(t *testing.T) {
	b := setup(t)
	reply := b.mustUpdate(t, create(0, "k", "v"), create(0, "k", "v"))
	first := reply.Replies[0].CreateDeveloperMetadata.DeveloperMetadata
	second := reply.Replies[1].CreateDeveloperMetadata.DeveloperMetadata
	require.Positive(t, first.MetadataId)
	require.Positive(t, second.MetadataId)
	require.NotEqual(t, first.MetadataId, second.MetadataId)
	got, err := b.sheets.Spreadsheets.DeveloperMetadata.Get(book, first.MetadataId).Do()
	require.NoError(t, err)
	got.ServerResponse = first.ServerResponse
	require.Equal(t, first, got)
}

func TestMetadata_get_missing(t *testing.T) {
	b := setup(t)
	_, err := b.sheets.Spreadsheets.DeveloperMetadata.Get(book, 41).Do()
	refused(t, err, 404, "No developer metadata with ID 41")
	status, body := b.get(t, bookPath+"/developerMetadata/x")
	require.Equal(t, 400, status)
	require.Equal(t, `Invalid value at 'metadata_id' (TYPE_INT32), "x"`, parseError(t, body).Error.Message)
}

func TestMetadata_createRefusals(t *testing.T) {
	b := setup(t)
	for message, m := range map[string]*sheets.DeveloperMetadata{
		"Developer metadata must have a metadataKey.":                                      {Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true}},
		"Developer metadata must have a visibility.":                                       {MetadataKey: "k", Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true}},
		"Developer metadata must have a location: spreadsheet, sheetId or dimensionRange.": {MetadataKey: "k", Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{}},
		"Developer metadata IDs must be positive, not -1.":                                 {MetadataId: -1, MetadataKey: "k", Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true}},
		"No sheet with id: 8": {MetadataKey: "k", Visibility: "DOCUMENT", Location: atSheet(8)},
		"Developer metadata can be on a single row or column only: dimensionRange must be bounded and span one.": {
			MetadataKey: "k", Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{DimensionRange: &sheets.DimensionRange{Dimension: "ROWS", StartIndex: 1, EndIndex: 3}},
		},
		"dimensionRange [1000, 1001) is outside the grid of sheet 0.": {MetadataKey: "k", Visibility: "DOCUMENT", Location: atRow(1000)},
		"No dimension specified.": {
			MetadataKey: "k", Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{DimensionRange: &sheets.DimensionRange{StartIndex: 1, EndIndex: 2}},
		},
	} {
		_, err := b.update(&sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: m}})
		refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: "+message)
	}
	_, err := b.update(&sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{}})
	refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: developerMetadata must be specified.")
}

func TestMetadata_lookups_matchAllGivenFields(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(1, "a", "x"), create(2, "a", "y"), create(3, "b", "x"), createAt(4, "a", atSheet(0)), createAt(5, "c", atRow(0)))
	for _, test := range []struct {
		name    string
		lookups []*sheets.DeveloperMetadataLookup
		want    []int64
	}{
		{"id", []*sheets.DeveloperMetadataLookup{{MetadataId: 2}}, []int64{2}},
		{"key", []*sheets.DeveloperMetadataLookup{{MetadataKey: "a"}}, []int64{1, 2, 4}},
		{"value", []*sheets.DeveloperMetadataLookup{{MetadataValue: "x"}}, []int64{1, 3}},
		{"empty value", []*sheets.DeveloperMetadataLookup{{MetadataKey: "a", ForceSendFields: []string{"MetadataValue"}}}, nil},
		{"visibility", []*sheets.DeveloperMetadataLookup{{Visibility: "PROJECT"}}, []int64{4, 5}},
		{"location type", []*sheets.DeveloperMetadataLookup{{LocationType: "ROW"}}, []int64{5}},
		{"all at once", []*sheets.DeveloperMetadataLookup{{MetadataId: 1, MetadataKey: "a", MetadataValue: "x", Visibility: "DOCUMENT", LocationType: "SPREADSHEET"}}, []int64{1}},
		{"one of them wrong", []*sheets.DeveloperMetadataLookup{{MetadataId: 1, MetadataValue: "y"}}, nil},
		{"any filter", []*sheets.DeveloperMetadataLookup{{MetadataId: 5}, {MetadataKey: "b"}, {MetadataValue: "x"}}, []int64{5, 3, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, b.search(t, test.lookups...))
		})
	}
}

func TestMetadata_search_tellsWhichFiltersMatched(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(1, "a", "x"))
	r, err := b.sheets.Spreadsheets.DeveloperMetadata.Search(book, &sheets.SearchDeveloperMetadataRequest{
		DataFilters: []*sheets.DataFilter{lookup(&sheets.DeveloperMetadataLookup{MetadataId: 1}), lookup(&sheets.DeveloperMetadataLookup{MetadataKey: "a"})},
	}).Do()
	require.NoError(t, err)
	require.Len(t, r.MatchedDeveloperMetadata, 1)
	require.Len(t, r.MatchedDeveloperMetadata[0].DataFilters, 2)
	require.Equal(t, "a", r.MatchedDeveloperMetadata[0].DataFilters[1].DeveloperMetadataLookup.MetadataKey)

	status, body := b.post(t, bookPath+"/developerMetadata:search?prettyPrint=false", `{"dataFilters":[{"developerMetadataLookup":{"metadataId":9}}]}`)
	require.Equal(t, 200, status)
	require.Equal(t, "{}", strings.TrimSpace(body))
}

func TestMetadata_filtersThatSelectNothingInParticular_areRefused(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(1, "a", "x"))
	const atLeastOne = "A data filter must have a developerMetadataLookup with at least one field."
	for body, message := range map[string]string{
		`{"updateDeveloperMetadata":{"dataFilters":[{"developerMetadataLookup":{}}],"fields":"metadataValue"}}`:            "Invalid requests[0].updateDeveloperMetadata: " + atLeastOne,
		`{"updateDeveloperMetadata":{"dataFilters":[],"fields":"metadataValue"}}`:                                          "Invalid requests[0].updateDeveloperMetadata: At least one data filter must be specified.",
		`{"updateDeveloperMetadata":{"dataFilters":[{"developerMetadataLookup":{"metadataId":1}}]}}`:                       "Invalid requests[0].updateDeveloperMetadata: At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
		`{"updateDeveloperMetadata":{"dataFilters":[{"developerMetadataLookup":{"metadataId":1}}],"fields":"metadataId"}}`: "Invalid requests[0].updateDeveloperMetadata: The metadataId of developer metadata cannot be changed.",
		`{"deleteDeveloperMetadata":{"dataFilter":{"developerMetadataLookup":{}}}}`:                                        "Invalid requests[0].deleteDeveloperMetadata: " + atLeastOne,
		`{"deleteDeveloperMetadata":{}}`: "Invalid requests[0].deleteDeveloperMetadata: At least one data filter must be specified.",
	} {
		status, answer := b.post(t, batchPath, `{"requests":[`+body+`]}`)
		require.Equal(t, 400, status)
		require.Equal(t, message, parseError(t, answer).Error.Message)
	}
	for _, body := range []string{
		`{"deleteDeveloperMetadata":{"dataFilter":{"a1Range":"A1"}}}`,
		`{"deleteDeveloperMetadata":{"dataFilter":{"developerMetadataLookup":{"metadataLocation":{"sheetId":0}}}}}`,
	} {
		status, _ := b.post(t, batchPath, `{"requests":[`+body+`]}`)
		require.Equal(t, 501, status)
	}
	require.Equal(t, []int64{1}, b.search(t, &sheets.DeveloperMetadataLookup{MetadataKey: "a"}))
}

func TestMetadata_update_changesEveryMatchAndOnlyTheFields(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(1, "a", "x"), create(2, "a", "x"), create(3, "a", "y"))
	reply := b.mustUpdate(t, updateValue("z", &sheets.DeveloperMetadataLookup{MetadataKey: "a", MetadataValue: "x"}))
	require.Len(t, reply.Replies[0].UpdateDeveloperMetadata.DeveloperMetadata, 2)
	require.Equal(t, []int64{1, 2}, b.search(t, &sheets.DeveloperMetadataLookup{MetadataKey: "a", MetadataValue: "z", Visibility: "DOCUMENT"}))

	b.mustUpdate(t, &sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
		DataFilters:       []*sheets.DataFilter{lookup(&sheets.DeveloperMetadataLookup{MetadataId: 3})},
		DeveloperMetadata: &sheets.DeveloperMetadata{MetadataId: 77, MetadataKey: "b", MetadataValue: "new", Visibility: "PROJECT", Location: atSheet(0)},
		Fields:            "*",
	}})
	m, err := b.sheets.Spreadsheets.DeveloperMetadata.Get(book, 3).Do()
	require.NoError(t, err)
	require.Equal(t, "b new PROJECT SHEET", strings.Join([]string{m.MetadataKey, m.MetadataValue, m.Visibility, m.Location.LocationType}, " "))
}

func TestMetadata_noMatch_isAnsweredAsConfigured(t *testing.T) {
	gone := &sheets.DeveloperMetadataLookup{MetadataId: 9, MetadataValue: "old"}
	t.Run("ok", func(t *testing.T) {
		b := setup(t)
		reply := b.mustUpdate(t, updateValue("new", gone), remove(gone), appendRows(0, []string{"a"}))
		require.NotNil(t, reply.Replies[0].UpdateDeveloperMetadata)
		require.Empty(t, reply.Replies[0].UpdateDeveloperMetadata.DeveloperMetadata)
		require.NotNil(t, reply.Replies[1].DeleteDeveloperMetadata)
		require.Empty(t, reply.Replies[1].DeleteDeveloperMetadata.DeletedDeveloperMetadata)
		require.Equal(t, [][]any{{"a"}}, b.values(t, "Sheet1"))
	})
	t.Run("error", func(t *testing.T) {
		b := setup(t, withHandler(sheetsemulator.HandlerOptions{NoMatch: sheetsemulator.NoMatchError}))
		_, err := b.update(appendRows(0, []string{"a"}), updateValue("new", gone))
		refused(t, err, 400, "Invalid requests[1].updateDeveloperMetadata: No developer metadata matches the data filters.")
		_, err = b.update(appendRows(0, []string{"a"}), remove(gone))
		refused(t, err, 400, "Invalid requests[1].deleteDeveloperMetadata: No developer metadata matches the data filters.")
		require.Empty(t, b.values(t, "Sheet1"))
	})
}

func TestMetadata_goesWithItsTabAndRow_theSpreadsheetsOwnStays(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, create(1, "k", "v"), addTab(6, "T"), createAt(2, "k", atSheet(6)), createAt(3, "k", atRow(4)))
	b.mustUpdate(t, &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: &sheets.DimensionRange{Dimension: "ROWS", StartIndex: 1, EndIndex: 3}}})
	m, err := b.sheets.Spreadsheets.DeveloperMetadata.Get(book, 3).Do()
	require.NoError(t, err)
	require.Equal(t, int64(6), m.Location.DimensionRange.StartIndex)
	require.Equal(t, int64(7), m.Location.DimensionRange.EndIndex)
	b.mustUpdate(t,
		&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: 6}},
		&sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: &sheets.DimensionRange{Dimension: "ROWS", StartIndex: 6, EndIndex: 7}}},
	)
	require.Equal(t, []int64{1}, b.search(t, &sheets.DeveloperMetadataLookup{MetadataKey: "k"}))
}

func TestMetadata_limit_isForTheSpreadsheetAndForEachTab(t *testing.T) {
	b := setup(t)
	most := strings.Repeat("🍇", 14_999) + "x" // each grape counts as two characters
	b.mustUpdate(t, create(1, "k", most))
	_, err := b.update(create(2, "k", "v"))
	refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: Developer metadata would have 30002 characters in one location; the limit is 30000 for the spreadsheet and for each sheet.")
	_, err = b.update(updateValue(most+"x", &sheets.DeveloperMetadataLookup{MetadataId: 1}))
	refused(t, err, 400, "Invalid requests[0].updateDeveloperMetadata: Developer metadata would have 30001 characters in one location; the limit is 30000 for the spreadsheet and for each sheet.")

	onSheet := createAt(3, "k", atSheet(0))
	onSheet.CreateDeveloperMetadata.DeveloperMetadata.MetadataValue = most
	b.mustUpdate(t, onSheet)
	_, err = b.update(createAt(4, "k", atRow(0)))
	require.ErrorContains(t, err, "the limit is 30000")
	// What is deleted first makes room within the same batch.
	b.mustUpdate(t, remove(&sheets.DeveloperMetadataLookup{MetadataId: 1}), create(2, "k", "v"))
}
