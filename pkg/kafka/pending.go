package kafka

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/submission"
)

// A record's life, seen from its two owners: the caller that waits for it and the Sarama producer that settles it.
// Whoever comes second recycles it.
const (
	queued     int32 = iota // handed to Sarama; no broker can have seen it
	encoded                 // put into a batch; it may be on its way
	goneQueued              // queued, and its caller has gone: drop it
	goneSent                // encoded, and its caller has gone
	settled                 // Sarama has said what became of it
)

// pending is one record and the caller that waits for it. It is pooled: a fresh channel and message for each record cost
// more than Sarama's own SyncProducer does.
type pending struct {
	msg     sarama.ProducerMessage
	key     keyEncoder
	value   valueEncoder
	headers []sarama.RecordHeader

	state atomic.Int32
	done  chan struct{} // capacity 1: one token for each settlement that a caller waits for
	err   error         // of the settlement; read after done

	room *room // what it takes up while it is not settled
	size int64
}

func newPending() any {
	m := &pending{done: make(chan struct{}, 1)}
	m.value.owner = m
	return m
}

// pool recycles pendings; it belongs to one Producer. Only what Sarama never saw, or reported as stored, may go back:
// after reporting an error Sarama still reads the message (v1.61.1, updateLeaderIfBrokerProducerIsNil).
type pool struct{ sync.Pool }

func (p *pool) get(topic string, key []byte, headers []submission.Header, value []byte) *pending {
	m := p.Get().(*pending)
	m.key.bytes, m.value.bytes = key, value
	m.headers = appendHeaders(m.headers[:0], headers)
	m.msg = sarama.ProducerMessage{
		Topic: topic, Key: &m.key, Value: &m.value, Headers: m.headers, Metadata: m,
		// Sarama leaves it alone where a broker answers "I have this one already": accepted, but the place is unknown.
		Offset: submission.NoOffset,
	}
	m.state.Store(queued)
	return m
}

func (p *pool) put(m *pending) {
	m.msg = sarama.ProducerMessage{}
	m.key.bytes, m.value.bytes, m.err, m.room = nil, nil, nil, nil
	for i := range m.headers {
		m.headers[i].Value = nil
	}
	p.Put(m)
}

// appendHeaders copies headers, reusing the memory that the names took before.
func appendHeaders(to []sarama.RecordHeader, headers []submission.Header) []sarama.RecordHeader {
	for i, h := range headers {
		if i < cap(to) {
			to = to[:i+1]
		} else {
			to = append(to, sarama.RecordHeader{})
		}
		to[i].Key = append(to[i].Key[:0], h.Key...)
		to[i].Value = h.Value
	}
	return to
}

// settle records what became of m and reports whether its caller still waits. It is called once, by the goroutine that
// reads Sarama's answers.
func (m *pending) settle(err error) (waiting bool) {
	if err != nil {
		err = classify(m.msg.Topic, err, m.state.Load() == encoded)
	}
	m.err = err
	switch m.state.Swap(settled) {
	case goneQueued, goneSent:
		return false
	default:
		m.done <- struct{}{}
		return true
	}
}

// leave ends the caller's wait when its context has ended, with the error that it gets. Not left: m was settled in the
// meantime, and done is filled. Once left, m is another's and may serve another record: nothing of it may be read.
func (m *pending) leave(ctx context.Context, topic string) (left bool, err error) {
	for {
		switch m.state.Load() {
		case queued:
			if m.state.CompareAndSwap(queued, goneQueued) {
				return true, expired(ctx, topic, false)
			}
		case encoded:
			if m.state.CompareAndSwap(encoded, goneSent) {
				return true, expired(ctx, topic, true)
			}
		default:
			return false, nil
		}
	}
}

// gone reports whether nobody waits for m any more.
func (m *pending) gone() bool {
	state := m.state.Load()
	return state == goneQueued || state == goneSent
}

// keyEncoder hands the key to Sarama without the allocation that a converted slice costs.
type keyEncoder struct{ bytes []byte }

func (k *keyEncoder) Encode() ([]byte, error) { return k.bytes, nil }
func (k *keyEncoder) Length() int             { return len(k.bytes) }

// valueEncoder is the gate of the record. Sarama encodes a value when it puts the record into a batch that it is still
// gathering, and never again once that batch has been sent: a batch is repeated as a whole. So a record whose caller has
// gone can be dropped here, the second time too, and a record that never came here was never sent.
type valueEncoder struct {
	bytes []byte
	owner *pending
}

func (v *valueEncoder) Encode() ([]byte, error) {
	if v.owner.state.CompareAndSwap(queued, encoded) || v.owner.state.Load() == encoded {
		return v.bytes, nil
	}
	return nil, errGone
}

func (v *valueEncoder) Length() int { return len(v.bytes) }
