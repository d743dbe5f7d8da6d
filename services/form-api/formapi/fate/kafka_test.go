package fate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
)

func TestState_inProcessBroker(t *testing.T) { stateOn(t, kafkatest.Start(t)) }

func TestState_realBroker(t *testing.T) { stateOn(t, kafkatest.Real(t)) }

// stateOn follows one submission on brokers: accepted, buffered, brokers paused, delivered, the topic made anew.
func stateOn(t *testing.T, log kafkatest.Log) {
	ctx := kafkatest.Context(t)
	brokers, topic := log.Brokers(), "forms.demo"
	kafkatest.CreateTopic(t, brokers, topic, 3)
	admin := kafkatest.NewAdmin(t, brokers)
	teller := fate.New(func(context.Context) (fate.Admin, error) { return admin, nil },
		fate.Options{Fresh: time.Nanosecond, TopicFor: time.Nanosecond})
	id := func() (id string) {
		kafkatest.WaitUntil(t, func() bool {
			topics, err := admin.Topics(ctx, []string{topic})
			id = topics[topic].ID
			return err == nil && id != ""
		}, "the topic")
		return id
	}
	producer := kafkatest.NewProducer(t, brokers, kafka.ProducerOptions{})
	r := submission.Receipt{Form: "demo", ID: submission.NewID()}
	kafkatest.WaitUntil(t, func() bool { // a topic cannot be written in its first moment
		var err error
		r.Partition, r.Offset, err = producer.Produce(ctx, topic, []byte(r.ID), nil, []byte("{}"))
		return err == nil
	}, "the first record")
	state := func() fate.State {
		t.Helper()
		f, err := teller.State(ctx, r)
		require.NoError(t, err)
		require.False(t, f.Stale)
		return f.State
	}
	commit := func(topicID string, offset, delivered int64) {
		meta := buffer.Metadata{TopicID: topicID, Delivered: delivered}.String()
		kafkatest.Commit(t, brokers, fate.Group, topic, r.Partition, offset, meta)
	}
	before := id()
	require.Equal(t, fate.Accepted, state(), "nobody has heard of the group")
	commit(before, r.Offset, 0)
	require.Equal(t, fate.Accepted, state())
	commit(before, r.Offset+1, r.Offset)
	require.Equal(t, fate.Buffered, state())

	log.Pause()
	f, err := teller.State(ctx, r)
	log.Resume()
	require.Error(t, err)
	require.Equal(t, fate.Fate{State: fate.Buffered, Stale: true}, f)

	commit(before, r.Offset+1, r.Offset+1)
	kafkatest.WaitUntil(t, func() bool { // connections that timed out are opened again
		f, err := teller.State(ctx, r)
		return err == nil && f == fate.Fate{State: fate.Delivered}
	}, "the brokers answer again")

	kafkatest.DeleteTopic(t, brokers, topic)
	kafkatest.WaitUntil(t, func() bool { f, _ := teller.State(ctx, r); return f.Stale }, "the topic to go")
	f, err = teller.State(ctx, r)
	require.ErrorContains(t, err, "the topic does not exist")
	require.Equal(t, fate.Fate{State: fate.Delivered, Stale: true}, f)

	kafkatest.WaitUntil(t, func() bool {
		topics, err := admin.Topics(ctx, []string{topic})
		return err == nil && len(topics) == 0
	}, "the brokers to forget it")
	kafkatest.CreateTopic(t, brokers, topic, 3)
	require.NotEqual(t, before, id())
	commit(before, r.Offset+1, r.Offset+1) // a consumer that has not heard of it
	kafkatest.WaitUntil(t, func() bool { f, err := teller.State(ctx, r); return err == nil && f.State == fate.Accepted }, "the old topic's commit counts for nothing")
}
