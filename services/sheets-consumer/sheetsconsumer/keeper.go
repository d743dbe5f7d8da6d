package sheetsconsumer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
)

// Group is the consumer group of this service.
const Group = "formstream.sheets-consumer"

// Log is what set-up asks of Kafka.
type Log interface {
	Topics(ctx context.Context, names []string) (map[string]kafka.Topic, error)
	Committed(ctx context.Context, group string, topics map[string][]int32) (map[string]map[int32]kafka.Commit, error)
}

// Buffer is where submissions go.
type Buffer interface {
	Add(ctx context.Context, reqs ...buffer.AddRequest) ([]buffer.AddAnswer, error)
}

// Marks takes the offsets to be committed. MarkOffset only moves forward and ResetOffset only backward or nowhere, as
// Sarama's session has them.
type Marks interface {
	MarkOffset(topic string, partition int32, offset int64, metadata string)
	ResetOffset(topic string, partition int32, offset int64, metadata string)
}

// Keeper knows where each partition stands. It holds no state between sessions.
type Keeper struct {
	Forms   map[string]string // topic -> form
	Log     Log
	Buffer  Buffer
	Logger  *slog.Logger
	Metrics *Metrics
}

// Setup finds out where each claimed partition goes on and marks that place, all in one request to each store. A partition
// that does not add up comes back parked.
func (k *Keeper) Setup(ctx context.Context, marks Marks, claimed map[string][]int32) ([]*Claim, error) {
	topics, err := k.Log.Topics(ctx, slices.Sorted(maps.Keys(claimed)))
	if err != nil {
		return nil, fmt.Errorf("set-up: read topics: %w", err)
	}
	committed, err := k.Log.Committed(ctx, Group, claimed)
	if err != nil {
		return nil, fmt.Errorf("set-up: read committed offsets: %w", err)
	}
	var claims []*Claim
	var reqs []buffer.AddRequest
	for _, topic := range slices.Sorted(maps.Keys(claimed)) {
		for _, p := range claimed[topic] {
			t, ok := topics[topic]
			if !ok || int(p) >= len(t.End) {
				return nil, fmt.Errorf("set-up: topic %s has no partition %d: deleted, or not yet known to every broker", topic, p)
			}
			c := &Claim{k: k, Topic: topic, Partition: p, form: k.Forms[topic], topicID: t.ID, start: t.Start[p], end: t.End[p]}
			c.recall(committed[topic][p])
			claims = append(claims, c)
			reqs = append(reqs, c.request(-1, nil))
		}
	}
	answers, err := k.Buffer.Add(ctx, reqs...)
	if err != nil {
		return nil, fmt.Errorf("set-up: ask the buffer: %w", err)
	}
	for i, c := range claims {
		c.begin(answers[i])
		c.mark(marks)
	}
	return claims, nil
}
