package trace

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/formstream/formstream/pkg/submission"
)

const (
	headerParent = "traceparent"
	headerState  = "tracestate"

	// maxState is what the specification asks everybody to pass on, in bytes: https://www.w3.org/TR/trace-context/#tracestate-limits.
	// It comes from outside and is stored with each submission, so it is also the most.
	maxState = 512
)

// FromRequest returns the request's context, with the trace that its headers name. Without a valid one it is the
// request's context itself.
func FromRequest(r *http.Request) context.Context {
	if len(r.Header["Traceparent"]) != 1 { // twice: nobody can tell which one is meant
		return r.Context()
	}
	return propagation.TraceContext{}.Extract(r.Context(), requestCarrier(r.Header))
}

// Headers returns the Kafka headers that carry the trace of ctx: none, traceparent, or that and tracestate. The caller may
// keep and change what it gets.
func Headers(ctx context.Context) []submission.Header { return AppendHeaders(ctx, nil) }

// AppendHeaders appends what Headers returns.
func AppendHeaders(ctx context.Context, to []submission.Header) []submission.Header {
	if !oteltrace.SpanContextFromContext(ctx).IsValid() {
		return to
	}
	carrier := recordCarrier{headers: to}
	propagation.TraceContext{}.Inject(ctx, &carrier)
	return carrier.headers
}

// requestCarrier reads a request's headers. propagation.HeaderCarrier allocates for each name, and reads only the first of
// several tracestate headers, which together are one list.
type requestCarrier http.Header

func (c requestCarrier) Get(key string) string {
	switch key {
	case headerParent:
		return c["Traceparent"][0]
	case headerState:
		return joinState(c["Tracestate"])
	}
	return ""
}

func joinState(parts []string) string {
	size := 0
	for _, part := range parts {
		size += len(part) + 1
	}
	if size > maxState+1 {
		return ""
	}
	return strings.Join(parts, ",")
}

// Set and Keys complete the interface; extracting calls neither.
func (c requestCarrier) Set(string, string) {}
func (c requestCarrier) Keys() []string     { return nil }

// recordCarrier gathers a record's headers. Injecting calls neither Get nor Keys.
type recordCarrier struct{ headers []submission.Header }

func (c *recordCarrier) Set(key, value string) {
	c.headers = append(c.headers, submission.Header{Key: key, Value: []byte(value)})
}

func (c *recordCarrier) Get(string) string { return "" }
func (c *recordCarrier) Keys() []string    { return nil }
