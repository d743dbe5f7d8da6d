package kafkatest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestTopics_threeHundred_takeAHandfulOfRequests(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint("forms.many-", i))
	}
	c := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topics(6, names...))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	requests := c.Fake().Fault(kfake.Fault{Observe: true, Count: -1, Keys: []kmsg.Key{kmsg.ListOffsets, kmsg.Metadata}})

	topics, err := admin.Topics(kafkatest.Context(t), names)

	require.NoError(t, err)
	require.Len(t, topics, 300)
	require.LessOrEqual(t, requests.Hits(), 1+2*3, "one for the topics, two for each broker")
}

func TestTopics_brokersHang_endsWithItsContext(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	c.Pause()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := admin.Topics(ctx, []string{topic})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = admin.Committed(ctx, "group", map[string][]int32{topic: {0}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	c.Resume()
	_, err = admin.Topics(kafkatest.Context(t), []string{topic})
	require.NoError(t, err)
}

func TestTopics_partitionMovedSinceLastAsked_askedAgain(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topics(2, topic))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	for i := range 3 {
		require.NoError(t, c.Fake().MoveTopicPartition(topic, 1, int32(i)))
		topics, err := admin.Topics(kafkatest.Context(t), []string{topic})
		require.NoError(t, err)
		require.Equal(t, []int64{0, 0}, topics[topic].End)
	}
}

func TestTopics_onePartitionDoesNotAnswer_othersAreTold(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic, "forms.broken"))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "forms.broken", Err: kerr.KafkaStorageError, Count: -1})
	topics, err := admin.Topics(kafkatest.Context(t), []string{topic, "forms.broken"})
	require.ErrorContains(t, err, "forms.broken partition 0")
	require.Contains(t, topics, topic)
	require.NotContains(t, topics, "forms.broken")
}

func TestAdmin_oneTopicIsForbidden_othersAreTold(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic, "forms.secret"))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "forms.secret", Err: kerr.TopicAuthorizationFailed, Count: -1})
	topics, err := admin.Topics(kafkatest.Context(t), []string{topic, "forms.secret"})
	var untold *kafka.TopicsError
	require.ErrorAs(t, err, &untold)
	require.Len(t, untold.Topics, 1)
	require.ErrorContains(t, err, "forms.secret: ")
	require.ErrorContains(t, err, "-kafka-sasl-user")
	require.Contains(t, topics, topic)
	require.NotContains(t, topics, "forms.secret")

	missing, err := admin.Missing(kafkatest.Context(t), []string{topic, "forms.secret", "forms.none"})
	require.ErrorIs(t, err, sarama.ErrTopicAuthorizationFailed)
	require.Equal(t, []string{"forms.none"}, missing, "what is not told is not missing")
}

func TestAdmin_brokersDieOneByOne_asksThoseThatAreLeft(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topics(1, topic))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	for node := range int32(2) {
		require.NoError(t, c.Fake().RemoveNode(node))
		missing, err := admin.Missing(kafkatest.Context(t), []string{topic, "forms.none"})
		require.NoError(t, err)
		require.Equal(t, []string{"forms.none"}, missing)
	}
}

func TestAdmin_brokersRestart_worksAgain(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable(), kafkatest.Topics(1, topic))
	admin := kafkatest.NewAdmin(t, c.Brokers())
	before, err := admin.Topics(kafkatest.Context(t), []string{topic})
	require.NoError(t, err)
	c.Restart()
	kafkatest.WaitUntil(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		after, err := admin.Topics(ctx, []string{topic})
		return err == nil && after[topic].ID == before[topic].ID
	}, "same topic id")
}

func TestCommitted_brokerError_isTold(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	kafkatest.Commit(t, c.Brokers(), "group", topic, 0, 7, "m")
	admin := kafkatest.NewAdmin(t, c.Brokers())
	c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1})
	_, err := admin.Committed(kafkatest.Context(t), "group", map[string][]int32{topic: {0}})
	require.ErrorContains(t, err, "offsets of group group")
}

func TestDial_brokersAway_isTold(t *testing.T) {
	c := kafkatest.Start(t)
	c.Stop()
	_, err := kafka.Dial(kafkatest.Context(t), c.Brokers(), kafkatest.Config(t, c.Brokers()))
	require.ErrorContains(t, err, c.Brokers()[0])
}

func TestDial_brokersHang_endsWithItsContext(t *testing.T) {
	c := kafkatest.Start(t)
	c.Pause()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := kafka.Dial(ctx, c.Brokers(), kafkatest.Config(t, c.Brokers()))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
