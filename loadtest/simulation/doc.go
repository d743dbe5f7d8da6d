// Package simulation tries the delivery protocol under random schedules of everything that can go wrong.
//
// One schedule is a world: two forms of two partitions each go into one spreadsheet; two consumers and two flushers run the
// very code of the services over ports that the world implements: a log, the twin of the buffer's scripts, a spreadsheet. Every
// call of a port is a point at which the scheduler may let somebody else go on, kill the caller, freeze it, lose its answer,
// apply its request later, or take data away. Everybody is a coroutine and time is a number, so a schedule follows from its
// seed alone.
//
// At the end faults stop, and a world must come to rest: every submission in the spreadsheet exactly once (lost, doubled), and
// that within a bounded number of steps (stuck). A form whose topic was made anew, or whose spreadsheet was restored from an
// older copy, may instead be parked: the protocol never guesses there.
//
// Rules can be switched off one by one, to show that the schedules would notice.
package simulation
