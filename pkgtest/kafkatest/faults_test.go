package kafkatest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/eapache/go-resiliency/breaker"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

const topic = "forms.demo"

func produce(t *testing.T, p *kafka.Producer, within time.Duration, topic, key string) (offset int64, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_, offset, err = p.Produce(ctx, topic, []byte(key), nil, []byte("{}"))
	return offset, err
}

func fate(t *testing.T, err error) kafka.Fate {
	t.Helper()
	var failed *kafka.ProduceError
	require.ErrorAs(t, err, &failed)
	return failed.Fate
}

// faulty lets the brokers answer produce requests with the code, count times; -1: until the test removes it.
func faulty(c *kafkatest.Cluster, code *kerr.Error, count int) *kfake.FaultHandle {
	return c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: code, Count: count})
}

func TestProduce_answerIsLost_mayBeStoredAndIsStoredOnce(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	_, err := produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)

	c.HoldAnswers()
	_, err = produce(t, p, 200*time.Millisecond, topic, "lost")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, kafka.MaybeStored, fate(t, err))
	c.ReleaseAnswers()

	kafkatest.WaitUntil(t, func() bool { return p.Waiting() == 0 }, "settled")
	offset, err := produce(t, p, time.Minute, topic, "after")
	require.NoError(t, err)
	require.EqualValues(t, 2, offset, "the record whose answer was lost is there, once")
}

// The record is inside Sarama when its caller leaves, and Sarama has not put it into a batch yet: it is looking for a
// leader. What it is told by the value's encoder then is what the promise "not stored" rests on.
func TestProduce_callerLeavesBeforeItsRecordWasEncoded_neverStored(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	cfg := kafkatest.Config(t, c.Brokers())
	cfg.Net.ReadTimeout = 200 * time.Millisecond // the broker is given up soon
	p, err := kafka.NewProducer(c.Brokers(), cfg, kafka.ProducerOptions{})
	require.NoError(t, err)
	_, err = produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)

	c.HoldAnswers()
	refused := map[string]bool{}
	n := 0
	kafkatest.WaitUntil(t, func() bool {
		n++
		key := fmt.Sprint("hangs-", n)
		waiting := p.Waiting()
		_, err := produce(t, p, 20*time.Millisecond, topic, key)
		if fate(t, err) == kafka.NotStored && p.Waiting() > waiting {
			refused[key] = true // and yet it is still inside
		}
		return len(refused) >= 5
	}, "records that are inside, and were refused")
	c.ReleaseAnswers()

	kafkatest.WaitUntil(t, func() bool { return p.Waiting() == 0 }, "settled")
	_, err = produce(t, p, time.Minute, topic, "after")
	require.NoError(t, err)
	require.NoError(t, p.Close(kafkatest.Context(t)))
	for _, r := range kafkatest.Records(t, c.Brokers(), topic) {
		require.False(t, refused[string(r.Key)], "%s was refused", r.Key)
	}
}

func TestProduce_brokersAwayAtStart_refusedAtOnceAndWorksWhenTheyCome(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable(), kafkatest.Topics(1, topic))
	c.Stop()
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	kafkatest.WaitUntil(t, func() bool {
		_, err := produce(t, p, time.Minute, topic, "early")
		require.ErrorIs(t, err, kafka.ErrAway)
		require.Equal(t, kafka.NotStored, fate(t, err))
		return p.Err() != nil
	}, "refused")
	require.Zero(t, p.Waiting())

	c.Restart()
	kafkatest.WaitUntil(t, func() bool {
		_, err := produce(t, p, time.Second, topic, "late")
		return err == nil
	}, "works when the brokers are there")
	require.NoError(t, p.Err())
}

func TestProduce_brokersRestart_worksAgainAndNothingIsDoubled(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable(), kafkatest.Topics(1, topic))
	var log bytes.Buffer // read only when the producer is closed
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)
	c.Stop()
	refused := map[string]bool{}
	n := 0
	kafkatest.WaitUntil(t, func() bool {
		n++
		key := fmt.Sprint("away-", n)
		_, err := produce(t, p, 100*time.Millisecond, topic, key)
		refused[key] = fate(t, err) == kafka.NotStored
		return errors.Is(err, breaker.ErrBreakerOpen)
	}, "Sarama no longer tries, for 10 s")

	c.Restart()
	kafkatest.WaitUntil(t, func() bool {
		_, err := produce(t, p, time.Second, topic, fmt.Sprint("back-", time.Now().UnixNano()))
		return err == nil
	}, "works when the brokers are back")

	require.NoError(t, p.Close(kafkatest.Context(t)))
	require.Contains(t, log.String(), "replacing the Kafka producer", "nobody waits for the 10 s to end")
	seen := map[string]bool{}
	for _, r := range kafkatest.Records(t, c.Brokers(), topic) {
		require.False(t, seen[string(r.Key)], "%s is there twice", r.Key)
		require.False(t, refused[string(r.Key)], "%s was refused", r.Key)
		seen[string(r.Key)] = true
	}
}

func TestErr_nothingIsAcknowledged_saysSoUntilSomethingIs(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	_, err := produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)
	c.Pause()
	kafkatest.WaitUntil(t, func() bool {
		_, err := produce(t, p, 100*time.Millisecond, topic, "hangs")
		require.Error(t, err)
		return errors.Is(p.Err(), kafka.ErrStalled)
	}, "stalled")
	c.Resume()
	_, err = produce(t, p, time.Minute, topic, "after")
	require.NoError(t, err)
	require.NoError(t, p.Err())
}

func TestProduce_passingErrors_areRetried(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition, kerr.KafkaStorageError} {
		t.Run(code.Message, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Topics(1, topic))
			p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
			faulty(c, code, 2)
			_, err := produce(t, p, time.Minute, topic, "k")
			require.NoError(t, err)
			require.Len(t, kafkatest.Records(t, c.Brokers(), topic), 1)
		})
	}
}

func TestProduce_producerDisowned_replacedAndWorksAgain(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.InvalidProducerEpoch, kerr.UnknownProducerID, kerr.ProducerFenced, kerr.InvalidProducerIDMapping} {
		t.Run(code.Message, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Topics(1, topic))
			p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
			ids := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Observe: true, Count: -1})
			faulty(c, code, 1)
			_, err := produce(t, p, time.Minute, topic, "disowned")
			require.Equal(t, kafka.MaybeStored, fate(t, err))

			kafkatest.WaitUntil(t, func() bool { return ids.Hits() >= 1 }, "another producer id is asked for")
			_, err = produce(t, p, time.Minute, topic, "after")
			require.NoError(t, err)
		})
	}
}

func TestProduce_refusedForGood_saysSo(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord} {
		t.Run(code.Message, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Topics(1, topic))
			p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
			faulty(c, code, 1)
			_, err := produce(t, p, time.Minute, topic, "k")
			var failed *kafka.ProduceError
			require.ErrorAs(t, err, &failed)
			require.True(t, failed.Permanent)
			require.Equal(t, kafka.NotStored, failed.Fate)
		})
	}
}

func TestProduce_notAllowed_notStoredButNotForGood(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	faulty(c, kerr.TopicAuthorizationFailed, 1)
	_, err := produce(t, p, time.Minute, topic, "k")
	var failed *kafka.ProduceError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, kafka.NotStored, failed.Fate)
	require.False(t, failed.Permanent)
}

func TestProduce_brokerHasItAlready_acceptedWithoutPlace(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	faulty(c, kerr.DuplicateSequenceNumber, 1)
	offset, err := produce(t, p, time.Minute, topic, "k")
	require.NoError(t, err)
	require.EqualValues(t, submission.NoOffset, offset)
}

func TestProduce_tooManyWaiting_refusedAtOnce(t *testing.T) {
	tests := map[string]kafka.ProducerOptions{
		"by number": {MaxWaiting: 2},
		"by bytes":  {MaxWaitingBytes: 1100}, // each takes 512 and its own bytes
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Topics(1, topic))
			p := kafkatest.NewProducer(t, c.Brokers(), opts)
			_, err := produce(t, p, time.Minute, topic, "before")
			require.NoError(t, err)
			c.Pause()
			for i := range 2 {
				_, err = produce(t, p, 50*time.Millisecond, topic, fmt.Sprint("waiting-", i))
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}

			_, err = produce(t, p, time.Minute, topic, "one too many")
			require.ErrorIs(t, err, kafka.ErrBusy)
			require.Equal(t, kafka.NotStored, fate(t, err))
			require.Equal(t, 2, p.Waiting())

			c.Resume()
			kafkatest.WaitUntil(t, func() bool { return p.Waiting() == 0 }, "places come back")
			_, err = produce(t, p, time.Minute, topic, "after")
			require.NoError(t, err)
		})
	}
}

func TestProduce_windowFull_waitsOutsideWhereLeavingIsARefusal(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic, "forms.other"))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{TopicWindow: 1})
	_, err := produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)
	c.Pause()
	_, err = produce(t, p, 50*time.Millisecond, topic, "inside")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = produce(t, p, 50*time.Millisecond, topic, "outside")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, kafka.NotStored, fate(t, err))
	require.Equal(t, 1, p.Waiting(), "who waited outside has left")
	c.Resume()
	kafkatest.WaitUntil(t, func() bool { return p.Waiting() == 0 }, "settled")
	for _, r := range kafkatest.Records(t, c.Brokers(), topic) {
		require.NotEqual(t, "outside", string(r.Key))
	}
}

func TestProduce_oneTopicStuck_othersGoOn(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic, "forms.stuck"))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{TopicWindow: 2})
	c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "forms.stuck", Err: kerr.NotEnoughReplicas, Count: -1})
	for i := range 50 {
		go func() { // ends with the producer, at the latest
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			_, _, _ = p.Produce(ctx, "forms.stuck", fmt.Append(nil, i), nil, []byte("{}"))
		}()
	}
	kafkatest.WaitUntil(t, func() bool { return p.Waiting() == 50 }, "all wait")
	for i := range 20 {
		_, err := produce(t, p, time.Minute, topic, fmt.Sprint(i))
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, p.Close(ctx))
}

func TestProduce_leaderMoves_followsIt(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	for i := range 6 {
		require.NoError(t, c.Fake().MoveTopicPartition(topic, 0, int32(i%3)))
		offset, err := produce(t, p, time.Minute, topic, fmt.Sprint(i))
		require.NoError(t, err)
		require.EqualValues(t, i, offset)
	}
}

func TestClose_brokersDoNotAnswer_endsInTimeAndSettlesEveryCaller(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	_, err := produce(t, p, time.Minute, topic, "before")
	require.NoError(t, err)
	c.HoldAnswers()
	requests := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	answer := make(chan error, 1)
	go func() {
		_, _, err := p.Produce(context.Background(), topic, []byte("hangs"), nil, []byte("{}"))
		answer <- err
	}()
	kafkatest.WaitUntil(t, func() bool { return requests.Hits() >= 1 }, "under way")

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Close(ctx), context.DeadlineExceeded)

	require.Equal(t, kafka.MaybeStored, fate(t, <-answer))
	require.Zero(t, p.Waiting())
}

func TestClose_brokersNeverCame_ends(t *testing.T) {
	c := kafkatest.Start(t)
	c.Stop()
	p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
	require.NoError(t, p.Close(kafkatest.Context(t)))
	require.ErrorIs(t, p.Err(), kafka.ErrClosed)
}

func TestProducer_openedAndClosedManyTimes_leavesNothing(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(1, topic))
	for i := range 20 {
		p := kafkatest.NewProducer(t, c.Brokers(), kafka.ProducerOptions{})
		if i%2 == 0 {
			_, err := produce(t, p, time.Minute, topic, fmt.Sprint(i))
			require.NoError(t, err)
		}
		require.NoError(t, p.Close(kafkatest.Context(t)))
	}
}
