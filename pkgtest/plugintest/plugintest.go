package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// Secret is part of every submission of [Bundle.Submit]. No plug-in may log it; [Bundle.Start] checks that.
const Secret = "an answer that nobody may log"

// Bundle is a form of its own on a Kafka, and a plug-in's name: nothing is shared with another test on the same brokers.
type Bundle struct {
	testing.TB
	Brokers []string
	Plugin  string // its name
	Forms   []string
	Config  plugin.Config // what Start uses; change it before

	producer *kafka.Producer
}

// New makes a bundle with this many forms. Topics are made by [Bundle.CreateTopics], or by what a test starts.
func New(t testing.TB, brokers []string, forms int) *Bundle {
	t.Helper()
	unique := fmt.Sprintf("t%x", time.Now().UnixNano())
	b := &Bundle{TB: t, Brokers: brokers, Plugin: unique, producer: kafkatest.NewProducer(t, brokers, kafka.ProducerOptions{})}
	for i := range forms {
		b.Forms = append(b.Forms, fmt.Sprintf("%s-%d", unique, i))
	}
	chassis.Defaults(&b.Config)
	b.Config.Kafka.Brokers, b.Config.Kafka.Linger = brokers, 0
	return b
}

// CreateTopics makes the topics of all forms, those of submissions and those of events.
func (b *Bundle) CreateTopics(partitions int32) {
	b.Helper()
	for _, id := range b.Forms {
		kafkatest.CreateTopic(b, b.Brokers, "forms."+id, partitions)
		kafkatest.CreateTopic(b, b.Brokers, "processed."+id, partitions)
	}
}

// Set returns the definitions of the bundle's forms.
func (b *Bundle) Set() *form.Set {
	b.Helper()
	var forms []*form.Form
	for _, id := range b.Forms {
		f, err := form.Parse(id+".yaml", []byte(Definition(id)), func(string) (string, bool) { return "", false })
		require.NoError(b, err)
		forms = append(forms, f)
	}
	set, err := form.NewSet(forms...)
	require.NoError(b, err)
	return set
}

// Definition is the YAML of a form with one text.
func Definition(id string) string {
	return fmt.Sprintf("id: %s\ntitle: T\nfields: [{name: text, type: text}]\n", id)
}

// Submit stores n submissions of a form and returns their ids.
func (b *Bundle) Submit(formID string, n int) (ids []string) {
	b.Helper()
	for range n {
		ids = append(ids, b.Put(formID, fmt.Sprintf(`{"text":%q}`, Secret)))
	}
	return ids
}

// Put stores one submission with these answers and returns its id.
func (b *Bundle) Put(formID, data string) (id string) {
	b.Helper()
	s := submission.Submission{ID: submission.NewID(), Form: formID, ReceivedAt: time.Now().UTC(), Data: []byte(data)}
	b.Produce("forms."+formID, s.ID, s.Headers(), s.Data)
	return s.ID
}

// Produce stores any record.
func (b *Bundle) Produce(topic, key string, headers []submission.Header, value []byte) {
	b.Helper()
	_, _, err := b.producer.Produce(kafkatest.Context(b), topic, []byte(key), headers, value)
	require.NoError(b, err)
}

// Event is a record of a topic processed.{form}.
type Event struct {
	Key     string
	Headers map[string]string
	Data    string
}

// Events returns all events about a form.
func (b *Bundle) Events(formID string) (events []Event) {
	b.Helper()
	for _, r := range kafkatest.Records(b, b.Brokers, "processed."+formID) {
		e := Event{Key: string(r.Key), Headers: map[string]string{}, Data: string(r.Value)}
		for _, h := range r.Headers {
			e.Headers[h.Key] = string(h.Value)
		}
		events = append(events, e)
	}
	return events
}

// Subjects counts the events about a form by submission.
func (b *Bundle) Subjects(formID string) map[string]int {
	b.Helper()
	counts := map[string]int{}
	for _, e := range b.Events(formID) {
		counts[e.Headers["ce_subject"]]++
	}
	return counts
}

// Committed returns what the plug-in's group has committed of a form, by partition, and where the log ends.
func (b *Bundle) Committed(formID string) (offsets, ends []int64) {
	b.Helper()
	ctx, admin, topic := kafkatest.Context(b), kafkatest.NewAdmin(b, b.Brokers), "forms."+formID
	topics, err := admin.Topics(ctx, []string{topic})
	require.NoError(b, err)
	ends = topics[topic].End
	var partitions []int32
	for p := range ends {
		partitions = append(partitions, int32(p)) //nolint:gosec // a broker counts partitions in int32
	}
	var commits map[string]map[int32]kafka.Commit
	kafkatest.WaitUntil(b, func() bool { // a broker that has just started does not know its groups at once
		commits, err = admin.Committed(ctx, "formstream."+b.Plugin, map[string][]int32{topic: partitions})
		return err == nil
	}, "an answer about the group")
	offsets = make([]int64, len(ends))
	for p, commit := range commits[topic] {
		offsets[p] = commit.Offset
	}
	return offsets, ends
}

// WaitDone waits until the group has committed all that a form's log has.
func (b *Bundle) WaitDone(formID string) {
	b.Helper()
	kafkatest.WaitUntil(b, func() bool {
		offsets, ends := b.Committed(formID)
		return fmt.Sprint(offsets) == fmt.Sprint(ends)
	}, "everything committed")
}

// Running is a plug-in in this process.
type Running struct {
	Log     *Log
	Health  *chassis.Health
	Metrics *prometheus.Registry

	t     testing.TB
	stop  context.CancelFunc
	ended chan error
	once  sync.Once
}

// Start runs a plug-in with this handler; it ends with the test at the latest.
func (b *Bundle) Start(handler plugin.Handler) *Running {
	b.Helper()
	return b.StartApp(func(deps chassis.Deps) (*plugin.App, error) {
		return plugin.New(b.Plugin, b.Config, b.Set(), deps, handler)
	})
}

// StartApp runs a plug-in that newApp makes.
func (b *Bundle) StartApp(newApp func(chassis.Deps) (*plugin.App, error)) *Running {
	b.Helper()
	r := &Running{t: b, Log: &Log{}, Health: chassis.NewHealth(), Metrics: prometheus.NewRegistry(), ended: make(chan error, 1)}
	app, err := newApp(chassis.Deps{
		Log:     slog.New(slog.NewJSONHandler(r.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: r.Metrics, Health: r.Health, Version: "test", Stdout: io.Discard,
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- app.Run(ctx) }()
	b.Cleanup(func() {
		r.End()
		if b.Failed() {
			b.Log(r.Log.String())
		}
	})
	return r
}

// Stop tells the plug-in to end and does not wait.
func (r *Running) Stop() { r.stop() }

// End ends the plug-in and waits until it has. What it logged must not hold what was submitted.
func (r *Running) End() {
	r.t.Helper()
	r.once.Do(func() {
		r.stop()
		require.NoError(r.t, <-r.ended)
		require.NotContains(r.t, r.Log.String(), Secret)
	})
}

// WaitReady waits until the plug-in says that it is.
func (r *Running) WaitReady() {
	r.t.Helper()
	kafkatest.WaitUntil(r.t, func() bool { return r.Health.Ready(context.Background()) == nil }, "ready")
}

// Metric returns the sum of a metric's series that have all these label values; of a histogram, how much was observed.
func (r *Running) Metric(name string, labels ...string) (sum float64) {
	r.t.Helper()
	families, err := r.Metrics.Gather()
	require.NoError(r.t, err)
	for _, family := range families {
		if family.GetName() != "formstream_plugin_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if containsAll(values, labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func containsAll(values, wanted []string) bool {
	all := "\x00" + strings.Join(values, "\x00") + "\x00"
	for _, w := range wanted {
		if !strings.Contains(all, "\x00"+w+"\x00") {
			return false
		}
	}
	return true
}

// Log is a log that is written to while a test reads it.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Lines returns the lines that hold all of texts.
func (l *Log) Lines(texts ...string) (lines []string) {
line:
	for line := range strings.Lines(l.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue line
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// Echo is a handler that returns one event for each submission, and remembers what it was called with.
type Echo struct {
	Fail func(s submission.Submission, call int) error // nil: never; call counts from 1
	mu   sync.Mutex
	ids  []string
	n    atomic.Int64
}

// Handle is the handler.
func (e *Echo) Handle(_ context.Context, s submission.Submission) ([]plugin.Event, error) {
	call := int(e.n.Add(1))
	e.mu.Lock()
	e.ids = append(e.ids, s.ID)
	e.mu.Unlock()
	if e.Fail != nil {
		if err := e.Fail(s, call); err != nil {
			return nil, err
		}
	}
	return []plugin.Event{{Type: "test.echo.v1", Data: map[string]string{"form": s.Form}}}, nil
}

// IDs are the submissions that Handle was called with, in order.
func (e *Echo) IDs() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.ids...)
}

// Calls is how often Handle was called.
func (e *Echo) Calls() int { return int(e.n.Load()) }
