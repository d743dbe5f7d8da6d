package kafkatest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
)

func adminSuite(t *testing.T, log Log) {
	spec := chassis.Topics{Create: true, Partitions: 4, Replication: -1, MinInsync: -1, Retention: -time.Millisecond}

	t.Run("topics, with ids and offsets", func(t *testing.T) {
		topic := newTopic(t, log, 3)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
		written := make([]int64, 3)
		for _, p := range produceMany(t, producer, topic, 4, 25) {
			written[p.partition]++
		}

		topics, err := NewAdmin(t, log.Brokers()).Topics(Context(t), []string{topic, topic + "-missing"})

		require.NoError(t, err)
		require.Len(t, topics, 1, "a missing topic is absent")
		require.Equal(t, written, topics[topic].End)
		require.Equal(t, []int64{0, 0, 0}, topics[topic].Start)
		require.Len(t, topics[topic].ID, 22)
		require.NotContains(t, topics[topic].ID, ",")
	})

	t.Run("no topics, nothing asked", func(t *testing.T) {
		topics, err := NewAdmin(t, log.Brokers()).Topics(Context(t), nil)
		require.NoError(t, err)
		require.Empty(t, topics)
	})

	t.Run("topic made anew, another id", func(t *testing.T) {
		topic := newTopic(t, log, 1)
		admin := NewAdmin(t, log.Brokers())
		before, err := admin.Topics(Context(t), []string{topic})
		require.NoError(t, err)
		again, err := admin.Topics(Context(t), []string{topic})
		require.NoError(t, err)
		require.Equal(t, before, again, "the id stays")

		DeleteTopic(t, log.Brokers(), topic)
		WaitUntil(t, func() bool {
			gone, err := admin.Topics(Context(t), []string{topic})
			return err == nil && len(gone) == 0
		}, "deleted topic is absent")
		CreateTopic(t, log.Brokers(), topic, 1)
		WaitUntil(t, func() bool {
			after, err := admin.Topics(Context(t), []string{topic})
			return err == nil && len(after) == 1 && after[topic].ID != before[topic].ID
		}, "new topic has another id")
	})

	t.Run("topic grows, new partitions are told", func(t *testing.T) {
		topic := newTopic(t, log, 2)
		admin := NewAdmin(t, log.Brokers())
		_, err := admin.Topics(Context(t), []string{topic})
		require.NoError(t, err)
		AddPartitions(t, log.Brokers(), topic, 3)
		WaitUntil(t, func() bool {
			topics, err := admin.Topics(Context(t), []string{topic})
			return err == nil && len(topics[topic].End) == 5
		}, "five partitions")
	})

	t.Run("committed offsets with their metadata", func(t *testing.T) {
		topic := newTopic(t, log, 3)
		group := "suite." + topic
		admin := NewAdmin(t, log.Brokers())
		ask := map[string][]int32{topic: {0, 1, 2}}

		commits, err := admin.Committed(Context(t), group, ask)
		require.NoError(t, err)
		require.Empty(t, commits, "a group that nobody has heard of has no commits")

		Commit(t, log.Brokers(), group, topic, 1, 41, "v1 id 40 38")
		commits, err = admin.Committed(Context(t), group, ask)
		require.NoError(t, err)
		require.Equal(t, map[string]map[int32]kafka.Commit{topic: {1: {Offset: 41, Metadata: "v1 id 40 38"}}}, commits)

		commits, err = admin.Committed(Context(t), group, nil)
		require.NoError(t, err)
		require.Empty(t, commits, "nothing asked, nothing told")
	})

	t.Run("ensure makes what is missing, and is content with what is there", func(t *testing.T) {
		there := newTopic(t, log, 2)
		fresh := there + "-fresh"
		admin := NewAdmin(t, log.Brokers())
		for range 2 {
			require.NoError(t, admin.Ensure(Context(t), []string{there, fresh}, spec))
		}

		topics, err := admin.Topics(Context(t), []string{there, fresh})
		require.NoError(t, err)
		require.Len(t, topics[there].End, 2)
		require.Len(t, topics[fresh].End, 4)
		settings := TopicConfig(t, log.Brokers(), fresh)
		require.Equal(t, "delete", settings["cleanup.policy"])
		require.Equal(t, "-1", settings["retention.ms"])
		require.Equal(t, "-1", settings["retention.bytes"])
		mustProduce(t, NewProducer(t, log.Brokers(), kafka.ProducerOptions{}), fresh, "usable at once")
	})

	t.Run("ensure with the operator's settings", func(t *testing.T) {
		topic := newTopic(t, log, 1) + "-kept-a-week"
		special := spec
		special.Retention, special.MinInsync, special.Partitions, special.Replication = 7*24*time.Hour, 1, 2, 1
		require.NoError(t, NewAdmin(t, log.Brokers()).Ensure(Context(t), []string{topic}, special))
		settings := TopicConfig(t, log.Brokers(), topic)
		require.Equal(t, "604800000", settings["retention.ms"])
		require.Equal(t, "1", settings["min.insync.replicas"])
	})

	t.Run("ensure may not create, names every missing topic and the command", func(t *testing.T) {
		there := newTopic(t, log, 1)
		checked := spec
		checked.Create = false
		admin := NewAdmin(t, log.Brokers())
		require.NoError(t, admin.Ensure(Context(t), []string{there}, checked))

		err := admin.Ensure(Context(t), []string{there + "-b", there, there + "-a"}, checked)

		var missing *kafka.MissingTopicsError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, []string{there + "-a", there + "-b"}, missing.Topics)
		for _, topic := range missing.Topics {
			require.ErrorContains(t, err, "--create --topic "+topic+" --partitions 4")
		}
	})

	t.Run("ensure from many replicas at once", func(t *testing.T) {
		first := newTopic(t, log, 1)
		var topics []string
		for i := range 20 {
			topics = append(topics, fmt.Sprint(first, "-", i))
		}
		var replicas sync.WaitGroup
		for range 4 {
			admin := NewAdmin(t, log.Brokers())
			replicas.Go(func() {
				if err := admin.Ensure(Context(t), topics, spec); err != nil {
					t.Error(err)
				}
			})
		}
		replicas.Wait()
	})
}
