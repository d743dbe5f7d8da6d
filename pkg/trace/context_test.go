package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkg/trace"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// request has the given values of both headers.
func request(parents, states []string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/forms/demo-form", nil)
	r.Header["Traceparent"], r.Header["Tracestate"] = parents, states
	return r
}

// carried is what a record gets of a request.
func carried(r *http.Request) map[string]string {
	found := map[string]string{}
	for _, h := range trace.Headers(trace.FromRequest(r)) {
		found[h.Key] = string(h.Value)
	}
	return found
}

func TestHeaders_contextOfARequest_goesIntoTheRecord(t *testing.T) {
	none := map[string]string{}
	only := map[string]string{"traceparent": parent}
	for _, row := range []struct {
		name            string
		parents, states []string
		want            map[string]string
	}{
		{name: "no context", want: none},
		{name: "state alone", states: []string{"a=1"}, want: none},
		{name: "context", parents: []string{parent}, want: only},
		{name: "with state", parents: []string{parent}, states: []string{"a=1,b=2"}, want: map[string]string{"traceparent": parent, "tracestate": "a=1,b=2"}},
		{name: "state in two headers", parents: []string{parent}, states: []string{"a=1", "b=2"}, want: map[string]string{"traceparent": parent, "tracestate": "a=1,b=2"}},
		{name: "not recorded", parents: []string{parent[:53] + "00"}, want: map[string]string{"traceparent": parent[:53] + "00"}},
		{name: "later version", parents: []string{"cc" + parent[2:] + "-more"}, want: only},
		{name: "given twice", parents: []string{parent, parent}, want: none},
		{name: "no trace id", parents: []string{"00-" + strings.Repeat("0", 32) + parent[35:]}, want: none},
		{name: "upper case", parents: []string{strings.ToUpper(parent)}, want: none},
		{name: "cut", parents: []string{parent[:54]}, want: none},
		{name: "empty", parents: []string{""}, want: none},
		{name: "state malformed", parents: []string{parent}, states: []string{"no pair"}, want: only},
		{name: "state as long as may be", parents: []string{parent}, states: []string{state(512)}, want: map[string]string{"traceparent": parent, "tracestate": state(512)}},
		{name: "state longer", parents: []string{parent}, states: []string{state(513)}, want: only},
		{name: "state longer in two", parents: []string{parent}, states: []string{state(300), state(300)}, want: only},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, carried(request(row.parents, row.states)))
		})
	}
}

// state makes a tracestate of so many bytes, 260 or more.
func state(size int) string {
	return "a=" + strings.Repeat("x", 254) + ",b=" + strings.Repeat("y", size-259) // a value has 256 at most
}

func TestFromRequest_noContext_isTheRequestsOwn(t *testing.T) {
	r := request(nil, nil)
	require.Equal(t, r.Context(), trace.FromRequest(r))
}

func TestHeaders_ofOtherNames_stay(t *testing.T) {
	own := submission.Submission{ID: submission.NewID(), Form: "demo-form"}.Headers()
	all := trace.AppendHeaders(trace.FromRequest(request([]string{parent}, nil)), own)
	require.Equal(t, own, all[:len(own)])
	require.Equal(t, []submission.Header{{Key: "traceparent", Value: []byte(parent)}}, all[len(own):])
}

// What comes out is what OpenTelemetry itself reads from the request, and never more than the bound.
func FuzzFromRequest(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", "a=1,a=2")
	f.Add(parent+"-x", strings.Repeat("a=1,", 40))
	f.Fuzz(func(t *testing.T, parent, state string) {
		r := request([]string{parent}, []string{state})
		got := oteltrace.SpanContextFromContext(trace.FromRequest(r))
		want := oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
		if len(state) > 512 {
			want = want.WithTraceState(oteltrace.TraceState{})
		}
		require.True(t, got.Equal(want), "%v, not %v", got, want)
		size := 0
		for _, h := range trace.Headers(trace.FromRequest(r)) {
			size += len(h.Value)
		}
		require.LessOrEqual(t, size, len("00-")+32+1+16+1+2+512)
	})
}

func ExampleHeaders() {
	r := httptest.NewRequest(http.MethodPost, "/forms/demo-form", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	for _, h := range trace.Headers(trace.FromRequest(r)) {
		fmt.Printf("%s: %s\n", h.Key, h.Value)
	}
	// Output: traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
}

// What a request costs where tracing is off: nothing without a context.
func BenchmarkOff(b *testing.B) {
	var off *trace.Tracer
	own := submission.Submission{ID: submission.NewID(), Form: "demo-form"}
	for _, row := range []struct {
		name    string
		parents []string
	}{{name: "none"}, {"context", []string{parent}}} {
		r := request(row.parents, nil)
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			headers := make([]submission.Header, 0, 8)
			for b.Loop() {
				ctx, span := off.Start(trace.FromRequest(r), "POST /forms/{form}", oteltrace.SpanKindServer)
				trace.AppendHeaders(ctx, headers)
				span.End()
			}
		})
	}
	b.Run("submission's own headers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			own.Headers()
		}
	})
}

func TestOff_noContext_allocatesNothing(t *testing.T) {
	var off *trace.Tracer
	r := request(nil, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ctx, span := off.Start(trace.FromRequest(r), "POST /forms/{form}", oteltrace.SpanKindServer)
		if headers := trace.Headers(ctx); headers != nil || span.IsRecording() {
			t.Fatal("there is a trace")
		}
		trace.Answer{Form: "demo-form", Status: http.StatusAccepted}.Describe(span)
		span.End()
	}))
}
