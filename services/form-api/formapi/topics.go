package formapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
)

const (
	ensureTimeout = 30 * time.Second       // to make and find all topics
	askTimeout    = 5 * time.Second        // for one look at them
	retryEvery    = 500 * time.Millisecond // while they have not been found
	lookEvery     = 5 * time.Second        // from then on
	staleAfter    = 3 * lookEvery          // the brokers have not answered for this long: not ready
)

// topics sees to it that the forms' topics exist, and knows which do not.
type topics struct {
	kafka   chassis.Kafka
	cfg     *sarama.Config
	spec    chassis.Topics
	log     *slog.Logger
	now     func() time.Time
	looking time.Duration // lookEvery, but for tests

	wake chan struct{} // capacity 1: filled when names change

	mu      sync.Mutex
	admin   *kafka.Admin // of the connection that is open; nil: none is
	names   []string
	ensured map[string]bool // topics that have been there once
	seen    time.Time       // the brokers' last answer
	problem error           // why the last look failed
	told    string          // the trouble that was logged last; "" once all is well
	untold  string          // which topics the brokers did not tell of, and why
	absent  map[string]bool // by the last answer
}

// run looks after the topics until ctx ends. Whatever is wrong is tried again: nothing here ends the process.
func (t *topics) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := t.watch(ctx)
		if ctx.Err() == nil {
			t.failed(err)
			pause(ctx, retryEvery)
		}
	}
}

// offer lets others ask the brokers, too.
func (t *topics) offer(admin *kafka.Admin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.admin = admin
}

// set names the topics to look after from now on: those of the forms. A new one is made before its form takes submissions.
func (t *topics) set(names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = names
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// watch connects, makes what is missing, and then looks again and again. It returns with the first error.
func (t *topics) watch(ctx context.Context) error {
	client, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	admin := kafka.NewAdmin(client)
	t.offer(admin)
	defer t.offer(nil)
	for {
		if fresh := t.unseen(); len(fresh) > 0 {
			err := t.ensure(ctx, admin, fresh)
			switch {
			case err == nil:
			case t.started(): // a form that was added has trouble: the others go on
				t.failed(err)
			default:
				return err
			}
		}
		if err := t.look(ctx, admin); err != nil {
			return err
		}
		if !t.pause(ctx) {
			return nil
		}
	}
}

func (t *topics) dial(ctx context.Context) (sarama.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return kafka.Dial(ctx, t.kafka.Brokers, t.cfg)
}

// pause waits until it is time to look again, or the names have changed; false: ctx has ended.
func (t *topics) pause(ctx context.Context) bool {
	timer := time.NewTimer(t.looking)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// ensure is for topics that have not been there yet: one that vanishes later held submissions, and an empty one in its
// place would hide that.
func (t *topics) ensure(ctx context.Context, admin *kafka.Admin, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTimeout)
	defer cancel()
	var missing []string
	var failed error
	for _, kind := range t.kinds(names) {
		err := admin.Ensure(ctx, kind.names, kind.spec)
		var none *kafka.MissingTopicsError
		if errors.As(err, &none) {
			missing = append(missing, none.Topics...)
		}
		failed = errors.Join(failed, err)
	}
	if len(missing) > 0 {
		t.answered(missing)
	}
	if failed != nil {
		return failed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range names {
		t.ensured[topic] = true
	}
	t.log.Info("topics found", "component", "topics", "count", len(names))
	return nil
}

func (t *topics) look(ctx context.Context, admin *kafka.Admin) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	missing, err := admin.Missing(ctx, t.wanted())
	var some *kafka.TopicsError
	if err != nil && !errors.As(err, &some) {
		return err
	}
	t.answered(missing)
	t.tell(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.unseenLocked()) == 0 {
		t.told = ""
	}
	return nil
}

// tell logs what the brokers do not tell, once: one form's trouble is not the others'.
func (t *topics) tell(untold error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := ""
	if untold != nil {
		text = untold.Error()
	}
	if text != "" && text != t.untold {
		t.log.Error("brokers do not tell of all topics: these forms may be answered 503", "component", "topics", "error", untold)
	}
	t.untold = text
}

// answered keeps what the brokers said.
func (t *topics) answered(missing []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.problem = t.now(), nil
	before := t.absent
	t.absent = make(map[string]bool, len(missing))
	for _, topic := range missing {
		t.absent[topic] = true
		if t.ensured[topic] && !before[topic] {
			t.log.Error("topic has vanished: its form is answered 503 until it is back", "component", "topics", "topic", topic)
		}
	}
	for topic := range before {
		if !t.absent[topic] {
			t.log.Info("topic is back", "component", "topics", "topic", topic)
		}
	}
}

// failed keeps why the last look failed, and logs it when it is another reason than before.
func (t *topics) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := err.Error(); text != t.told {
		t.told = text
		t.log.Warn("topics cannot be looked after; trying on", "component", "topics", "error", err)
	}
	t.problem = err
}

// trouble is why the last look failed; nil if it did not.
func (t *topics) trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problem
}

// kind is topics that are made alike.
type kind struct {
	names []string
	spec  chassis.Topics
}

// kinds tells the forms' topics from those of what is kept aside, which is little, and which nobody reads in a hurry: one
// partition is enough for that.
func (t *topics) kinds(names []string) [2]kind {
	taken, aside := kind{spec: t.spec}, kind{spec: t.spec}
	aside.spec.Partitions = 1
	for _, topic := range names {
		if strings.HasPrefix(topic, guard.Quarantine("")) {
			aside.names = append(aside.names, topic)
		} else {
			taken.names = append(taken.names, topic)
		}
	}
	return [2]kind{taken, aside}
}

// wanted returns the topics to look after.
func (t *topics) wanted() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names
}

// started tells whether the topics of the start have all been there.
func (t *topics) started() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ensured) > 0
}

// unseen returns those that have not been there yet.
func (t *topics) unseen() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unseenLocked()
}

func (t *topics) unseenLocked() (unseen []string) {
	for _, topic := range t.names {
		if !t.ensured[topic] {
			unseen = append(unseen, topic)
		}
	}
	return unseen
}

// missing reports whether the topic is known not to exist.
func (t *topics) missing(topic string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.absent[topic]
}

func (t *topics) countMissing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.absent)
}

// ready is nil once all topics of the start have been there, and as long as the brokers answer. Neither one that vanishes
// later nor one of a form that is added later takes the other forms down.
func (t *topics) ready(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.ensured) == 0 && len(t.unseenLocked()) > 0 && t.problem != nil:
		return t.problem
	case len(t.ensured) == 0 && len(t.unseenLocked()) > 0:
		return errors.New("topics have not been found yet")
	case t.now().Sub(t.seen) > staleAfter:
		return fmt.Errorf("the brokers have not answered for %s: %w", t.now().Sub(t.seen).Round(time.Second), cause(t.problem))
	}
	return nil
}

func cause(err error) error {
	if err == nil {
		return errors.New("still waiting")
	}
	return err
}

// pause waits for d; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
