package sheetsconsumer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/redis/go-redis/v9"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
)

const (
	retryEvery     = 2 * time.Second  // brokers or Redis away, or no topic yet
	topicsEvery    = 30 * time.Second // look for topics that were missing, and for partitions that are new
	commitEvery    = time.Second
	shortSession   = 5 * time.Second
	shutdownWithin = 10 * time.Second
)

// App is the service.
type App struct {
	cfg     Config
	log     *slog.Logger
	topics  map[string]string // topic -> form
	rdb     redis.UniversalClient
	store   *buffer.Store
	metrics *Metrics
	session presence
	refresh time.Duration // how soon new partitions of a topic are noticed
	idle    chan struct{} // closed when nothing of Run goes on
}

// New wires the service for the forms that have a spreadsheet. It connects to nothing yet.
func New(cfg Config, forms *form.Set, deps chassis.Deps) (*App, error) {
	rdb, err := buffer.Dial(cfg.Redis)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	a := &App{
		cfg: cfg, log: deps.Log, topics: map[string]string{}, refresh: topicsEvery, idle: make(chan struct{}), rdb: rdb, metrics: NewMetrics(deps.Metrics),
		store: buffer.New(rdb, buffer.Options{Prefix: cfg.Redis.Prefix, Limits: buffer.Limits{Window: cfg.RepeatWindow.Milliseconds()}}),
	}
	for _, f := range forms.All() {
		if f.Sinks.Sheets != nil {
			a.topics[f.Topic()] = f.ID
		}
	}
	deps.Health.Register("consumer group", func(context.Context) error { return a.session.check(time.Now()) })
	deps.Health.Register("redis", func(ctx context.Context) error { return rdb.Ping(ctx).Err() })
	return a, nil
}

// Run consumes until ctx ends, then commits and leaves the group, all within the configured ShutdownTimeout. Brokers or a
// Redis that are away, or a Redis that may evict entries, are waited for. Run is called once.
func (a *App) Run(ctx context.Context) error {
	go a.run(ctx)
	select {
	case <-a.idle:
		return nil
	case <-ctx.Done():
	}
	// Sarama ends a session only when the brokers have answered; while they hang that is never.
	limit := time.NewTimer(a.cfg.ShutdownTimeout)
	defer limit.Stop()
	select {
	case <-a.idle:
	case <-limit.C:
		a.log.Warn("did not commit and leave the group in time: nothing is lost, the others wait for the session to expire")
	}
	return nil
}

func (a *App) run(ctx context.Context) {
	defer close(a.idle)
	defer a.session.leave()
	defer func() { _ = a.rdb.Close() }()
	if len(a.topics) == 0 {
		a.log.Warn("no form has a spreadsheet: nothing to do")
		a.session.begin()
		<-ctx.Done()
		return
	}
	for ctx.Err() == nil {
		if err := a.connected(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("not consuming, trying again", "error", err)
		}
		wait(ctx, retryEvery)
	}
}

// connected consumes for as long as one connection to Kafka lasts.
func (a *App) connected(ctx context.Context) error {
	if err := a.store.CheckOrWarn(ctx, a.log); err != nil {
		return err
	}
	asking, err := kafka.NewConfig(a.cfg.Kafka, "formstream-sheets-consumer")
	if err != nil {
		return err
	}
	joining, err := kafka.NewGroupConfig(a.cfg.Kafka, "formstream-sheets-consumer")
	if err != nil {
		return err
	}
	joining.Metadata.RefreshFrequency = a.refresh
	// A member may have every partition of every form.
	joining.ChannelBufferSize, joining.Consumer.Fetch.Default = channelSize, fetchBytes
	// Where a claim starts is fixed in set-up, so every rebalance must set all of them up: an eager strategy.
	joining.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	joining.Consumer.Offsets.AutoCommit.Interval = commitEvery
	client, err := kafka.Dial(ctx, a.cfg.Kafka.Brokers, asking)
	if err != nil {
		return err
	}
	defer client.Close()
	group, err := sarama.NewConsumerGroup(a.cfg.Kafka.Brokers, Group, joining)
	if err != nil {
		return fmt.Errorf("join the group: %w", err)
	}
	go func() {
		for err := range group.Errors() {
			a.log.Warn("consumer group", "error", err)
		}
	}()
	defer a.leave(group)
	admin := kafka.NewAdmin(client)
	keeper := &Keeper{Forms: a.topics, Log: admin, Buffer: a.store, Logger: a.log, Metrics: a.metrics}
	return a.sessions(ctx, group, admin, keeper)
}

func (a *App) leave(group sarama.ConsumerGroup) {
	done := make(chan error, 1)
	go func() { done <- group.Close() }()
	select {
	case err := <-done:
		if err != nil {
			a.log.Warn("left the group", "error", err)
		}
	case <-time.After(shutdownWithin):
		a.log.Warn("did not leave the group in time: the others wait for the session to expire")
	}
}

// sessions joins again and again with the topics that exist. One missing topic would fail Consume for all of them.
func (a *App) sessions(ctx context.Context, group sarama.ConsumerGroup, admin *kafka.Admin, keeper *Keeper) error {
	var pause time.Duration
	known := -1
	for wait(ctx, pause) {
		topics, err := a.existing(ctx, admin)
		if err != nil {
			return err
		}
		if len(topics) != known {
			known = len(topics)
			a.tellMissing(topics)
		}
		if len(topics) == 0 {
			wait(ctx, retryEvery)
			continue
		}
		session, cancel := context.WithCancel(ctx)
		if len(topics) < len(a.topics) {
			go a.watch(session, cancel, admin, known)
		}
		h, begun := &handler{app: a, keeper: keeper}, time.Now()
		err = group.Consume(session, topics, h)
		a.session.end(time.Now())
		cancel()
		if err != nil {
			return fmt.Errorf("consume: %w", err)
		}
		pause = rest(pause, h.ended.Load() && time.Since(begun) < shortSession)
	}
	return nil
}

// rest is how long to wait before the next session. The first one that a claim ends begins anew at once; a Redis that loses
// again and again what it is given must not keep the whole group joining.
func rest(last time.Duration, short bool) time.Duration {
	switch {
	case !short:
		return 0
	case last == 0:
		return time.Millisecond
	default:
		return min(max(2*last, backoffMin), backoffMax)
	}
}

// tellMissing names the topics that are waited for.
func (a *App) tellMissing(existing []string) {
	for _, topic := range slices.Sorted(maps.Keys(a.topics)) {
		if !slices.Contains(existing, topic) {
			a.log.Warn("topic is missing or has no leader, waiting for it", "topic", topic)
		}
	}
}

func (a *App) existing(ctx context.Context, admin *kafka.Admin) ([]string, error) {
	topics, err := admin.Topics(ctx, slices.Sorted(maps.Keys(a.topics)))
	if err != nil && len(topics) == 0 {
		return nil, fmt.Errorf("ask for topics: %w", err)
	}
	return slices.Sorted(maps.Keys(topics)), nil
}

// watch ends the session when a topic that was missing has appeared.
func (a *App) watch(ctx context.Context, end context.CancelFunc, admin *kafka.Admin, known int) {
	for every := retryEvery; wait(ctx, every); every = min(2*every, topicsEvery) {
		if topics, err := a.existing(ctx, admin); err == nil && len(topics) > known {
			end()
			return
		}
	}
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
