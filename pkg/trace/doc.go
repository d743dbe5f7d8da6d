// Package trace follows a submission from the request that brought it into the log, and tells a collector about it where
// an operator asks for that.
//
// # The context
//
// What a caller says of its trace (W3C Trace Context: the headers traceparent and tracestate) goes with the submission, as
// the Kafka headers of the same names beside those of CloudEvents, whether spans are sent anywhere or not:
//
//	request ── FromRequest ──► ctx ── Headers ──► record
//	                            │
//	                            └── Tracer.Start ──► spans ──► collector, when on
//
// They are headers of the transport, as every OpenTelemetry instrumentation of Kafka reads them. The attributes of
// CloudEvents' own extension (ce_traceparent) are not written: that is for events whose transport has no such headers.
//
// # Spans
//
// A [Tracer] is off unless an operator names a collector. A nil one is off, too: it starts nothing and costs nothing.
// There is no global state: nothing is registered with OpenTelemetry's own globals.
//
// A trace that began elsewhere is recorded if its caller recorded it; of those that begin here, a share. Callers from
// outside can so ask for spans. It costs them a header and us a few microseconds; where that is too much, the balancer in
// front should drop the header.
//
// A span says how something went: form, outcome, status, topic. A submitted value is never put into one, nor an address.
//
// # Bounds and failures
//
// A collector that is away or slow never delays a request. At most 2,048 spans wait for it, and more are dropped; a batch
// that is not taken within ten seconds is given up, counted in formstream_trace_spans_total and logged once a minute.
// [Tracer.Close] sends what is left, at most until its context ends.
//
// A context that is malformed, or given twice, counts as none. A tracestate of more than 512 bytes is left out.
package trace
