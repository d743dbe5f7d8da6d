package kafkatest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/servers"
)

func TestSuite_realBroker(t *testing.T) { kafkatest.Suite(t, kafkatest.Real(t)) }

func TestReal_beginsEmpty(t *testing.T) {
	for _, turn := range []string{"first", "second"} {
		t.Run(turn, func(t *testing.T) {
			brokers := kafkatest.Real(t).Brokers()
			admin := kafkatest.NewAdmin(t, brokers)
			topics, err := admin.Topics(kafkatest.Context(t), []string{topic})
			require.NoError(t, err)
			require.Empty(t, topics)
			kafkatest.CreateTopic(t, brokers, topic, 1)
			kafkatest.Commit(t, brokers, "formstream.left", topic, 0, 7, "")
			committed, err := admin.Committed(kafkatest.Context(t), "formstream.left", map[string][]int32{topic: {0}})
			require.NoError(t, err)
			require.EqualValues(t, 7, committed[topic][0].Offset, "what the next turn must not see")
		})
	}
}

func TestRealCluster_nodeIsKilled_theOthersGoOn(t *testing.T) {
	k := kafkatest.RealCluster(t, servers.KafkaOptions{Nodes: 3})
	kafkatest.CreateTopic(t, k.Brokers(), topic, 3)
	producer := kafkatest.NewProducer(t, k.Brokers(), kafka.ProducerOptions{})
	k.Kill(1)
	for key := range 12 { // every partition, the one that broker 1 led too
		kafkatest.WaitUntil(t, func() bool {
			_, _, err := producer.Produce(kafkatest.Context(t), topic, []byte{byte(key)}, nil, []byte("{}"))
			return err == nil
		}, "two of three take a record")
	}
	require.NoError(t, k.Start(1))
	require.NoError(t, k.Await(t.Context()))
}
