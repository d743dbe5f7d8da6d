package bare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	netTimeout = 3 * time.Second // of one attempt; Sarama's 30 s would mute a partition long after its broker is back
	retries    = 10
	backoff    = 100 * time.Millisecond
)

// FloorOptions are what a Floor needs.
type FloorOptions struct {
	Brokers    []string
	Topic      string        // made when it is missing
	Partitions int32         // of a topic that is made; its replicas are what the brokers think right
	Linger     time.Duration // how long a record waits for others; 0 where acks come within a millisecond
	Timeout    time.Duration // how long a submission waits for its acknowledgement before it is answered 503
}

// Floor answers 202 once all in-sync replicas have the record. Close it.
type Floor struct {
	opts     FloorOptions
	producer sarama.AsyncProducer
	acks     sync.Pool // of chan error, with room for one
	settled  sync.WaitGroup
}

// NewFloor makes the topic, unless it is there, and connects.
func NewFloor(o FloorOptions) (*Floor, error) {
	cfg := config(o.Linger)
	if err := createTopic(cfg, o); err != nil {
		return nil, err
	}
	producer, err := sarama.NewAsyncProducer(o.Brokers, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the brokers: %w", err)
	}
	f := &Floor{opts: o, producer: producer, acks: sync.Pool{New: func() any { return make(chan error, 1) }}}
	f.settled.Go(func() {
		for msg := range producer.Successes() {
			msg.Metadata.(chan error) <- nil
		}
	})
	f.settled.Go(func() {
		for failed := range producer.Errors() {
			failed.Msg.Metadata.(chan error) <- failed.Err
		}
	})
	return f, nil
}

func config(linger time.Duration) *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.ClientID = "loadtest-floor"
	cfg.Version = sarama.V4_0_0_0
	cfg.Net.DialTimeout, cfg.Net.ReadTimeout, cfg.Net.WriteTimeout = netTimeout, netTimeout, netTimeout
	cfg.Net.MaxOpenRequests = 1 // Idempotent asks for it
	cfg.Metadata.AllowAutoTopicCreation = false
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Idempotent = true
	cfg.Producer.Compression = sarama.CompressionLZ4
	cfg.Producer.Flush.Frequency = linger
	cfg.Producer.Retry.Max = retries
	cfg.Producer.Retry.Backoff = backoff
	cfg.Producer.Return.Successes = true
	return cfg
}

func createTopic(cfg *sarama.Config, o FloorOptions) error {
	admin, err := sarama.NewClusterAdmin(o.Brokers, cfg)
	if err != nil {
		return fmt.Errorf("connect to the brokers: %w", err)
	}
	err = admin.CreateTopic(o.Topic, &sarama.TopicDetail{NumPartitions: o.Partitions, ReplicationFactor: -1}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return errors.Join(fmt.Errorf("create topic %q: %w", o.Topic, err), admin.Close())
	}
	return admin.Close()
}

// Handler serves submissions until Close.
func (f *Floor) Handler() http.Handler { return newHandler(f.keep) }

func (f *Floor) keep(ctx context.Context, id string, a *answers) error {
	value, err := json.Marshal(a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	ack := f.acks.Get().(chan error)
	msg := &sarama.ProducerMessage{Topic: f.opts.Topic, Key: sarama.StringEncoder(id), Value: sarama.ByteEncoder(value), Metadata: ack}
	select {
	case f.producer.Input() <- msg:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-ack:
		f.acks.Put(ack)
		return err
	case <-ctx.Done(): // the channel is lost to the pool: its answer may still come
		return ctx.Err()
	}
}

// Close waits for the records that are under way. Call it once, when no request is being served.
func (f *Floor) Close() {
	f.producer.AsyncClose()
	f.settled.Wait()
}
