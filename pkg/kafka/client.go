package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// Dial connects to the brokers and returns a client for [NewAdmin]. It tries once; ctx bounds it, though the attempt
// itself may go on in the background for as long as cfg's time-outs say. Close the client when done.
func Dial(ctx context.Context, brokers []string, cfg *sarama.Config) (sarama.Client, error) {
	client, err := within(ctx, func() (sarama.Client, error) { return sarama.NewClient(brokers, cfg) },
		func(late sarama.Client) { _ = late.Close() })
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka at %v: %w", brokers, err)
	}
	return client, nil
}

// within runs call, which knows no context, until ctx ends. A result that comes too late is handed to discard.
// One goroutine outlives ctx, for as long as Sarama's own time-outs allow.
func within[T any](ctx context.Context, call func() (T, error), discard func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result) // unbuffered: the result is taken by the caller or discarded, never neither
	go func() {
		value, err := call()
		select {
		case done <- result{value, err}:
		case <-ctx.Done():
			if err == nil && discard != nil {
				discard(value)
			}
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
