package formapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
	"github.com/formstream/formstream/services/form-api/formapi/page"
	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leftovers()...) }

const demoYAML = `
id: demo
title: Demo
fields:
  - {name: name, type: text, required: true, rules: "max=200"}
  - {name: age, type: integer}
  - {name: message, type: multiline}
`

const otherYAML = `
id: other
title: Other
fields:
  - {name: text, type: text}
`

const (
	testKey = "0123456789abcdef0123456789abcdef"
	good    = `{"name":"Ada","age":36}`
)

func testForms(t testing.TB) *form.Set {
	t.Helper()
	var forms []*form.Form
	for _, src := range []string{demoYAML, otherYAML} {
		f, err := form.Parse("test.yaml", []byte(src), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		forms = append(forms, f)
	}
	set, err := form.NewSet(forms...)
	require.NoError(t, err)
	return set
}

// fakeProducer answers as the test says.
type fakeProducer struct {
	produce func(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (int32, int64, error)
}

func (f *fakeProducer) Produce(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (int32, int64, error) {
	return f.produce(ctx, topic, key, headers, value)
}

// stored is a producer that always succeeds.
func stored() *fakeProducer {
	return &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
		return 4, 17, nil
	}}
}

// testBundle is the handler without brokers.
type testBundle struct {
	intake  *intake
	handler http.Handler
	log     *syncBuffer
	metrics *prometheus.Registry

	receipts *receipts
}

var received = time.Date(2026, 11, 21, 18, 30, 0, 123_456_789, time.FixedZone("", 3600))

func setup(t testing.TB, p producer) *testBundle {
	t.Helper()
	signer, err := submission.NewSigner([]byte(testKey))
	require.NoError(t, err)
	b := &testBundle{log: &syncBuffer{}, metrics: prometheus.NewRegistry()}
	forms := testForms(t)
	b.intake = &intake{
		forms: func() *form.Set { return forms }, producer: p, missing: func(string) bool { return false }, signer: signer,
		now: func() time.Time { return received }, newID: func() string { return "0193506c-0000-7000-8000-000000000001" },
		timeout: time.Minute, bodies: newBodies(bodyBudget), maxInFlight: 100, repeats: forgetful(t), guard: lenient(t),
	}
	zero := func() float64 { return 0 }
	b.intake.metrics, err = newMetrics(b.metrics, gauges{zero, zero, zero})
	require.NoError(t, err)
	b.intake.pages, err = page.New()
	require.NoError(t, err)
	b.intake.log = discard()
	b.receipts = &receipts{signer: signer, log: discard(), page: b.intake.writeReceipt, problem: b.intake.writeProblem}
	b.handler = newHandler(b.intake, b.receipts, slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return b
}

// forgetful remembers no answers, like a form-api without Redis.
func forgetful(t testing.TB) *replay.Store {
	t.Helper()
	store, err := replay.New(nil, replay.Options{Secret: []byte(testKey), Log: discard(), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	return store
}

// lenient is a guard without limits.
func lenient(t testing.TB) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Options{Keys: [][]byte{[]byte(testKey)}, NoLimits: true, Log: discard(), Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	return g
}

// request makes a request without a network.
func (b *testBundle) request(method, path, mediaType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func (b *testBundle) post(body string) *httptest.ResponseRecorder {
	return b.request(http.MethodPost, "/forms/demo", "application/json", body)
}

// problemOf reads a problem, and fails where the answer is none of this code.
func problemOf(t testing.TB, code Code, header http.Header, body io.Reader) Problem {
	t.Helper()
	raw, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "application/problem+json", header.Get("Content-Type"), "%s", raw)
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	var p Problem
	require.NoError(t, json.Unmarshal(raw, &p), "%s", raw)
	require.Equal(t, code, p.Code, "%s", raw)
	status, title, _ := code.about()
	require.Equal(t, status, p.Status)
	require.Equal(t, title, p.Title)
	require.Equal(t, "/problems/"+string(code), p.Type)
	return p
}

// count returns a counter's value.
func count(t testing.TB, r *prometheus.Registry, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matched := 0
			for _, l := range m.GetLabel() {
				if labels[l.GetName()] == l.GetValue() {
					matched++
				}
			}
			if matched == len(labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// onKafka runs a test on an in-process broker, and on a real one.
func onKafka(t *testing.T, test func(t *testing.T, log kafkatest.Log), opts ...kafkatest.Option) {
	t.Helper()
	t.Run("in process", func(t *testing.T) { test(t, kafkatest.Start(t, opts...)) })
	t.Run("real broker", func(t *testing.T) { test(t, kafkatest.Real(t)) })
}

// appBundle is the whole service on a broker.
type appBundle struct {
	t      testing.TB
	app    *App
	deps   chassis.Deps
	log    *syncBuffer
	url    string
	stop   context.CancelFunc
	ended  chan error
	client *http.Client
}

// setupApp starts the service. change may alter its configuration, and beforeRun what New has made of it.
func setupApp(t testing.TB, brokers []string, change func(*Config), beforeRun ...func(*App)) *appBundle {
	t.Helper()
	var cfg Config
	chassis.Defaults(&cfg)
	cfg.Limits = false
	cfg.HTTP = "127.0.0.1:0"
	cfg.Kafka.Brokers = brokers
	cfg.Kafka.Linger = 0
	cfg.ReceiptKey = testKey
	if change != nil {
		change(&cfg)
	}
	b := &appBundle{t: t, log: &syncBuffer{}, ended: make(chan error, 1), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}}
	b.deps = chassis.Deps{
		Log: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelInfo})), Metrics: prometheus.NewRegistry(),
		Health: chassis.NewHealth(), Version: "test", Stdout: io.Discard,
	}
	app, err := New(cfg, testForms(t), b.deps)
	require.NoError(t, err)
	for _, prepare := range beforeRun {
		prepare(app)
	}
	b.app, b.url = app, "http://"+app.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() { b.ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		b.client.CloseIdleConnections()
		if b.ended != nil {
			<-b.ended
		}
		if t.Failed() {
			t.Log("the service's log:\n" + b.log.String())
		}
	})
	return b
}

// end stops the service and returns what Run returned.
func (b *appBundle) end() error {
	b.stop()
	err := <-b.ended
	b.ended = nil
	return err
}

func (b *appBundle) ready() error { return b.deps.Health.Ready(context.Background()) }

func (b *appBundle) waitReady() {
	b.t.Helper()
	kafkatest.WaitUntil(b.t, func() bool { return b.ready() == nil }, "ready")
}

// post sends one submission and returns the status, the headers and the body.
func (b *appBundle) post(path, body string) (int, http.Header, []byte) {
	b.t.Helper()
	resp, err := b.client.Post(b.url+path, "application/json", strings.NewReader(body))
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, resp.Header, answer
}

// syncBuffer is a buffer that the service writes to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
