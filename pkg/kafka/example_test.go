package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

func ExampleMissingTopicsError() {
	err := &kafka.MissingTopicsError{
		Topics:  []string{"forms.demo"},
		Brokers: []string{"kafka-1:9092"},
		Spec:    chassis.Topics{Partitions: 6, Replication: 3, MinInsync: 2, Retention: -time.Millisecond},
	}
	fmt.Println(err)
	// Output:
	// topics are missing: forms.demo; start with -topics-create, or make them:
	//   kafka-topics.sh --bootstrap-server kafka-1:9092 --create --topic forms.demo --partitions 6 --replication-factor 3 --config cleanup.policy=delete --config retention.ms=-1 --config retention.bytes=-1 --config min.insync.replicas=2
}

func ExampleProducer_Produce() {
	answer := func(err error) string {
		var failed *kafka.ProduceError
		switch {
		case err == nil:
			return "accepted"
		case errors.As(err, &failed) && failed.Fate == kafka.MaybeStored:
			return "may be stored, at most once"
		default:
			return "not stored"
		}
	}

	cfg, err := kafka.NewConfig(chassis.Kafka{}, "example")
	if err != nil {
		panic(err)
	}
	producer, err := kafka.NewProducer([]string{"127.0.0.1:1"}, cfg, kafka.ProducerOptions{}) // nobody listens there
	if err != nil {
		panic(err)
	}
	defer producer.Close(context.Background()) //nolint:errcheck // nothing is waiting

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	s := submission.Submission{ID: submission.NewID(), Form: "demo", ReceivedAt: time.Now(), Data: []byte(`{}`)}
	_, _, err = producer.Produce(ctx, "forms.demo", []byte(s.ID), s.Headers(), s.Data)
	fmt.Println(answer(err))
	// Output: not stored
}
