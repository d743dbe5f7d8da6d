package chassis_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/formstream/formstream/pkg/chassis"
)

// collectorFor counts what is posted to it, and keeps the key of the last request.
func collectorFor(t *testing.T) (url string, posts *atomic.Int64, key *atomic.Value) {
	t.Helper()
	posts, key = &atomic.Int64{}, &atomic.Value{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		key.Store(r.Header.Get("Api-Key"))
		posts.Add(1)
	}))
	t.Cleanup(server.Close)
	return server.URL, posts, key
}

func oneSpan(ctx context.Context, deps chassis.Deps) error {
	_, span := deps.Tracer.Start(ctx, "POST /forms/{form}", oteltrace.SpanKindServer)
	span.End()
	return nil
}

func TestRun_collectorIsNamed_hasTheSpansAtTheEnd(t *testing.T) {
	url, posts, key := collectorFor(t)
	got := command(t, []string{"-brokers=a:1", "-otlp-endpoint=" + url, "-otlp-headers=api-key=hunter2"}, nil, oneSpan)
	require.Zero(t, got.code, got.stderr)
	require.EqualValues(t, 1, posts.Load())
	require.Equal(t, "hunter2", key.Load())
	require.NotContains(t, got.stderr, "hunter2")
}

func TestRun_noCollector_tracesNothing(t *testing.T) {
	got := command(t, []string{"-brokers=a:1"}, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, func(ctx context.Context, deps chassis.Deps) error {
		require.Nil(t, deps.Tracer)
		return oneSpan(ctx, deps)
	})
	require.Zero(t, got.code, got.stderr)
}

func TestRun_collectorIsAway_endsAllTheSame(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got := command(t, []string{"-brokers=a:1", "-otlp-endpoint=" + server.URL}, nil, oneSpan)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, `"component":"trace"`)
}
