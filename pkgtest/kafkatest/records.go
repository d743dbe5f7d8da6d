package kafkatest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/formstream/formstream/pkg/submission"
)

// patience bounds every question of this package; a busy machine needs it now and then.
const patience = 30 * time.Second

// Record is one record of a log.
type Record struct {
	Partition int32
	Offset    int64
	Key       []byte
	Headers   []submission.Header
	Value     []byte
}

// Records returns everything that a topic holds, each partition in order. It reads with a client other than the one that
// is being tested. A topic that does not exist has none.
func Records(t testing.TB, brokers []string, topic string) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()

	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	require.NoError(t, err)
	ends, err := admin.ListEndOffsets(ctx, topic)
	require.NoError(t, err)
	missing := int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Err != nil {
			return
		}
		start, _ := starts.Lookup(topic, end.Partition)
		missing += end.Offset - start.Offset
	})

	var records []Record
	for int64(len(records)) < missing {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err0())
		fetches.EachRecord(func(r *kgo.Record) { records = append(records, newRecord(r)) })
	}
	return records
}

func newRecord(r *kgo.Record) Record {
	headers := make([]submission.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		headers = append(headers, submission.Header{Key: h.Key, Value: h.Value})
	}
	return Record{Partition: r.Partition, Offset: r.Offset, Key: r.Key, Headers: headers, Value: r.Value}
}

// CreateTopic creates a topic on as many replicas as the brokers think right.
func CreateTopic(t testing.TB, brokers []string, topic string, partitions int32) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		_, err := admin.CreateTopic(ctx, partitions, -1, nil, topic)
		return err
	})
}

// DeleteTopic deletes a topic.
func DeleteTopic(t testing.TB, brokers []string, topic string) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		_, err := admin.DeleteTopic(ctx, topic)
		return err
	})
}

// AddPartitions lets a topic grow by this many partitions.
func AddPartitions(t testing.TB, brokers []string, topic string, more int) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		responses, err := admin.CreatePartitions(ctx, more, topic)
		if err != nil {
			return err
		}
		return responses.Error()
	})
}

// TopicConfig returns a topic's settings.
func TopicConfig(t testing.TB, brokers []string, topic string) map[string]string {
	t.Helper()
	settings := make(map[string]string)
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		configs, err := admin.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return err
		}
		config, err := configs.On(topic, nil)
		for _, c := range config.Configs {
			settings[c.Key] = c.MaybeValue()
		}
		return err
	})
	return settings
}

// Leader returns the broker, the first one is 1, that leads a partition.
func Leader(t testing.TB, brokers []string, topic string, partition int32) (node int32) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		topics, err := admin.ListTopics(ctx, topic)
		node = topics[topic].Partitions[partition].Leader
		return err
	})
	return node
}

// InSync tells whether every replica of the topics is in sync.
func InSync(t testing.TB, brokers []string, topics []string) (all bool) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) error {
		details, err := admin.ListTopics(ctx, topics...)
		all = err == nil
		for _, topic := range details {
			for _, p := range topic.Partitions {
				all = all && p.Err == nil && len(p.ISR) == len(p.Replicas)
			}
		}
		return err
	})
	return all
}

// Commit commits an offset for a group that has no members. A topic that was made just now may be unknown for a moment.
func Commit(t testing.TB, brokers []string, group, topic string, partition int32, offset int64, metadata string) {
	t.Helper()
	ask(t, brokers, func(ctx context.Context, admin *kadm.Client) (err error) {
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1, Metadata: metadata})
		for err = kerr.UnknownTopicOrPartition; errors.Is(err, kerr.UnknownTopicOrPartition) && ctx.Err() == nil; {
			err = admin.CommitAllOffsets(ctx, group, offsets)
		}
		return err
	})
}

func ask(t testing.TB, brokers []string, question func(context.Context, *kadm.Client) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, question(ctx, kadm.NewClient(client)))
}
