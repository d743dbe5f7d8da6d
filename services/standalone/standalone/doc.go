// Package standalone runs form-api, sheets-consumer, sheets-flusher, demo-consumer and sheets-emulator in one process, on
// an embedded Kafka and an embedded Redis: the first thing that a new user starts, and the whole suite for tests.
//
//	POST ─► form-api ─► broker (data/kafka) ─► consumer ─► Redis (memory) ─► flusher ─► emulator (data/sheets) ─► page
//	                                      └──► demo-consumer ─► processed.{form} (data/kafka)
//
// Each of the three outer parts gives way to a real one: -brokers, -redis, and -endpoint, -google or -credentials.
//
// # The guarantee
//
// It is the suite's: a submission that was answered 202 is in the spreadsheet exactly once, whatever is killed when. The
// log is on the disk before the answer (-fsync, the default), and the emulator answers when its file is. Redis lives in
// memory only, which costs nothing: a buffer is rebuilt from the log and the spreadsheet's own marker.
//
// # The data folder
//
//	format         version of the layout; a newer one is refused
//	lock           held by the process that uses the folder; its pid, for the others' message
//	receipt-key    signs receipts, 0600
//	kafka/         the log, grows with each submission
//	sheets/        the spreadsheets and their journal
//
// # Starting
//
//	forms ─► data folder, lock ─► broker ─► Redis ─► emulator ─► log against marker (prepare.go) ─► form-api ─► ready: banner
//
// Whatever is wrong up to there is one line that names the flag, and exit 1.
//
// # Ending
//
//	form-api: nothing more is taken ─► consumer and flusher: until all that was accepted is in the sheet,
//	at most -shutdown-timeout ─► both end, and demo-consumer ─► emulator ─► Redis ─► broker, always closed ─► lock
//
// What is not in the sheet by then is in the log, and comes with the next start. A second signal ends it at once, and does
// no more harm than kill -9 does: none.
//
// # What it does not do
//
// It is one process on one disk: no replica takes over. The embedded parts listen on loopback addresses without a
// password: every user of the machine can reach them.
package standalone
