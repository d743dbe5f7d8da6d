package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/kafka"
)

// session carries claims between Sarama and the plug-in.
type session struct {
	app      *App
	assigned *assignment
	admin    *kafka.Admin
}

// Setup implements sarama.ConsumerGroupHandler. With a cooperative strategy it runs once, not at every rebalance.
func (h *session) Setup(s sarama.ConsumerGroupSession) error {
	h.app.member.joined()
	h.app.log.Info("joined the group", "group", h.app.Group(), "topics", len(s.Claims()))
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (h *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim implements sarama.ConsumerGroupHandler. When it returns before Sarama has ended the claim, the session of all
// claims ends. The claim may know of its end before that (assignment.OnAssignment), so it waits for the end of the messages,
// which comes with Sarama's own end of the claim or of the session. Sarama waits for the same when this has returned.
func (h *session) ConsumeClaim(s sarama.ConsumerGroupSession, gc sarama.ConsumerGroupClaim) error {
	topic, partition := gc.Topic(), gc.Partition()
	ctx, release := h.assigned.hold(s.Context(), topic, partition)
	defer release()
	work, stop := outlive(ctx, h.app.grace)
	defer stop()
	c := &claim{
		app: h.app, form: h.app.sources[topic], topic: topic, partition: partition, ctx: ctx, work: work,
		log:  h.app.log.With("form", h.app.sources[topic], "topic", topic, "partition", partition),
		mark: func(next int64) { s.MarkOffset(topic, partition, next, "") },
	}
	c.log.Debug("partition assigned")
	if c.alone() {
		if gc.InitialOffset() == sarama.OffsetOldest {
			h.begin(c, func(offset int64) { s.ResetOffset(topic, partition, offset, "") })
		}
		c.consume(gc.Messages())
	}
	c.log.Debug("partition left", "error", context.Cause(ctx))
	for range gc.Messages() {
		continue // until it is closed; what is dropped here is not marked
	}
	return nil
}

// begin finds out why a claim begins at the log's oldest record: for the first time, or because the log does not have the
// offset that was committed. Then it says so, and lets the marks begin there: Sarama would take none below the old one.
func (h *session) begin(c *claim, reset func(offset int64)) {
	for ; ; wait(c.ctx, retryEvery) {
		commit, log, err := h.look(c)
		switch {
		case c.ctx.Err() != nil:
			return
		case err != nil:
			c.log.Warn("place in the log not found out yet", "error", err)
			continue
		case commit < 0: // nothing committed
		case commit < log.start:
			lost := log.start - commit
			h.app.metrics.submissions.WithLabelValues(c.form, "lost").Add(float64(lost))
			c.log.Error("log no longer has records that were not handled yet", "offset", log.start, "lost", lost)
			c.mark(log.start)
		case commit > log.end:
			c.log.Error("log ends before what was handled (a topic made anew?), all of it is handled", "offset", log.start)
			reset(log.start)
		}
		return
	}
}

type extent struct{ start, end int64 }

// look asks for the committed offset, -1 where there is none, and for the extent of the log.
func (h *session) look(c *claim) (commit int64, log extent, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, askTimeout)
	defer cancel()
	commits, err := h.admin.Committed(ctx, h.app.Group(), map[string][]int32{c.topic: {c.partition}})
	if err != nil {
		return 0, log, err
	}
	committed, ok := commits[c.topic][c.partition]
	if !ok {
		return -1, log, nil
	}
	topics, err := h.admin.Topics(ctx, []string{c.topic})
	if err != nil {
		return 0, log, err
	}
	t, ok := topics[c.topic]
	if !ok || int(c.partition) >= len(t.End) {
		return 0, log, fmt.Errorf("topic %s has no partition %d", c.topic, c.partition)
	}
	return committed.Offset, extent{t.Start[c.partition], t.End[c.partition]}, nil
}

// staleAfter is how long a plug-in stays ready without being a member or without an answer of the brokers: longer than a
// rebalance and than the loss of a broker.
const staleAfter = 15 * time.Second

// membership knows whether the plug-in does its work.
type membership struct {
	now func() time.Time

	mu      sync.Mutex
	member  bool
	was     time.Time // last a member; zero: never
	heard   time.Time // last an answer of the brokers
	problem error
}

func (m *membership) joined() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.member, m.heard, m.problem = true, m.now(), nil
}

func (m *membership) left() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.member {
		m.member, m.was = false, m.now()
	}
}

func (m *membership) answered() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = m.now()
}

func (m *membership) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.problem = err
}

// ready is nil for a member of the group whose brokers answer, and for who was one a moment ago.
func (m *membership) ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	recent := func(t time.Time) bool { return !t.IsZero() && m.now().Sub(t) <= staleAfter }
	switch {
	case m.member && recent(m.heard), !m.member && recent(m.was):
		return nil
	case m.member:
		return fmt.Errorf("the brokers have not answered for %s", m.now().Sub(m.heard).Round(time.Second))
	case m.problem != nil:
		return m.problem
	}
	return errors.New("not a member of the group")
}
