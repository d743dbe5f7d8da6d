// Package kafka is how Formstream's services talk to Kafka: the settings that were measured and tried for Sarama, a
// producer whose callers wait for their own acknowledgement, and the questions that services ask about topics.
//
// # Producing
//
// [Producer] owns one Sarama AsyncProducer at a time and shares it among all callers. [Producer.Produce] returns when
// every in-sync replica has the record, or by its context's deadline, whichever comes first. It never pretends: its
// error is a [*ProduceError], whose Fate is NotStored where the record provably never left the process or was refused,
// and MaybeStored for the rest: then it is in the log at most once.
//
// A caller that has gone does not free its place: the record counts as waiting until Sarama has settled it. Records whose
// callers are gone and which have not been put into a request yet are dropped, so that an outage does not end
// with a flood of submissions that were all answered "not stored".
//
//	bound                                   what happens there
//	MaxWaiting, MaxWaitingBytes             Produce answers ErrBusy at once; nothing is stored
//	TopicWindow (records inside Sarama)     callers of that topic wait outside, where leaving is a clean refusal;
//	                                        so one stuck topic cannot fill the channels that all topics share
//	the context's deadline                  Produce answers by then, whatever Sarama does
//
// # Asking
//
// [Admin] creates and checks topics, and reads topic ids, offsets and commits for hundreds of topics in a handful of
// requests.
//
// # Failures
//
// Brokers that are away when a service starts are not an error of NewProducer: it connects in the background, and Produce
// answers ErrAway until it has. Sarama's own circuit breakers and a producer that the brokers no longer accept are
// met by a new Sarama producer; what the old one still holds is settled by the old one.
//
// Brokers that take records and acknowledge none are told by [Producer.Err]: ErrStalled, when all have failed for some seconds,
// until one succeeds or for some seconds after the last one failed. Metadata cannot tell that: brokers that cannot agree go on
// to name leaders that are dead.
package kafka
