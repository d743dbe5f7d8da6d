package formapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/servers"
)

const (
	grace      = 500 * time.Millisecond // what an answer may take beyond -produce-timeout
	soon       = 2 * time.Second        // what an answer may take when the brokers are well again
	someLoad   = 500                    // submissions
	electTime  = 90 * time.Second       // for brokers that start and find their leaders, on a busy machine
	partitions = 6                      // what form-api makes
)

func TestFaults_brokerHangs8s_everyCallerIsAnsweredInTimeAndWithin2sAfterwards(t *testing.T) {
	log := kafkatest.Real(t)
	b := setupApp(t, log.Brokers(), nil)
	b.waitReady()
	l := startLoad(t, b.url)
	l.awaitAccepted(t, time.Now(), electTime)

	log.Pause()
	t.Cleanup(log.Resume)
	<-time.After(8 * time.Second) // the fault itself
	resumed := time.Now()
	log.Resume()
	<-time.After(4 * time.Second) // those that are judged were sent in this time
	b.waitReady()
	all := l.stop()
	kafkatest.WaitUntil(t, func() bool { return b.app.producer.Waiting() == 0 }, "settled")

	requireAnswers(t, all, b.app.cfg.ProduceTimeout+grace)
	unconfirmed := requireExact(t, all, log.Brokers())
	after := during(all, resumed, time.Now())
	report(t, "broker paused for 8 s under %d clients: %s; none lost or doubled (checked id by id), %d of the unconfirmed are in the log; longest answer %s; "+
		"resumed: first 202 after %s, %.1f %% of %d within %s", loadClients, tally(all), unconfirmed, seconds(longest(all)),
		seconds(firstAccepted(t, all, resumed)), 100*within(after, soon), len(after), soon)
	if within(after, soon) < 0.95 {
		require.Fail(t, "too few are accepted soon", "\n%s", history(all, resumed))
	}
}

func TestFaults_leaderKilled_thenTwoOfThreeBrokersDown10s_nothingIsLostOrDoubled(t *testing.T) {
	brokers := kafkatest.RealCluster(t, servers.KafkaOptions{Nodes: 3})
	b := setupApp(t, brokers.Brokers(), nil)
	b.waitReady()
	deadline := b.app.cfg.ProduceTimeout + grace
	var all []sent

	l := startLoad(t, b.url)
	l.awaitAccepted(t, time.Now(), electTime)
	victim := int(kafkatest.Leader(t, brokers.Brokers(), "forms.demo", 0))
	killed := time.Now()
	brokers.Kill(victim)
	writable := awaitWritable(t, brokers.Brokers(), "forms.other")
	l.awaitAccepted(t, writable, electTime)
	b.waitReady()
	some := l.stop()
	requireAnswers(t, some, deadline)
	all = append(all, some...)
	report(t, "leader killed, two of three brokers left: %s; longest answer %s; Kafka took records again %s after the kill, from then on %s",
		tally(some), seconds(longest(some)), seconds(writable.Sub(killed)), recovery(t, some, writable))

	require.NoError(t, brokers.Start(victim))
	require.NoError(t, brokers.Await(t.Context()))
	kafkatest.WaitUntil(t, func() bool { return kafkatest.InSync(t, brokers.Brokers(), []string{"forms.demo"}) }, "all replicas in sync")
	l = startLoad(t, b.url)
	l.awaitAccepted(t, time.Now(), electTime)
	down := time.Now()
	brokers.Kill(1)
	brokers.Kill(2)
	<-time.After(10 * time.Second) // the fault itself
	kafkatest.WaitUntil(t, func() bool { return errors.Is(b.ready(), kafka.ErrStalled) }, "readiness says why")
	up := time.Now()
	require.NoError(t, brokers.Start(1))
	require.NoError(t, brokers.Start(2))
	writable = awaitWritable(t, brokers.Brokers(), "forms.other")
	l.awaitAccepted(t, writable, electTime)
	b.waitReady()
	some = l.stop()
	requireAnswers(t, some, deadline)
	refused := during(some, down.Add(grace), up.Add(-deadline)) // answered before a broker was back, and not by one that died later
	require.NotEmpty(t, refused)
	for _, s := range refused {
		require.Equal(t, http.StatusServiceUnavailable, s.status)
	}
	all = append(all, some...)
	report(t, "two of three brokers down for 10 s: %s; longest answer %s; Kafka took records again %s after their start, from then on %s",
		tally(some), seconds(longest(some)), seconds(writable.Sub(up)), recovery(t, some, writable))

	kafkatest.WaitUntil(t, func() bool { return b.app.producer.Waiting() == 0 }, "settled")
	require.NoError(t, brokers.Await(t.Context()))
	unconfirmed := requireExact(t, all, brokers.Brokers())
	require.Contains(t, b.log.String(), "no record is acknowledged")
	require.Contains(t, b.log.String(), "records are acknowledged again")
	report(t, "after both: %s; none lost or doubled (checked id by id), %d of the unconfirmed are in the log", tally(all), unconfirmed)
}

// recovery tells how submissions fared that were sent after Kafka took records again.
func recovery(t *testing.T, all []sent, writable time.Time) string {
	t.Helper()
	after := during(all, writable, time.Now())
	return "first 202 after " + seconds(firstAccepted(t, all, writable)) + ", longest answer " + seconds(longest(after)) + ", " + tally(after)
}

func TestFaults_brokerComesLater_notReadyAndSaysWhyThenServes(t *testing.T) {
	brokers := kafkatest.RealCluster(t, servers.KafkaOptions{})
	brokers.Kill(1)
	b := setupApp(t, brokers.Brokers(), nil)
	for _, what := range []string{"kafka: no broker is reachable", brokers.Brokers()[0], "topics: "} {
		kafkatest.WaitUntil(t, func() bool {
			err := b.ready()
			return err != nil && strings.Contains(err.Error(), what)
		}, "readiness says "+what)
	}
	status, _, _ := b.post("/forms/demo", good)
	require.Equal(t, http.StatusServiceUnavailable, status)

	require.NoError(t, brokers.Start(1))
	b.waitReady()
	status, _, body := b.post("/forms/demo", good)
	require.Equal(t, http.StatusAccepted, status, "ready is ready: %s", body)
	require.Equal(t, 1, strings.Count(b.log.String(), "Kafka is not reachable"), "told once")
}

// awaitWritable returns when every partition of the topic has taken a record with acks=all, from a client other than ours
// that does nothing but try: that is the brokers' own time.
func awaitWritable(t *testing.T, brokers []string, topic string) time.Time {
	t.Helper()
	const retry = 50 * time.Millisecond
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableIdempotentWrite(), kgo.RetryBackoffFn(func(int) time.Duration { return retry }), kgo.MetadataMinAge(retry),
		kgo.ProduceRequestTimeout(grace), kgo.UnknownTopicRetries(-1))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), electTime)
	defer cancel()
	for p := range int32(partitions) {
		require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Partition: p, Value: []byte("probe")}).FirstErr())
	}
	return time.Now()
}
