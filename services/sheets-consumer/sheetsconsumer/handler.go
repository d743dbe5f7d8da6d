package sheetsconsumer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/submission"
)

const (
	maxBatch   = 500
	maxBytes   = 8 << 20 // of values in one call of the buffer, which must be done within Redis' time-out of 3 s
	gatherFor  = 5 * time.Millisecond
	pollEvery  = 2 * time.Second // how soon a loss on a quiet partition is noticed
	fullEvery  = 500 * time.Millisecond
	lookEvery  = 10 * time.Second // at a parked partition
	callFor    = 5 * time.Second  // a batch's call, which a session's end does not cut off; less than others wait for us
	backoffMin = 100 * time.Millisecond
	backoffMax = 3 * time.Second

	// What waits in memory for one partition, of which one member may have hundreds: Sarama's 256 records and 1 MiB of each
	// would make that gigabytes. A record that is larger than a fetch is fetched all the same.
	channelSize = 16
	fetchBytes  = 64 << 10
)

// handler carries one session between Sarama and the keeper.
type handler struct {
	app    *App
	keeper *Keeper
	claims map[string]map[int32]*Claim
	ended  atomic.Bool // by one of our claims, not by the group
}

// Setup implements sarama.ConsumerGroupHandler. It runs before any claim's place is fixed.
func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	claims, err := h.keeper.Setup(s.Context(), s, s.Claims())
	if err != nil {
		return err
	}
	h.claims = map[string]map[int32]*Claim{}
	for _, c := range claims {
		if h.claims[c.Topic] == nil {
			h.claims[c.Topic] = map[int32]*Claim{}
		}
		h.claims[c.Topic][c.Partition] = c
	}
	h.app.session.begin()
	h.app.log.Info("session begun", "partitions", len(claims))
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	for _, partitions := range h.claims {
		for _, c := range partitions {
			c.Close()
		}
	}
	return nil
}

// ConsumeClaim implements sarama.ConsumerGroupHandler. When it returns, the whole session ends.
func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, gc sarama.ConsumerGroupClaim) error {
	c, ctx := h.claims[gc.Topic()][gc.Partition()], s.Context()
	var held []Message // by a full buffer
	for pause := pollEvery; ; {
		msgs := held
		if held == nil {
			var open bool
			if msgs, open = gather(ctx, gc.Messages(), pause, c.parked == ""); !open {
				h.ended.CompareAndSwap(false, ctx.Err() == nil)
				return nil
			}
		} else if !wait(ctx, fullEvery) {
			return nil
		}
		verdict, alive := h.add(ctx, s, c, msgs)
		if !alive {
			return nil
		}
		if verdict == Full && held == nil {
			h.app.log.Warn("buffer is full, waiting until some of it is delivered", "form", c.form, "topic", c.Topic, "partition", c.Partition)
		}
		held, pause = nil, pollEvery
		switch verdict {
		case Full:
			held = msgs
		case Parked:
			pause = lookEvery
		case Rejoin:
			h.ended.Store(true)
			s.Commit()
			return nil
		}
	}
}

// add calls Add until Redis answers; alive is false when the session ended first. What is under way when it ends is
// finished and marked, so that its last commit tells all that is stored.
func (h *handler) add(ctx context.Context, s sarama.ConsumerGroupSession, c *Claim, msgs []Message) (v Verdict, alive bool) {
	for back := backoffMin; ; back = min(2*back, backoffMax) {
		call, done := context.WithTimeout(context.WithoutCancel(ctx), callFor)
		v, err := c.Add(call, s, msgs)
		done()
		if err == nil {
			return v, true
		}
		h.app.log.Warn("buffer not reached, trying again", "topic", c.Topic, "partition", c.Partition, "error", err)
		if !wait(ctx, back) {
			return v, false
		}
	}
}

// gather waits for a message, at most d, and takes what comes in the next few milliseconds with it. A parked partition's
// messages stay where they are. open is false when the claim has ended.
func gather(ctx context.Context, in <-chan *sarama.ConsumerMessage, d time.Duration, read bool) (msgs []Message, open bool) {
	if !read {
		return nil, wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for bytes := 0; len(msgs) < maxBatch && bytes < maxBytes; {
		select {
		case <-ctx.Done():
			return nil, false
		case <-timer.C:
			return msgs, true
		case m, ok := <-in:
			if !ok {
				return nil, false
			}
			if len(msgs) == 0 {
				timer.Reset(gatherFor)
			}
			msgs, bytes = append(msgs, message(m)), bytes+len(m.Value)
		}
	}
	return msgs, true
}

func message(m *sarama.ConsumerMessage) Message {
	out := Message{Offset: m.Offset, Time: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value, Headers: make([]submission.Header, len(m.Headers))}
	for i, h := range m.Headers {
		out.Headers[i] = submission.Header{Key: string(h.Key), Value: h.Value}
	}
	return out
}
