package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/eapache/go-resiliency/breaker"
)

// What Produce's errors can be asked for with errors.Is; also context.DeadlineExceeded and context.Canceled.
var (
	// ErrBusy says that as many records are waiting as may.
	ErrBusy = errors.New("too many records are waiting for the brokers")
	// ErrAway says that no broker has been reached yet.
	ErrAway = errors.New("no broker is reachable")
	// ErrStalled says that records are handed to the brokers and none is acknowledged.
	ErrStalled = errors.New("no record is acknowledged")
	// ErrClosed says that the producer has been closed.
	ErrClosed = errors.New("producer is closed")
)

// errGone drops a record whose caller has gone; no caller sees it.
var errGone = errors.New("caller has gone")

// Fate is what is known of a record that was not confirmed.
type Fate int

const (
	// NotStored: the record never left this process, or a broker refused it. It will not appear.
	NotStored Fate = iota
	// MaybeStored: the record was handed over. It may be in the log, or appear there yet, at most once.
	MaybeStored
)

// ProduceError is the error of [Producer.Produce].
type ProduceError struct {
	Topic     string
	Fate      Fate
	Permanent bool // the same record would be refused again: it is too large, or no broker takes what it holds
	Err       error
}

func (e *ProduceError) Error() string {
	fate := "not stored"
	if e.Fate == MaybeStored {
		fate = "may be stored"
	}
	return fmt.Sprintf("produce to %s (%s): %v", e.Topic, fate, e.Err)
}

// Unwrap returns the cause.
func (e *ProduceError) Unwrap() error { return e.Err }

// classify turns what Sarama reported into what a caller must know. encoded says whether the record had been put into a
// batch: before that no broker can have seen it.
func classify(topic string, err error, encoded bool) error {
	e := &ProduceError{Topic: topic, Fate: MaybeStored, Err: err}
	switch {
	case refusedForGood(err):
		e.Fate, e.Permanent = NotStored, true
	case !encoded, unauthorised(err):
		e.Fate = NotStored
	}
	if errors.Is(err, sarama.ErrShuttingDown) || errors.Is(err, sarama.ErrClosedClient) {
		e.Err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return e
}

// refusedForGood tells errors that say something about the record itself. Every attempt sends the same bytes, so an
// earlier one cannot have been taken.
func refusedForGood(err error) bool {
	var config sarama.ConfigurationError // Sarama's own "larger than MaxMessageBytes"
	return errors.As(err, &config) ||
		errors.Is(err, sarama.ErrMessageSizeTooLarge) ||
		errors.Is(err, sarama.ErrMessageSetSizeTooLarge) ||
		errors.Is(err, sarama.ErrInvalidRecord)
}

func unauthorised(err error) bool {
	return errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrClusterAuthorizationFailed)
}

// refuse is the error of a record that was never handed to Sarama.
func refuse(topic string, err error) error {
	return &ProduceError{Topic: topic, Fate: NotStored, Err: err}
}

// expired is the error of a caller that leaves; encoded as in classify.
func expired(ctx context.Context, topic string, encoded bool) error {
	fate := NotStored
	if encoded {
		fate = MaybeStored
	}
	return &ProduceError{Topic: topic, Fate: fate, Err: fmt.Errorf("wait for the brokers: %w", context.Cause(ctx))}
}

// tripped tells that Sarama no longer tries: after three failed look-ups of a leader it refuses for 10 s, also when the
// leader is back after one.
func tripped(err error) bool { return errors.Is(err, breaker.ErrBreakerOpen) }

// disowned tells that the brokers no longer take this producer's numbering. Sarama raises its own epoch after such an
// error, which is enough while the brokers still know the producer's id; a new producer is enough always.
func disowned(err error) bool {
	for _, code := range []error{
		sarama.ErrOutOfOrderSequenceNumber, sarama.ErrInvalidProducerEpoch, sarama.ErrInvalidProducerIDMapping,
		sarama.ErrUnknownProducerID, sarama.ErrProducerFenced,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
