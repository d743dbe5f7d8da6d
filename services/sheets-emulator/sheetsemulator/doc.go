// Package sheetsemulator is a server that speaks the part of the Google Sheets API v4 which Formstream uses,
// keeps the spreadsheets in one SQLite file, and shows them as web pages.
//
// It exists so that tests, docker compose and standalone can run the real writer, with the real client, against
// something that keeps Google's promises and refuses what Google refuses:
//
//   - a batchUpdate is applied in order, all or nothing, in one SQLite transaction;
//   - a developer metadata id that exists already fails the whole batch (the fence of the delivery protocol);
//   - an answer is sent only after the transaction is on the disk (synchronous=FULL): kill -9 at any time leaves
//     either all of a batch or nothing, and never loses one that was answered 200;
//   - limits, error envelope and error texts are Google's, where they are documented or were observed.
//
// What is not built answers 501 with the name of the method, the kind of request or the field. Nothing is ignored
// in silence, because a test that passes here for a feature that does nothing would be worse than no test.
//
// # How a request travels
//
//	route ─► Faults (tests only) ─► body ≤ 10 MB ─► strict decode ─► Store.update ─► journal ─► commit ─► answer
//	                                                   400/501           400/404                fsync
//
// decode.go, mask.go and encode.go are three small walkers over one set of wire structs (wire.go): what Google
// would refuse while parsing, what a field mask selects, and how an answer looks.
//
// # What happens on failure
//
// A write is applied on a context of its own: a client that hangs up after its request was read still gets its
// batch applied, as with Google. A read that fails after the first bytes were sent cuts the connection. Disk
// full or a broken file answer 500 INTERNAL and change nothing.
//
// # Bounds
//
// Two requests with a body are decoded at a time, the rest wait; rows are streamed in and out of SQLite one at
// a time or in blocks of 500, so memory does not grow with a tab. The journal keeps the newest entries
// (Options.JournalKeep, and at most 256 MiB of rows).
//
// It does not evaluate formulas, check credentials, or count quotas.
package sheetsemulator
