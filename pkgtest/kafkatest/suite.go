package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

// Suite is what pkg/kafka promises on any Kafka. Every test makes its own topics, so that one cluster serves all.
func Suite(t *testing.T, log Log) {
	t.Run("Producer", func(t *testing.T) { producerSuite(t, log) })
	t.Run("Admin", func(t *testing.T) { adminSuite(t, log) })
}

// Config returns the settings of pkg/kafka for a test: no linger.
func Config(t testing.TB, brokers []string) *sarama.Config {
	t.Helper()
	cfg, err := kafka.NewConfig(chassis.Kafka{Brokers: brokers}, "kafkatest")
	require.NoError(t, err)
	return cfg
}

// NewProducer returns a producer that is closed with the test.
func NewProducer(t testing.TB, brokers []string, opts kafka.ProducerOptions) *kafka.Producer {
	t.Helper()
	producer, err := kafka.NewProducer(brokers, Config(t, brokers), opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = producer.Close(ctx) // a test that wants to know closes it itself
	})
	return producer
}

// NewAdmin returns an Admin whose client is closed with the test.
func NewAdmin(t testing.TB, brokers []string) *kafka.Admin {
	t.Helper()
	client, err := kafka.Dial(Context(t), brokers, Config(t, brokers))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return kafka.NewAdmin(client)
}

// Context returns a context with this package's patience.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// WaitUntil polls until the condition holds. The condition runs in the test's own goroutine, so that it may fail the test.
func WaitUntil(t testing.TB, condition func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); <-time.After(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "waited %s for: %s", patience, what)
	}
}

func newTopic(t testing.TB, log Log, partitions int32) string {
	t.Helper()
	topic := fmt.Sprintf("forms.suite-%x", time.Now().UnixNano())
	CreateTopic(t, log.Brokers(), topic, partitions)
	return topic
}

func producerSuite(t *testing.T, log Log) {
	t.Run("stores the record where its key belongs", func(t *testing.T) {
		topic := newTopic(t, log, 6)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
		sub := submission.Submission{ID: submission.NewID(), Form: "demo", ReceivedAt: time.UnixMilli(1763750000123).UTC(), Data: []byte(`{"a":"b"}`)}

		partition, offset, err := producer.Produce(Context(t), topic, []byte(sub.ID), sub.Headers(), sub.Data)

		require.NoError(t, err)
		require.Equal(t, submission.Partition(sub.ID, 6), partition)
		records := Records(t, log.Brokers(), topic)
		require.Len(t, records, 1)
		require.Equal(t, Record{Partition: partition, Offset: offset, Key: []byte(sub.ID), Headers: sub.Headers(), Value: sub.Data}, records[0])
		back, err := submission.Parse(records[0].Key, records[0].Headers, records[0].Value)
		require.NoError(t, err)
		require.Equal(t, sub, back)
	})

	t.Run("many callers, each record once", func(t *testing.T) {
		topic := newTopic(t, log, 6)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{TopicWindow: 16})
		const callers, each = 64, 50
		places := produceMany(t, producer, topic, callers, each)

		require.Zero(t, producer.Waiting())
		records := Records(t, log.Brokers(), topic)
		require.Len(t, records, callers*each)
		for _, r := range records {
			require.Equal(t, place{r.Partition, r.Offset}, places[string(r.Key)], "the answer names the place of its own record")
			require.Equal(t, "value of "+string(r.Key), string(r.Value))
		}
	})

	t.Run("brokers hang, every caller is answered in time and nothing is doubled", func(t *testing.T) {
		topic := newTopic(t, log, 3)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
		mustProduce(t, producer, topic, "before")
		log.Pause()
		t.Cleanup(log.Resume)

		const callers = 40
		fates := make(chan kafka.Fate, callers)
		for i := range callers {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				_, _, err := producer.Produce(ctx, topic, fmt.Appendf(nil, "paused-%d", i), nil, []byte("{}"))
				fates <- fateOf(err)
			}()
		}
		refused := 0
		for range callers {
			if <-fates == kafka.NotStored {
				refused++
			}
		}
		require.Positive(t, producer.Waiting(), "a caller that has gone does not free its place")

		log.Resume()
		WaitUntil(t, func() bool { return producer.Waiting() == 0 }, "places are free when Sarama has settled")
		mustProduce(t, producer, topic, "after")
		seen := keys(t, Records(t, log.Brokers(), topic))
		require.LessOrEqual(t, len(seen), callers-refused+2, "what was refused never appears")
		require.Contains(t, seen, "after")
	})

	t.Run("record too large, refused for good", func(t *testing.T) {
		topic := newTopic(t, log, 1)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})

		_, _, err := producer.Produce(Context(t), topic, []byte("k"), nil, []byte(strings.Repeat("x", 2_000_000)))

		var failed *kafka.ProduceError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, kafka.NotStored, failed.Fate)
		require.True(t, failed.Permanent)
		require.Empty(t, Records(t, log.Brokers(), topic))
	})

	t.Run("missing topic, refused while others work", func(t *testing.T) {
		topic := newTopic(t, log, 1)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{TopicWindow: 4})
		mustProduce(t, producer, topic, "before")
		missing := topic + "-missing"
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_, _, err := producer.Produce(ctx, missing, []byte("k"), nil, []byte("{}"))
				if fateOf(err) != kafka.NotStored {
					t.Errorf("no broker can have it: %v", err)
				}
			})
		}
		for i := range 20 {
			mustProduce(t, producer, topic, fmt.Sprint("other-", i))
		}
		callers.Wait()

		CreateTopic(t, log.Brokers(), missing, 1)
		WaitUntil(t, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, _, err := producer.Produce(ctx, missing, []byte("made"), nil, []byte("{}"))
			return err == nil
		}, "the topic is usable once it is there")
	})

	t.Run("closed, waits for answers and takes no more", func(t *testing.T) {
		topic := newTopic(t, log, 3)
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
		mustProduce(t, producer, topic, "before")
		log.Pause()
		t.Cleanup(log.Resume)
		type answer struct {
			key string
			err error
		}
		const callers = 20
		answers := make(chan answer, callers)
		ctx := Context(t)
		for i := range callers {
			go func() {
				key := fmt.Sprint("waiting-", i)
				_, _, err := producer.Produce(ctx, topic, []byte(key), nil, []byte("{}"))
				answers <- answer{key, err}
			}()
		}
		WaitUntil(t, func() bool { return producer.Waiting() == callers }, "records are under way")
		closed := make(chan error, 1)
		go func() { closed <- producer.Close(ctx) }()
		WaitUntil(t, func() bool { return errors.Is(producer.Err(), kafka.ErrClosed) }, "closing")

		_, _, err := producer.Produce(ctx, topic, []byte("late"), nil, []byte("{}"))
		require.ErrorIs(t, err, kafka.ErrClosed)
		require.Equal(t, kafka.NotStored, fateOf(err))
		log.Resume()
		require.NoError(t, <-closed)
		stored := []string{"before"}
		for range callers {
			if a := <-answers; a.err == nil {
				stored = append(stored, a.key)
			} else {
				require.ErrorIs(t, a.err, kafka.ErrClosed, "only who had not been handed over yet is refused")
				require.Equal(t, kafka.NotStored, fateOf(a.err))
			}
		}
		require.ElementsMatch(t, stored, keys(t, Records(t, log.Brokers(), topic)))
		require.NoError(t, producer.Close(ctx), "closing again is no error")
	})

	t.Run("context over before it begins, refused", func(t *testing.T) {
		producer := NewProducer(t, log.Brokers(), kafka.ProducerOptions{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := producer.Produce(ctx, "forms.any", []byte("k"), nil, []byte("{}"))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, kafka.NotStored, fateOf(err))
		require.Zero(t, producer.Waiting())
	})
}

type place struct {
	partition int32
	offset    int64
}

// produceMany lets callers produce each records at a time, and returns where the answers say they are.
func produceMany(t *testing.T, producer *kafka.Producer, topic string, callers, each int) map[string]place {
	t.Helper()
	ctx := Context(t)
	var mu sync.Mutex
	places := make(map[string]place)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%d-%d", c, i)
				partition, offset, err := producer.Produce(ctx, topic, []byte(key), nil, []byte("value of "+key))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				places[key] = place{partition, offset}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return places
}

func mustProduce(t *testing.T, producer *kafka.Producer, topic, key string) {
	t.Helper()
	_, _, err := producer.Produce(Context(t), topic, []byte(key), nil, []byte("{}"))
	require.NoError(t, err)
}

// fateOf returns what an error of Produce says of its record; -1 where it says nothing.
func fateOf(err error) kafka.Fate {
	var failed *kafka.ProduceError
	if errors.As(err, &failed) {
		return failed.Fate
	}
	return -1
}

// keys returns the keys of records, and fails where one is there twice.
func keys(t *testing.T, records []Record) []string {
	t.Helper()
	seen := make(map[string]bool)
	var all []string
	for _, r := range records {
		require.False(t, seen[string(r.Key)], "%s is there twice", r.Key)
		seen[string(r.Key)] = true
		all = append(all, string(r.Key))
	}
	return all
}
