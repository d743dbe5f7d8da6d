// Package redistest gives tests a Redis of their own: one in the process, or a real server on a free loopback port.
//
//	Mini      in the process, always there; scripts run in another Lua, about thirty times slower
//	Real      a redis-server from PATH; skips the test, with the reason, where there is none
//	Start     the same, to be killed, paused and started again
//	Cluster   the same as a cluster of one node, which refuses calls across slots
//	Sentinel  a master, a replica and three Sentinels
//
// With CI=true a missing server is a failure. Servers keep nothing on disk and end with their test, or with the test's
// process should that be killed. Each test has its own: one starts within milliseconds.
package redistest
