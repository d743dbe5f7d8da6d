package kafka

import (
	"context"
	"sync"
	"sync/atomic"
)

// rooms bounds what waits for the brokers: all records together by number and by bytes, and those of one topic by the
// number that may be inside Sarama.
type rooms struct {
	maxWaiting, maxBytes int64
	window               int
	waiting, bytes       atomic.Int64

	mu     sync.RWMutex
	topics map[string]*room
}

// room is one topic's places inside Sarama.
type room struct{ places chan struct{} }

func newRooms(maxWaiting int, maxBytes int64, window int) *rooms {
	return &rooms{maxWaiting: int64(maxWaiting), maxBytes: maxBytes, window: window, topics: make(map[string]*room)}
}

// enter counts a record of size bytes as waiting; false: there is no room.
func (r *rooms) enter(size int64) bool {
	if r.waiting.Add(1) > r.maxWaiting {
		r.waiting.Add(-1)
		return false
	}
	if r.bytes.Add(size) > r.maxBytes {
		r.leave(size)
		return false
	}
	return true
}

// leave undoes enter.
func (r *rooms) leave(size int64) {
	r.bytes.Add(-size)
	r.waiting.Add(-1)
}

// place waits for one of the topic's places, at most until ctx or closed ends.
func (r *rooms) place(ctx context.Context, closed <-chan struct{}, topic string) (*room, error) {
	t := r.topic(topic)
	select {
	case t.places <- struct{}{}:
		return t, nil
	default:
	}
	select {
	case t.places <- struct{}{}:
		return t, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-closed:
		return nil, ErrClosed
	}
}

func (t *room) free() { <-t.places }

func (r *rooms) topic(name string) *room {
	r.mu.RLock()
	t := r.topics[name]
	r.mu.RUnlock()
	if t != nil {
		return t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t = r.topics[name]; t == nil {
		t = &room{places: make(chan struct{}, r.window)}
		r.topics[name] = t
	}
	return t
}
