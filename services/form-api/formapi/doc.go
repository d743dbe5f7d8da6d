// Package formapi is the front door of Formstream: it takes the submissions of all forms over HTTP and says yes only
// when Kafka has them.
//
//	POST /forms/{form}      application/json: an object with one member per field
//	GET  /problems/{code}   what an error means; every error's type is this address
//	GET  /                  what this is; no form is listed anywhere
//
// # One request
//
//	known form? ─► JSON? ─► room? ─► read ≤ 256 KiB ─► decode ─► sanitise, validate ─► produce, acks=all ─► 202
//	   404         415    503 busy   413 408      400          422                   503, by the deadline
//
// It answers 202 with id, receipt, form and received_at once every in-sync replica has the event. Errors are RFC 9457
// problems. A 503 says in its member stored whether the submission was not stored ("no": send it again) or may be
// ("maybe": it was handed to the brokers, it carries its id, and appears at most once).
//
// # Bounds
//
//	what                                              at the bound
//	body, 256 KiB                                     413, then up to 8 MiB or 2 s of it are read away
//	nesting 8, members and items 10,000               400 with the position
//	requests in flight (-max-in-flight)               503 busy at once
//	bytes of bodies being held, 256 MiB               503 busy at once
//	waiting for the brokers (-produce-timeout)        503 by then; the place is free when Sarama has settled
//	headers 5 s and 32 KiB, body 30 s                 the connection is closed, or 408
//
// # Failures
//
// Brokers that are away do not keep it from starting: it is live but not ready, and answers 503 until they are there and
// the forms' topics with them. A topic that vanishes later costs its own form only. It holds no state and needs no Redis.
package formapi
