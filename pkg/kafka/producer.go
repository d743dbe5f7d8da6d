package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/submission"
)

// ProducerOptions bounds a [Producer]. A zero field takes its default.
type ProducerOptions struct {
	// MaxWaiting is how many records may wait for the brokers at a time. Default 10,000.
	MaxWaiting int
	// MaxWaitingBytes is how many bytes of keys and values they may have together. Default 64 MiB.
	MaxWaitingBytes int64
	// TopicWindow is how many records of one topic may be inside Sarama at a time. Default 1024: at an acknowledgement
	// after 5 ms that is 200,000 records a second.
	TopicWindow int
	// Log says when brokers come and go. Default: nothing.
	Log *slog.Logger
}

const (
	defaultMaxWaiting      = 10_000
	defaultMaxWaitingBytes = 64 << 20
	defaultTopicWindow     = 1024

	// replaceInterval is the least time between two Sarama producers.
	replaceInterval = time.Second
	// suspectInterval is the least time between two looks at a topic whose records Sarama refuses.
	suspectInterval = 250 * time.Millisecond
	// recordOverhead is what a record takes beside key and value, roughly: headers and bookkeeping.
	recordOverhead = 512
)

// Producer writes records and waits for their acknowledgement. One serves the whole process. It is safe for concurrent
// use.
type Producer struct {
	brokers []string
	cfg     *sarama.Config
	log     *slog.Logger
	rooms   *rooms
	pool    pool
	pulse   pulse

	link    atomic.Pointer[link]
	retired sync.WaitGroup // sessions that still settle what they hold; only the supervisor adds to it

	closing   chan struct{} // closed by Close: take no more records
	closeOnce sync.Once
	cut       chan struct{} // closed when Close has waited long enough
	cutOnce   sync.Once
	drained   chan struct{} // closed when everything is settled and no goroutine is left
}

// link is the present way to the brokers: a session, or why there is none.
type link struct {
	session *session
	err     error         // the last failed attempt to connect; nil while the first one is under way
	changed chan struct{} // closed when another link takes its place
}

// NewProducer returns at once and connects in the background: brokers that are away are not its error.
// The settings are those of [NewConfig]; they are not changed. Close the producer when done.
func NewProducer(brokers []string, cfg *sarama.Config, opts ProducerOptions) (*Producer, error) {
	if len(brokers) == 0 {
		return nil, errors.New("no Kafka broker is configured: set -brokers to host:port")
	}
	opts = opts.withDefaults()
	own := *cfg
	// A channel must hold the topic's whole window, and the few marks that Sarama sends itself: then no topic can block
	// the goroutine that hands out the records of all topics.
	own.ChannelBufferSize = opts.TopicWindow + 64
	if err := own.Validate(); err != nil {
		return nil, fmt.Errorf("check Kafka settings: %w", err)
	}
	p := &Producer{
		brokers: brokers, cfg: &own, log: opts.Log,
		rooms:   newRooms(opts.MaxWaiting, opts.MaxWaitingBytes, opts.TopicWindow),
		pool:    pool{sync.Pool{New: newPending}},
		pulse:   pulse{log: opts.Log},
		closing: make(chan struct{}), cut: make(chan struct{}), drained: make(chan struct{}),
	}
	p.link.Store(&link{changed: make(chan struct{})})
	go p.supervise()
	return p, nil
}

func (o ProducerOptions) withDefaults() ProducerOptions {
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	if o.MaxWaitingBytes <= 0 {
		o.MaxWaitingBytes = defaultMaxWaitingBytes
	}
	if o.TopicWindow <= 0 {
		o.TopicWindow = defaultTopicWindow
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Produce writes one record and waits until all in-sync replicas have it. The partition follows from the key (see
// [submission.Partition]). The offset is [submission.NoOffset] where the broker has the record but does not say where.
//
// It returns by ctx's deadline; without one, when Sarama has settled the record, after some seconds at the latest. Its
// error is a [*ProduceError]. Key, header values and value must never be changed afterwards: after MaybeStored they are
// still being read. The set of topics must be small: what a topic takes here is kept until Close.
func (p *Producer) Produce(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (partition int32, offset int64, err error) {
	m, err := p.submit(ctx, topic, key, headers, value)
	if err != nil {
		p.pulse.miss(err, time.Now())
		return 0, submission.NoOffset, refuse(topic, err)
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		if left, err := m.leave(ctx, topic); left {
			p.pulse.miss(err, time.Now())
			return 0, submission.NoOffset, err // m belongs to whoever settles it
		}
		<-m.done
	}
	if m.err != nil {
		return 0, submission.NoOffset, m.err
	}
	partition, offset = m.msg.Partition, m.msg.Offset
	p.pool.put(m)
	return partition, offset, nil
}

// submit finds room for the record and hands it to Sarama. After an error nothing is held.
func (p *Producer) submit(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (*pending, error) {
	size := int64(len(key)+len(value)) + recordOverhead
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !p.rooms.enter(size) {
		return nil, ErrBusy
	}
	room, err := p.rooms.place(ctx, p.closing, topic)
	if err != nil {
		p.rooms.leave(size)
		return nil, err
	}
	m := p.pool.get(topic, key, headers, value)
	m.room, m.size = room, size
	if err := p.hand(ctx, m); err != nil {
		p.free(m)
		p.pool.put(m)
		return nil, err
	}
	return m, nil
}

// hand gives m to the present session, or to the next one if that retires meanwhile.
func (p *Producer) hand(ctx context.Context, m *pending) error {
	for {
		s, err := p.session(ctx)
		if err != nil {
			return err
		}
		if err := s.send(ctx, m); !errors.Is(err, errRetired) {
			return err
		}
	}
}

// session returns the present session. It waits only while the first attempt to connect is under way, and where a
// session retires.
func (p *Producer) session(ctx context.Context) (*session, error) {
	for {
		select {
		case <-p.closing:
			return nil, ErrClosed
		default:
		}
		l := p.link.Load()
		if l.session != nil {
			return l.session, nil
		}
		if l.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAway, l.err)
		}
		select {
		case <-l.changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrAway, context.Cause(ctx))
		case <-p.closing:
		}
	}
}

// settle is called once for each record that was handed over.
func (p *Producer) settle(m *pending, err error) {
	if err == nil {
		p.pulse.beat()
	} else {
		p.pulse.miss(err, time.Now())
	}
	p.free(m) // before the caller is told: who has its answer takes up no room
	if waiting := m.settle(err); !waiting && err == nil {
		p.pool.put(m)
	}
}

func (p *Producer) free(m *pending) {
	m.room.free()
	p.rooms.leave(m.size)
}

// Waiting returns how many records wait for the brokers, those of callers that have gone included.
func (p *Producer) Waiting() int { return int(p.rooms.waiting.Load()) }

// Err tells why Produce does not work at the moment: ErrAway, ErrClosed, ErrStalled, or nil. ErrStalled is what callers have
// seen, so it ends by a success, or some seconds after the last failure.
func (p *Producer) Err() error {
	select {
	case <-p.closing:
		return ErrClosed
	default:
	}
	if l := p.link.Load(); l.session == nil {
		if l.err != nil {
			return fmt.Errorf("%w: %w", ErrAway, l.err)
		}
		return ErrAway
	}
	return p.pulse.err(time.Now())
}

// Close takes no more records, waits until those that are waiting are settled, at most until ctx ends, and closes the
// connections. Its error says that some were not settled by then: the connections are cut, and callers that still wait
// get MaybeStored. It may be called again.
func (p *Producer) Close(ctx context.Context) error {
	p.closeOnce.Do(func() { close(p.closing) })
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		p.cutOnce.Do(func() { close(p.cut) })
		return fmt.Errorf("close producer: wait for the brokers' last answers: %w", context.Cause(ctx))
	}
}
