// Package chassis is what every Formstream process has in common: one
// configuration, logs, metrics, health and an orderly end.
//
// # Configuration
//
// A service embeds [Config], adds flags of its own and implements [Configurer].
// A setting's value comes from the highest layer that names it:
//
//	defaults  <  file of -config  <  environment  <  flags
//
// The flag -kafka-linger is the key kafka-linger in the file and
// FORMSTREAM_KAFKA_LINGER in the environment. An environment variable that is
// set to nothing counts as not set. Every secret has a twin that names a file:
// -redis-password-file, FORMSTREAM_REDIS_PASSWORD_FILE. All services accept the
// same flags, used or not, so that one file can configure a whole suite.
// Whatever is wrong is told in one message, before anything starts.
//
// # A process's life
//
//	load ──► verify ──► admin server ──► run(ctx) ─────────────► exit 0
//	  │         │            │              │  SIGINT, SIGTERM:
//	  │ wrong   │ wrong      │ in use       │  ctx ends, run drains
//	  ▼         ▼            ▼              ▼
//	exit 2    exit 2       exit 1        exit 1 on an error;
//	                                     130 at the second signal, at once
//
// Readiness follows the checks that the service registers with [Health] and
// fails while the process drains. Liveness follows nothing: restarting a
// process does not repair its broker.
//
// # HTTP
//
// [Listen] and [Serve] give every HTTP server the same time-outs and the same
// end: readiness off, wait, stop accepting, finish what is in flight.
//
// # What it does not do
//
// It bounds no drain but that of [Serve]: a service finishes its own work
// within -shutdown-timeout. It does not reload configuration.
package chassis
