// Package sheet writes rows into Google Sheets exactly once.
//
// The spreadsheet itself keeps the books, in developer metadata at the spreadsheet's level, where no person sees it and no
// deleted tab takes it along:
//
//	fence    one item per flush: key "fs", our own metadataId, value = the flush's nonce
//	vector   one item per form: key "formstream.{form}", value = "v1 number topic-id offsets"
//
// A flush is one spreadsheets.batchUpdate, which Google applies all or nothing. It creates the next fence, whose id must not
// exist, updates each form's vector by its id and its old value, and appends the rows. Sent twice, by a retry or by a second
// flusher, it is refused the second time: createDeveloperMetadata with an id in use is documented to fail the whole request
// (Sheets guide "Read & write metadata", 2026-04-01).
//
// State is what one read of a spreadsheet tells; State.Flush makes the request; State.Advance is the state after it. Client
// carries both over the official client and sorts every error into one of four Outcomes. What to do on each of them is the
// flusher's, not this package's.
//
// Cells are strings: a stringValue is never parsed as a formula.
package sheet
