package guard

import (
	"sync"
	"time"
)

const (
	shards    = 64
	shardSize = 2_048 // clients; together 131,072

	// sweepEvery is how often a shard looks for what is over. More often would cost more than it frees.
	sweepEvery = 10 * time.Second
)

// counterKey is a keyed hash: evenly spread.
type counterKey [16]byte

// counters are the submissions counted in this process, in bounded memory: a shard that is full of clients who are still
// counted does not count another.
type counters struct{ shards [shards]shard }

type shard struct {
	mu      sync.Mutex
	entries map[counterKey]*counter
	swept   time.Time
}

type counter struct {
	window            time.Time // the start of the current one
	per               time.Duration
	current, previous int
	blockedUntil      time.Time
}

func newCounters() *counters {
	c := &counters{}
	for i := range c.shards {
		c.shards[i].entries = make(map[counterKey]*counter)
	}
	return c
}

func (c *counters) shard(key counterKey) *shard { return &c.shards[key[0]%shards] }

// count adds n to the window that begins at window, and returns its count and that of the window before.
func (c *counters) count(key counterKey, window time.Time, per time.Duration, n int) (current, previous int) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(key, window, per)
	if e == nil {
		return n, 0
	}
	e.current = max(0, e.current+n)
	return e.current, e.previous
}

// blocked returns how long key is still over its limit, as far as this process knows.
func (c *counters) blocked(key counterKey, now time.Time) time.Duration {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil {
		return e.blockedUntil.Sub(now)
	}
	return 0
}

// block remembers that key is over its limit.
func (c *counters) block(key counterKey, until, window time.Time, per time.Duration) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entry(key, window, per); e != nil {
		e.blockedUntil = until
	}
}

// entry returns the counter of key moved on to window, or nil if there is no room for it.
func (s *shard) entry(key counterKey, window time.Time, per time.Duration) *counter {
	s.sweep(time.Now())
	e := s.entries[key]
	switch {
	case e == nil && len(s.entries) >= shardSize:
		return nil
	case e == nil:
		e = &counter{window: window, per: per}
		s.entries[key] = e
	case e.window.Add(per).Equal(window):
		e.window, e.previous, e.current = window, e.current, 0
	case e.window.Before(window):
		e.window, e.previous, e.current = window, 0, 0
	}
	return e // a window that has just ended counts as the current one: somebody else was faster over its end
}

// sweep forgets those that no window counts any more.
func (s *shard) sweep(now time.Time) {
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	for key, e := range s.entries {
		if now.Sub(e.window) >= 2*e.per && !now.Before(e.blockedUntil) {
			delete(s.entries, key)
		}
	}
}
