package sheetsemulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

// discard is where handlers under a benchmark answer to.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func benchHandler(b *testing.B) http.Handler {
	b.Helper()
	store, err := sheetsemulator.OpenStore(b.Context(), b.TempDir(), sheetsemulator.StoreOptions{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	require.NoError(b, store.CreateSpreadsheet(b.Context(), book))
	handler, err := sheetsemulator.NewHandler(store, sheetsemulator.HandlerOptions{})
	require.NoError(b, err)
	return handler
}

// flushBody is a flush of rows with 12 cells of text each.
func flushBody(rows int) string {
	row := `{"values":[` + strings.TrimSuffix(strings.Repeat(`{"userEnteredValue":{"stringValue":"some words of an answer"}},`, 12), ",") + `]}`
	return `{"requests":[{"createDeveloperMetadata":{"developerMetadata":{"metadataKey":"k","metadataValue":"v","visibility":"DOCUMENT","location":{"spreadsheet":true}}}},` +
		`{"appendCells":{"fields":"userEnteredValue","rows":[` + strings.TrimSuffix(strings.Repeat(row+",", rows), ",") + `]}}]}`
}

func post(b *testing.B, h http.Handler, body string) {
	b.Helper()
	d := &discard{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(d, httptest.NewRequest(http.MethodPost, batchPath, strings.NewReader(body)))
	require.Equal(b, http.StatusOK, d.status)
}

// The time of an append depends on its own rows, not on those that are there already: compare the sub-benchmarks.
func BenchmarkAppendCells(b *testing.B) {
	body := flushBody(500)
	for _, before := range []int{0, 20_000, 100_000} {
		b.Run(fmt.Sprintf("after=%d", before), func(b *testing.B) {
			h := benchHandler(b)
			for range before / 5_000 {
				post(b, h, flushBody(5_000))
			}
			b.ReportAllocs()
			for b.Loop() {
				post(b, h, body)
			}
			b.ReportMetric(float64(b.N)*500/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkGetValues(b *testing.B) {
	h := benchHandler(b)
	for range 4 {
		post(b, h, flushBody(5_000))
	}
	b.ReportAllocs()
	for b.Loop() {
		d := &discard{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(d, httptest.NewRequest(http.MethodGet, "/v4/spreadsheets/"+book+"/values/Sheet1", nil))
		require.Equal(b, http.StatusOK, d.status)
	}
	b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "rows/s")
}
