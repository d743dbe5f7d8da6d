// Package sheetsconsumer carries submissions from Kafka into the buffer.
//
// It is one consumer group, formstream.sheets-consumer, over the topics of all forms that have a spreadsheet. Where a
// partition is read from is decided by the buffer, not by the group: the buffer's next offset moves in the same script call
// that stores the submissions, so that neither can be ahead of the other. The group's committed offset follows it, so that
// lag means what every tool expects, and its metadata carries what a lost buffer is rebuilt from.
//
//	set-up   commit's metadata, log's start and end ──► add without records ──► next, for each partition
//	claim    up to 500 records, 8 MiB or 5 ms ──► add ──► mark next; without records a poll every two seconds
//	         GAP, or a next that was not expected ──► commit, leave: the group joins again and sets up anew
//	         FULL ──► keep the records, poll, try again; the backlog waits in Kafka
//	         parked ──► look again every ten seconds; other partitions go on
//
// # What each failure does
//
// Killed at any moment: the next owner is told the stored next. Redis away: the claim tries again with back-off, nothing is
// marked. Redis emptied or rolled back: the answer says where to begin again. A zombie that still writes: its offsets are
// skipped. A record that is not a submission: it becomes a gap, is counted and logged by its place, and does not stop its form.
// Offsets that the log has already removed: one gap, counted as lost when the form had been reading before.
package sheetsconsumer
