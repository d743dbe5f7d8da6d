package kafkatest_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// BenchmarkProduce measures the producer beside Sarama's own SyncProducer, both against the in-process broker, which
// throws the records away.
func BenchmarkProduce(b *testing.B) {
	value := bytes.Repeat([]byte(`{"name":"value"},`), 20)
	for _, callers := range []int{64, 512} {
		b.Run(fmt.Sprint("formstream/", callers), func(b *testing.B) {
			c := kafkatest.Start(b, kafkatest.Topics(6, topic), kafkatest.Blackhole())
			p := kafkatest.NewProducer(b, c.Brokers(), kafka.ProducerOptions{})
			warm(b, p)
			parallel(b, callers, func() error {
				id := submission.NewID()
				s := submission.Submission{ID: id, Form: "demo", Data: value}
				_, _, err := p.Produce(b.Context(), topic, []byte(id), s.Headers(), s.Data)
				return err
			})
		})
		b.Run(fmt.Sprint("sync-producer/", callers), func(b *testing.B) {
			c := kafkatest.Start(b, kafkatest.Topics(6, topic), kafkatest.Blackhole())
			p, err := sarama.NewSyncProducer(c.Brokers(), kafkatest.Config(b, c.Brokers()))
			require.NoError(b, err)
			defer p.Close() //nolint:errcheck // the benchmark is over
			parallel(b, callers, func() error {
				id := submission.NewID()
				s := submission.Submission{ID: id, Form: "demo", Data: value}
				var headers []sarama.RecordHeader
				for _, h := range s.Headers() {
					headers = append(headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
				}
				_, _, err := p.SendMessage(&sarama.ProducerMessage{
					Topic: topic, Key: sarama.StringEncoder(id), Value: sarama.ByteEncoder(value), Headers: headers,
				})
				return err
			})
		})
	}
}

// warm waits until the producer is connected, which no caller should have to measure.
func warm(b *testing.B, p *kafka.Producer) {
	b.Helper()
	_, _, err := p.Produce(kafkatest.Context(b), topic, []byte("warm"), nil, []byte("{}"))
	require.NoError(b, err)
}

func parallel(b *testing.B, callers int, call func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(callers / 2) // times GOMAXPROCS, which is 2 where the published figures were taken
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
