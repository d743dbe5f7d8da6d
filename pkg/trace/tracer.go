package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const (
	scope = "github.com/formstream/formstream/pkg/trace"

	maxQueued     = 2048             // spans
	maxBatch      = 512              // spans
	exportTimeout = 10 * time.Second // of a batch, with all attempts
)

// Options are what a Tracer that is on needs.
type Options struct {
	// Endpoint is the collector: host:port, or a base URL; /v1/traces is appended. OTLP over HTTP, in protobuf.
	Endpoint string
	// Headers are sent with each request, NAME=VALUE[,NAME=VALUE], such as the key of a hosted collector. They are secret.
	Headers string
	// Sample is the share of traces that is recorded, 0 to 1, of those that begin here. One that began elsewhere is
	// recorded if its caller recorded it.
	Sample float64
	// Service and Version are who sends.
	Service, Version string
	Log              *slog.Logger
	Metrics          prometheus.Registerer
}

// Tracer starts spans. A nil Tracer is off. It is safe for concurrent use.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
	client   *client
}

// New returns a Tracer that sends to a collector. It does not connect: a collector that is away is no error. What describes
// this process beside service and version is read from OTEL_RESOURCE_ATTRIBUTES, as the specification has it. Close it.
func New(ctx context.Context, o Options) (*Tracer, error) {
	target, err := targetURL(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the address of the collector of traces %w", err)
	}
	headers, err := parseHeaders(o.Headers)
	if err != nil {
		return nil, fmt.Errorf("the headers for the collector of traces %w", err)
	}
	client := newClient(target, headers)
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("start the exporter of traces: %w", err)
	}
	watched, err := watch(exporter, o.Log, o.Metrics)
	if err != nil {
		return nil, err
	}
	who, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.namespace", "formstream"),
			attribute.String("service.name", o.Service),
			attribute.String("service.version", o.Version),
		),
		resource.WithHost(),
		resource.WithFromEnv(), // last: an operator's words count more than ours
	)
	if err != nil {
		return nil, fmt.Errorf("describe this process to the collector of traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(who),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithBatcher(watched,
			sdktrace.WithMaxQueueSize(maxQueued), sdktrace.WithMaxExportBatchSize(maxBatch), sdktrace.WithExportTimeout(exportTimeout)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope), client: client}, nil
}

// CheckEndpoint tells what is wrong with an endpoint, and what it must be.
func CheckEndpoint(endpoint string) error {
	_, err := targetURL(endpoint)
	return err
}

// CheckHeaders tells what is wrong with headers, and does not repeat them.
func CheckHeaders(headers string) error {
	_, err := parseHeaders(headers)
	return err
}

func parseHeaders(text string) (http.Header, error) {
	headers := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !validName(name) || strings.ContainsFunc(value, unicode.IsControl) {
			return nil, errors.New("must be NAME=VALUE[,NAME=VALUE]")
		}
		headers.Add(name, value)
	}
	return headers, nil
}

// validName reports whether it can be a header's: https://www.rfc-editor.org/rfc/rfc9110#name-tokens
func validName(name string) bool {
	const others = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r))
	})
}

// targetURL makes the address that traces are posted to. A URL that carries a password is not repeated.
func targetURL(endpoint string) (string, error) {
	text := endpoint
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return "", errors.New("must not hold a user or a password; give a header instead")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("must be host:port or an http or https URL, such as 127.0.0.1:4318")
	}
	return u.JoinPath("v1", "traces").String(), nil
}

// Start begins a span below that of ctx and returns a context that carries it. Off, it returns ctx and a span that does
// nothing. Whoever starts a span ends it. Set attributes only where it IsRecording: making them costs as well.
func (t *Tracer) Start(ctx context.Context, name string, kind oteltrace.SpanKind) (context.Context, oteltrace.Span) {
	if t == nil {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, oteltrace.WithSpanKind(kind))
}

// Close sends the spans that have ended, at most until ctx does, and stops: later spans do nothing. Its error says that
// some were not sent. It may be called again.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	err := t.provider.Shutdown(ctx)
	if err == nil {
		return nil
	}
	t.client.stop() // it may still be in the middle of a request: end that, and those that would follow
	return fmt.Errorf("send the last traces: %w", err)
}
