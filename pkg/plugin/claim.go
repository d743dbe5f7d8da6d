package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/submission"
)

// maxWindow is how many submissions of a partition may wait for their events' acknowledgement. Further ones wait outside
// of the handler, then in the log.
const maxWindow = 256

// claim is one partition for as long as this instance has it.
type claim struct {
	app       *App
	form      string
	topic     string
	partition int32
	log       *slog.Logger
	mark      func(next int64)

	ctx  context.Context // the claim's own life: when it has ended, nothing more is begun
	work context.Context // of what has been begun: outlives ctx by the grace
}

// delivery is a submission that has been handled and whose events are under way.
type delivery struct {
	offset  int64
	acked   <-chan bool // false: given up, since the claim has ended
	outcome string
}

// alone waits for the handler that an earlier claim of the partition has left behind; false: the claim has ended first.
func (c *claim) alone() bool {
	returned := c.app.stuck.of(place{c.topic, c.partition})
	if returned == nil {
		return true
	}
	c.log.Warn("partition waits for the handler that was left behind")
	select {
	case <-returned:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// consume handles the messages in order until the claim has ended, then waits for the events under way. Offsets are marked
// in order, each when the events of all submissions up to it have been acknowledged.
func (c *claim) consume(messages <-chan *sarama.ConsumerMessage) {
	window, settled := make(chan delivery, maxWindow), make(chan struct{})
	go func() {
		defer close(settled)
		c.settle(window)
	}()
	for {
		m, open := c.next(messages)
		if !open {
			break
		}
		d, handled := c.process(m)
		if !handled {
			break
		}
		window <- d // frees itself: each delivery ends, at the latest with c.work
	}
	close(window)
	<-settled
}

// next waits for a message; the claim's end comes first, whatever is there to be read.
func (c *claim) next(messages <-chan *sarama.ConsumerMessage) (*sarama.ConsumerMessage, bool) {
	if c.ctx.Err() != nil {
		return nil, false
	}
	select {
	case <-c.ctx.Done():
		return nil, false
	case m, open := <-messages:
		return m, open
	}
}

// settle marks the offsets up to the first submission that was given up.
func (c *claim) settle(window <-chan delivery) {
	whole := true
	for d := range window {
		if whole = <-d.acked && whole; whole {
			c.mark(d.offset + 1)
			c.app.metrics.submissions.WithLabelValues(c.form, d.outcome).Inc()
		}
	}
}

// process handles one record and starts the delivery of its events; false: the claim has ended before it was handled.
func (c *claim) process(m *sarama.ConsumerMessage) (delivery, bool) {
	s, err := parse(m)
	if err == nil && s.Form != c.form {
		err = fmt.Errorf("submission is of another form")
	}
	if err != nil {
		c.log.Error("record is not a submission, skipped", "offset", m.Offset, "error", err)
		return delivery{offset: m.Offset, acked: always(true), outcome: "unreadable"}, true
	}
	var records []record
	handled := c.again(m.Offset, s, func() error {
		records, err = c.attempt(m.Offset, s)
		return err
	})
	if !handled {
		return delivery{}, false
	}
	d := delivery{offset: m.Offset, acked: always(true), outcome: "done"}
	if len(records) > 0 {
		acked := make(chan bool, 1)
		d.acked = acked
		go func() { acked <- c.deliver(m.Offset, s, records) }()
	}
	return d, true
}

func always(answer bool) <-chan bool {
	c := make(chan bool, 1)
	c <- answer
	return c
}

// attempt lets the handler try once.
func (c *claim) attempt(offset int64, s submission.Submission) ([]record, error) {
	ctx, cancel := context.WithTimeoutCause(c.work, c.app.cfg.HandlerTimeout, errHandlerTimeout)
	defer cancel()
	got := c.ask(ctx, offset, s)
	if got.err != nil {
		return nil, got.err
	}
	return encode(c.app.name, s, got.events)
}

// deliver produces the events in order; false: the claim has ended first. An event that was acknowledged is not produced
// again; one whose fate is unknown is, with the same id.
func (c *claim) deliver(offset int64, s submission.Submission, records []record) bool {
	return c.again(offset, s, func() error {
		for len(records) > 0 {
			r := records[0]
			if _, _, err := c.app.producer.Produce(c.work, topicOf(c.form), []byte(s.ID), r.headers, r.value); err != nil {
				return &deliveryError{err}
			}
			c.app.metrics.events.WithLabelValues(c.form).Inc()
			records = records[1:]
		}
		return nil
	})
}

// again calls try until it succeeds; false: the claim has ended first, so that the partition's next owner handles it.
func (c *claim) again(offset int64, s submission.Submission, try func() error) bool {
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil {
			return true
		}
		if attempt == 1 {
			retrying := c.app.metrics.retrying.WithLabelValues(c.form)
			retrying.Inc()
			defer retrying.Dec()
		}
		if c.ctx.Err() != nil {
			c.log.Info("submission left to the partition's next owner", "offset", offset, "id", s.ID, "attempt", attempt)
			return false
		}
		f := classify(err)
		c.app.metrics.failures.WithLabelValues(c.form, f.reason).Inc()
		c.log.Log(c.ctx, f.level, "submission failed, trying again", append(f.details,
			"offset", offset, "id", s.ID, "attempt", attempt, "reason", f.reason, "error", scrub(err, s.Data))...)
		if !wait(c.ctx, f.pause(attempt)) {
			return false
		}
	}
}

func parse(m *sarama.ConsumerMessage) (submission.Submission, error) {
	headers := make([]submission.Header, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = submission.Header{Key: string(h.Key), Value: h.Value}
	}
	return submission.Parse(m.Key, headers, m.Value)
}

// wait sleeps and reports whether ctx is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
