package sheetsemulator_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func load(t *testing.T, args ...string) (sheetsemulator.Config, error) {
	t.Helper()
	var cfg sheetsemulator.Config
	err := chassis.Load(&cfg, args, func(string) (string, bool) { return "", false })
	return cfg, err
}

func deps() chassis.Deps {
	return chassis.Deps{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Health: chassis.NewHealth(),
		Version: "test", Stdout: io.Discard,
	}
}

func TestConfig_defaults(t *testing.T) {
	cfg, err := load(t)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3001", cfg.HTTP)
	require.Equal(t, "sheets-data", cfg.Data)
	require.Equal(t, sheetsemulator.NoMatchOK, cfg.NoMatch)
	require.Equal(t, 10_000, cfg.JournalKeep)
	require.Empty(t, cfg.Create)
}

func TestConfig_wrong_namesEveryKey(t *testing.T) {
	_, err := load(t, "-http", "", "-data", "", "-create", "ok,not/ok", "-no-match", "maybe", "-journal-keep", "0")
	for _, want := range []string{
		"-http (flag): is not set; give the address to serve on", "-data (flag): is not set; give the folder", `-create "not/ok"`,
		`-no-match "maybe"`, `-journal-keep "0"`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestApp_startsOnAFreePort_servesAndDrains(t *testing.T) {
	cfg, err := load(t, "-http", "127.0.0.1:0", "-data", t.TempDir(), "-create", "one,two")
	require.NoError(t, err)
	d := deps()
	app, err := sheetsemulator.New(cfg, d)
	require.NoError(t, err)
	require.NoError(t, app.CreateSpreadsheet(t.Context(), "three"))
	require.NoError(t, d.Health.Ready(t.Context()))

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	transport := &http.Transport{}
	service, err := sheets.NewService(ctx, option.WithEndpoint("http://"+app.Addr()), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	for _, id := range []string{"one", "two", "three"} {
		_, err := service.Spreadsheets.BatchUpdate(id, &sheets.BatchUpdateSpreadsheetRequest{Requests: []*sheets.Request{appendRows(0, []string{"a"}, []string{"b"})}}).Do()
		require.NoError(t, err)
	}
	_, err = service.Spreadsheets.Get("four").Do()
	refused(t, err, 404, "Requested entity was not found.")
	require.NoError(t, testutil.GatherAndCompare(d.Metrics, strings.NewReader(`
		# HELP formstream_emulator_requests_total Calls of the Sheets API by method and HTTP status; status 0 is a connection cut by a test.
		# TYPE formstream_emulator_requests_total counter
		formstream_emulator_requests_total{method="spreadsheets.batchUpdate",status="200"} 3
		formstream_emulator_requests_total{method="spreadsheets.get",status="404"} 1
		# HELP formstream_emulator_rows_written_total Rows written by appendCells and updateCells.
		# TYPE formstream_emulator_rows_written_total counter
		formstream_emulator_rows_written_total 6
	`), "formstream_emulator_requests_total", "formstream_emulator_rows_written_total"))
	transport.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, app.Close())

	again, err := sheetsemulator.New(cfg, deps()) // the folder is free again, and what exists stays
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestApp_portInUse_isOneClearLineAndLeavesNothingOpen(t *testing.T) {
	cfg, err := load(t, "-http", "127.0.0.1:0", "-data", t.TempDir())
	require.NoError(t, err)
	app, err := sheetsemulator.New(cfg, deps())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, app.Close()) })

	other, err := load(t, "-http", app.Addr(), "-data", t.TempDir())
	require.NoError(t, err)
	_, err = sheetsemulator.New(other, deps())
	require.EqualError(t, err, `-http "`+app.Addr()+`": the address is in use by another process; end that one, or choose another port (port 0 takes a free one)`)

	other.HTTP, other.Data = "127.0.0.1:0", cfg.Data
	_, err = sheetsemulator.New(other, deps())
	require.EqualError(t, err, "data folder "+cfg.Data+" is in use by another process: end that one, or choose another folder")
}

func TestApp_withFaults_usesThem(t *testing.T) {
	cfg, err := load(t, "-http", "127.0.0.1:0", "-data", t.TempDir(), "-create", book)
	require.NoError(t, err)
	app, err := sheetsemulator.New(cfg, deps(), sheetsemulator.WithFaults(func(context.Context, sheetsemulator.Call) sheetsemulator.Fault {
		return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 429}
	}))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	transport := &http.Transport{DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+app.Addr()+bookPath, nil)
	require.NoError(t, err)
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 429, answer.StatusCode)
	stop()
	require.NoError(t, <-ended)
}
