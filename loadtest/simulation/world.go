package simulation

import (
	"fmt"
	"log/slog"
	"math/rand/v2"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/buffertest"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
	"github.com/formstream/formstream/services/sheets-flusher/sheetsflusher"
)

const (
	partitions = 2
	keep       = 12 // fences
	lateness   = 30 // steps after which a late request has been applied
	repeatsFor = 8  // a keyed submission is repeated among the next so many of its partition
	restSteps  = 8000
)

// record is one record of the log.
type record struct {
	msg   sheetsconsumer.Message
	id    string
	keyed bool
}

type topicLog struct {
	id     string
	parts  [partitions][]record
	starts [partitions]int64
}

type place struct {
	topic     string
	partition int32
}

// world is one schedule.
type world struct {
	rng   *rand.Rand
	kind  Kind
	off   map[Rule]bool
	forms []*form.Form
	step  int64
	now   int64 // Unix milliseconds
	calm  bool  // no more faults

	logs    map[string]*topicLog
	ids     int
	topics  int
	commits map[place]kafka.Commit
	twin    *buffertest.Twin
	snaps   []*buffertest.Twin
	sheet   *spreadsheet
	copies  []*spreadsheet
	late    []lateRequest

	consumers, flushers []*actor
	parked              []map[string]string // per flusher, of its last finished run: form -> reason
	silent              int                 // runs that found nothing to write though the buffer knew of more
	remade, restored    map[string]bool     // forms that may end up parked

	logger *slog.Logger
	shared *shared
}

type lateRequest struct {
	due   int64
	apply func()
}

// shared is what schedules have in common.
type shared struct {
	forms    []*form.Form
	consumer *sheetsconsumer.Metrics
	flusher  *sheetsflusher.Metrics
}

func newWorld(seed uint64, schedule int, kind Kind, off map[Rule]bool, sh *shared) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, uint64(schedule))), kind: kind, off: off, forms: sh.forms, shared: sh, now: 1_763_000_000_000,
		logs: map[string]*topicLog{}, commits: map[place]kafka.Commit{}, sheet: newSpreadsheet(),
		remade: map[string]bool{}, restored: map[string]bool{}, logger: slog.New(slog.DiscardHandler),
		parked: make([]map[string]string, 2),
	}
	w.sheet.lenient = kind == Lenient || kind == FrozenLenient
	w.sheet.noFenceID, w.sheet.unconditional = off[FenceID], off[Conditional]
	for _, f := range w.forms {
		w.logs[f.Topic()] = w.newTopic()
	}
	limits := buffer.Limits{}
	if w.chance(.2) {
		limits.MaxEntries = int64(5 + w.rng.IntN(20))
	}
	w.twin = buffertest.NewTwin(func() int64 { return w.now }, limits)
	w.twin.Broken = buffertest.Broken{Merge: off[Merge], Padding: off[Padding], Gap: off[Gap], Books: off[Books], Peek: off[PeekNext],
		Follow: off[Books]}
	for r := range off {
		w.twin.Broken.Follow = w.twin.Broken.Follow || Covered(r)
	}
	for i := range 2 {
		w.consumers = append(w.consumers, w.newConsumer(i))
		w.flushers = append(w.flushers, w.newFlusher(i))
	}
	return w
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) newTopic() *topicLog {
	w.topics++
	return &topicLog{id: fmt.Sprintf("topic-%d", w.topics)}
}

// produce appends one submission. One in ten clocks is far off; keyed submissions are repeated.
func (w *world) produce() {
	f := w.forms[w.rng.IntN(len(w.forms))]
	t := w.logs[f.Topic()]
	p := w.rng.IntN(partitions)
	at := w.now + int64(w.rng.IntN(50)) - 25
	if w.chance(.1) {
		at += int64(w.rng.IntN(8000)) - 4000
	}
	id, keyed := w.repeat(t, p)
	if id == "" {
		w.ids++
		keyed = w.chance(.3)
		id = fmt.Sprintf("00000000-0000-7000-8000-%012x", w.ids)
		if keyed {
			id = fmt.Sprintf("00000000-0000-8000-8000-%012x", w.ids)
		}
	}
	s := submission.Submission{ID: id, Form: f.ID, ReceivedAt: timeOf(at), Data: []byte(`{"name":"x"}`)}
	t.parts[p] = append(t.parts[p], record{id: id, keyed: keyed, msg: sheetsconsumer.Message{
		Offset: int64(len(t.parts[p])), Time: at, Key: []byte(id), Headers: s.Headers(), Value: s.Data,
	}})
}

// repeat picks a recent keyed submission of the partition to be sent again.
func (w *world) repeat(t *topicLog, p int) (string, bool) {
	if !w.chance(.3) {
		return "", false
	}
	from := max(len(t.parts[p])-repeatsFor, int(t.starts[p]), 0)
	var keyed []string
	for _, r := range t.parts[p][from:] {
		if r.keyed {
			keyed = append(keyed, r.id)
		}
	}
	if len(keyed) == 0 {
		return "", false
	}
	return keyed[w.rng.IntN(len(keyed))], true
}

// state is what a read of the spreadsheet would tell.
func (w *world) state() *sheet.State { return sheet.ParseState(w.sheet.get()) }

// turn lets one process go on, unless it is frozen.
func (w *world) turn(actors []*actor) {
	if a := actors[w.rng.IntN(len(actors))]; a.until <= w.step {
		a.resume()
	}
}

// tick is one step of the schedule.
func (w *world) tick() {
	w.step++
	w.now += int64(w.rng.IntN(40))
	switch x := w.rng.Float64(); {
	case x < .15 && !w.calm:
		w.produce()
	case x < .45:
		w.turn(w.consumers)
	case x < .93:
		w.turn(w.flushers)
	case x < .96:
		w.snaps = append(w.snaps, w.twin.Clone())
		w.snaps = w.snaps[max(0, len(w.snaps)-6):]
	case !w.calm:
		w.fault()
	}
	rest := w.late[:0]
	for _, l := range w.late {
		if l.due <= w.step {
			l.apply()
		} else {
			rest = append(rest, l)
		}
	}
	w.late = rest
}

// end stops every process.
func (w *world) end() {
	for _, a := range append(w.consumers, w.flushers...) {
		a.kill()
	}
}
