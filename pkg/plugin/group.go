package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/kafka"
)

const (
	retryEvery    = 2 * time.Second  // brokers away, or no topic yet
	lookEvery     = 2 * time.Second  // at the topics, for new and vanished ones
	askTimeout    = 5 * time.Second  // of one look
	ensureTimeout = 30 * time.Second // to make and find the topics of events
	leaveTimeout  = 5 * time.Second
	growEvery     = 10 * time.Second // at the numbers of partitions
	complainEvery = 5 * time.Second  // about what the group meets

	// What a partition may hold in memory: two fetches and a channel. Hundreds of forms have thousands of partitions.
	fetchBytes  = 256 << 10
	channelSize = 64
)

var errNoTopic = errors.New("no form has a topic yet")

// run consumes until ctx ends, over as many connections as it takes.
func (a *App) run(ctx context.Context) {
	if len(a.sources) == 0 {
		a.log.Warn("there is no form: nothing to do")
		<-ctx.Done()
		return
	}
	last := ""
	for ctx.Err() == nil {
		if err := a.connected(ctx); err != nil && ctx.Err() == nil {
			a.member.failed(err)
			if err.Error() != last {
				last = err.Error()
				a.log.Warn("not consuming, trying again", "error", err)
			}
		}
		wait(ctx, retryEvery)
	}
}

// connected consumes for as long as one connection to Kafka lasts.
func (a *App) connected(ctx context.Context) error {
	asking, err := kafka.NewConfig(a.cfg.Kafka, "formstream-"+a.name)
	if err != nil {
		return err
	}
	client, err := kafka.Dial(ctx, a.cfg.Kafka.Brokers, asking)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kafka.NewAdmin(client)
	if err := a.ensure(ctx, admin); err != nil {
		return err
	}
	assigned := newAssignment()
	joining, err := a.joinConfig(assigned)
	if err != nil {
		return err
	}
	group, err := sarama.NewConsumerGroup(a.cfg.Kafka.Brokers, a.Group(), joining)
	if err != nil {
		return fmt.Errorf("join the group: %w", err)
	}
	go a.complain(group.Errors())
	defer a.leave(group)
	return a.sessions(ctx, group, &session{app: a, assigned: assigned, admin: admin})
}

// complain logs what the group meets, some of it: a partition without a leader says so without end.
func (a *App) complain(errs <-chan error) {
	var last time.Time
	for err := range errs {
		if time.Since(last) >= complainEvery {
			last = time.Now()
			a.log.Warn("consumer group", "error", err)
		}
	}
}

// ensure sees to it that events have somewhere to go.
func (a *App) ensure(ctx context.Context, admin *kafka.Admin) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTimeout)
	defer cancel()
	return admin.Ensure(ctx, a.sinks, a.cfg.Topics)
}

func (a *App) joinConfig(assigned *assignment) (*sarama.Config, error) {
	cfg, err := kafka.NewGroupConfig(a.cfg.Kafka, "formstream-"+a.name)
	if err != nil {
		return nil, err
	}
	cfg.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{assigned}
	cfg.Metadata.RefreshFrequency = growEvery
	cfg.Consumer.Fetch.Default = fetchBytes
	cfg.ChannelBufferSize = channelSize
	// An offset that the log does not have ends the claim otherwise, with it the session of all claims, and the next one
	// would meet it again. So Sarama begins at the oldest one, and the session says what that means (session.begin).
	cfg.Consumer.Group.ResetInvalidOffsets = true
	return cfg, nil
}

func (a *App) leave(group sarama.ConsumerGroup) {
	a.member.left()
	done := make(chan error, 1)
	go func() { done <- group.Close() }()
	select {
	case err := <-done:
		if err != nil {
			a.log.Info("left the group", "error", err)
		}
	case <-time.After(leaveTimeout):
		a.log.Warn("did not leave the group in time: the others wait for the session to expire")
	}
}

// sessions joins again and again with the topics that exist. One missing topic would fail Consume for all of them.
func (a *App) sessions(ctx context.Context, group sarama.ConsumerGroup, h *session) error {
	var known []string
	for ctx.Err() == nil {
		topics, err := a.existing(ctx, h.admin)
		if err != nil && len(topics) == 0 {
			return err
		}
		a.member.answered()
		a.tellMissing(known, topics)
		known = topics
		if len(topics) == 0 {
			a.member.failed(errNoTopic)
			wait(ctx, retryEvery)
			continue
		}
		consuming, end := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			a.watch(consuming, end, h.admin, topics)
		}()
		err = group.Consume(consuming, topics, h)
		a.member.left()
		end()
		<-watched
		if err != nil {
			return fmt.Errorf("consume: %w", err)
		}
	}
	return nil
}

// tellMissing names the topics that are waited for, when they are others than before.
func (a *App) tellMissing(before, now []string) {
	if slices.Equal(before, now) && before != nil {
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(a.sources)) {
		if !slices.Contains(now, topic) {
			a.log.Warn("topic is missing or has no leader, waiting for it", "topic", topic)
		}
	}
}

// existing lists the forms' topics that can be read, sorted. After an error others may exist, too.
func (a *App) existing(ctx context.Context, admin *kafka.Admin) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	topics, err := admin.Topics(ctx, slices.Sorted(maps.Keys(a.sources)))
	if err != nil {
		err = fmt.Errorf("ask for topics: %w", err)
	}
	return slices.Sorted(maps.Keys(topics)), err
}

// watch ends the session when a topic has appeared or vanished. What it is answered also says that the brokers are there.
func (a *App) watch(ctx context.Context, end context.CancelFunc, admin *kafka.Admin, known []string) {
	for wait(ctx, lookEvery) {
		topics, err := a.existing(ctx, admin)
		if len(topics) > 0 {
			a.member.answered()
		}
		if err == nil && !slices.Equal(topics, known) {
			end()
			return
		}
	}
}
