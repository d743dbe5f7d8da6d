package buffertest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/formstream/formstream/pkg/buffer"
)

// Buffer is what consumer and flusher use of pkg/buffer.
type Buffer interface {
	Add(ctx context.Context, reqs ...buffer.AddRequest) ([]buffer.AddAnswer, error)
	Plan(ctx context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error)
	Release(ctx context.Context, form, topicID string, vector []int64, spreadsheet string) error
	Peek(ctx context.Context, forms []string, partitions []int) ([]buffer.Peek, error)
	Park(ctx context.Context, form, reason string) error
	Drop(ctx context.Context, form string, partitions int) error
	Adopt(ctx context.Context, form string, partitions int, topicID string) error
}

// Faults are the ways in which a buffer loses data, and a look at all that it holds. Indexes count modulo what is there.
type Faults interface {
	Empty()
	EmptyForm(form string)
	EvictState(form string)
	EvictKey(form string, p int32, key Key)
	Evict(form string, p int32, i int) bool
	EvictID(form string, p int32, i int) bool
	EvictAge(form string, p int32, i int) bool
	Snapshot() (rollBack func())
	Dump(form string) string
}

// Clock stands in for Redis' clock.
type Clock struct{ ms atomic.Int64 }

// Now returns the time in Unix milliseconds.
func (c *Clock) Now() int64 { return c.ms.Load() }

// Set sets the time; backwards, too.
func (c *Clock) Set(ms int64) { c.ms.Store(ms) }

// Advance moves the time by so many milliseconds.
func (c *Clock) Advance(ms int64) { c.ms.Add(ms) }

// Subject is a buffer under test and what its tests need beside it.
type Subject struct {
	Buffer Buffer
	Faults Faults
	Clock  *Clock
}

// Setup makes an empty subject.
type Setup func(t testing.TB, limits buffer.Limits) Subject

// NewTwinSubject is the Setup of the Twin.
func NewTwinSubject(_ testing.TB, limits buffer.Limits) Subject {
	clock := &Clock{}
	twin := NewTwin(clock.Now, limits)
	return Subject{twin, twin, clock}
}
