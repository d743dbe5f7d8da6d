// Package bare holds the least servers that could take submissions of the demo form, to hold figures against: they tell how
// much of a figure is the price of the work itself.
//
//	ceiling   chi, decode, validate, 202: no server that checks what it is sent is faster; it keeps nothing
//	floor     the same, and the record in Kafka first: no server that keeps what it answered 202 is much cheaper
//
// They take a JSON body of at most 256 KiB at POST /forms/{form} and hold it against the fields of the demo form, whatever
// the form's name. There is nothing else to them: no sanitising, no definitions, no receipts, no metrics, no drain.
package bare
