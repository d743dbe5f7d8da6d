// Package redistest gives tests a Redis of their own: one in the process, or a real server on a free loopback port.
//
//	Mini      in the process, always there; scripts run in another Lua, about thirty times slower
//	Real      a redis-server from PATH; skips the test, with the reason, where there is none
//	Cluster   the same as a cluster of one node, which refuses calls across slots
//
// With CI=true a missing redis-server is a failure. Servers keep nothing on disk and end with their test, or with the test's
// process should that be killed.
package redistest
