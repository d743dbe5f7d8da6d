package sheet_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

var planned = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const nonce = "0123456789abcdef"

func golden(t *testing.T, name string, got any) {
	t.Helper()
	b, err := json.MarshalIndent(got, "", "  ")
	require.NoError(t, err)
	b = append(b, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
	want, err := os.ReadFile(path) //nolint:gosec // a name of this package's tests
	require.NoError(t, err)
	require.Equal(t, string(want), string(bytes.ReplaceAll(b, []byte("\r"), nil)))
}

func item(id int64, key, value string) *sheets.DeveloperMetadata {
	return &sheets.DeveloperMetadata{MetadataId: id, MetadataKey: key, MetadataValue: value}
}

func tab(id int64, title string, columns int64) *sheets.Sheet {
	return &sheets.Sheet{Properties: &sheets.SheetProperties{SheetId: id, Title: title, GridProperties: &sheets.GridProperties{RowCount: 1000, ColumnCount: columns}}}
}

func state(tabs []*sheets.Sheet, items ...*sheets.DeveloperMetadata) *sheet.State {
	return sheet.ParseState(&sheets.Spreadsheet{SpreadsheetId: "book", Sheets: tabs, DeveloperMetadata: items})
}

func row(t testing.TB, cells ...string) sheet.Row {
	t.Helper()
	r, err := sheet.NewRow(cells)
	require.NoError(t, err)
	return r
}

func part(t testing.TB, form string, offsets []int64, rows ...sheet.Row) sheet.Part {
	t.Helper()
	return sheet.Part{Form: form, Title: form + " tab", Header: []string{"Received at", "Id", "Name"}, TopicID: topic, Offsets: offsets, Rows: rows}
}

// kinds names the requests of a flush in their order.
func kinds(t *testing.T, f *sheet.Flush) (names []string) {
	t.Helper()
	for _, r := range f.Request.Requests {
		b, err := json.Marshal(r)
		require.NoError(t, err)
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(b, &fields))
		require.Len(t, fields, 1)
		for k := range fields {
			names = append(names, k)
		}
	}
	return names
}

// vectorItem is a vector as it stands in the spreadsheet.
func vectorItem(id int64, form string, v sheet.Vector) *sheets.DeveloperMetadata {
	return item(id, sheet.VectorKey(form), v.String())
}
