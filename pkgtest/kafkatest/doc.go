// Package kafkatest gives tests a Kafka: an in-process broker with faults at hand ([Start]), what a test wants to know of
// a log ([Records], [CreateTopic], …), and the conformance suite of pkg/kafka ([Suite]).
//
// The suite and the functions that take brokers' addresses know nothing of the broker behind them, so that a real one can
// stand in: it has to offer [Log]. [Real] gives one that the tests of all packages share by turns, [RealCluster] one or more for
// a test alone. Both are Kafka 4.3.1 in processes of its own (package servers).
//
//	fault                        in process                          a real broker
//	brokers hang, nothing lost   Pause, Resume                       SIGSTOP, SIGCONT
//	acknowledgements are lost    HoldAnswers, ReleaseAnswers         –
//	brokers are away             Stop, Restart (with Durable)        Kill, Start of RealCluster's nodes
//	one answer is an error       Fake().Fault                        –
package kafkatest
