package buffertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

// HistoryLimits are small, so that a short history meets all of them.
func HistoryLimits() buffer.Limits {
	return buffer.Limits{MaxEntries: 30, MaxBytes: 900, MaxIDs: 5, Window: 60, PlanBytes: 250}
}

// Differ plays one random history of so many steps on two empty buffers and requires that every answer, and after each
// step everything stored, is the same. It returns how often each answer was given, to show what the history met.
func Differ(t testing.TB, seed uint64, steps int, one, two Subject) map[string]int {
	h := &history{t: t, r: rand.New(rand.NewPCG(seed, 0)), one: one, two: two, met: map[string]int{}, seed: seed}
	h.advance(1_000_000)
	for h.step = range steps {
		h.play()
	}
	return h.met
}

const (
	historyForms      = 2
	historyPartitions = 3
)

// history is a run of Differ: a log per partition and what a caller might believe about it.
type history struct {
	t        testing.TB
	r        *rand.Rand
	one, two Subject
	met      map[string]int
	seed     uint64
	step     int
	done     []string // what the last steps were
	belief   [historyForms][historyPartitions]buffer.AddAnswer
	undo     []func()
}

func (h *history) play() {
	form := h.r.IntN(historyForms)
	name := fmt.Sprintf("form-%d", form)
	switch x := h.r.IntN(100); {
	case x < 50:
		h.add(form, name)
	case x < 72:
		h.plan(form, name)
	case x < 82:
		h.release(form, name)
	case x < 88:
		h.peek()
	case x < 90:
		h.advance(int64(h.r.IntN(200)) - 80)
	case x < 92:
		h.park(name)
	case x < 94:
		h.snapshot()
	default:
		h.damage(name)
	}
	h.advance(int64(h.r.IntN(8)))
	for _, name := range []string{"form-0", "form-1"} {
		require.Equal(h.t, h.one.Faults.Dump(name), h.two.Faults.Dump(name), h.where())
	}
}

// where tells how to get here again.
func (h *history) where() string {
	return fmt.Sprintf("seed %d, step %d, after:\n%s", h.seed, h.step, strings.Join(h.done, "\n"))
}

func (h *history) note(what string, args ...any) {
	h.done = append(h.done, fmt.Sprintf(what, args...))
	h.done = h.done[max(0, len(h.done)-12):]
}

func (h *history) advance(ms int64) {
	h.one.Clock.Advance(ms)
	h.two.Clock.Set(h.one.Clock.Now())
}

// same requires equal answers and errors.
func same[T any](h *history, call func(Buffer) (T, error)) T {
	a, errA := call(h.one.Buffer)
	b, errB := call(h.two.Buffer)
	require.NoError(h.t, errA, h.where())
	require.NoError(h.t, errB, h.where())
	require.Equal(h.t, a, b, h.where())
	return a
}

// near returns about n, never below zero.
func (h *history) near(n int64) int64 {
	if h.r.IntN(4) > 0 {
		return max(0, n)
	}
	return max(0, n+int64(h.r.IntN(9))-4)
}

func (h *history) topic(form int) string {
	if h.r.IntN(40) == 0 {
		return "another-topic"
	}
	return fmt.Sprintf("topic-%d", form)
}

func (h *history) add(form int, name string) {
	reqs := make([]buffer.AddRequest, 1+h.r.IntN(3))
	for i := range reqs {
		reqs[i] = h.request(form, name)
	}
	h.note("add %+v", reqs)
	answers := same(h, func(b Buffer) ([]buffer.AddAnswer, error) { return b.Add(context.Background(), reqs...) })
	for i, a := range answers {
		h.met["add "+string(a.Status)]++
		h.count("fresh", a.Fresh)
		h.count("dropped", a.Dropped)
		h.met["repeats"] += int(a.Repeats)
		if a.Status != buffer.AddOtherTopic {
			h.belief[form][reqs[i].Partition] = a
		}
	}
}

func (h *history) count(what string, met bool) {
	if met {
		h.met[what]++
	}
}

func (h *history) request(form int, name string) buffer.AddRequest {
	p := h.r.IntN(historyPartitions)
	known := h.belief[form][p]
	delivered := h.near(known.Delivered)
	r := buffer.AddRequest{
		Form: name, TopicID: h.topic(form), Partition: int32(p), Expected: h.near(known.Next),
		Start: min(delivered, h.near(known.KeysFrom)), Delivered: delivered,
	}
	for offset := r.Expected; len(r.Records) < 7 && h.r.IntN(6) > 0; {
		rec := h.record(p, offset)
		r.Records = append(r.Records, rec)
		offset = rec.End()
	}
	if h.r.IntN(8) == 0 {
		r.Expected = -1
	}
	return r
}

// record makes up what the log has at an offset: mostly the same each time, since only then a real log could have it.
func (h *history) record(p int, offset int64) buffer.Record {
	log := rand.New(rand.NewPCG(uint64(p), uint64(offset)))
	now := h.one.Clock.Now()
	if log.IntN(6) == 0 {
		return buffer.Record{Offset: offset, Width: 1 + log.Int64N(8), Time: now * log.Int64N(2)}
	}
	rec := buffer.Record{
		Offset: offset, ReceivedAt: now + int64(h.r.IntN(60)) - 40, Time: now + int64(h.r.IntN(60)) - 50,
		Data: []byte(fmt.Sprintf("%d/%d\x00\xff %s", p, offset, strings.Repeat("x", log.IntN(30)))),
	}
	if log.IntN(2) == 0 {
		rec.ID = fmt.Sprintf("id-%d", log.IntN(8))
	}
	return rec
}

// vector is about what has been delivered, or what could be.
func (h *history) vector(form int) []int64 {
	v := make([]int64, historyPartitions)
	for p := range v {
		known := h.belief[form][p]
		v[p] = known.Delivered
		switch h.r.IntN(6) {
		case 0:
			v[p] = h.near(known.Next)
		case 1, 2:
			v[p] += h.r.Int64N(max(1, known.Next-known.Delivered+1))
		case 3:
			v[p] = h.near(known.Delivered)
		}
	}
	return v
}

func (h *history) plan(form int, name string) {
	r := buffer.PlanRequest{Form: name, TopicID: h.topic(form), Vector: h.vector(form), Settle: int64(h.r.IntN(20)), Limit: 1 + h.r.IntN(15)}
	h.note("plan %+v", r)
	a := same(h, func(b Buffer) (buffer.PlanAnswer, error) { return b.Plan(context.Background(), r) })
	h.met["plan "+string(a.Status)]++
	h.learn(form, a.Status, r.Vector)
}

// learn takes over what a flusher would: the vector that was released.
func (h *history) learn(form int, status buffer.PlanStatus, vector []int64) {
	if status == buffer.PlanOtherTopic {
		return
	}
	for p, v := range vector {
		h.belief[form][p].Delivered = max(h.belief[form][p].Delivered, v)
	}
}

func (h *history) release(form int, name string) {
	vector, sheet := h.vector(form), fmt.Sprintf("sheet-%d", h.r.IntN(2))
	topic := h.topic(form)
	h.note("release %s of %s %v %s", name, topic, vector, sheet)
	same(h, func(b Buffer) (any, error) { return nil, b.Release(context.Background(), name, topic, vector, sheet) })
	h.learn(form, buffer.PlanOK, vector)
}

func (h *history) peek() {
	h.note("peek")
	peeks := same(h, func(b Buffer) ([]buffer.Peek, error) {
		return b.Peek(context.Background(), []string{"form-1", "nobody", "form-0"}, []int{historyPartitions, 1, historyPartitions + 1})
	})
	h.count("empty", peeks[0].Empty())
}

func (h *history) park(name string) {
	reason := []string{"", "the topic was made anew"}[h.r.IntN(2)]
	h.note("park %s %q", name, reason)
	same(h, func(b Buffer) (any, error) { return nil, b.Park(context.Background(), name, reason) })
}

func (h *history) snapshot() {
	if len(h.undo) > 0 && h.r.IntN(2) == 0 {
		h.note("roll back")
		h.met["roll back"]++
		for _, undo := range h.undo {
			undo()
		}
		return
	}
	h.note("snapshot")
	h.undo = []func(){h.one.Faults.Snapshot(), h.two.Faults.Snapshot()}
}

func (h *history) damage(name string) {
	p, i, x := int32(h.r.IntN(historyPartitions)), h.r.IntN(100), h.r.IntN(25)
	key := []Key{Buf, IDs, Age}[h.r.IntN(3)]
	h.note("damage %d of %s, partition %d, entry %d, key %s", x, name, p, i, key)
	for _, s := range []Subject{h.one, h.two} {
		switch {
		case x < 8:
			s.Faults.Evict(name, p, i)
		case x < 11:
			s.Faults.EvictID(name, p, i)
		case x < 14:
			s.Faults.EvictAge(name, p, i)
		case x < 18:
			s.Faults.EvictKey(name, p, key)
		case x < 20:
			s.Faults.EvictState(name)
		case x < 22:
			s.Faults.EmptyForm(name)
		case x < 23:
			s.Faults.Empty()
		case x < 24:
			require.NoError(h.t, s.Buffer.Adopt(context.Background(), name, historyPartitions, "topic-0"), h.where())
		default:
			require.NoError(h.t, s.Buffer.Drop(context.Background(), name, historyPartitions), h.where())
		}
	}
}
