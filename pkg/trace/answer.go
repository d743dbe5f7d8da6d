package trace

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Answer is how a request ended. Nothing in it may come from what was submitted: Form is a known one, or a word for all
// others.
type Answer struct {
	Method, Route string // as POST and /forms/{form}
	Form, Outcome string
	Status        int
}

// Describe tells the span of a request, named as OpenTelemetry's conventions name them (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
// A 5xx makes it an error. It does nothing, and costs nothing, where the span is not recorded.
func (a Answer) Describe(span oteltrace.Span) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("http.request.method", a.Method),
		attribute.String("http.route", a.Route),
		attribute.Int("http.response.status_code", a.Status),
		attribute.String("formstream.form", a.Form),
		attribute.String("formstream.outcome", a.Outcome),
	)
	if a.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, a.Outcome)
	}
}
