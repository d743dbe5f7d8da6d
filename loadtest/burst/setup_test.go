package burst

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	formsDir = "../../forms"
	book     = "formstream-demo" // of both forms there
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func noEnvironment(string) (string, bool) { return "", false }

func exampleForms(t *testing.T) *form.Set {
	t.Helper()
	set, err := form.LoadDir(formsDir, noEnvironment)
	require.NoError(t, err)
	return set
}

// emulator is a Sheets API with the forms' spreadsheet.
type emulator struct {
	t      *testing.T
	url    string
	sheets *sheets.Service

	mu   sync.Mutex
	tabs map[string]int64
}

func startEmulator(t *testing.T, faults sheetsemulator.Faults) *emulator {
	t.Helper()
	store, err := sheetsemulator.OpenStore(t.Context(), t.TempDir(), sheetsemulator.StoreOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.NoError(t, store.CreateSpreadsheet(t.Context(), book))
	handler, err := sheetsemulator.NewHandler(store, sheetsemulator.HandlerOptions{Faults: faults})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	e := &emulator{t: t, url: server.URL, tabs: map[string]int64{}}
	e.sheets, err = sheets.NewService(context.Background(), option.WithEndpoint(e.url), option.WithoutAuthentication(), option.WithHTTPClient(server.Client()))
	require.NoError(t, err)
	return e
}

// write appends a row for each id to the tab, which it makes first if need be.
func (e *emulator) write(tab string, ids ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	update := &sheets.BatchUpdateSpreadsheetRequest{}
	if e.tabs[tab] == 0 {
		e.tabs[tab] = int64(len(e.tabs) + 1000)
		ids = append([]string{"Id"}, ids...)
		update.Requests = append(update.Requests, &sheets.Request{AddSheet: &sheets.AddSheetRequest{
			Properties: &sheets.SheetProperties{SheetId: e.tabs[tab], Title: tab},
		}})
	}
	var rows []*sheets.RowData
	for _, id := range ids {
		at := "2026-11-21T12:00:00.000Z"
		rows = append(rows, &sheets.RowData{Values: []*sheets.CellData{
			{UserEnteredValue: &sheets.ExtendedValue{StringValue: &at}}, {UserEnteredValue: &sheets.ExtendedValue{StringValue: &id}},
		}})
	}
	update.Requests = append(update.Requests, &sheets.Request{AppendCells: &sheets.AppendCellsRequest{
		SheetId: e.tabs[tab], Rows: rows, Fields: "userEnteredValue",
	}})
	_, err := e.sheets.Spreadsheets.BatchUpdate(book, update).Do()
	if err != nil {
		e.t.Error("write rows:", err)
	}
}

// suite is a server of forms whose answers are scripted. The nth submission, from 0, is answered by answer; without one
// it is answered 202.
type suite struct {
	url    string
	answer func(n int, w http.ResponseWriter, r *http.Request) (done bool)
	stored func(n int, form, id string) // what becomes of an accepted one

	mu     sync.Mutex
	bodies []map[string]any
}

func startSuite(t *testing.T, s *suite) *suite {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *suite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	err := json.NewDecoder(r.Body).Decode(&body)
	formID, isForm := strings.CutPrefix(r.URL.Path, "/forms/")
	if err != nil || !isForm || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not a submission", http.StatusTeapot)
		return
	}
	s.mu.Lock()
	n := len(s.bodies)
	s.bodies = append(s.bodies, body)
	s.mu.Unlock()
	if s.answer != nil && s.answer(n, w, r) {
		return
	}
	id := fmt.Sprintf("id-%d", n)
	if s.stored != nil {
		s.stored(n, formID, id)
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

// runBurst is the command.
func runBurst(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), append([]string{"-forms=" + formsDir}, args...), noEnvironment, &out, &err)
	return code, out.String(), err.String()
}

// report is what the command prints with -json.
func report(t *testing.T, stdout string) Report {
	t.Helper()
	var r Report
	require.NoError(t, json.Unmarshal([]byte(stdout), &r), stdout)
	return r
}
