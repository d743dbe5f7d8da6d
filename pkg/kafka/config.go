package kafka

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/submission"
)

const (
	// netTimeout bounds connecting, writing and waiting for an answer. While a broker hangs, the partitions that it leads
	// are muted for this long; a submitter waits 3 s, so a longer time would turn one hung broker into a longer outage.
	netTimeout = 3 * time.Second

	// ackTimeout is how long a broker waits for its replicas before it says so itself, which keeps the connection.
	ackTimeout = 2500 * time.Millisecond

	// metadataTimeout bounds one refresh, over all brokers that it tries.
	metadataTimeout = 4 * time.Second

	// produceRetries with produceBackoff last about 4 s: longer than any caller waits, and not much longer, since what is
	// sent after its caller has gone can only surprise.
	produceRetries    = 10
	produceBackoffMin = 50 * time.Millisecond
	produceBackoffMax = 500 * time.Millisecond

	// joinTimeout is how long a rebalance waits for members that finish their work.
	joinTimeout = 10 * time.Second
)

// NewConfig returns the Sarama settings of every service: producing and asking. Each differs from Sarama's default for a
// reason that was measured or that loses data otherwise. clientID is used where c has none.
// For consumer groups take [NewGroupConfig].
func NewConfig(c chassis.Kafka, clientID string) (*sarama.Config, error) {
	cfg := sarama.NewConfig()
	cfg.ClientID = clientID
	if c.ClientID != "" {
		cfg.ClientID = c.ClientID
	}
	cfg.Version = sarama.V4_0_0_0

	cfg.Net.DialTimeout = netTimeout
	cfg.Net.ReadTimeout = netTimeout
	cfg.Net.WriteTimeout = netTimeout
	cfg.Net.MaxOpenRequests = 1 // required by Idempotent; one batch per partition is in flight whatever it says

	cfg.Metadata.AllowAutoTopicCreation = false // a misspelt name must not become a topic with the broker's defaults
	cfg.Metadata.RefreshFrequency = 30 * time.Second
	cfg.Metadata.Timeout = metadataTimeout
	cfg.Metadata.Retry.Max = 3
	cfg.Metadata.Retry.Backoff = 100 * time.Millisecond
	cfg.Admin.Timeout = netTimeout

	setProducer(cfg, c.Linger)
	setConsumer(cfg)
	if err := setSecurity(cfg, c); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check Kafka settings: %w", err)
	}
	return cfg, nil
}

// NewGroupConfig is [NewConfig] for a client that joins a consumer group. The answer to joining comes when the slowest
// member has joined, so the connection must be allowed to stay silent for that long: with 3 s joining breaks off, and is
// begun again, whenever a member takes longer to finish its work.
func NewGroupConfig(c chassis.Kafka, clientID string) (*sarama.Config, error) {
	cfg, err := NewConfig(c, clientID)
	if err != nil {
		return nil, err
	}
	cfg.Net.ReadTimeout = joinTimeout + netTimeout
	return cfg, nil
}

func setProducer(cfg *sarama.Config, linger time.Duration) {
	p := &cfg.Producer
	p.RequiredAcks = sarama.WaitForAll
	p.Idempotent = true // without it Sarama's retries reorder and repeat (IBM/sarama issues 2619, 2860)
	p.Timeout = ackTimeout
	p.Compression = sarama.CompressionLZ4
	p.Flush.Frequency = linger // gathers all partitions of a broker into one request
	p.Retry.Max = produceRetries
	p.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(produceBackoffMin<<min(max(retries-1, 0), 10), produceBackoffMax)
	}
	p.Return.Successes = true
	p.Return.Errors = true
	p.Partitioner = newPartitioner
}

func setConsumer(cfg *sarama.Config) {
	c := &cfg.Consumer
	c.Offsets.Initial = sarama.OffsetOldest // newest skips what came before a group's first commit on a partition
	c.Group.ResetInvalidOffsets = false     // an offset that the log no longer has is a loss to count, not to skip in silence
	c.Group.Heartbeat.Interval = time.Second
	c.Group.Rebalance.Timeout = joinTimeout
	c.Return.Errors = true
}

// partitioner places records by their key, as the package submission says.
type partitioner struct{}

func newPartitioner(string) sarama.Partitioner { return partitioner{} }

// Partition implements sarama.Partitioner.
func (partitioner) Partition(msg *sarama.ProducerMessage, partitions int32) (int32, error) {
	if m, ok := msg.Metadata.(*pending); ok && m.gone() {
		return 0, errGone
	}
	if msg.Key == nil {
		return 0, nil
	}
	key, err := msg.Key.Encode()
	if err != nil {
		return 0, err
	}
	return submission.Partition(string(key), partitions), nil
}

// RequiresConsistency is true: a partition without a leader is waited for, never gone around.
func (partitioner) RequiresConsistency() bool { return true }
