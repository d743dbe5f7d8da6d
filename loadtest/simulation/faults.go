package simulation

import (
	"context"

	"github.com/formstream/formstream/pkg/sheet"
)

// fault does one bad thing.
func (w *world) fault() {
	f := w.forms[w.rng.IntN(len(w.forms))]
	p := int32(w.rng.IntN(partitions))
	switch x := w.rng.Float64(); {
	case x < .08:
		w.twin.EmptyForm(f.ID)
	case x < .10:
		w.deleteOldFences()
	case x < .25:
		w.twin.Empty()
	case x < .47 && len(w.snaps) > 0:
		w.twin = w.snaps[w.rng.IntN(len(w.snaps))].Clone()
	case x < .56:
		i := w.rng.IntN(len(w.consumers))
		w.consumers[i].kill()
		w.consumers[i] = w.newConsumer(i)
	case x < .74:
		if i := w.rng.IntN(len(w.flushers)); w.flushers[i].until <= w.step { // what is frozen is to come back
			w.flushers[i].kill()
			w.flushers[i] = w.newFlusher(i)
		}
	case x < .80:
		w.trim(f.Topic(), int(p))
	case x < .83:
		w.rare(f.ID, f.Topic())
	case x < .88:
		w.twin.EvictID(f.ID, p, w.rng.IntN(100))
	default:
		w.twin.Evict(f.ID, p, w.rng.IntN(100))
	}
}

// rare faults end in a park, as a rule. Each schedule has at most one of them, and the lenient worlds none: there a late
// request from before a restore would find nothing that refuses it.
func (w *world) rare(form, topic string) {
	if len(w.remade)+len(w.restored) > 0 || w.kind != Ordinary || !w.chance(.6) {
		return
	}
	switch {
	case w.chance(.5):
		w.remade[form] = true
		w.logs[topic] = w.newTopic()
		for i := range int32(partitions) {
			delete(w.commits, place{topic, i}) // Kafka deletes a topic's commits with it
		}
	case len(w.copies) > 0:
		for _, f := range w.forms {
			w.restored[f.ID] = true
		}
		w.sheet = w.copies[w.rng.IntN(len(w.copies))].copy()
	default:
		w.copies = append(w.copies, w.sheet.copy())
	}
}

// deleteOldFences is a person who tidies up, but leaves the newest.
func (w *world) deleteOldFences() {
	fences := w.state().Fences
	for _, f := range fences[:max(0, len(fences)-keep)] {
		if w.chance(.5) {
			delete(w.sheet.items, f.ID)
		}
	}
}

// trim removes the oldest records of a partition, as retention does, delivered or not. Retention is longer than the window of
// repeats: no keyed submission is cut off from a repeat of it.
func (w *world) trim(topic string, p int) {
	t := w.logs[topic]
	n := len(t.parts[p]) - repeatsFor
	if n <= int(t.starts[p]) {
		return
	}
	to := int(t.starts[p]) + w.rng.IntN(n-int(t.starts[p])+1)
	for !w.cleanCut(t, p, to) {
		to--
	}
	t.starts[p] = max(t.starts[p], int64(to))
}

func (w *world) cleanCut(t *topicLog, p, to int) bool {
	below := map[string]bool{}
	for _, r := range t.parts[p][:to] {
		below[r.id] = r.keyed
	}
	for _, r := range t.parts[p][to:] {
		if below[r.id] {
			return false
		}
	}
	return true
}

// resume is the operator who takes a topic that was made anew as the form's, and tries a few times.
func (w *world) resume(form string) {
	for try, done := 0, false; try < 50 && !done; try++ {
		a := spawn(func(a *actor) {
			p := &port{world: w, a: a}
			_, err := w.newWriter(p).Resume(context.Background(), form)
			done = err == nil || w.delivered(form)
		})
		for {
			if _, alive := a.resume(); !alive {
				break
			}
			w.tick()
		}
	}
}

// delivered reports whether the spreadsheet has all of a form's log.
func (w *world) delivered(id string) bool {
	for _, f := range w.forms {
		if f.ID != id {
			continue
		}
		t := w.logs[f.Topic()]
		item := w.state().Items[id]
		if len(t.parts[0])+len(t.parts[1]) == 0 {
			return true // nothing to deliver, whatever the spreadsheet knows of an older topic
		}
		if !w.off[TopicID] && item.ID != 0 && item.Vector.TopicID != t.id {
			return false
		}
		got := sheet.Vector{Offsets: item.Vector.Offsets}.Grown(partitions)
		for i := range t.parts {
			if got[i] != int64(len(t.parts[i])) {
				return false
			}
		}
	}
	return true
}
