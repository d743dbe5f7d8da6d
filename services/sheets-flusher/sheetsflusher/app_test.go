package sheetsflusher

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
)

var update = flag.Bool("update", false, "write the golden files anew")

// suite is the whole way from the log to the spreadsheet: broker, Redis and emulator in the process.
type suite struct {
	*testBundle
	kafka    *kafkatest.Cluster
	redis    string
	buffer   *buffer.Store
	producer *kafka.Producer
	set      *form.Set
}

func newSuite(t *testing.T) *suite {
	s := &suite{testBundle: setup(t), kafka: kafkatest.Start(t, kafkatest.Topics(2, "forms.demo", "forms.other"))}
	server, rdb := redistest.Mini(t)
	s.redis, s.buffer = server.Addr(), buffer.New(rdb, buffer.Options{})
	s.producer = kafkatest.NewProducer(t, s.kafka.Brokers(), kafka.ProducerOptions{})
	var err error
	s.set, err = form.NewSet(s.forms...)
	require.NoError(t, err)
	return s
}

func deps() chassis.Deps {
	return chassis.Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Health: chassis.NewHealth(), Version: "test", Stdout: io.Discard}
}

func (s *suite) config(args ...string) Config {
	s.Helper()
	var cfg Config
	args = append([]string{"-brokers", s.kafka.Brokers()[0], "-redis", s.redis, "-endpoint", s.apiURL, "-settle", "0s"}, args...)
	require.NoError(s, chassis.Load(&cfg, args, noEnv))
	return cfg
}

func noEnv(string) (string, bool) { return "", false }

// consume runs a sheets-consumer until the test ends.
func (s *suite) consume() {
	s.Helper()
	var cfg sheetsconsumer.Config
	require.NoError(s, chassis.Load(&cfg, []string{"-brokers", s.kafka.Brokers()[0], "-redis", s.redis}, noEnv))
	app, err := sheetsconsumer.New(cfg, s.set, deps())
	require.NoError(s, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	s.Cleanup(func() {
		stop()
		require.NoError(s, <-ended)
	})
}

// produce stores submissions as form-api does, and returns their ids.
func (s *suite) produce(id string, n int) (ids []string) {
	s.Helper()
	for range n {
		x := submission.Submission{ID: submission.NewID(), Form: id, ReceivedAt: time.Now().UTC(), Data: []byte(`{"name":"Ada"}`)}
		_, _, err := s.producer.Produce(kafkatest.Context(s), "forms."+id, []byte(x.ID), x.Headers(), x.Data)
		require.NoError(s, err)
		ids = append(ids, x.ID)
	}
	return ids
}

// buffered waits until so many entries of a form wait in the buffer.
func (s *suite) buffered(id string, n int64) {
	s.Helper()
	kafkatest.WaitUntil(s, func() bool {
		peeks, err := s.buffer.Peek(s.Context(), []string{id}, []int{2})
		require.NoError(s, err)
		return peeks[0].Partitions[0].Entries+peeks[0].Partitions[1].Entries == n
	}, "entries in the buffer")
}

// runApp runs the service until it ends by itself.
func (s *suite) runApp(args ...string) error {
	s.Helper()
	app, err := New(s.config(args...), s.set, deps())
	require.NoError(s, err)
	return app.Run(s.Context())
}

func TestApp_oneRun_everySubmissionIsInTheSheetOnce(t *testing.T) {
	s := newSuite(t)
	s.consume()
	demo, other := s.produce("demo", 150), s.produce("other", 7)
	s.buffered("demo", 150)
	s.buffered("other", 7)
	require.NoError(t, s.runApp())
	require.ElementsMatch(t, demo, s.ids("Demo"))
	require.ElementsMatch(t, other, s.ids("Other"))
	rows := s.rows("Demo")[1:]
	require.True(t, slices.IsSortedFunc(rows, func(a, b []string) int { return bytes.Compare([]byte(a[0]), []byte(b[0])) }))
	s.buffered("demo", 0)
	require.NoError(t, s.runApp(), "nothing to write")
	require.Len(t, s.ids("Demo"), 150)
}

func TestApp_interval_runsAgainAndAgain(t *testing.T) {
	s := newSuite(t)
	s.consume()
	d := deps()
	app, err := New(s.config("-interval", "20ms"), s.set, d)
	require.NoError(t, err)
	require.Error(t, d.Health.Ready(t.Context()), "not ready before the first run")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	var ids []string
	for range 3 {
		ids = append(ids, s.produce("demo", 5)...)
		kafkatest.WaitUntil(t, func() bool { return len(s.ids("Demo")) >= len(ids) }, "rows")
	}
	require.NoError(t, d.Health.Ready(t.Context()))
	stop()
	require.NoError(t, <-ended)
	require.ElementsMatch(t, ids, s.ids("Demo"))
}

func TestApp_resume_endsAPark(t *testing.T) {
	s := newSuite(t)
	s.consume()
	first := s.produce("demo", 1)
	s.buffered("demo", 1)
	require.NoError(t, s.runApp())
	s.edit(sheet.Hold(s.state().Fences[0], []string{"demo"}).Requests...)
	second := s.produce("demo", 1)
	s.buffered("demo", 1)
	require.NoError(t, s.runApp(), "a park is no error")
	require.Equal(t, first, s.ids("Demo"))
	require.NoError(t, s.runApp("-resume", "demo", "-interval", "10s"), "-resume ends, -interval or not")
	require.ErrorContains(t, s.runApp("-resume", "demo"), "not parked by anything that -resume ends")
	require.NoError(t, s.runApp())
	require.Equal(t, append(first, second...), s.ids("Demo"))
}

func TestNew_resumeOfAFormThatIsNotThere_isRefused(t *testing.T) {
	set, err := form.NewSet(newForm(t, "demo", "Demo"))
	require.NoError(t, err)
	_, err = New(Config{Config: chassis.Config{Forms: "forms"}, Resume: "missing"}, set, deps())
	require.ErrorContains(t, err, "there is no such form with a spreadsheet in forms")
}

func TestApp_noFormWithASpreadsheet_endsAtOnce(t *testing.T) {
	set, err := form.NewSet()
	require.NoError(t, err)
	app, err := New(Config{}, set, deps())
	require.NoError(t, err)
	require.NoError(t, app.Run(t.Context()))

	d := deps()
	app, err = New(Config{Interval: time.Second}, set, d)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	kafkatest.WaitUntil(t, func() bool { return d.Health.Ready(t.Context()) == nil }, "ready")
	stop()
	require.NoError(t, <-ended, "a loop stays until it is told to end")
}

func TestApp_awayStores_oneRunSaysWhich(t *testing.T) {
	s := newSuite(t)
	require.ErrorContains(t, s.runApp("-redis", "127.0.0.1:1"), "127.0.0.1:1")
	require.ErrorContains(t, s.runApp("-brokers", "127.0.0.1:1"), "127.0.0.1:1")
	require.NoError(t, s.runApp("-endpoint", "http://127.0.0.1:1"), "nothing to write: Sheets is not asked")
}

func TestApp_moreFormsThanMetadataHolds_isRefusedWithTheRemedy_inALoopToo(t *testing.T) {
	s := newSuite(t)
	var forms []*form.Form
	for i := range 150 {
		forms = append(forms, newForm(t, fmt.Sprintf("a-form-of-many-%03d", i), fmt.Sprint("Tab ", i)))
	}
	var err error
	s.set, err = form.NewSet(forms...)
	require.NoError(t, err)
	for _, args := range [][]string{nil, {"-interval", "10s"}} {
		err := s.runApp(args...)
		var wrong *chassis.Problem
		require.ErrorAs(t, err, &wrong)
		require.ErrorContains(t, err, "the 150 forms of spreadsheet book may need ")
		require.ErrorContains(t, err, "move some of them to another spreadsheet")
	}
}

func TestCheckMetadata_brokersAway_isAnErrorToTryAgain(t *testing.T) {
	b := setup(t)
	b.brokers.err = errors.New("brokers away")
	set, err := form.NewSet(b.forms...)
	require.NoError(t, err)
	app, err := New(Config{}, set, deps())
	require.NoError(t, err)
	_, err = app.writers(t.Context(), b.ports)
	require.ErrorContains(t, err, "brokers away")
}

// Two flushers, any number of them, at the same time.
func TestTwoWriters_eachRowOnce(t *testing.T) {
	b := setup(t)
	_, rdb := redistest.Mini(t)
	clock := newClock()
	clock.advance(time.Hour)
	store := buffer.New(rdb, buffer.Options{Now: func() int64 { return clock.Now().UnixMilli() }})
	want := map[string][]string{}
	for _, f := range b.forms {
		for p := range int32(2) {
			var records []buffer.Record
			for o := range int64(60) {
				id := fmt.Sprintf("%s-%d-%02d", f.ID, p, o)
				at := start.Add(time.Duration(o) * time.Second)
				records = append(records, buffer.Record{Offset: o, ReceivedAt: at.UnixMilli(), Time: at.UnixMilli(),
					Data: buffer.EncodeData(submission.Submission{ID: id, Form: f.ID, ReceivedAt: at, Data: []byte(`{}`)})})
				want[f.ID] = append(want[f.ID], id)
			}
			_, err := store.Add(t.Context(), buffer.AddRequest{Form: f.ID, TopicID: topic, Partition: p, Records: records})
			require.NoError(t, err)
		}
		b.brokers.topics[f.Topic()] = kafka.Topic{ID: topic, Start: []int64{0, 0}, End: []int64{60, 60}}
	}
	clock.advance(time.Minute)
	b.set.Rows = 5
	var all sync.WaitGroup
	flushes := make([]int, 3)
	for i := range flushes {
		p := b.ports
		p.Buffer, p.Clock, p.Quota, p.Metrics, p.Nonce = store, newClock(), &fakeQuota{}, NewMetrics(nil), nonce
		p.Brokers = &fakeBrokers{topics: b.brokers.topics}
		w := NewWriter(p, b.set, book, b.forms)
		all.Go(func() {
			for {
				r, err := w.Run(t.Context())
				flushes[i] += r.Flushes
				if len(r.Parked) > 0 || err != nil && !errors.Is(err, errNoProgress) {
					t.Errorf("flusher %d: parked %v, %v", i, r.Parked, err)
					return
				}
				if err == nil && !r.More {
					return // the buffer has nothing more
				}
			}
		})
	}
	all.Wait()
	require.ElementsMatch(t, want["demo"], b.ids("Demo"))
	require.ElementsMatch(t, want["other"], b.ids("Other"))
	t.Logf("flushes of each: %v", flushes)
}

func TestNonce_isNewEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := nonce()
		require.Len(t, n, sheet.NonceLength)
		require.False(t, seen[n])
		seen[n] = true
	}
}

func TestWall_sleepEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to end")
	cancel(why)
	require.ErrorIs(t, wall{}.Sleep(ctx, time.Hour), why)
	require.NoError(t, wall{}.Sleep(t.Context(), -time.Second))
}

// command runs the service's command with these arguments.
func command(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	var cfg Config
	code = chassis.Run(context.Background(), "sheets-flusher", args, noEnv, &out, &errs, &cfg, func(context.Context, chassis.Deps) error { return nil })
	return code, out.String(), errs.String()
}

func TestCommand_helpAndConfigPrint(t *testing.T) {
	for name, args := range map[string][]string{
		"help.txt":          {"-help"},
		"config-print.yaml": {"-brokers", "kafka:9092", "-redis", "redis:6379", "-interval", "10s", "-credentials", "key.json", "-redis-password", "secret", "-config-print"},
	} {
		code, out, _ := command(args...)
		require.Zero(t, code)
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(out), 0o600))
		}
		want, err := os.ReadFile(path) //nolint:gosec // a name of this package's tests
		require.NoError(t, err)
		require.Equal(t, string(want), out, "if the change is meant: go test ./sheetsflusher -update")
	}
}

func TestCommand_wrongSettings_areAllNamed(t *testing.T) {
	code, _, errs := command("-interval", "2h", "-settle", "-1s", "-endpoint", "http://127.0.0.1:1", "-credentials", "key.json")
	require.NotZero(t, code)
	for _, says := range []string{
		"-brokers: is not set", "-redis: is not set", `-interval "2h0m0s" (flag): must be from 0s to 1h`, `-settle "-1s" (flag): must be from 0s to 1m`,
		`-credentials "key.json" (flag): are for Google: leave them out, or leave out -endpoint`,
	} {
		require.Contains(t, errs, says)
	}
}

func TestConfig_defaults(t *testing.T) {
	var cfg Config
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers", "kafka:9092", "-redis", "redis:6379"}, noEnv))
	require.Zero(t, cfg.Interval, "one run, for a CronJob")
	require.Equal(t, 2*time.Second, cfg.Settle)
}
