package buffer

import (
	"fmt"
	"strconv"
)

// Bounds of a form's buffer. At MaxEntries or MaxBytes the consumer waits; beyond MaxIDs or the window the oldest ids are forgotten,
// so that a repeat which comes later is a row of its own.
const (
	DefaultMaxEntries = 100_000   // entries per form
	DefaultMaxBytes   = 256 << 20 // of a form's entries, to which Redis adds about 130 bytes each
	DefaultMaxIDs     = 100_000   // remembered ids per partition
	DefaultWindow     = 3_600_000 // milliseconds between a keyed submission and a repeat that is recognised
	DefaultPlanBytes  = 4 << 20   // of entries in one Plan: well above what one request to Sheets can carry
)

// Limits bounds what a form may hold. The zero value of a field means its default.
type Limits struct {
	MaxEntries int64 // per form
	MaxBytes   int64 // of entries per form; the batch that reaches it is still stored
	MaxIDs     int64 // per partition
	Window     int64 // milliseconds of record time for which ids are remembered
	PlanBytes  int64 // Plan stops at the entry that reaches it
}

// WithDefaults fills in the fields that are zero.
func (l Limits) WithDefaults() Limits {
	if l.MaxEntries == 0 {
		l.MaxEntries = DefaultMaxEntries
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxIDs == 0 {
		l.MaxIDs = DefaultMaxIDs
	}
	if l.Window == 0 {
		l.Window = DefaultWindow
	}
	if l.PlanBytes == 0 {
		l.PlanBytes = DefaultPlanBytes
	}
	return l
}

// Record is what Add stores for one offset, or for a run of offsets that hold no submission.
type Record struct {
	Offset     int64
	Width      int64  // offsets that a gap stands for; 0: a submission
	ReceivedAt int64  // Unix milliseconds: form-api's clock
	Time       int64  // Unix milliseconds: the log's record time, by which ids are forgotten
	ID         string // of a keyed submission; empty: repeats are not looked for
	Data       []byte // the submission, opaque here
}

// End returns the first offset after the record.
func (r Record) End() int64 { return r.Offset + max(r.Width, 1) }

// AddRequest asks to append the records of one partition and to move its next offset past them.
type AddRequest struct {
	Form      string
	TopicID   string
	Partition int32
	Expected  int64    // the caller's next offset; -1: not known yet, whatever is stored holds
	Start     int64    // where to read from when nothing is stored: the lowest remembered offset
	Delivered int64    // the delivered watermark that the caller knows
	Records   []Record // without holes, in offset order; none: a poll, which still checks the books
}

// AddStatus says what Add found.
type AddStatus string

// The answers of Add.
const (
	AddOK         AddStatus = "OK"
	AddGap        AddStatus = "GAP"   // stored next is lower than expected: go back to Next
	AddFull       AddStatus = "FULL"  // nothing stored: keep the records, wait
	AddOtherTopic AddStatus = "TOPIC" // what is stored belongs to another topic of this name: nothing touched
)

// AddAnswer is the partition's state after Add. Next, Delivered and KeysFrom are zero with AddOtherTopic.
type AddAnswer struct {
	Err       error // Redis refused this one request, such as for a key of another type; all else is zero then
	Status    AddStatus
	Next      int64
	Delivered int64
	KeysFrom  int64 // where reading must begin again, should everything be lost: the lowest remembered offset, never above Delivered or Next
	Fresh     bool  // nothing was stored: Next was the request's Start
	Dropped   bool  // the books did not hold: what was stored has been dropped
	Repeats   int64 // records that became placeholders
}

// Kind of an entry.
type Kind byte

// The kinds of entries.
const (
	KindData   Kind = 'd'
	KindRepeat Kind = 'r' // a placeholder: the submission is in the log at a lower offset already
	KindGap    Kind = 'g' // offsets that hold nothing
)

// Entry is one member of a partition's sorted set.
type Entry struct {
	Partition int32
	Offset    int64
	Score     int64 // Unix milliseconds
	Kind      Kind
	Width     int64 // of a gap; 1 otherwise
	Data      []byte
}

// End returns the first offset after the entry.
func (e Entry) End() int64 { return e.Offset + e.Width }

const offsetDigits = 19 // of math.MaxInt64

// Member encodes the entry for its sorted set.
func (e Entry) Member() string {
	head := fmt.Sprintf("%0*d%c", offsetDigits, e.Offset, e.Kind)
	switch e.Kind {
	case KindGap:
		return head + strconv.FormatInt(e.Width, 10)
	case KindData:
		return head + string(e.Data)
	default:
		return head
	}
}

// ParseMember is the inverse of Member; the partition and the score are the caller's.
func ParseMember(partition int32, score int64, member string) (Entry, error) {
	e := Entry{Partition: partition, Score: score, Width: 1}
	if len(member) <= offsetDigits {
		return e, fmt.Errorf("buffer entry of partition %d: %d bytes, shorter than an offset and a kind", partition, len(member))
	}
	var err error
	if e.Offset, err = parseOffset(member[:offsetDigits]); err != nil { // whose text may be a person's, and is not shown
		return e, fmt.Errorf("buffer entry of partition %d: its first %d bytes: %w", partition, offsetDigits, err)
	}
	rest := member[offsetDigits+1:]
	switch e.Kind = Kind(member[offsetDigits]); e.Kind {
	case KindData:
		e.Data = []byte(rest)
	case KindRepeat:
	case KindGap:
		if e.Width, err = strconv.ParseInt(rest, 10, 64); err != nil || e.Width < 1 {
			return e, fmt.Errorf("buffer entry of partition %d at offset %d: a gap's width is not a positive number", partition, e.Offset)
		}
	default:
		return e, fmt.Errorf("buffer entry of partition %d at offset %d: unknown kind %q", partition, e.Offset, e.Kind)
	}
	return e, nil
}

// PlanRequest asks for the oldest entries of a form.
type PlanRequest struct {
	Form    string
	TopicID string
	Vector  []int64 // delivered offsets as the spreadsheet has them; index = partition
	Settle  int64   // milliseconds that an entry must have been in the buffer
	Limit   int     // most entries to return
}

// PlanStatus says what Plan found.
type PlanStatus string

// The answers of Plan.
const (
	PlanOK         PlanStatus = "OK"
	PlanNothing    PlanStatus = "NOTHING"
	PlanStale      PlanStatus = "STALE" // more has been delivered than the vector says: read the spreadsheet again
	PlanBooks      PlanStatus = "BOOKS" // a partition was damaged and has been dropped; the consumer reads it again
	PlanOtherTopic PlanStatus = "TOPIC"
)

// PlanAnswer holds the partitions' heads merged by (score, partition, offset): any prefix may be delivered.
type PlanAnswer struct {
	Status  PlanStatus
	Entries []Entry
}

// PartitionState is one partition as Peek sees it.
type PartitionState struct {
	Next, Delivered, Entries int64
	Known                    bool // a next offset is stored
}

// Peek is a form's buffer at a glance.
type Peek struct {
	TopicID     string
	Spreadsheet string // the last one that a Release named
	Park        string // the last park's reason, to show
	Partitions  []PartitionState
}

// Empty reports whether there is nothing to write: no entry and next not above delivered. An entry count alone would not do:
// after a loss there are no entries, but next tells that there should be.
func (p Peek) Empty() bool {
	for _, s := range p.Partitions {
		if s.Entries > 0 || s.Known && s.Next > s.Delivered {
			return false
		}
	}
	return true
}

// Delivered reports whether anything of the form has ever been delivered.
func (p Peek) Delivered() bool {
	for _, s := range p.Partitions {
		if s.Delivered > 0 {
			return true
		}
	}
	return false
}
