package fate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

// Group is the consumer group of sheets-consumer.
const Group = "formstream.sheets-consumer"

// Admin is what is asked of the brokers: see [kafka.Admin].
type Admin interface {
	Topics(ctx context.Context, names []string) (map[string]kafka.Topic, error)
	Committed(ctx context.Context, group string, topics map[string][]int32) (map[string]map[int32]kafka.Commit, error)
}

// State is how far a submission has come.
type State string

// The states, in their order.
const (
	Accepted  State = "accepted"  // in the log
	Buffered  State = "buffered"  // waiting to be written into the spreadsheet
	Delivered State = "delivered" // in the spreadsheet
)

// Fate is what is known of a submission.
type Fate struct {
	State State
	Stale bool // the brokers did not tell: it may have come further
}

// Options are what a programmer sets. Zero values take the defaults.
type Options struct {
	Fresh    time.Duration // how long an answer of the brokers is good for. Default 1 s
	TopicFor time.Duration // how long a topic's id is. Default 30 s
	Timeout  time.Duration // bounds what one look asks of the brokers. Default 2 s
	MaxForms int           // forms whose watermarks are remembered. Default form.MaxForms
	Now      func() time.Time
}

func (o *Options) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Fresh, time.Second)
	set(&o.TopicFor, 30*time.Second)
	set(&o.Timeout, 2*time.Second)
	if o.MaxForms <= 0 {
		o.MaxForms = form.MaxForms
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Teller tells fates. It is safe for concurrent use and has no goroutine of its own.
type Teller struct {
	admin func(context.Context) (Admin, error)
	opts  Options

	mu    sync.Mutex
	forms map[string]*watermarks
}

// New returns a Teller. admin gives who is to be asked now, such as a [kafka.Admin] on a client that is open; its error is
// one of the brokers.
func New(admin func(context.Context) (Admin, error), opts Options) *Teller {
	opts.setDefaults()
	return &Teller{admin: admin, opts: opts, forms: make(map[string]*watermarks)}
}

// State tells the fate of the receipt's submission. The error says why the fate is stale, for a log or a metric; the fate
// is as good as it can be all the same. It is the context's error only if that ended while the brokers were asked.
func (t *Teller) State(ctx context.Context, r submission.Receipt) (Fate, error) {
	if r.Offset < 0 {
		return Fate{State: Accepted}, nil
	}
	w := t.of(r.Form)
	err := w.refresh(ctx, func() error { return t.look(ctx, r.Form, w) }, t.opts)
	return Fate{State: w.state(r), Stale: err != nil}, err
}

// of returns the form's watermarks, and makes room for a form that is new.
func (t *Teller) of(form string) *watermarks {
	now := t.opts.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.forms[form]
	if w == nil {
		if len(t.forms) >= t.opts.MaxForms {
			t.forgetOldest()
		}
		w = &watermarks{}
		t.forms[form] = w
	}
	w.used = now
	return w
}

func (t *Teller) forgetOldest() {
	var oldest string
	for form, w := range t.forms {
		if oldest == "" || w.used.Before(t.forms[oldest].used) {
			oldest = form
		}
	}
	delete(t.forms, oldest)
}

var (
	errTopicMissing = errors.New("the topic does not exist")
	errUnfinished   = errors.New("the last look was not finished")
)

// look asks the brokers. It goes on when the one who asked has gone: others wait for the answer.
func (t *Teller) look(ctx context.Context, formID string, w *watermarks) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.opts.Timeout)
	defer cancel()
	admin, err := t.admin(ctx)
	if err != nil {
		return fmt.Errorf("look up receipts of form %s: %w", formID, err)
	}
	name := (&form.Form{ID: formID}).Topic()
	if now := t.opts.Now(); w.topicStale(now.Add(-t.opts.TopicFor)) {
		topics, err := admin.Topics(ctx, []string{name})
		topic, there := topics[name]
		switch {
		case there:
			w.learn(topic, now)
		case err != nil:
			return fmt.Errorf("look up receipts of form %s: %w", formID, err)
		default:
			return fmt.Errorf("look up receipts of form %s: %w", formID, errTopicMissing)
		}
	}
	commits, err := admin.Committed(ctx, Group, map[string][]int32{name: w.partitions()})
	if err != nil {
		return fmt.Errorf("look up receipts of form %s: %w", formID, err)
	}
	w.raise(commits[name])
	return nil
}

// watermarks are what is known of one form.
type watermarks struct {
	used time.Time // guarded by Teller.mu

	mu      sync.Mutex
	looking chan struct{} // closed when the look that is under way ends; nil: none is
	looked  time.Time     // when the last one ended
	err     error         // of the last one

	topicID string
	learned time.Time
	marks   []mark // by partition; they only rise while the topic is the same
}

type mark struct{ buffered, delivered int64 }

// refresh sees to it that the watermarks are fresh: one asks, all others wait for its answer. It returns why they are not.
func (w *watermarks) refresh(ctx context.Context, look func() error, opts Options) error {
	w.mu.Lock()
	if !w.looked.IsZero() && w.looking == nil && opts.Now().Sub(w.looked) < opts.Fresh {
		defer w.mu.Unlock()
		return w.err
	}
	if looking := w.looking; looking != nil {
		w.mu.Unlock()
		select {
		case <-looking:
		case <-ctx.Done():
			return fmt.Errorf("wait for the brokers: %w", context.Cause(ctx))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.err
	}
	w.looking = make(chan struct{})
	w.mu.Unlock()

	err := errUnfinished // nobody waits for ever for a look that panics
	defer func() { w.end(err, opts.Now()) }()
	err = look()
	return err
}

// end lets go who waits. The answer is fresh from now on, not from when it was asked for: brokers that hang are left alone
// in between.
func (w *watermarks) end(err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked, w.err = now, err
	close(w.looking)
	w.looking = nil
}

func (w *watermarks) topicStale(before time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.learned.IsZero() || w.learned.Before(before)
}

// learn takes the topic as it is now. Another topic of the same name begins again.
func (w *watermarks) learn(topic kafka.Topic, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if topic.ID != w.topicID {
		w.topicID, w.marks = topic.ID, nil
	}
	for len(w.marks) < len(topic.Start) {
		w.marks = append(w.marks, mark{})
	}
	w.learned = now
}

func (w *watermarks) partitions() []int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]int32, len(w.marks))
	for p := range all {
		all[p] = int32(p) //nolint:gosec // a broker counts partitions in int32
	}
	return all
}

// raise takes what was committed. A commit that speaks of another topic, or was not made by sheets-consumer, tells nothing.
func (w *watermarks) raise(commits map[int32]kafka.Commit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, commit := range commits {
		meta, err := buffer.ParseMetadata(commit.Metadata)
		if err != nil || meta.TopicID != w.topicID || int(p) >= len(w.marks) {
			continue
		}
		m := &w.marks[p]
		m.buffered, m.delivered = max(m.buffered, commit.Offset), max(m.delivered, meta.Delivered)
	}
}

func (w *watermarks) state(r submission.Receipt) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int(r.Partition) >= len(w.marks) {
		return Accepted
	}
	switch m := w.marks[r.Partition]; {
	case r.Offset < m.delivered:
		return Delivered
	case r.Offset < m.buffered:
		return Buffered
	default:
		return Accepted
	}
}
