package sheetsconsumer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
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
)

// suite is a Kafka, a Redis and what was produced.
type suite struct {
	*testing.T
	kafka    *kafkatest.Cluster
	mini     *miniredis.Miniredis
	rdb      redis.UniversalClient
	addr     string // of Redis
	store    *buffer.Store
	producer *kafka.Producer
	shutdown time.Duration // 0: the default
}

// newSuite has a Redis in the process.
func newSuite(t *testing.T, opts ...kafkatest.Option) *suite {
	mini, rdb := redistest.Mini(t)
	s := newSuiteOn(t, rdb, mini.Addr(), opts...)
	s.mini = mini
	return s
}

func newSuiteOn(t *testing.T, rdb redis.UniversalClient, addr string, opts ...kafkatest.Option) *suite {
	s := &suite{T: t, rdb: rdb, addr: addr, kafka: kafkatest.Start(t, opts...), store: buffer.New(rdb, buffer.Options{})}
	s.producer = kafkatest.NewProducer(t, s.kafka.Brokers(), kafka.ProducerOptions{})
	return s
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

func (s *suite) config() Config {
	var cfg Config
	chassis.Defaults(&cfg)
	cfg.Kafka.Brokers, cfg.Redis.Addrs = s.kafka.Brokers(), []string{s.addr}
	if s.shutdown > 0 {
		cfg.ShutdownTimeout = s.shutdown
	}
	return cfg
}

// start starts an App, which ends with the test at the latest.
func (s *suite) start() *running {
	s.Helper()
	r := &running{out: &syncBuffer{}, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	r.deps = chassis.Deps{
		Log: slog.New(slog.NewJSONHandler(r.out, nil)), Metrics: r.registry, Health: chassis.NewHealth(), Version: "test", Stdout: io.Discard,
	}
	var err error
	r.app, err = New(s.config(), testForms(s), r.deps)
	require.NoError(s, err)
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
	x := submission.Submission{ID: id, Form: form, ReceivedAt: time.Now().UTC(), Data: []byte(`{"text":"` + secret + `"}`)}
	_, _, err := s.producer.Produce(kafkatest.Context(s), "forms."+form, []byte(x.ID), x.Headers(), x.Data)
	require.NoError(s, err)
}

func (s *suite) topic(form string) kafka.Topic {
	s.Helper()
	topics, err := kafkatest.NewAdmin(s, s.kafka.Brokers()).Topics(kafkatest.Context(s), []string{"forms." + form})
	require.NoError(s, err)
	return topics["forms."+form]
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
	got, err := kafkatest.NewAdmin(s, s.kafka.Brokers()).Committed(kafkatest.Context(s), Group, map[string][]int32{"forms." + form: partitions})
	require.NoError(s, err)
	return got["forms."+form]
}

// members counts the group's.
func (s *suite) members() int {
	s.Helper()
	client, err := kafka.Dial(kafkatest.Context(s), s.kafka.Brokers(), kafkatest.Config(s, s.kafka.Brokers()))
	require.NoError(s, err)
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	require.NoError(s, err)
	groups, err := admin.DescribeConsumerGroups([]string{Group})
	require.NoError(s, err)
	require.Len(s, groups, 1)
	return len(groups[0].Members)
}

// deliver says that the spreadsheet has everything below the vector.
func (s *suite) deliver(form string, vector ...int64) {
	s.Helper()
	require.NoError(s, s.store.Release(kafkatest.Context(s), form, s.topic(form).ID, vector, "S"))
}

func TestRun_submissions_bufferedInOrderOnceAndCommitted(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(3, demoTopic, otherTopic))
	s.produce(demo, 60) // before anybody reads
	r := s.start()
	require.False(t, r.ready())
	s.waitReady(r)
	s.produce(demo, 60)
	s.produce("other", 40)
	s.waitWhole(demo)
	s.waitWhole("other")
	require.EqualValues(t, 120, metric(t, r.registry, "records_total", demo, "stored"))

	delivered := []int64{4, 0, 7}
	s.deliver(demo, delivered...)
	kafkatest.WaitUntil(t, func() bool {
		n := 0
		for p, c := range s.committed(demo) {
			if m, err := buffer.ParseMetadata(c.Metadata); err == nil && m.Delivered == delivered[p] {
				n++
			}
		}
		return n == 3
	}, "quiet partitions' metadata")

	require.NoError(t, r.end())
	require.False(t, r.ready())
	topic := s.topic(demo)
	for p, end := range topic.End {
		require.Equal(t, kafka.Commit{Offset: end, Metadata: buffer.Metadata{TopicID: topic.ID, Delivered: delivered[p], KeysFrom: delivered[p]}.String()}, s.committed(demo)[int32(p)])
	}
	require.Zero(t, s.members(), "it has left")
	require.NotContains(t, r.out.String(), secret)
	require.Zero(t, r.out.lines(`"level":"ERROR"`), r.out.String())
}

func TestRun_stoppedAfterTheLastSubmission_commitTellsAllThatIsStored(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(1, demoTopic, otherTopic))
	r := s.start()
	s.waitReady(r)
	s.produce(demo, 25)
	kafkatest.WaitUntil(t, func() bool { return s.behind(demo) == "" }, "stored")
	require.NoError(t, r.end())
	require.EqualValues(t, 25, s.committed(demo)[0].Offset)
}

func TestRun_keyedRepeat_isNoSecondEntry(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, demoTopic, otherTopic))
	r := s.start()
	id := submission.KeyedID(demo, "key", nil)
	for range 3 {
		s.put(demo, id)
	}
	kafkatest.WaitUntil(t, func() bool { return metric(t, r.registry, "records_total", demo, "repeat") == 2 }, "two repeats")
	require.EqualValues(t, 1, metric(t, r.registry, "records_total", demo, "stored"))
}

func TestRun_twoShareThePartitions_andRebalanceUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(4, demoTopic, otherTopic))
	first := s.start()
	s.waitReady(first)
	s.produce(demo, 80)
	second := s.start()
	kafkatest.WaitUntil(t, func() bool {
		s.produce(demo, 5)
		return second.ready() && s.members() == 2
	}, "two members")
	s.produce(demo, 80)
	s.waitWhole(demo)
	require.NoError(t, first.end())
	s.produce(demo, 80)
	s.waitWhole(demo)
	require.Equal(t, 1, s.members())
	sum := metric(t, first.registry, "records_total", demo, "stored") + metric(t, second.registry, "records_total", demo, "stored")
	require.LessOrEqual(t, sum, float64(len(s.buffered(demo))), "nothing is counted twice")
}

func TestRun_redisEmptied_everythingUndeliveredIsThereAgain(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, demoTopic, otherTopic))
	r := s.start()
	s.produce(demo, 80)
	s.waitWhole(demo)
	s.deliver(demo, 10, 12)
	kafkatest.WaitUntil(t, func() bool {
		commits := s.committed(demo)
		return commits[0].Metadata != "" && commits[0].Metadata == fmt.Sprintf("v1 %s 10 10", s.topic(demo).ID) &&
			commits[1].Metadata == fmt.Sprintf("v1 %s 12 12", s.topic(demo).ID)
	}, "delivered to be committed")
	for range 2 {
		s.mini.FlushAll()
		s.produce(demo, 10)
		s.waitWhole(demo, 10, 12)
	}
	require.GreaterOrEqual(t, metric(t, r.registry, "gaps_total", demo), 1.0)
}

func TestRun_redisGoesAway_goesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, demoTopic, otherTopic))
	r := s.start()
	s.produce(demo, 20)
	s.waitWhole(demo)
	s.mini.Close()
	s.produce(demo, 20)
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("buffer not reached") > 0 }, "the outage to be told")
	require.NoError(t, s.mini.Restart())
	s.waitWhole(demo)
	require.Zero(t, r.out.lines(`"level":"ERROR"`), r.out.String())
}

func TestRun_topicAppearsLater_isPickedUp(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, otherTopic))
	r := s.start()
	s.waitReady(r)
	require.Equal(t, 1, r.out.lines(`"topic":"forms.demo"`))
	s.produce("other", 5)
	kafkatest.CreateTopic(t, s.kafka.Brokers(), demoTopic, 2)
	s.produce(demo, 10)
	s.waitWhole(demo)
	s.waitWhole("other")
}

func TestRun_brokersAwayAtStart_beginsWhenTheyCome(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Durable(), kafkatest.Topics(2, demoTopic, otherTopic))
	s.produce(demo, 10)
	s.kafka.Stop()
	r := s.start()
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("not consuming, trying again") > 0 }, "the outage to be told")
	require.ErrorContains(t, r.deps.Health.Ready(t.Context()), "not a member of the group")
	s.kafka.Restart()
	s.waitWhole(demo)
	s.waitReady(r)
}

func TestRun_parkedPartition_othersOfTheSameBrokerGoOn(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(1, demoTopic, otherTopic))
	require.NoError(t, s.store.Adopt(t.Context(), demo, 1, "an-older-topic"))
	s.produce(demo, 400) // more than Sarama holds for one that does not read
	r := s.start()
	kafkatest.WaitUntil(t, func() bool { return metric(t, r.registry, "parked_partitions", demo) == 1 }, "the park")
	s.waitReady(r)
	s.produce("other", 200)
	s.waitWhole("other")
	require.EqualValues(t, 1, metric(t, r.registry, "parked_partitions", demo))
	require.NoError(t, r.end())
	require.Zero(t, metric(t, r.registry, "parked_partitions"))
}

func TestRun_brokersHangWhileItStops_endsInTime(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, demoTopic, otherTopic))
	s.shutdown = 100 * time.Millisecond
	r := s.start()
	s.waitReady(r)
	s.kafka.Pause()
	require.NoError(t, r.end())
	require.Equal(t, 1, r.out.lines("did not commit and leave the group in time"))
	s.kafka.Resume()
	kafkatest.WaitUntil(t, func() bool {
		select {
		case <-r.app.idle:
			return true
		default:
			return false
		}
	}, "the rest to end with the brokers' answers")
}

func TestRun_brokersHangAndComeBack_goesOn(t *testing.T) {
	t.Parallel()
	s := newSuite(t, kafkatest.Topics(2, demoTopic, otherTopic))
	r := s.start()
	s.produce(demo, 20)
	s.waitWhole(demo)
	s.kafka.Pause()
	s.mini.FlushAll() // its polls notice, and the session cannot end while the brokers hang
	kafkatest.WaitUntil(t, func() bool { return metric(t, r.registry, "gaps_total", demo) > 0 }, "the loss to be noticed")
	s.kafka.Resume()
	s.produce(demo, 20)
	s.waitWhole(demo)
}

func TestRun_stoppedBeforeItEverJoined_ends(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.kafka.Stop()
	for range 3 {
		require.NoError(t, s.start().end())
	}
}

func TestRun_redisMayEvict_refusedWithItsRemedyUntilFixed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	s := newSuiteOn(t, rdb, server.Addr, kafkatest.Topics(2, demoTopic, otherTopic))
	s.produce(demo, 10)
	r := s.start()
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("CONFIG SET maxmemory-policy noeviction") > 0 }, "the remedy")
	require.Zero(t, s.rdb.DBSize(t.Context()).Val())
	require.False(t, r.ready())
	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	s.waitWhole(demo)
}

func TestRun_realRedisEmptied_everythingIsThereAgain(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	s := newSuiteOn(t, rdb, server.Addr, kafkatest.Topics(3, demoTopic, otherTopic))
	s.start()
	s.produce(demo, 200)
	s.waitWhole(demo)
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	s.produce(demo, 20)
	s.waitWhole(demo)
}

func TestRest_longerForEachShortSession(t *testing.T) {
	var pauses []time.Duration
	var pause time.Duration
	for range 8 {
		pause = rest(pause, true)
		pauses = append(pauses, pause)
	}
	require.Equal(t, []time.Duration{
		time.Millisecond, backoffMin, 2 * backoffMin, 4 * backoffMin, 8 * backoffMin, 16 * backoffMin, backoffMax, backoffMax,
	}, pauses)
	require.Zero(t, rest(pause, false))
}
