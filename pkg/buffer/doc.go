// Package buffer keeps each form's submissions in order of time until they are in the spreadsheet.
//
// It is a cache that can be lost at any moment: the log has the submissions, the spreadsheet knows what it already holds,
// and everything here can be read again from the one and cut at the other. What it promises is only that it never lies:
// a loss is noticed before it can cost a submission.
//
// Per form, all under the Redis Cluster tag {form} (P is a partition):
//
//	buf:P    sorted set   one entry per offset from delivered to next: a submission, a placeholder or a gap
//	ids:P    hash         id of a keyed submission -> the lowest offset at which it was seen
//	age:P    sorted set   offset in 19 digits + id, by record time: what ids holds, oldest first
//	state    hash         see below
//
// The state's fields: "topic", the topic's id; "0", "1" and so on, a partition's "next delivered last-score wide ids bytes",
// with "-" for next where nothing is stored; "sheet", the spreadsheet of the last release; "park" and "parked_at", the reason why
// the form does not move, to show.
//
// Offsets are exact below 2^53, the range of a Lua number; Validate refuses others.
//
// # Scores
//
// score = max(min(received_at, Redis TIME), the partition's last score). Entries of a partition therefore stand in offset
// order and in time order at once. Members begin with the offset in 19 digits, so that equal scores keep offset order too.
//
// # The books
//
// Every offset from delivered to next has exactly one entry; a gap's entry stands for several (wide = Σ (width − 1)).
// So ZCARD(buf) + wide = max(0, next − delivered), and ZCARD(age) = HLEN(ids) = the number kept. Add checks this before it does
// anything else, Plan after it has released what the vector covers: what is lost of that is no loss. Where it does not hold,
// Redis has lost something: the partition is dropped, all but delivered, and the consumer, whose every call says where to
// start again, reads it anew. Two losses can balance in the books; so Plan also looks whether what it takes follows each other.
//
// # What each failure does
//
//	a call is repeated, or a zombie makes it      offsets below next are skipped: the same offset always carries the same data
//	Redis lost the newest writes (fail-over)      Add answers Gap: the caller goes back to the stored next
//	Redis lost a key, or everything               the books, or nothing stored: start again from delivered
//	the topic was made anew                       OtherTopic: nothing is touched
//	too many entries, or too many bytes           Full: the caller keeps its records and waits; the backlog stays in Kafka
//	Redis is out of memory                        Add is an error and changes nothing; Plan and Release still let go
//	entries that cannot be read                   Plan is a *DamagedError: somebody has changed them by hand
//
// The package does not decide what is in the spreadsheet, and it never removes an entry that the vector handed to Plan or
// Release does not cover.
package buffer
