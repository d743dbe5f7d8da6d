// Package replay remembers the answers to submissions that came with an Idempotency-Key, so that a client that asks again
// hears the same words again.
//
// It is a courtesy, not the guarantee: the id of a keyed submission is made of form, key and values, so a repeat is one row
// whatever is remembered here. That is why every doubt ends in [First]: the submission is stored once more, under the same id.
//
// Per form, in two Redis keys under the Cluster tag {form}:
//
//	replay      hash         tag -> state, digest, and the answer, or until when it may be under way
//	replay-age  sorted set   tags by the time of their last change: the oldest is forgotten first
//
//	            Begin                       Finish
//	absent ───────────────► under way ───────────────► answered
//	  ▲                         │ Release, or the lease   │ the window, or
//	  └─────────────────────────┴──────── is over ────────┘ newer keys than MaxKeys
//
// Tag and digest are HMACs under a key made of the receipt key: what stands in Redis cannot be tried against guessed keys or
// values. An answer is given out only to who sends the same key and the same values, which make the digest: who guesses a
// key learns at most that it has been used. (A key that can be guessed can also be taken by somebody else first; keys are to be
// random.) The answer itself stands in Redis as it is, beside the buffer's submissions.
//
// # What each failure does
//
//	Redis is away, slow, full or read-only   First, at once for the next second; then one call tries again
//	Redis loses entries, or its scripts      First; the script is sent again
//	Redis answers, but the answer is lost    the client's own repeat finds it under way: it waits, at most for Wait
//	a replica dies between Begin and Finish  the next one waits, at most until the lease is over, and goes on as First
//	both of two replicas stored it           the answer that Finish kept first is everybody's
//	more keys than MaxKeys in the window     the oldest are forgotten: First
//	replicas with different receipt keys     they do not know each other's entries: First
//
// Calls that come while another is under way share a round trip, so that the cost per submission falls as load rises.
//
// The package does not know what an answer is, and never keeps one of more than [MaxAnswer] bytes.
package replay
