package simulation

import (
	"context"
	"time"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
	"github.com/formstream/formstream/services/sheets-flusher/sheetsflusher"
)

// newConsumer starts the i-th consumer: session after session, each with its own half of the partitions and often some of the
// other's, so that each is now and then the other's zombie.
func (w *world) newConsumer(i int) *actor {
	return spawn(func(a *actor) {
		p := &port{world: w, a: a}
		k := &sheetsconsumer.Keeper{Forms: map[string]string{}, Log: p, Buffer: p, Logger: w.logger, Metrics: w.shared.consumer}
		for _, f := range w.forms {
			k.Forms[f.Topic()] = f.ID
		}
		for {
			a.pause()
			w.consume(a, i, k)
		}
	})
}

// consume is one session. Without faults it ends only when the consumer itself wants to join again.
func (w *world) consume(a *actor, own int, k *sheetsconsumer.Keeper) {
	claimed := map[string][]int32{}
	for _, f := range w.forms {
		for i := range int32(partitions) {
			if int(i) == own || w.chance(.5) {
				claimed[f.Topic()] = append(claimed[f.Topic()], i)
			}
		}
	}
	s := &session{world: w, marked: map[place]kafka.Commit{}}
	claims, err := k.Setup(context.Background(), s, claimed)
	if err != nil || len(claims) == 0 {
		return
	}
	read := make([]int64, len(claims))
	for i, c := range claims {
		read[i] = c.Position()
	}
	for w.calm || !w.chance(.02) {
		a.pause()
		i := w.rng.IntN(len(claims))
		msgs, ok := w.fetch(claims[i].Topic, claims[i].Partition, read[i])
		if !ok {
			return
		}
		if len(msgs) == 0 && w.off[Poll] {
			continue
		}
		v, err := claims[i].Add(context.Background(), s, msgs)
		if v == sheetsconsumer.Continue && err == nil && len(msgs) > 0 {
			read[i] = msgs[len(msgs)-1].Offset + 1
		}
		if v == sheetsconsumer.Rejoin || w.chance(.4) {
			s.commit()
		}
		if v == sheetsconsumer.Rejoin {
			return
		}
	}
}

// newFlusher starts the i-th flusher: run after run, some in one process and some, like a CronJob's, each in a new one.
func (w *world) newFlusher(i int) *actor {
	return spawn(func(a *actor) {
		p := &port{world: w, a: a, flusher: i}
		for {
			writer := w.newWriter(p)
			for first := true; first || w.chance(.7); first = false {
				a.pause()
				p.peeked = false
				r, err := writer.Run(context.Background())
				if err != nil {
					continue
				}
				w.parked[i] = map[string]string{}
				for _, x := range r.Parked {
					w.parked[i][x.Form] = x.Reason
				}
				if p.peeked && !p.asked && r.Flushes == 0 && len(r.Parked) == 0 {
					w.silent++
				}
			}
		}
	})
}

func (w *world) newWriter(p *port) *sheetsflusher.Writer {
	set := sheetsflusher.Settings{
		Settle: time.Duration(w.rng.IntN(3)*50) * time.Millisecond, Rows: 1 + w.rng.IntN(8), Bytes: 300 + w.rng.IntN(2000), Keep: keep, Flushes: 1 + w.rng.IntN(4),
		PlanAge: time.Second, TopicsAge: 500 * time.Millisecond, Attempts: 8, Backoff: 10 * time.Millisecond, Finish: time.Minute,
	}
	if w.off[FencesKept] {
		set.Keep = 0
	}
	if w.off[PlanAge] {
		set.PlanAge = time.Hour
	}
	ports := sheetsflusher.Ports{
		Brokers: p, Buffer: p, Sheets: p, Quota: quota{p}, Clock: clock{p}, Nonce: p.newNonce, Logger: w.logger, Metrics: w.shared.flusher,
	}
	return sheetsflusher.NewWriter(ports, set, "S", w.forms)
}
