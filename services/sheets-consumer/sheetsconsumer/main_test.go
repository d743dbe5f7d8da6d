package sheetsconsumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/buffertest"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// asService is set where the test binary is started to be the service itself, so that it can be killed.
const asService = "SHEETS_CONSUMER_TEST_SERVICE"

// The leftovers are Sarama's libraries': one ticker for all meters of the process, and breakers that close by themselves.
func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(asService); ok {
		os.Exit(service(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m, kafkatest.Leftovers()...)
}

// service is the command, as in main.go, with an empty environment.
func service(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cfg Config
	none := func(string) (string, bool) { return "", false }
	return chassis.Run(ctx, "sheets-consumer", args, none, stdout, stderr, &cfg, func(ctx context.Context, deps chassis.Deps) error {
		forms, err := form.LoadDir(cfg.Forms, none)
		if err != nil {
			return err
		}
		app, err := New(cfg, forms, deps)
		if err != nil {
			return err
		}
		return app.Run(ctx)
	})
}

const (
	demo       = "demo"
	demoTopic  = "forms.demo"
	otherTopic = "forms.other"
	secret     = "an answer that nobody may log"
)

var epoch = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// testForms are these forms, or else two with a spreadsheet and one without, which nobody here reads.
func testForms(t testing.TB, ids ...string) *form.Set {
	t.Helper()
	if len(ids) == 0 {
		ids = []string{demo, "other", "unsunk"}
	}
	var forms []*form.Form
	for _, id := range ids {
		f, err := form.Parse(id+".yaml", []byte(definition(id)), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		forms = append(forms, f)
	}
	set, err := form.NewSet(forms...)
	require.NoError(t, err)
	return set
}

func definition(id string) string {
	src := fmt.Sprintf("id: %s\ntitle: T\nfields: [{name: text, type: text}]\n", id)
	if id != "unsunk" {
		src += "sinks: {sheets: {spreadsheet: S, tab: " + id + "}}\n"
	}
	return src
}

// fakeLog is a Kafka that says what the test wants.
type fakeLog struct {
	topics  map[string]kafka.Topic
	commits map[string]map[int32]kafka.Commit
	err     error
}

func (l *fakeLog) Topics(_ context.Context, names []string) (map[string]kafka.Topic, error) {
	out := map[string]kafka.Topic{}
	for _, name := range names {
		if t, ok := l.topics[name]; ok {
			out[name] = t
		}
	}
	return out, l.err
}

func (l *fakeLog) Committed(_ context.Context, group string, _ map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
	if group != Group {
		return nil, fmt.Errorf("group %q", group)
	}
	return l.commits, nil
}

// fakeMarks takes marks as Sarama's session does; count tells how many calls changed something.
type fakeMarks struct {
	at    map[int32]kafka.Commit
	count int
}

func (m *fakeMarks) MarkOffset(_ string, partition int32, offset int64, metadata string) {
	if c, ok := m.at[partition]; !ok || offset > c.Offset {
		m.at[partition] = kafka.Commit{Offset: offset, Metadata: metadata}
	}
	m.count++
}

func (m *fakeMarks) ResetOffset(_ string, partition int32, offset int64, metadata string) {
	if c, ok := m.at[partition]; ok && offset <= c.Offset {
		m.at[partition] = kafka.Commit{Offset: offset, Metadata: metadata}
	}
}

// fakeBuffer is the twin; it does not answer, or refuses a form, when the test wants that.
type fakeBuffer struct {
	*buffertest.Twin
	err     error
	refused string // a form
	calls   int
}

func (b *fakeBuffer) Add(ctx context.Context, reqs ...buffer.AddRequest) ([]buffer.AddAnswer, error) {
	b.calls++
	if b.err != nil {
		return nil, b.err
	}
	answers, err := b.Twin.Add(ctx, reqs...)
	for i, r := range reqs {
		if r.Form == b.refused {
			answers[i] = buffer.AddAnswer{Err: errors.New("WRONGTYPE")}
		}
	}
	return answers, err
}

// testBundle is a keeper over a log of one topic with one partition, offsets 0 to 10, and an empty buffer.
type testBundle struct {
	*testing.T
	keeper   *Keeper
	log      *fakeLog
	buffer   *fakeBuffer
	marks    *fakeMarks
	now      int64
	out      *syncBuffer
	registry *prometheus.Registry
}

func setup(t *testing.T, limits buffer.Limits) *testBundle {
	b := &testBundle{T: t, now: epoch.Add(time.Hour).UnixMilli(), out: &syncBuffer{}, registry: prometheus.NewRegistry()}
	b.log = &fakeLog{topics: map[string]kafka.Topic{demoTopic: {ID: "t1", Start: []int64{0}, End: []int64{10}}}}
	b.buffer = &fakeBuffer{Twin: buffertest.NewTwin(func() int64 { return b.now }, limits)}
	b.marks = &fakeMarks{at: map[int32]kafka.Commit{}}
	b.keeper = &Keeper{
		Forms: map[string]string{demoTopic: demo, otherTopic: "other"}, Log: b.log, Buffer: b.buffer,
		Logger: slog.New(slog.NewJSONHandler(b.out, nil)), Metrics: NewMetrics(b.registry),
	}
	return b
}

// topic sets what the log says of the one partition.
func (b *testBundle) topic(id string, start, end int64) {
	b.log.topics[demoTopic] = kafka.Topic{ID: id, Start: []int64{start}, End: []int64{end}}
}

// commit sets what the group has committed of the one partition.
func (b *testBundle) commit(offset int64, metadata string) {
	b.log.commits = map[string]map[int32]kafka.Commit{demoTopic: {0: {Offset: offset, Metadata: metadata}}}
}

// claim sets the one partition up.
func (b *testBundle) claim() *Claim {
	b.Helper()
	claims, err := b.keeper.Setup(b.Context(), b.marks, map[string][]int32{demoTopic: {0}})
	require.NoError(b, err)
	require.Len(b, claims, 1)
	return claims[0]
}

func (b *testBundle) add(c *Claim, msgs ...Message) Verdict {
	b.Helper()
	v, err := c.Add(b.Context(), b.marks, msgs)
	require.NoError(b, err)
	return v
}

// state is the one partition as the buffer has it.
func (b *testBundle) state() buffer.PartitionState {
	b.Helper()
	peeks, err := b.buffer.Peek(b.Context(), []string{demo}, []int{1})
	require.NoError(b, err)
	return peeks[0].Partitions[0]
}

// entries are the one partition's, as "offset kind width".
func (b *testBundle) entries() (out []string) {
	b.Helper()
	a, err := b.buffer.Plan(b.Context(), buffer.PlanRequest{Form: demo, TopicID: b.log.topics[demoTopic].ID, Vector: []int64{b.state().Delivered}, Limit: 1000})
	require.NoError(b, err)
	for _, e := range a.Entries {
		out = append(out, fmt.Sprintf("%d %c %d", e.Offset, e.Kind, e.Width))
	}
	return out
}

// deliver says that the spreadsheet has everything below offset.
func (b *testBundle) deliver(offset int64) {
	b.Helper()
	require.NoError(b, b.buffer.Release(b.Context(), demo, b.log.topics[demoTopic].ID, []int64{offset}, "S"))
}

func (b *testBundle) count(name string, labels ...string) float64 {
	b.Helper()
	return metric(b, b.registry, name, labels...)
}

// metric returns the sum of a metric's series that have all these label values.
func metric(t testing.TB, registry *prometheus.Registry, name string, labels ...string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != "formstream_consumer_"+name {
			continue
		}
	series:
		for _, m := range family.GetMetric() {
			values := map[string]bool{}
			for _, l := range m.GetLabel() {
				values[l.GetValue()] = true
			}
			for _, want := range labels {
				if !values[want] {
					continue series
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// message is a record of the form demo.
func message0(offset int64) Message { return newMessage(offset, demo, submission.NewID()) }

func newMessage(offset int64, formID, id string) Message {
	s := submission.Submission{ID: id, Form: formID, ReceivedAt: epoch.Add(time.Duration(offset) * time.Second), Data: []byte(`{"text":"` + secret + `"}`)}
	return Message{Offset: offset, Time: s.ReceivedAt.UnixMilli(), Key: []byte(id), Headers: s.Headers(), Value: s.Data}
}

// messages are those from offset from to before offset to.
func messages(from, to int64) (out []Message) {
	for ; from < to; from++ {
		out = append(out, message0(from))
	}
	return out
}

// syncBuffer is a log that is written to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lines counts the lines that hold text.
func (b *syncBuffer) lines(text string) (n int) {
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
