// Package submission is the event that Formstream carries: one validated, sanitised set of answers, its CloudEvents
// wire form on Kafka, its id, its partition, and the receipt that its submitter gets.
//
// # The event
//
// A [Submission] never changes. Its wire form is CloudEvents 1.0 in binary mode for Kafka: the record's key is the id,
// its value is the answers as one JSON object, and six headers say the rest:
//
//	ce_specversion  1.0
//	ce_id           the id, the same bytes as the key
//	ce_source       /forms/{form}
//	ce_type         formstream.submission.v1
//	ce_time         received_at: RFC 3339, UTC, always three decimals
//	content-type    application/json
//
// Other headers (a trace context, an extension) are carried beside them and are ignored here.
//
// # Ids
//
// The id of a submission without an Idempotency-Key is a UUIDv7 ([NewID]). With a key it is a UUIDv8 made from form,
// key and answers ([KeyedID]), so that the same request sent again has the same id, on every replica and without any
// shared state. [Keyed] tells which of the two an id is.
//
// # Receipts
//
// A [Receipt] names a submission's place in the log. The token that [Signer.Sign] makes of it is a bearer token: whoever
// holds it may ask for that submission's fate, and no one can make one up. It is signed, not encrypted: it hides nothing.
//
// # Failures
//
// What [Parse] refuses will be refused for ever: its error is permanent, so set the record aside and go on.
// This package imports neither Kafka nor Redis nor Sheets, starts no goroutine and keeps no state.
package submission
