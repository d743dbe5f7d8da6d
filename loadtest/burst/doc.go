// Package burst is the load test of many people at once: users start over a short ramp, and each sends a few submissions,
// one after another, over a connection of its own, as browsers do.
//
// # What is measured
//
// A latency begins when the request was due: the first of a user at the user's moment in the ramp, each later one when the
// answer before it had arrived. It ends when the answer has been read. So it holds everything that somebody waits for:
// a generator that is late, the queue before the server's accept, the connection's set-up. A generator that starts its clock
// when it gets around to sending measures short times of exactly the servers that make it wait.
//
// The figures of a target are those of its requests that were answered 202, since a server that refuses quickly is not
// fast; every other answer, and every kind of broken connection, has a row of its own. Percentiles are exact (nearest
// rank over all requests); 202/s is the number of 202s over the time from a round's start to its last answer.
//
// Several targets take turns, a round each, in an order that rotates, so that whatever else the machine does meets all of
// them. A target whose rows are counted must have all of them in the sheet before the next one's turn: what it still
// does in the background is not charged to others.
//
// # What is counted
//
// Every 202 carries an id. After each round the id columns of the forms' tabs are read until each id is there, within a
// bound. An id that is not there is lost, one that is there more often than it was answered is doubled. A 503 that names an
// id says that the submission may have been stored: that id may be there once.
//
// # What it does not do
//
// It is a closed test: users wait for their answers, so a slow server is sent less. It retries nothing, follows no redirect
// and uses no proxy.
package burst
