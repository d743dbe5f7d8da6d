package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// session is the life of one Sarama producer, with the client that it owns.
type session struct {
	client   sarama.Client
	producer sarama.AsyncProducer
	settle   func(*pending, error)

	mu       sync.RWMutex // held for reading while handing over: Sarama closes its input, and sending then panics
	retired  bool
	retiring chan struct{} // closed first, so that whoever is handing over lets go of mu
	once     sync.Once

	suspects chan suspect  // what may call for a new session; the newest are dropped when it is full
	done     chan struct{} // closed when everything is settled
}

// suspect is an answer that the session itself may be the cause of.
type suspect struct {
	topic string
	err   error
}

// errRetired says that another session has taken over.
var errRetired = errors.New("session is retired")

// newSession connects. It blocks for as long as cfg's time-outs say.
func newSession(brokers []string, cfg *sarama.Config, settle func(*pending, error)) (*session, error) {
	client, err := sarama.NewClient(brokers, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka at %v: %w", brokers, err)
	}
	producer, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("get a producer id: %w", err)
	}
	s := &session{
		client: client, producer: producer, settle: settle,
		retiring: make(chan struct{}), suspects: make(chan suspect, 1), done: make(chan struct{}),
	}
	var readers sync.WaitGroup
	readers.Go(s.readSuccesses)
	readers.Go(s.readErrors)
	go func() {
		readers.Wait()
		_ = client.Close() // last: Sarama's producer needs it until it has settled everything
		close(s.done)
	}()
	return s, nil
}

func (s *session) readSuccesses() {
	for msg := range s.producer.Successes() {
		s.settle(msg.Metadata.(*pending), nil)
	}
}

func (s *session) readErrors() {
	for failed := range s.producer.Errors() {
		if tripped(failed.Err) || disowned(failed.Err) {
			select {
			case s.suspects <- suspect{failed.Msg.Topic, failed.Err}:
			default:
			}
		}
		s.settle(failed.Msg.Metadata.(*pending), failed.Err)
	}
}

// send hands m to Sarama. An error means that it was not handed over: errRetired, or ctx's cause.
func (s *session) send(ctx context.Context, m *pending) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.retired {
		return errRetired
	}
	select {
	case s.producer.Input() <- &m.msg:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.retiring:
		return errRetired
	}
}

// blocks reports whether the session, not the cluster, is why records of the topic fail: Sarama refuses them, or
// numbers them in a way that the brokers do not take, while every partition has a leader.
func (s *session) blocks(suspected suspect) bool {
	if disowned(suspected.err) {
		return true
	}
	if err := s.client.RefreshMetadata(suspected.topic); err != nil {
		return false
	}
	all, err := s.client.Partitions(suspected.topic)
	if err != nil {
		return false
	}
	writable, err := s.client.WritablePartitions(suspected.topic)
	return err == nil && len(writable) == len(all)
}

// retire takes no more records; Sarama goes on to settle what it holds.
func (s *session) retire() {
	s.once.Do(func() {
		close(s.retiring)
		s.mu.Lock()
		s.retired = true
		s.mu.Unlock()
		s.producer.AsyncClose()
	})
}

// drain retires the session and waits until everything is settled. When cut is closed it stops waiting for brokers:
// without connections the rest fails within a few retries.
func (s *session) drain(cut <-chan struct{}) {
	s.retire()
	select {
	case <-s.done:
	case <-cut:
		_ = s.client.Close()
		<-s.done
	}
}

// reconnectDelay is how long to wait after the nth failed attempt in a row.
func reconnectDelay(n int) time.Duration {
	return min(100*time.Millisecond<<min(n, 10), time.Second)
}
