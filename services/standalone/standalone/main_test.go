package standalone_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/standalone/standalone"
)

const (
	formsDir    = "../../../forms"
	spreadsheet = "formstream-demo"
	patience    = 90 * time.Second // far beyond what anything takes; never a measurement
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(program.dir)
	if code == 0 {
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(leftovers()...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// leftovers are goroutines that libraries leave behind for good, or for some seconds: Sarama's metrics and its breaker.
func leftovers() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"),
	}
}

// settings returns a configuration on free ports and the given data folder.
func settings(data string) standalone.Config {
	var cfg standalone.Config
	chassis.Defaults(&cfg)
	cfg.HTTP, cfg.EndpointHTTP, cfg.Forms, cfg.Data = "127.0.0.1:0", "127.0.0.1:0", formsDir, data
	cfg.Interval = 100 * time.Millisecond
	return cfg
}

// running is an App in this process.
type running struct {
	*standalone.App
	t      testing.TB
	out    *lines
	log    *lines
	cancel context.CancelFunc
	ended  chan error
	once   sync.Once
}

// run starts an App; it ends with the test, without an error.
func run(t testing.TB, cfg standalone.Config) *running {
	t.Helper()
	forms, err := cfg.LoadForms(none)
	require.NoError(t, err)
	r := &running{t: t, out: newLines(), log: newLines(), ended: make(chan error, 1)}
	r.App, err = standalone.New(cfg, forms, chassis.Deps{
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelWarn})), Metrics: prometheus.NewRegistry(),
		Health: chassis.NewHealth(), Version: "test", Stdout: r.out,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(r.end)
	return r
}

// end drains the App.
func (r *running) end() {
	r.t.Helper()
	r.once.Do(func() {
		r.cancel()
		select {
		case err := <-r.ended:
			require.NoError(r.t, err)
		case <-time.After(patience):
			require.FailNow(r.t, "did not end", r.log.text())
		}
	})
}

// post sends a submission and returns the status.
func (r *running) post(form, body string) int {
	r.t.Helper()
	resp, err := http.Post("http://"+r.Addr()+"/forms/"+form, "application/json", strings.NewReader(body)) //nolint:noctx // the server is ours
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())
	return resp.StatusCode
}

// rows reads a tab with Google's own client, without its header; nil where there is no such tab.
func rows(t testing.TB, endpoint, tab string) [][]any {
	t.Helper()
	svc, err := sheets.NewService(t.Context(), option.WithEndpoint(endpoint), option.WithoutAuthentication(), option.WithHTTPClient(http.DefaultClient))
	require.NoError(t, err)
	answer, err := svc.Spreadsheets.Values.Get(spreadsheet, tab).Context(t.Context()).Do()
	if err != nil || len(answer.Values) == 0 {
		return nil
	}
	return answer.Values[1:]
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		require.True(t, time.Now().Before(deadline), "not in time: "+what)
		<-time.After(20 * time.Millisecond)
	}
}

func none(string) (string, bool) { return "", false }

// lines collects what is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func newLines() *lines { return &lines{} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
