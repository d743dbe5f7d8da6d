package buffertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/formstream/formstream/pkg/buffer"
)

// Twin does what pkg/buffer's Lua scripts do, in memory and thousands of times faster, for the simulation. A differential
// test over random histories holds the two equal. It is not safe for concurrent use.
type Twin struct {
	Limits buffer.Limits
	Now    func() int64 // Redis TIME in Unix milliseconds
	Broken Broken       // rules that are switched off
	forms  map[string]*twinForm
}

// Broken switches single rules of the scripts off, so that the simulation can show that it catches each of them.
type Broken struct {
	Merge   bool // score = received_at, without the running maximum
	Padding bool // offsets in members are not padded
	Gap     bool // a stored next below the expected one is not noticed
	Books   bool // lost entries are not noticed
	Peek    bool // Peek goes by entries only
	Follow  bool // entries that do not follow each other are not noticed
}

type twinForm struct {
	topicID, spreadsheet, park string
	parts                      map[int32]*twinPartition
}

type twinPartition struct {
	known                       bool // next is stored
	next, delivered, last, wide int64
	kept                        int64 // number of ids, as the books have it
	bytes                       int64 // of all members
	buf                         []twinEntry
	ids                         map[string]int64
	age                         []twinID
}

type twinEntry struct {
	score  int64
	member string
	entry  buffer.Entry
}

type twinID struct {
	score  int64
	member string // offset in 19 digits + id
}

// NewTwin returns an empty buffer with the clock now.
func NewTwin(now func() int64, limits buffer.Limits) *Twin {
	return &Twin{Limits: limits.WithDefaults(), Now: now, forms: map[string]*twinForm{}}
}

// Clone returns a deep copy: what a replica that lags behind would have.
func (t *Twin) Clone() *Twin {
	c := *t
	c.forms = make(map[string]*twinForm, len(t.forms))
	for name, f := range t.forms {
		g := *f
		g.parts = make(map[int32]*twinPartition, len(f.parts))
		for p, q := range f.parts {
			r := *q
			r.buf, r.age, r.ids = slices.Clone(q.buf), slices.Clone(q.age), maps.Clone(q.ids)
			g.parts[p] = &r
		}
		c.forms[name] = &g
	}
	return &c
}

func (t *Twin) form(name string) *twinForm {
	f := t.forms[name]
	if f == nil {
		f = &twinForm{parts: map[int32]*twinPartition{}}
		t.forms[name] = f
	}
	return f
}

func (f *twinForm) part(p int32) *twinPartition {
	q := f.parts[p]
	if q == nil {
		q = &twinPartition{ids: map[string]int64{}}
		f.parts[p] = q
	}
	return q
}

// Add is the add script, once for each request.
func (t *Twin) Add(_ context.Context, reqs ...buffer.AddRequest) ([]buffer.AddAnswer, error) {
	for _, r := range reqs {
		if err := r.Validate(); err != nil {
			return nil, err
		}
	}
	answers := make([]buffer.AddAnswer, len(reqs))
	for i, r := range reqs {
		answers[i] = t.add(r)
	}
	return answers, nil
}

func (t *Twin) add(r buffer.AddRequest) buffer.AddAnswer {
	f := t.form(r.Form)
	if f.topicID == "" {
		f.topicID = r.TopicID
	}
	if f.topicID != r.TopicID {
		return buffer.AddAnswer{Status: buffer.AddOtherTopic}
	}
	q, a := f.part(r.Partition), buffer.AddAnswer{Status: buffer.AddOK}
	a.Dropped = t.dropDamaged(q)
	if !q.known {
		a.Fresh = true
		*q = twinPartition{known: true, next: r.Start, delivered: max(q.delivered, r.Delivered), ids: map[string]int64{}}
	}
	due := r.Expected
	if len(r.Records) > 0 {
		due = max(due, r.Records[0].Offset)
	}
	switch {
	case due > q.next && !t.Broken.Gap:
		a.Status = buffer.AddGap
	case len(r.Records) > 0 && f.full(t.Limits):
		a.Status = buffer.AddFull
	case len(r.Records) > 0:
		a.Repeats = t.append(q, r)
	}
	a.Next, a.Delivered, a.KeysFrom = q.next, q.delivered, min(q.next, q.delivered)
	if len(q.age) > 0 {
		a.KeysFrom = min(a.KeysFrom, q.age[0].offset())
	}
	return a
}

// append stores the records that begin at or after next; the part before has been stored by somebody else.
func (t *Twin) append(q *twinPartition, r buffer.AddRequest) (repeats int64) {
	now := t.Now()
	t.forget(q, min(now, r.Records[0].Time)-t.Limits.Window)
	for _, rec := range r.Records {
		if rec.End() <= q.next {
			continue
		}
		if rec.Width > 0 {
			t.gap(q, rec)
			continue
		}
		first, seen := q.ids[rec.ID]
		if rec.ID != "" && !seen {
			t.remember(q, rec, now)
		}
		if rec.Offset >= q.delivered {
			e := buffer.Entry{Partition: r.Partition, Offset: rec.Offset, Kind: buffer.KindData, Width: 1, Data: rec.Data}
			if rec.ID != "" && seen && first < rec.Offset {
				e.Kind, e.Data = buffer.KindRepeat, nil
				repeats++
			}
			t.insert(q, e, min(rec.ReceivedAt, now))
		}
		q.next = rec.End()
	}
	t.cap(q)
	return repeats
}

func (t *Twin) gap(q *twinPartition, rec buffer.Record) {
	from := max(rec.Offset, q.next, q.delivered)
	if from < rec.End() {
		w := rec.End() - from
		t.insert(q, buffer.Entry{Offset: from, Kind: buffer.KindGap, Width: w}, 0)
		q.wide += w - 1
	}
	q.next = rec.End()
}

func (t *Twin) insert(q *twinPartition, e buffer.Entry, at int64) {
	score := max(at, q.last)
	if t.Broken.Merge {
		score = at
	}
	q.last = max(q.last, score)
	e.Score = score
	m := e.Member()
	if t.Broken.Padding {
		m = strings.TrimLeft(m[:18], "0") + m[18:]
	}
	q.place(twinEntry{score, m, e})
}

func (q *twinPartition) place(x twinEntry) {
	q.bytes += int64(len(x.member))
	i, _ := slices.BinarySearchFunc(q.buf, x, func(a, b twinEntry) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.member, b.member))
	})
	q.buf = slices.Insert(q.buf, i, x)
}

func (t *Twin) remember(q *twinPartition, rec buffer.Record, now int64) {
	score := min(rec.Time, now)
	if n := len(q.age); n > 0 {
		score = max(score, q.age[n-1].score)
	}
	q.ids[rec.ID] = rec.Offset
	q.age = append(q.age, twinID{score, fmt.Sprintf("%019d%s", rec.Offset, rec.ID)})
	q.kept++
}

// forget drops the ids whose time is below horizon, so many at once.
func (t *Twin) forget(q *twinPartition, horizon int64) {
	n := 0
	for n < min(len(q.age), buffer.MaxForget) && q.age[n].score < horizon {
		n++
	}
	q.dropIDs(n)
}

func (t *Twin) cap(q *twinPartition) { q.dropIDs(max(0, len(q.age)-int(t.Limits.MaxIDs))) }

func (q *twinPartition) dropIDs(n int) {
	for _, x := range q.age[:n] {
		delete(q.ids, x.member[19:])
	}
	q.age = slices.Clone(q.age[n:])
	q.kept -= int64(n)
}

func (x twinID) offset() int64 {
	o, _ := strconv.ParseInt(x.member[:19], 10, 64)
	return o
}

// full reports whether all partitions together have reached a bound.
func (f *twinForm) full(limits buffer.Limits) bool {
	var n, bytes int64
	for _, q := range f.parts {
		if q.known {
			n, bytes = n+max(0, q.next-q.delivered)-q.wide, bytes+q.bytes
		}
	}
	return n >= limits.MaxEntries || bytes >= limits.MaxBytes
}

// dropDamaged checks the books of a partition and drops all but delivered when they do not hold.
func (t *Twin) dropDamaged(q *twinPartition) bool {
	if !q.known || t.Broken.Books {
		return false
	}
	n := int64(len(q.age))
	if int64(len(q.buf))+q.wide == max(0, q.next-q.delivered) && n == q.kept && int64(len(q.ids)) == q.kept {
		return false
	}
	q.drop()
	return true
}

// drop forgets a partition, all but delivered.
func (q *twinPartition) drop() { *q = twinPartition{delivered: q.delivered, ids: map[string]int64{}} }

// Plan is the plan script.
func (t *Twin) Plan(_ context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error) {
	f := t.forms[r.Form]
	if f == nil || f.topicID == "" {
		return buffer.PlanAnswer{Status: buffer.PlanNothing}, nil
	}
	if f.topicID != r.TopicID {
		return buffer.PlanAnswer{Status: buffer.PlanOtherTopic}, nil
	}
	for p, v := range r.Vector {
		f.part(int32(p)).release(v)
	}
	for p, v := range r.Vector {
		if f.part(int32(p)).delivered > v {
			return buffer.PlanAnswer{Status: buffer.PlanStale}, nil
		}
	}
	damaged := false
	for p := range r.Vector {
		damaged = t.dropDamaged(f.part(int32(p))) || damaged
	}
	if damaged {
		return buffer.PlanAnswer{Status: buffer.PlanBooks}, nil
	}
	entries, whole := t.merge(f, len(r.Vector), t.Now()-r.Settle, r.Limit)
	if !whole {
		return buffer.PlanAnswer{Status: buffer.PlanBooks}, nil
	}
	if len(entries) == 0 {
		return buffer.PlanAnswer{Status: buffer.PlanNothing}, nil
	}
	return buffer.PlanAnswer{Status: buffer.PlanOK, Entries: entries}, nil
}

// merge returns the oldest entries. A partition whose entries do not follow each other is dropped: two losses can balance
// in the books, such as a gap's and a submission's.
func (t *Twin) merge(f *twinForm, partitions int, until int64, limit int) (out []buffer.Entry, whole bool) {
	at, due, bytes := make([]int, partitions), make([]int64, partitions), int64(0)
	for p := range partitions {
		due[p] = f.part(int32(p)).delivered
	}
	for len(out) < limit && bytes < t.Limits.PlanBytes {
		best := -1
		for p := range partitions {
			q := f.part(int32(p))
			if !q.known || at[p] >= len(q.buf) || q.buf[at[p]].score > until {
				continue
			}
			if best < 0 || q.buf[at[p]].score < f.part(int32(best)).buf[at[best]].score {
				best = p
			}
		}
		if best < 0 {
			break
		}
		q := f.part(int32(best))
		x := q.buf[at[best]]
		if x.entry.Offset != due[best] && !t.Broken.Follow {
			q.drop()
			return nil, false
		}
		x.entry.Partition = int32(best)
		out = append(out, x.entry)
		bytes += int64(len(x.member))
		due[best] = x.entry.End()
		at[best]++
	}
	return out, true
}

// Release is the release script.
func (t *Twin) Release(_ context.Context, form, topicID string, vector []int64, spreadsheet string) error {
	f := t.forms[form]
	if f == nil || f.topicID == "" || f.topicID != topicID {
		return nil
	}
	for p, v := range vector {
		f.part(int32(p)).release(v)
	}
	f.spreadsheet = spreadsheet
	return nil
}

// release removes the entries below v from the head, narrows a gap that reaches beyond it, and moves delivered up. Where
// nothing is stored, what may lie in the sorted set is left to the next add, which drops it.
func (q *twinPartition) release(v int64) {
	for q.known && v > q.delivered && len(q.buf) > 0 && q.buf[0].entry.Offset < v {
		x := q.buf[0]
		q.buf, q.bytes = q.buf[1:], q.bytes-int64(len(x.member))
		if x.entry.Kind != buffer.KindGap {
			continue
		}
		q.wide -= x.entry.Width - 1
		if w := x.entry.End() - v; w > 0 {
			x.entry.Offset, x.entry.Width = v, w
			x.member = x.entry.Member()
			q.wide += w - 1
			q.place(x)
		}
	}
	q.delivered = max(q.delivered, v)
}

// Peek looks at forms without changing them; partitions[i] is the number of partitions of forms[i].
func (t *Twin) Peek(_ context.Context, forms []string, partitions []int) ([]buffer.Peek, error) {
	out := make([]buffer.Peek, len(forms))
	for i, name := range forms {
		f := t.forms[name]
		out[i].Partitions = make([]buffer.PartitionState, partitions[i])
		if f == nil {
			continue
		}
		out[i].TopicID, out[i].Spreadsheet, out[i].Park = f.topicID, f.spreadsheet, f.park
		for p := range out[i].Partitions {
			if q := f.parts[int32(p)]; q != nil {
				out[i].Partitions[p] = buffer.PartitionState{Next: q.next, Delivered: q.delivered, Entries: int64(len(q.buf)), Known: q.known && !t.Broken.Peek}
			}
		}
	}
	return out, nil
}

// Park notes why a form does not move, to show; an empty reason ends it.
func (t *Twin) Park(_ context.Context, form, reason string) error {
	t.form(form).park = reason
	return nil
}

// Drop forgets a form altogether.
func (t *Twin) Drop(_ context.Context, form string, _ int) error {
	t.EmptyForm(form)
	return nil
}

// Adopt forgets all that is held of a form's older topic and takes topicID as its topic.
func (t *Twin) Adopt(_ context.Context, form string, _ int, topicID string) error {
	t.EmptyForm(form)
	t.form(form).topicID = topicID
	return nil
}

// MoveNext moves a partition's next offset without storing anything: half of what Add does.
func (t *Twin) MoveNext(form string, p int32, next int64) {
	if q := t.form(form).part(p); q.known {
		q.next = max(q.next, next)
	}
}

// Behind reports whether the form has offsets that are read and not delivered.
func (t *Twin) Behind(form string) bool {
	if f := t.forms[form]; f != nil {
		for _, q := range f.parts {
			if q.known && q.next > q.delivered {
				return true
			}
		}
	}
	return false
}
