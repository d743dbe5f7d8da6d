// Package buffertest tests buffers: what pkg/buffer stores in Redis, and its twin in memory.
//
//	Twin     does what the scripts do, thousands of times faster; the simulation runs on it
//	Run      the conformance suite: every answer of every call, by name
//	Differ   the same random history on two buffers, which must agree in every answer and in all that they hold
//
// Twin and Store both pass Run, and Differ holds them equal, on an in-process Redis and on a real one: what the simulation
// shows of the Twin is then true of the scripts. HISTORIES=8000 go test -run Differ makes more of them, SEED repeats some.
package buffertest
