package buffertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Key is one of a partition's keys.
type Key string

// A partition's keys.
const (
	Buf Key = "buf"
	IDs Key = "ids"
	Age Key = "age"
)

// Empty loses everything; EmptyForm one form's slot.
func (t *Twin) Empty() { t.forms = map[string]*twinForm{} }

// EmptyForm loses one form's slot.
func (t *Twin) EmptyForm(form string) { delete(t.forms, form) }

// Evict loses the i-th entry of a partition (in order of score), counted modulo its length; false when there is none.
func (t *Twin) Evict(form string, p int32, i int) bool {
	q := t.stored(form, p)
	if q == nil || len(q.buf) == 0 {
		return false
	}
	i %= len(q.buf)
	q.buf = slices.Delete(q.buf, i, i+1)
	return true
}

// EvictID loses the i-th remembered id of a partition, by age and modulo their number; false when there is none.
func (t *Twin) EvictID(form string, p int32, i int) bool {
	q := t.stored(form, p)
	if q == nil || len(q.age) == 0 {
		return false
	}
	delete(q.ids, q.age[i%len(q.age)].member[19:])
	return true
}

// EvictAge loses the i-th remembered id's place in the order of age.
func (t *Twin) EvictAge(form string, p int32, i int) bool {
	q := t.stored(form, p)
	if q == nil || len(q.age) == 0 {
		return false
	}
	i %= len(q.age)
	q.age = slices.Delete(q.age, i, i+1)
	return true
}

// EvictKey loses one whole key of a partition.
func (t *Twin) EvictKey(form string, p int32, key Key) {
	q := t.stored(form, p)
	if q == nil {
		return
	}
	switch key {
	case Buf:
		q.buf = nil
	case IDs:
		q.ids = map[string]int64{}
	case Age:
		q.age = nil
	}
}

// EvictState loses a form's state hash: the topic's id and what is known of every partition, but no entry.
func (t *Twin) EvictState(form string) {
	f := t.forms[form]
	if f == nil {
		return
	}
	f.topicID, f.spreadsheet, f.park = "", "", ""
	for _, q := range f.parts {
		*q = twinPartition{buf: q.buf, ids: q.ids, age: q.age}
	}
}

// Snapshot returns a function that rolls everything back to this moment, as often as it is called.
func (t *Twin) Snapshot() func() {
	then := t.Clone()
	return func() { t.forms = then.Clone().forms }
}

func (t *Twin) stored(form string, p int32) *twinPartition {
	if f := t.forms[form]; f != nil {
		return f.parts[p]
	}
	return nil
}

// Dump writes all that is stored of a form, one line each, in a fixed order. Two buffers with equal dumps are equal.
func (t *Twin) Dump(form string) string {
	f := t.forms[form]
	if f == nil {
		return ""
	}
	var b strings.Builder
	dumpState(&b, f.topicID, f.spreadsheet, f.park)
	for _, p := range slices.Sorted(maps.Keys(f.parts)) {
		f.parts[p].dump(&b, p)
	}
	return b.String()
}

func (q *twinPartition) dump(b *strings.Builder, p int32) {
	next := "-"
	if q.known {
		next = fmt.Sprint(q.next)
	}
	dumpPartition(b, p, fmt.Sprintf("%s %d %d %d %d %d", next, q.delivered, q.last, q.wide, q.kept, q.bytes))
	for _, x := range q.buf {
		fmt.Fprintf(b, "buf:%d %d %q\n", p, x.score, x.member)
	}
	for _, id := range slices.Sorted(maps.Keys(q.ids)) {
		fmt.Fprintf(b, "ids:%d %q %d\n", p, id, q.ids[id])
	}
	for _, x := range q.age {
		fmt.Fprintf(b, "age:%d %d %q\n", p, x.score, x.member)
	}
}

func dumpState(b *strings.Builder, topicID, spreadsheet, park string) {
	for _, field := range [][2]string{{"topic", topicID}, {"sheet", spreadsheet}, {"park", park}} {
		if field[1] != "" {
			fmt.Fprintf(b, "%s %q\n", field[0], field[1])
		}
	}
}

// dumpPartition leaves out a partition of which nothing is known: it need not be stored.
func dumpPartition(b *strings.Builder, p int32, field string) {
	if field != "" && field != "- 0 0 0 0 0" {
		fmt.Fprintf(b, "partition:%d %s\n", p, field)
	}
}
