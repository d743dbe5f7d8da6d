package simulation

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
	"github.com/formstream/formstream/services/sheets-flusher/sheetsflusher"
)

// Options of a run.
type Options struct {
	Schedules int
	First     int // number of the first one
	Seed      uint64
	Kinds     []Kind // schedule i is of kind i modulo their number; none: all
	Off       []Rule
	UntilBad  bool // stop at the first bad schedule
}

// Verdict is what came of one schedule.
type Verdict struct {
	Schedule                        int
	Kind                            Kind
	Lost, Doubled, Stuck            bool
	Parked, Noticed                 bool
	Records, Rows, Steps, Unordered int
	Detail                          string
}

// Bad reports whether the guarantee was broken.
func (v Verdict) Bad() bool { return v.Lost || v.Doubled || v.Stuck }

// Report sums up a run. Lost, Doubled and Stuck count schedules.
type Report struct {
	Schedules, Lost, Doubled, Stuck, Parked, Noticed, Unnoticed int
	Records, Rows, Steps                                        int64
	Seed                                                        uint64
	Bad                                                         []Verdict // in order of schedule, at most 10
}

// String is the closing line.
func (r Report) String() string {
	return fmt.Sprintf("schedules=%d seed=%d lost=%d doubled=%d stuck=%d", r.Schedules, r.Seed, r.Lost, r.Doubled, r.Stuck)
}

const definition = `id: %s
title: %s
fields:
  - {name: name, label: Name, type: text}
sinks:
  sheets: {spreadsheet: S, tab: %s}
`

func newShared() (*shared, error) {
	sh := &shared{consumer: sheetsconsumer.NewMetrics(nil), flusher: sheetsflusher.NewMetrics(nil)}
	for _, id := range []string{"a", "b"} {
		f, err := form.Parse(id+".yaml", fmt.Appendf(nil, definition, id, id, id), func(string) (string, bool) { return "", false })
		if err != nil {
			return nil, fmt.Errorf("simulation: %w", err)
		}
		sh.forms = append(sh.forms, f)
	}
	return sh, nil
}

// Run tries schedules on all processors. What it finds depends on the options alone.
func Run(o Options) (Report, error) {
	sh, err := newShared()
	if err != nil {
		return Report{}, err
	}
	off := map[Rule]bool{}
	for _, r := range o.Off {
		off[r] = true
	}
	ks := o.Kinds
	if len(ks) == 0 {
		for k := range kinds {
			ks = append(ks, k)
		}
	}
	verdicts := make([]Verdict, o.Schedules)
	var next atomic.Int64
	var bad atomic.Bool
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < o.Schedules && !(o.UntilBad && bad.Load()); i = int(next.Add(1)) - 1 {
				n := o.First + i
				verdicts[i] = schedule(o.Seed, n, ks[n%len(ks)], off, sh)
				if verdicts[i].Bad() {
					bad.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return sum(o, verdicts), nil
}

func sum(o Options, verdicts []Verdict) Report {
	r := Report{Seed: o.Seed}
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	for _, v := range verdicts {
		if v.Steps == 0 {
			continue
		}
		r.Schedules++
		r.Records, r.Rows, r.Steps = r.Records+int64(v.Records), r.Rows+int64(v.Rows), r.Steps+int64(v.Steps)
		count(&r.Lost, v.Lost)
		count(&r.Doubled, v.Doubled)
		count(&r.Stuck, v.Stuck)
		count(&r.Parked, v.Parked)
		count(&r.Noticed, v.Doubled && v.Noticed)
		count(&r.Unnoticed, v.Doubled && !v.Noticed)
		if v.Bad() && len(r.Bad) < 10 {
			r.Bad = append(r.Bad, v)
		}
	}
	return r
}

// schedule plays one schedule to its end.
func schedule(seed uint64, n int, kind Kind, off map[Rule]bool, sh *shared) Verdict {
	w := newWorld(seed, n, kind, off, sh)
	defer w.end()
	steps := 100 + w.rng.IntN(400)
	if kind == Frozen || kind == FrozenLenient {
		steps += 1500
	}
	for range steps {
		w.tick()
	}
	w.fault() // the last one meets a quiet log
	w.calm = true
	for id := range w.remade {
		if w.chance(.5) && !off[TopicID] {
			w.resume(id)
			delete(w.remade, id)
			break
		}
	}
	for n := 0; n < restSteps && !(n%50 == 0 && w.atRest()); n++ {
		w.tick()
	}
	return w.judge(n)
}

// atRest reports whether nothing is under way and every form is delivered, or parked where it may be.
func (w *world) atRest() bool {
	if len(w.late) > 0 {
		return false
	}
	for _, a := range w.flushers {
		if a.until > w.step {
			return false
		}
	}
	for _, f := range w.forms {
		if !w.delivered(f.ID) && !w.mayPark(f.ID) {
			return false
		}
	}
	return true
}

// mayPark reports whether a form is parked by all flushers, in a world where that is right.
func (w *world) mayPark(id string) bool {
	if !w.remade[id] && !w.restored[id] && w.sheet.unmatched == 0 {
		return false
	}
	for _, parked := range w.parked {
		if parked[id] == "" {
			return false
		}
	}
	return true
}

// judge counts what the spreadsheet has.
func (w *world) judge(n int) Verdict {
	v := Verdict{Schedule: n, Kind: w.kind, Stuck: !w.atRest() || w.silent > 0, Noticed: w.sheet.unmatched > 0, Steps: int(w.step), Unordered: w.sheet.unordered}
	rows := map[string]int{}
	for _, t := range w.sheet.tabs {
		for _, r := range t.rows {
			if r[1] != "Id" {
				rows[r[1]]++
				v.Rows++
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if times := rows[id]; times > 1 {
			v.Doubled = true
			v.Detail += fmt.Sprintf("%s stands %d times (made anew: %v, restored: %v); ", id, times, w.remade, w.restored)
		}
	}
	for _, f := range w.forms {
		v.Parked = v.Parked || w.mayPark(f.ID)
		for p, part := range w.logs[f.Topic()].parts {
			v.Records += len(part)
			for o, r := range part {
				if rows[r.id] == 0 && !w.mayPark(f.ID) && !w.trimmed(f.Topic(), p, int64(o)) {
					v.Lost = true
					v.Detail += fmt.Sprintf("%s/%d@%d is missing; ", f.Topic(), p, o)
				}
			}
		}
	}
	if v.Stuck {
		v.Detail += fmt.Sprintf("at rest: %v; parked: %v; runs that hid work: %d; %s", w.atRest(), w.parked, w.silent, w.stores())
	}
	if v.Unordered > 0 || w.sheet.back > 0 {
		v.Stuck = true
		v.Detail += fmt.Sprintf("flushes out of order: %d; vectors moved back: %d; ", v.Unordered, w.sheet.back)
	}
	return v
}

// trimmed reports whether retention removed the record: it is in the spreadsheet if it was delivered in time, and is not asked
// for otherwise.
func (w *world) trimmed(topic string, p int, offset int64) bool {
	return offset < w.logs[topic].starts[p]
}

// stores describes where each form stands, for whoever looks into a schedule.
func (w *world) stores() (out string) {
	for _, f := range w.forms {
		t := w.logs[f.Topic()]
		peek, _ := w.twin.Peek(context.Background(), []string{f.ID}, []int{partitions})
		out += fmt.Sprintf("form %s: log %s", f.ID, t.id)
		for p := range t.parts {
			out += fmt.Sprintf(" [%d, %d) committed %+v", t.starts[p], len(t.parts[p]), w.commits[place{f.Topic(), int32(p)}])
		}
		out += fmt.Sprintf(", buffer %+v, sheet %q; ", peek[0], w.state().Items[f.ID].Value)
	}
	return out
}
