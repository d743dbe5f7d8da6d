package chassis

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"time"

	"github.com/formstream/formstream/pkg/trace"
)

// lastTraces bounds how long an ending process waits for the collector of traces.
const lastTraces = 3 * time.Second

// Tracing says where spans go. It is off unless an endpoint is given; the traces that callers name are passed on to Kafka
// either way.
type Tracing struct {
	Endpoint string  // -otlp-endpoint: collector, OTLP over HTTP: host:port or base URL; "" is off
	Headers  Secret  // -otlp-headers: NAME=VALUE[,NAME=VALUE], sent with the spans
	Sample   float64 // -otlp-sample: share of the traces that begin here; those of callers are recorded if theirs are
}

func (t *Tracing) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&t.Endpoint, "otlp-endpoint", "", "`collector` of traces, OTLP over HTTP: host:port, or a URL that /v1/traces is appended to; off if empty")
	SecretVar(fs, &t.Headers, "otlp-headers", "`headers` that the collector asks for, NAME=VALUE[,NAME=VALUE]")
	fs.Float64Var(&t.Sample, "otlp-sample", 1, "`share` of traces to record, 0 to 1, unless the caller has decided")
}

func (t *Tracing) validate() error {
	var errs []error
	if t.Endpoint != "" {
		if err := trace.CheckEndpoint(t.Endpoint); err != nil {
			errs = append(errs, Wrong("otlp-endpoint", hidePassword(t.Endpoint), err.Error()))
		}
	}
	if err := trace.CheckHeaders(t.Headers.Reveal()); err != nil {
		errs = append(errs, Wrong("otlp-headers", nil, err.Error()))
	}
	if !(t.Sample >= 0 && t.Sample <= 1) { // NaN, too
		errs = append(errs, Wrong("otlp-sample", t.Sample, "must be from 0 to 1"))
	}
	return errors.Join(errs...)
}

// start returns nil where tracing is off.
func (t *Tracing) start(ctx context.Context, service string, deps Deps) (*trace.Tracer, error) {
	if t.Endpoint == "" {
		return nil, nil
	}
	return trace.New(ctx, trace.Options{
		Endpoint: t.Endpoint, Headers: t.Headers.Reveal(), Sample: t.Sample,
		Service: service, Version: deps.Version, Log: deps.Log, Metrics: deps.Metrics,
	})
}

// closeTracer sends what is left. ctx has ended by then, as a rule.
func closeTracer(ctx context.Context, t *trace.Tracer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTraces)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("the last traces were lost", "component", "trace", "error", err)
	}
}
