// Package fate tells what has become of a submission, from its receipt.
//
// It keeps no record of any submission: a receipt names a place in the log, and three watermarks of its partition say the
// rest. Sheets-consumer commits them with its group's offset.
//
//	accepted    the receipt itself: Kafka had the submission before there was one
//	buffered    its offset is below the group's committed offset
//	delivered   its offset is below the delivered offset in the commit's metadata, which is never ahead of the sheet
//
// A commit counts when its metadata can be read and names the topic that there is now: one that was made anew begins again,
// and receipts from before cannot be told from its own (a receipt has no topic id). A receipt without a place (the broker did
// not tell) stays accepted. So does one of a form without a spreadsheet, since nobody commits for it.
//
// Buffered may move back when Redis loses data and it is read again; what was seen once is told on, by this replica and for
// as long as it remembers the form.
//
// # What it asks, and what each failure does
//
// One form's commits are asked for once a second however many ask for receipts, and its topic's id twice a minute. Redis is
// not asked at all.
//
//	brokers away, slow or refusing    the highest state known, else accepted, with Stale set; asked again after a second
//	topic missing                     the same
//	commit unreadable, or too old     accepted
//	a partition that is new           accepted, until the topic is asked for again
//	a replica that just started       knows nothing yet: it asks
//	more forms than MaxForms          the one not asked for longest is forgotten, and with it what was seen
package fate
