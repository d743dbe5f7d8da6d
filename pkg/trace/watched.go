package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// quiet is the least time between two lines about the same collector.
const quiet = time.Minute

// watched counts and logs what becomes of spans. OpenTelemetry would tell its global error handler, which writes to
// standard error in a format of its own.
type watched struct {
	sdktrace.SpanExporter

	log          *slog.Logger
	sent, failed prometheus.Counter
	told         time.Time // of the last line; batches are exported one at a time
}

func watch(e sdktrace.SpanExporter, log *slog.Logger, metrics prometheus.Registerer) (*watched, error) {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "formstream_trace_spans_total",
		Help: "Spans that the collector took (sent) or did not take (failed).",
	}, []string{"outcome"})
	if err := metrics.Register(spans); err != nil {
		return nil, fmt.Errorf("register the metrics of traces: %w", err)
	}
	return &watched{SpanExporter: e, log: log, sent: spans.WithLabelValues("sent"), failed: spans.WithLabelValues("failed")}, nil
}

// ExportSpans never fails: what failed has been counted and told.
func (w *watched) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := w.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		w.sent.Add(float64(len(spans)))
		return nil
	}
	w.failed.Add(float64(len(spans)))
	if now := time.Now(); now.Sub(w.told) >= quiet {
		w.told = now
		w.log.Warn("traces could not be sent", "component", "trace", "error", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}
