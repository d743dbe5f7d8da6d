// Package sheetsflusher writes the buffer into Google Sheets, each submission exactly once.
//
// A Writer has one spreadsheet and all forms that go into it. One flush is: what has the log, what has the buffer, what has the
// spreadsheet; plan; one atomic request; its answer; release.
//
//	          nothing to write
//	peek ───────────────────────────────────────────────► end of the run
//	 │ work
//	read (once; after an own success the state is known) ◄─────────────┐
//	 │                                                                 │ another's fence, changed, too old
//	plan each form ── does not add up ──► park that form, go on        │
//	 │ entries                                                         │
//	send ── 200 ──────────────────► release ──► peek                   │
//	 │  └── 429 ── wait ── same bytes                                  │
//	 └── outcome unknown, or refused ──► ask for the fence ────────────┤
//	        ours: release              not there, nothing changed: same bytes again; refused twice: each form alone
//
// # What each failure does
//
// Killed at any moment: the next run reads the vectors and releases what the spreadsheet has. A second flusher: both plan, one
// fence is created, the other plans again. Redis lost: the consumer fills it again, the vector says what to leave out. A form
// that does not add up is parked: its reason and remedy stand in the log, in a metric and in the buffer's state; it is looked at
// anew by each run, and the other forms of the spreadsheet go on.
//
// The decisions are by status and by what the spreadsheet holds, never by a message's text.
package sheetsflusher
