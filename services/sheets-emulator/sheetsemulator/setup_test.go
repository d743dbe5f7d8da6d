package sheetsemulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is the id of the spreadsheet that every test begins with.
const book = "formstream-demo"

// testBundle is an emulator on a folder of its own, with the official client in front of it.
type testBundle struct {
	dir     string
	store   *sheetsemulator.Store
	handler *sheetsemulator.Handler
	url     string
	client  *http.Client
	sheets  *sheets.Service
}

type setupOptions struct {
	dir     string
	store   sheetsemulator.StoreOptions
	handler sheetsemulator.HandlerOptions
}

func setup(t *testing.T, options ...func(*setupOptions)) *testBundle {
	t.Helper()
	o := setupOptions{}
	for _, set := range options {
		set(&o)
	}
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	b := &testBundle{dir: o.dir}
	ctx := context.Background()
	var err error
	b.store, err = sheetsemulator.OpenStore(ctx, b.dir, o.store)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	require.NoError(t, b.store.CreateSpreadsheet(ctx, book))
	b.handler, err = sheetsemulator.NewHandler(b.store, o.handler)
	require.NoError(t, err)
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.client = server.Client()
	b.sheets, err = sheets.NewService(ctx, option.WithEndpoint(b.url), option.WithoutAuthentication(), option.WithHTTPClient(b.client))
	require.NoError(t, err)
	return b
}

func withStore(o sheetsemulator.StoreOptions) func(*setupOptions) {
	return func(s *setupOptions) { s.store = o }
}

func withHandler(o sheetsemulator.HandlerOptions) func(*setupOptions) {
	return func(s *setupOptions) { s.handler = o }
}

func inDir(dir string) func(*setupOptions) { return func(s *setupOptions) { s.dir = dir } }

// update sends one batchUpdate.
func (b *testBundle) update(requests ...*sheets.Request) (*sheets.BatchUpdateSpreadsheetResponse, error) {
	return b.sheets.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{Requests: requests}).Do()
}

func (b *testBundle) mustUpdate(t *testing.T, requests ...*sheets.Request) *sheets.BatchUpdateSpreadsheetResponse {
	t.Helper()
	r, err := b.update(requests...)
	require.NoError(t, err)
	require.Len(t, r.Replies, len(requests))
	return r
}

// refused asserts that err is Google's refusal with the code and the message.
func refused(t *testing.T, err error, code int, message string) {
	t.Helper()
	var api *googleapi.Error
	require.ErrorAs(t, err, &api)
	require.Equal(t, message, api.Message)
	require.Equal(t, code, api.Code)
}

// values reads a range as the flusher does.
func (b *testBundle) values(t *testing.T, text string) [][]any {
	t.Helper()
	v, err := b.sheets.Spreadsheets.Values.Get(book, text).Do()
	require.NoError(t, err)
	return v.Values
}

// post sends a body as it is and returns status and answer.
func (b *testBundle) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	return b.do(t, http.MethodPost, path, strings.NewReader(body))
}

func (b *testBundle) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil)
}

func (b *testBundle) do(t *testing.T, method, path string, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, body)
	require.NoError(t, err)
	answer, err := b.client.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

type errorAnswer struct {
	Error struct {
		Code    int
		Message string
		Status  string
		Details []struct {
			Type            string `json:"@type"`
			FieldViolations []struct{ Field, Description string }
		}
	}
}

func parseError(t *testing.T, body string) errorAnswer {
	t.Helper()
	var e errorAnswer
	require.NoError(t, json.Unmarshal([]byte(body), &e), body)
	return e
}

const batchPath = "/v4/spreadsheets/" + book + ":batchUpdate"

// appendRows is a request that writes rows of text at the end of a tab.
func appendRows(sheetID int64, rows ...[]string) *sheets.Request {
	return &sheets.Request{AppendCells: &sheets.AppendCellsRequest{SheetId: sheetID, Rows: rowData(rows...), Fields: "userEnteredValue"}}
}

func rowData(rows ...[]string) []*sheets.RowData {
	var data []*sheets.RowData
	for _, row := range rows {
		r := &sheets.RowData{}
		for _, text := range row {
			r.Values = append(r.Values, text2cell(text))
		}
		data = append(data, r)
	}
	return data
}

func text2cell(text string) *sheets.CellData {
	return &sheets.CellData{UserEnteredValue: &sheets.ExtendedValue{StringValue: &text}}
}

// create is a request that creates metadata of the spreadsheet; id 0 lets the server choose.
func create(id int64, key, value string) *sheets.Request {
	return &sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: &sheets.DeveloperMetadata{
		MetadataId: id, MetadataKey: key, MetadataValue: value, Visibility: "DOCUMENT",
		Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true},
	}}}
}

func lookup(l *sheets.DeveloperMetadataLookup) *sheets.DataFilter {
	return &sheets.DataFilter{DeveloperMetadataLookup: l}
}

func addTab(id int64, title string) *sheets.Request {
	return &sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{SheetId: id, Title: title}}}
}

func ptr[T any](v T) *T { return &v }

// eventually polls until the condition holds, at most 10 s.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 10*time.Second, 5*time.Millisecond)
}

func isCut(err error) bool {
	var api *googleapi.Error
	return err != nil && !errors.As(err, &api)
}
