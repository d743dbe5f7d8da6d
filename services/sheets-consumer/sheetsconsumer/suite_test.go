package sheetsconsumer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/pkgtest/servers"
)

// suite is a Kafka, a Redis and what was produced.
type suite struct {
	*testing.T
	kafka    kafkatest.Log
	redis    server
	rdb      redis.UniversalClient
	store    *buffer.Store
	producer *kafka.Producer
	admin    *kafka.Admin
	shutdown time.Duration // 0: the default
}

// server is a Redis, in the process or real.
type server interface {
	config() chassis.Redis
	goAway()   // with all it knows, or without: a consumer may count on neither
	comeBack() // at the same address
}

// everywhere runs a test on a Kafka and a Redis in the process, and then on real ones, for which it has to wait its turn.
// There are these topics, or those of both forms, with so many partitions each.
func everywhere(t *testing.T, partitions int32, test func(*suite), topics ...string) {
	t.Parallel()
	if len(topics) == 0 {
		topics = []string{demoTopic, otherTopic}
	}
	t.Run("in process", func(t *testing.T) {
		test(newSuiteOn(t, kafkatest.Start(t, kafkatest.Topics(partitions, topics...)), newMini(t)))
	})
	t.Run("real", func(t *testing.T) { test(realSuite(t, realServer{redistest.Start(t), t}, partitions, topics...)) })
}

// realSuite waits until it is this test's turn.
func realSuite(t *testing.T, redis server, partitions int32, topics ...string) *suite {
	s := newSuiteOn(t, kafkatest.Real(t), redis)
	for _, topic := range topics {
		kafkatest.CreateTopic(t, s.kafka.Brokers(), topic, partitions)
	}
	return s
}

func newSuiteOn(t *testing.T, log kafkatest.Log, server server) *suite {
	rdb, err := buffer.Dial(server.config())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	s := &suite{T: t, kafka: log, redis: server, rdb: rdb, store: buffer.New(rdb, buffer.Options{})}
	s.producer = kafkatest.NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
	s.admin = kafkatest.NewAdmin(t, log.Brokers())
	return s
}

func newMini(t *testing.T) server {
	mini, _ := redistest.Mini(t)
	return miniServer{mini, t}
}

type miniServer struct {
	*miniredis.Miniredis
	t *testing.T
}

func (m miniServer) config() chassis.Redis { return chassis.Redis{Addrs: []string{m.Addr()}} }
func (m miniServer) goAway()               { m.Close() }
func (m miniServer) comeBack()             { require.NoError(m.t, m.Restart()) }

type realServer struct {
	*servers.Redis
	t *testing.T
}

func (r realServer) config() chassis.Redis { return chassis.Redis{Addrs: []string{r.Addr}} }
func (r realServer) goAway()               { r.Kill() }
func (r realServer) comeBack()             { require.NoError(r.t, r.Start(r.t.Context())) }

// sentinelServer is a master with a replica: it goes away with the master and comes back with the replica.
type sentinelServer struct {
	*servers.Sentinel
	t *testing.T
}

func newSentinel(t *testing.T) sentinelServer {
	sentinel, _ := redistest.Sentinel(t)
	return sentinelServer{sentinel, t}
}

func (x sentinelServer) config() chassis.Redis {
	return chassis.Redis{Addrs: x.Addrs, Sentinel: chassis.Sentinel{Master: servers.SentinelMaster}}
}

func (x sentinelServer) goAway() { x.Servers[0].Kill() }

func (x sentinelServer) comeBack() {
	_, err := x.AwaitMaster(kafkatest.Context(x.t), x.Servers[0])
	require.NoError(x.t, err)
}

// running is one App.
type running struct {
	app      *App
	deps     chassis.Deps
	out      *syncBuffer
	registry *prometheus.Registry
	stop     context.CancelFunc
	ended    chan error
}

// flags are what the service is started with.
func (s *suite) flags() []string {
	flags := []string{"-brokers", strings.Join(s.kafka.Brokers(), ","), "-redis", strings.Join(s.redis.config().Addrs, ",")}
	if master := s.redis.config().Sentinel.Master; master != "" {
		flags = append(flags, "-redis-sentinel-master", master)
	}
	return flags
}

func (s *suite) config() (cfg Config) {
	s.Helper()
	require.NoError(s, chassis.Load(&cfg, s.flags(), func(string) (string, bool) { return "", false }))
	if s.shutdown > 0 {
		cfg.ShutdownTimeout = s.shutdown
	}
	return cfg
}

// start starts an App, which ends with the test at the latest. It knows these forms, or all of testForms.
func (s *suite) start(forms ...string) *running {
	s.Helper()
	r := &running{out: &syncBuffer{}, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	r.deps = chassis.Deps{
		Log: slog.New(slog.NewJSONHandler(r.out, nil)), Metrics: r.registry, Health: chassis.NewHealth(), Version: "test", Stdout: io.Discard,
	}
	var err error
	r.app, err = New(s.config(), testForms(s, forms...), r.deps)
	require.NoError(s, err)
	r.app.refresh = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- r.app.Run(ctx) }()
	s.Cleanup(func() {
		_ = r.end()
		if s.Failed() {
			s.Log(r.out.String())
		}
	})
	return r
}

// end stops the App and returns what Run returned, once.
func (r *running) end() error {
	r.stop()
	if r.ended == nil {
		return nil
	}
	err := <-r.ended
	r.ended = nil
	return err
}

func (r *running) ready() bool { return r.deps.Health.Ready(context.Background()) == nil }

func (s *suite) waitReady(r *running) {
	s.Helper()
	kafkatest.WaitUntil(s, r.ready, "ready")
}

// produce stores n submissions of a form.
func (s *suite) produce(form string, n int) {
	s.Helper()
	for range n {
		s.put(form, submission.NewID())
	}
}

func (s *suite) put(form, id string) {
	s.Helper()
	x := newSubmission(form, id)
	_, _, err := s.producer.Produce(kafkatest.Context(s), "forms."+form, []byte(x.ID), x.Headers(), x.Data)
	require.NoError(s, err)
}

func newSubmission(form, id string) submission.Submission {
	return submission.Submission{ID: id, Form: form, ReceivedAt: time.Now().UTC(), Data: []byte(`{"text":"` + secret + `"}`)}
}

func (s *suite) topic(form string) kafka.Topic {
	s.Helper()
	topics, err := s.admin.Topics(kafkatest.Context(s), []string{"forms." + form})
	require.NoError(s, err)
	return topics["forms."+form]
}

// empty lets Redis lose all it has.
func (s *suite) empty() {
	s.Helper()
	require.NoError(s, s.rdb.FlushAll(kafkatest.Context(s)).Err())
}

// behind tells what the buffer lacks of the log from delivered on; empty: nothing, and each partition is in order.
func (s *suite) behind(form string, delivered ...int64) string {
	s.Helper()
	t := s.topic(form)
	vector := make([]int64, len(t.End))
	copy(vector, delivered)
	a, err := s.store.Plan(kafkatest.Context(s), buffer.PlanRequest{Form: form, TopicID: t.ID, Vector: vector, Limit: 1_000_000})
	if err != nil {
		return err.Error()
	}
	next := slices.Clone(vector)
	for _, e := range a.Entries {
		if e.Offset != next[e.Partition] || e.Kind != buffer.KindData {
			return fmt.Sprintf("partition %d: offset %d %c after %d", e.Partition, e.Offset, e.Kind, next[e.Partition])
		}
		next[e.Partition]++
	}
	if !slices.Equal(next, t.End) {
		return fmt.Sprintf("%s: buffered %v, log %v", a.Status, next, t.End)
	}
	return ""
}

// waitWhole waits until the buffer holds the log, and compares the two id by id.
func (s *suite) waitWhole(form string, delivered ...int64) {
	s.Helper()
	why := ""
	kafkatest.WaitUntil(s, func() bool {
		if now := s.behind(form, delivered...); now != why {
			why = now
			s.Logf("%s", why)
		}
		return why == ""
	}, "the buffer to hold all of form "+form)
	require.Equal(s, s.logged(form, delivered...), s.buffered(form))
}

// logged returns "partition/offset id" of each record from delivered on.
func (s *suite) logged(form string, delivered ...int64) (out []string) {
	s.Helper()
	for _, r := range kafkatest.Records(s, s.kafka.Brokers(), "forms."+form) {
		if int(r.Partition) >= len(delivered) || r.Offset >= delivered[r.Partition] {
			out = append(out, fmt.Sprintf("%d/%06d %s", r.Partition, r.Offset, r.Key))
		}
	}
	slices.Sort(out)
	return out
}

// buffered returns the same of the buffer.
func (s *suite) buffered(form string) (out []string) {
	s.Helper()
	for p := range s.topic(form).End {
		members, err := s.rdb.ZRange(kafkatest.Context(s), fmt.Sprintf("formstream:{%s}:buf:%d", form, p), 0, -1).Result()
		require.NoError(s, err)
		for _, m := range members {
			e, err := buffer.ParseMember(int32(p), 0, m)
			require.NoError(s, err)
			x, err := buffer.DecodeData(form, e.Data)
			require.NoError(s, err)
			out = append(out, fmt.Sprintf("%d/%06d %s", p, e.Offset, x.ID))
		}
	}
	slices.Sort(out)
	return out
}

// committed returns what the group has committed of each partition of a form.
func (s *suite) committed(form string) map[int32]kafka.Commit {
	s.Helper()
	var partitions []int32
	for p := range s.topic(form).End {
		partitions = append(partitions, int32(p))
	}
	got, err := s.admin.Committed(kafkatest.Context(s), Group, map[string][]int32{"forms." + form: partitions})
	require.NoError(s, err)
	return got["forms."+form]
}

// members counts the group's.
func (s *suite) members() int { return len(s.group().Members) }

// owned tells, for each member of the group, the partitions that it has, "forms.demo/0"; nil while the group rebalances.
func (s *suite) owned() map[string][]string {
	s.Helper()
	group := s.group()
	if group.State != "Stable" {
		return nil
	}
	owned := map[string][]string{}
	for id, m := range group.Members {
		assignment, err := m.GetMemberAssignment()
		require.NoError(s, err)
		owned[id] = nil
		for topic, partitions := range assignment.Topics {
			for _, p := range partitions {
				owned[id] = append(owned[id], fmt.Sprintf("%s/%d", topic, p))
			}
		}
	}
	return owned
}

func (s *suite) group() *sarama.GroupDescription {
	s.Helper()
	client, err := kafka.Dial(kafkatest.Context(s), s.kafka.Brokers(), kafkatest.Config(s, s.kafka.Brokers()))
	require.NoError(s, err)
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	require.NoError(s, err)
	groups, err := admin.DescribeConsumerGroups([]string{Group})
	require.NoError(s, err)
	require.Len(s, groups, 1)
	return groups[0]
}

// deliver says that the spreadsheet has everything below the vector.
func (s *suite) deliver(form string, vector ...int64) {
	s.Helper()
	require.NoError(s, s.store.Release(kafkatest.Context(s), form, s.topic(form).ID, vector, "S"))
}
