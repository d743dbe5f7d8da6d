package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

const (
	// revokeGrace is for the submissions under way in a partition that another instance gets. Less than the 10 s after
	// which the group goes on without who has not let go, with time for heedTime and the last commit.
	revokeGrace = 7 * time.Second

	closeTimeout = 2 * time.Second // of the producer, when nothing is under way any more
)

// App is a plug-in that can be run.
type App struct {
	name     string
	cfg      Config
	handler  Handler
	sources  map[string]string // topic -> form
	sinks    []string
	log      *slog.Logger
	metrics  *metrics
	member   *membership
	stuck    *stuckCalls
	producer *kafka.Producer
	draining <-chan struct{} // closed when Run is told to end
	idle     chan struct{}   // closed when nothing of Run goes on
}

// New makes a plug-in that handles the submissions of all forms. Its name, [a-z0-9][a-z0-9-]{0,62}, is that of its
// consumer group, formstream.{name}, and the source of its events; plug-ins of the same name share the work. It connects
// to nothing yet.
func New(name string, cfg Config, forms *form.Set, deps chassis.Deps, handler Handler) (*App, error) {
	if !submission.ValidForm(name) {
		return nil, fmt.Errorf("plug-in's name %q is not [a-z0-9][a-z0-9-]{0,62}", name)
	}
	a := &App{
		name: name, cfg: cfg, handler: handler, sources: map[string]string{}, idle: make(chan struct{}),
		log: deps.Log, metrics: newMetrics(deps.Metrics, name), member: &membership{now: time.Now},
	}
	for _, f := range forms.All() {
		a.sources[f.Topic()] = f.ID
		a.sinks = append(a.sinks, Topic(f))
	}
	a.stuck = newStuckCalls(a.metrics.stuck)
	if len(a.sources) == 0 {
		return a, nil // nothing to do is done well at any time
	}
	deps.Health.Register("plug-in "+name, func(context.Context) error { return errors.Join(a.stuck.ready(), a.member.ready()) })
	return a, nil
}

// Group is the plug-in's consumer group.
func (a *App) Group() string { return "formstream." + a.name }

// Run handles submissions until ctx ends. Then it takes no more, finishes those under way, commits and leaves the group,
// all within -shutdown-timeout; what is not finished by then is handled again by the next one. Brokers that are away and
// topics that are missing are waited for: its error is a setting that cannot work. Run is called once.
func (a *App) Run(ctx context.Context) error {
	settings, err := kafka.NewConfig(a.cfg.Kafka, "formstream-"+a.name)
	if err != nil {
		return err
	}
	a.producer, err = kafka.NewProducer(a.cfg.Kafka.Brokers, settings, kafka.ProducerOptions{Log: a.log})
	if err != nil {
		return err
	}
	a.draining = ctx.Done()
	go func() {
		defer close(a.idle)
		a.run(ctx)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := a.producer.Close(closing); err != nil {
			a.log.Warn("producer not closed in time", "error", err)
		}
	}()
	<-ctx.Done()
	// Sarama ends a session only when the brokers have answered; while they hang that is never.
	limit := time.NewTimer(a.cfg.ShutdownTimeout)
	defer limit.Stop()
	select {
	case <-a.idle:
	case <-limit.C:
		a.log.Warn("did not finish, commit and leave the group in time: nothing is lost, what was under way is handled again")
	}
	return nil
}

// grace is how long what is under way may go on after its claim has ended.
func (a *App) grace() time.Duration {
	select {
	case <-a.draining:
		return a.cfg.ShutdownTimeout / 4 * 3 // the rest is for the last commit, and for leaving the group
	default:
		return min(revokeGrace, a.cfg.ShutdownTimeout)
	}
}

// outlive returns a context that ends some time after ctx has; how long is asked for then.
func outlive(ctx context.Context, grace func() time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if wait(work, grace()) {
			cancel(fmt.Errorf("not finished in time: %w", context.Cause(ctx)))
		}
	})
	return work, func() {
		stop()
		cancel(nil)
	}
}
