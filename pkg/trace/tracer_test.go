package trace_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	oteltrace "go.opentelemetry.io/otel/trace"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/formstream/formstream/pkg/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// receiver is a collector in this process.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*otlp.Span
	asked chan struct{} // one token for each request, if somebody waits
	hold  chan struct{} // answers wait until it is closed; nil: they do not
}

func newReceiver(t *testing.T, status int, hold chan struct{}) *receiver {
	t.Helper()
	r := &receiver{asked: make(chan struct{}, 1), hold: hold}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		select {
		case r.asked <- struct{}{}:
		default:
		}
		if r.hold != nil {
			<-r.hold
			return
		}
		r.take(t, req)
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(t *testing.T, req *http.Request) {
	if req.URL.Path != "/v1/traces" {
		t.Errorf("posted to %s", req.URL.Path)
	}
	body, err := gzip.NewReader(req.Body)
	if err != nil {
		t.Error(err)
		return
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	var sent otlp.TracesData
	if err := proto.Unmarshal(text, &sent); err != nil {
		t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
}

func (r *receiver) got() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans
}

type testBundle struct {
	tracer  *trace.Tracer
	metrics *prometheus.Registry
	log     *bytes.Buffer // read it after Close
}

func setup(t *testing.T, r *receiver, sample float64) *testBundle {
	t.Helper()
	b := &testBundle{metrics: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	var err error
	b.tracer, err = trace.New(t.Context(), trace.Options{
		Endpoint: r.URL, Sample: sample, Service: "form-api", Version: "test",
		Log: slog.New(slog.NewJSONHandler(b.log, nil)), Metrics: b.metrics,
	})
	require.NoError(t, err)
	return b
}

func (b *testBundle) close(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return b.tracer.Close(ctx)
}

func TestClose_spansThatEnded_haveReachedTheCollector(t *testing.T) {
	r := newReceiver(t, http.StatusOK, nil)
	b := setup(t, r, 1)
	ctx, server := b.tracer.Start(t.Context(), "POST /forms/{form}", oteltrace.SpanKindServer)
	_, producer := b.tracer.Start(ctx, "send forms.demo-form", oteltrace.SpanKindProducer)
	producer.End()
	server.End()
	require.NoError(t, b.close(t))
	spans := r.got()
	require.Len(t, spans, 2)
	require.Equal(t, "send forms.demo-form", spans[0].GetName())
	require.Equal(t, otlp.Span_SPAN_KIND_PRODUCER, spans[0].GetKind())
	require.Equal(t, spans[1].GetSpanId(), spans[0].GetParentSpanId())
	require.InDelta(t, 2, sum(t, b.metrics), 0)
	require.NoError(t, b.close(t), "closing again")
}

// sum is how many spans have been sent, less those that failed.
func sum(t *testing.T, r *prometheus.Registry) float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	total := 0.0
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == "sent" {
			total += m.GetCounter().GetValue()
		} else {
			total -= m.GetCounter().GetValue()
		}
	}
	return total
}

func TestStart_traceOfACaller_goesOnAndIntoTheRecord(t *testing.T) {
	r := newReceiver(t, http.StatusOK, nil)
	b := setup(t, r, 0) // the caller's recording decides
	ctx, span := b.tracer.Start(trace.FromRequest(request([]string{parent}, []string{"a=1"})), "x", oteltrace.SpanKindServer)
	headers := trace.Headers(ctx)
	span.End()
	require.NoError(t, b.close(t))
	require.Len(t, r.got(), 1)
	sent := r.got()[0]
	require.Equal(t, "b7ad6b7169203331", oteltrace.SpanID(sent.GetParentSpanId()).String())
	require.Len(t, headers, 2)
	own := parent[:36] + oteltrace.SpanID(sent.GetSpanId()).String() + "-01"
	for _, h := range headers {
		want := map[string]string{"traceparent": own, "tracestate": "a=1"}[h.Key]
		require.Equal(t, want, string(h.Value))
	}
}

func TestStart_notToBeRecorded_sendsNothingButNamesATrace(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"the share is 0":        request(nil, nil),
		"the caller's were not": request([]string{parent[:53] + "00"}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newReceiver(t, http.StatusOK, nil)
			b := setup(t, receiver, 0)
			ctx, span := b.tracer.Start(trace.FromRequest(r), "x", oteltrace.SpanKindServer)
			headers := trace.Headers(ctx)
			span.End()
			require.NoError(t, b.close(t))
			require.Empty(t, receiver.got())
			require.Len(t, headers, 1)
			require.True(t, strings.HasSuffix(string(headers[0].Value), "-00"), "%s", headers[0].Value)
		})
	}
}

func TestDescribe_spanOfARequest_saysHowItEnded(t *testing.T) {
	r := newReceiver(t, http.StatusOK, nil)
	b := setup(t, r, 1)
	for _, status := range []int{202, 422, 503} {
		_, span := b.tracer.Start(t.Context(), "POST /forms/{form}", oteltrace.SpanKindServer)
		trace.Answer{Method: "POST", Route: "/forms/{form}", Form: "demo-form", Outcome: "x", Status: status}.Describe(span)
		span.End()
	}
	require.NoError(t, b.close(t))
	require.Len(t, r.got(), 3)
	for i, want := range []otlp.Status_StatusCode{otlp.Status_STATUS_CODE_UNSET, otlp.Status_STATUS_CODE_UNSET, otlp.Status_STATUS_CODE_ERROR} {
		span := r.got()[i]
		require.Equal(t, want, span.GetStatus().GetCode())
		found := map[string]string{}
		for _, a := range span.GetAttributes() {
			found[a.GetKey()] = a.GetValue().String()
		}
		require.Len(t, found, 5)
		require.Contains(t, found["formstream.form"], "demo-form")
	}
}

func TestClose_collectorRefuses_isCountedAndLogged(t *testing.T) {
	r := newReceiver(t, http.StatusForbidden, nil)
	b := setup(t, r, 1)
	_, span := b.tracer.Start(t.Context(), "x", oteltrace.SpanKindServer)
	span.End()
	require.NoError(t, b.close(t))
	require.InDelta(t, -1, sum(t, b.metrics), 0)
	require.Contains(t, b.log.String(), "traces could not be sent")
}

func TestClose_collectorHangs_returnsWhenItsContextEnds(t *testing.T) {
	hold := make(chan struct{})
	r := newReceiver(t, http.StatusOK, hold)
	t.Cleanup(func() { close(hold) })
	b := setup(t, r, 1)
	_, span := b.tracer.Start(t.Context(), "x", oteltrace.SpanKindServer)
	span.End()
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan error, 1)
	go func() { closed <- b.tracer.Close(ctx) }()
	<-r.asked // the collector has the request, and says nothing
	cancel()
	select {
	case err := <-closed:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		t.Fatal("it still waits")
	}
}

func TestClose_off_isNoError(t *testing.T) {
	var off *trace.Tracer
	require.NoError(t, off.Close(t.Context()))
}

func TestNew_metricIsTaken_saysSo(t *testing.T) {
	r := newReceiver(t, http.StatusOK, nil)
	b := setup(t, r, 1)
	_, err := trace.New(t.Context(), trace.Options{Endpoint: r.URL, Log: slog.New(slog.DiscardHandler), Metrics: b.metrics})
	require.ErrorContains(t, err, "register the metrics of traces")
	require.NoError(t, b.close(t))
	require.Equal(t, 2, testutil.CollectAndCount(b.metrics))
}

func TestCheckEndpoint_eachKind(t *testing.T) {
	for endpoint, want := range map[string]string{
		"127.0.0.1:4318":               "",
		"otel-collector":               "",
		"[::1]:4318":                   "",
		"https://otel.example.org":     "",
		"https://otel.example.org/eu/": "",
		"":                             "must be host:port or an http or https URL",
		"grpc://collector:4317":        "must be host:port or an http or https URL",
		"http://":                      "must be host:port or an http or https URL",
		"http://collector?key=1":       "must be host:port or an http or https URL",
		"http://user:hunter2@host":     "must not hold a user or a password",
		"collector:port":               "must be host:port or an http or https URL",
	} {
		t.Run(endpoint, func(t *testing.T) {
			err := trace.CheckEndpoint(endpoint)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
