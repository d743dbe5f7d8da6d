// Package plugin runs a plug-in: one function that does one more thing with each submission. It is a consumer group of its
// own beside the others, so that it can be added, stopped, scaled and broken without anybody else noticing.
//
//	forms.{form} ──► group formstream.{plug-in} ──► Handler ──► events ──► processed.{form}
//	                          ▲                                    │ acknowledged
//	                          └────────── offset is marked ◄───────┘
//
// # What an author gets
//
// A [Handler] and a main that calls [Main] are a whole service: configuration, logs, metrics, health and drain as
// pkg/chassis has them, the group, retries and events. The runtime produces the events, not the handler, so that they can
// go into one transaction with the offsets later, without a change of the handler.
//
// # The guarantee
//
// Every submission in the log is handled at least once, and its events are in Kafka at least once. What has the same key,
// which is the submission's id, is handled in the log's order, one after the other. Today a whole partition is handled like
// that; it is not promised, since different keys of a partition are to be handled side by side. An offset is marked when the
// handler has returned without an error for everything up to it, and all of those events have been acknowledged by all in-sync
// replicas; never for anything behind that.
//
// An event's id is made of the plug-in's name, the form, the submission's id and the event's position, so a submission
// that is handled again gives its events the same ids (as long as the handler returns them in the same order), and the
// same key, so that they are in the same partition: readers drop repeats by ce_id.
//
// # Events on the wire
//
// CloudEvents 1.0 in binary mode, as in pkg/submission. The record's key is the submission's id, its value the event's
// data as JSON:
//
//	ce_specversion  1.0
//	ce_id           a UUIDv8, as above
//	ce_source       /plugins/{plug-in}
//	ce_type         the event's type
//	ce_subject      the submission's id
//	ce_time         the submission's received_at: the same submission gives the same bytes. The record's own timestamp
//	                tells when it was produced
//	content-type    application/json
//
// # What happens on each failure
//
//	the handler fails, panics,    the same submission again after 0.1 s, doubled up to 30 s, for ever; its partition waits,
//	or takes too long             all others go on. Counted, logged with the submission's id, never skipped
//	the handler goes on after     its partition waits, all others go on; never a second call beside it in this process. When
//	its context has ended         the partition is given away or the session ends, it is left behind, at once or with 7.5 s
//	                              at most: counted, what it returns is thrown away, and the next owner calls it anew. After
//	                              15 s the plug-in is not ready and says which partition it is, until the handler returns
//	a Permanent error, or an      the same, but every 30 s at once, and logged as an error: until there are dead letters
//	event that no broker takes    nothing may be set aside
//	brokers refuse events         the events again, not the handler; up to 256 submissions of a partition wait for theirs
//	a record is no submission     counted, logged by its place, skipped: it stays in the log
//	killed                        the next owner begins behind the last commit, at most a second old
//	the partition is given away,  what is under way has 7 s to finish; what has not is the next owner's. When topics appear or
//	or the session ends           vanish, the session ends, and begins anew when all partitions have let go
//	told to end                   nothing more is begun; what is under way has three quarters of -shutdown-timeout, commit
//	                              and leaving the group the rest
//	the log no longer has what    counted as lost, logged as an error, goes on with the oldest record there is
//	was not read
//	the log ends before what was  logged as an error; all that is there is handled
//	read (a topic made anew)
//	brokers or topics away        waited for; topics that appear are read from their beginning
//
// # What it does not do
//
// No dead letters, no transactions, no parallel work within a partition yet. It cannot end a handler that does not heed its
// context: such a handler holds up its partition on this instance until it returns, all forms for up to 7.5 s at the end of a
// session if it was within -handler-timeout until then, and the end of the process for at most -shutdown-timeout. It keeps a
// goroutine for as long, at most one of each partition. If another instance gets the partition, both calls may go on at once:
// nothing that runs elsewhere can be waited for.
package plugin
