package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/eapache/go-resiliency/breaker"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/submission"
)

func TestMain(m *testing.M) {
	// It ticks for all meters of the process, once one has been made, and never ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func TestNewConfig_everySettingThatMatters(t *testing.T) {
	cfg, err := NewConfig(chassis.Kafka{Linger: time.Millisecond}, "form-api")
	require.NoError(t, err)

	require.Equal(t, "form-api", cfg.ClientID)
	require.Equal(t, sarama.V4_0_0_0, cfg.Version)
	require.Equal(t, 3*time.Second, cfg.Net.ReadTimeout)
	require.Equal(t, 1, cfg.Net.MaxOpenRequests)
	require.False(t, cfg.Metadata.AllowAutoTopicCreation)
	require.Equal(t, 30*time.Second, cfg.Metadata.RefreshFrequency)
	require.Equal(t, sarama.WaitForAll, cfg.Producer.RequiredAcks)
	require.True(t, cfg.Producer.Idempotent)
	require.Equal(t, time.Millisecond, cfg.Producer.Flush.Frequency)
	require.Equal(t, sarama.CompressionLZ4, cfg.Producer.Compression)
	require.Less(t, cfg.Producer.Timeout, cfg.Net.ReadTimeout, "the broker says that replicas are slow before the connection is given up")
	require.Equal(t, sarama.OffsetOldest, cfg.Consumer.Offsets.Initial)
	require.False(t, cfg.Consumer.Group.ResetInvalidOffsets)

	named, err := NewConfig(chassis.Kafka{ClientID: "mine"}, "form-api")
	require.NoError(t, err)
	require.Equal(t, "mine", named.ClientID)
}

func TestNewConfig_retriesOutlastTheCaller(t *testing.T) {
	cfg, err := NewConfig(chassis.Kafka{}, "x")
	require.NoError(t, err)
	var total time.Duration
	for attempt := 1; attempt <= cfg.Producer.Retry.Max; attempt++ {
		total += cfg.Producer.Retry.BackoffFunc(attempt, cfg.Producer.Retry.Max)
	}
	require.Equal(t, 3750*time.Millisecond, total)
	require.Equal(t, produceBackoffMin, cfg.Producer.Retry.BackoffFunc(0, 10))
	require.Equal(t, produceBackoffMax, cfg.Producer.Retry.BackoffFunc(1000, 10))
}

func TestNewGroupConfig_connectionOutlastsARebalance(t *testing.T) {
	cfg, err := NewGroupConfig(chassis.Kafka{}, "x")
	require.NoError(t, err)
	require.Greater(t, cfg.Net.ReadTimeout, cfg.Consumer.Group.Rebalance.Timeout)
}

func TestNewConfig_wrongSecurity_isTold(t *testing.T) {
	_, err := NewConfig(chassis.Kafka{TLS: chassis.TLS{Enabled: true, CA: "testdata/none.pem"}}, "x")
	require.ErrorContains(t, err, "none.pem")
	_, err = NewConfig(chassis.Kafka{SASL: chassis.SASL{Mechanism: "OAUTH", User: "u", Password: "hush"}}, "x")
	require.ErrorContains(t, err, "OAUTH")
	require.NotContains(t, err.Error(), "hush")
	_, err = NewGroupConfig(chassis.Kafka{SASL: chassis.SASL{Mechanism: "OAUTH"}}, "x")
	require.Error(t, err)
}

func TestSCRAM_conversation(t *testing.T) {
	for name, client := range map[string]func() sarama.SCRAMClient{
		"SCRAM-SHA-256": newSCRAM(scram.SHA256), "SCRAM-SHA-512": newSCRAM(scram.SHA512),
	} {
		t.Run(name, func(t *testing.T) {
			hash := scram.SHA256
			if name == "SCRAM-SHA-512" {
				hash = scram.SHA512
			}
			known, err := hash.NewClient("user", "pass", "")
			require.NoError(t, err)
			stored, err := known.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
			require.NoError(t, err)
			server, err := hash.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
			require.NoError(t, err)
			broker := server.NewConversation()

			c := client()
			require.NoError(t, c.Begin("user", "pass", ""))
			challenge := ""
			for !c.Done() {
				answer, err := c.Step(challenge)
				require.NoError(t, err)
				if c.Done() {
					break
				}
				challenge, err = broker.Step(answer)
				require.NoError(t, err)
			}
			require.True(t, broker.Valid())
		})
	}
	require.Error(t, newSCRAM(scram.SHA256)().Begin("user", "a\u0000b", ""), "SASLprep forbids control characters")
}

func TestClassify(t *testing.T) {
	cause := errors.New("connection reset")
	tests := map[string]struct {
		err       error
		encoded   bool
		fate      Fate
		permanent bool
	}{
		"never in a batch":              {cause, false, NotStored, false},
		"in a batch":                    {cause, true, MaybeStored, false},
		"replicas missing":              {sarama.ErrNotEnoughReplicas, true, MaybeStored, false},
		"too large for the client":      {sarama.ConfigurationError("larger"), false, NotStored, true},
		"too large for the broker":      {sarama.ErrMessageSizeTooLarge, true, NotStored, true},
		"batch too large":               {sarama.ErrMessageSetSizeTooLarge, true, NotStored, true},
		"invalid record":                {sarama.ErrInvalidRecord, true, NotStored, true},
		"topic not allowed":             {sarama.ErrTopicAuthorizationFailed, true, NotStored, false},
		"cluster not allowed":           {sarama.ErrClusterAuthorizationFailed, true, NotStored, false},
		"breaker open before a batch":   {breaker.ErrBreakerOpen, false, NotStored, false},
		"breaker open after a batch":    {breaker.ErrBreakerOpen, true, MaybeStored, false},
		"numbering lost, fate unknown":  {sarama.ErrOutOfOrderSequenceNumber, true, MaybeStored, false},
		"shutting down, never in batch": {sarama.ErrShuttingDown, false, NotStored, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := classify("forms.demo", test.err, test.encoded)
			var failed *ProduceError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, test.fate, failed.Fate)
			require.Equal(t, test.permanent, failed.Permanent)
			require.ErrorIs(t, err, test.err)
			require.Contains(t, err.Error(), "forms.demo")
		})
	}
	require.ErrorIs(t, classify("t", sarama.ErrShuttingDown, false), ErrClosed)
	require.ErrorIs(t, classify("t", sarama.ErrClosedClient, true), ErrClosed)
}

func TestDisownedAndTripped_onlyTheirErrors(t *testing.T) {
	require.True(t, disowned(sarama.ErrProducerFenced))
	require.True(t, disowned(fmt.Errorf("wrapped: %w", sarama.ErrOutOfOrderSequenceNumber)))
	require.False(t, disowned(sarama.ErrNotEnoughReplicas))
	require.True(t, tripped(fmt.Errorf("wrapped: %w", breaker.ErrBreakerOpen)))
	require.False(t, tripped(sarama.ErrLeaderNotAvailable))
}

func newTestPending(key string) *pending {
	p := pool{}
	p.New = newPending
	return p.get("forms.demo", []byte(key), []submission.Header{{Key: "ce_id", Value: []byte(key)}}, []byte("{}"))
}

func TestPending_callerLeaves(t *testing.T) {
	over, cancel := context.WithCancelCause(context.Background())
	cancel(context.DeadlineExceeded)

	t.Run("before it was encoded, dropped", func(t *testing.T) {
		m := newTestPending("k")
		left, err := m.leave(over, "forms.demo")
		require.True(t, left)
		require.Equal(t, NotStored, err.(*ProduceError).Fate) //nolint:errorlint // the type itself
		_, err = m.msg.Value.Encode()
		require.ErrorIs(t, err, errGone)
		_, err = partitioner{}.Partition(&m.msg, 3)
		require.ErrorIs(t, err, errGone)
		require.False(t, m.settle(errGone), "nobody waits")
	})

	t.Run("after it was encoded, may be stored, and dropped where it is encoded again", func(t *testing.T) {
		m := newTestPending("k")
		_, err := m.msg.Value.Encode()
		require.NoError(t, err)
		_, err = m.msg.Value.Encode()
		require.NoError(t, err, "who still waits is encoded as often as Sarama wants")
		left, err := m.leave(over, "forms.demo")
		require.True(t, left)
		require.Equal(t, MaybeStored, err.(*ProduceError).Fate) //nolint:errorlint // the type itself
		_, err = m.msg.Value.Encode()
		require.ErrorIs(t, err, errGone)
		require.False(t, m.settle(nil))
	})

	t.Run("when it was settled, too late", func(t *testing.T) {
		m := newTestPending("k")
		require.True(t, m.settle(nil))
		left, _ := m.leave(over, "forms.demo")
		require.False(t, left)
		<-m.done
		require.NoError(t, m.err)
	})
}

func TestPool_recycled_holdsNothingOfTheLastRecord(t *testing.T) {
	p := pool{}
	p.New = newPending
	long := []submission.Header{{Key: "a-long-name", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}
	m := p.get("forms.a", []byte("k1"), long, []byte("v1"))
	first := m.headers
	p.put(m)
	require.Nil(t, first[0].Value)
	m = p.get("forms.b", []byte("k2"), []submission.Header{{Key: "c", Value: []byte("3")}}, []byte("v2"))
	require.Equal(t, []sarama.RecordHeader{{Key: []byte("c"), Value: []byte("3")}}, m.msg.Headers)
	require.Equal(t, int64(submission.NoOffset), m.msg.Offset)
	value, err := m.msg.Value.Encode()
	require.NoError(t, err)
	require.Equal(t, "v2", string(value))
}

func TestPartitioner_placesByKey(t *testing.T) {
	for i := range 100 {
		key := fmt.Sprint("id-", i)
		m := newTestPending(key)
		got, err := newPartitioner("forms.demo").Partition(&m.msg, 7)
		require.NoError(t, err)
		require.Equal(t, submission.Partition(key, 7), got)
	}
	got, err := partitioner{}.Partition(&sarama.ProducerMessage{}, 7)
	require.NoError(t, err)
	require.Zero(t, got)
	require.True(t, partitioner{}.RequiresConsistency())
}

func TestNewProducer_noBroker_saysWhichFlag(t *testing.T) {
	_, err := NewProducer(nil, sarama.NewConfig(), ProducerOptions{})
	require.ErrorContains(t, err, "-brokers")
}

func TestReconnectDelay_growsToOneSecond(t *testing.T) {
	require.Equal(t, 100*time.Millisecond, reconnectDelay(0))
	require.Equal(t, time.Second, reconnectDelay(4))
	require.Equal(t, time.Second, reconnectDelay(1000))
}

func TestPulse(t *testing.T) {
	late := refuse("forms.demo", fmt.Errorf("wait for the brokers: %w", context.DeadlineExceeded))
	type event struct {
		at  time.Duration
		err error // nil: acknowledged
	}
	tests := map[string]struct {
		events  []event
		now     time.Duration
		stalled bool
	}{
		"nothing happened":                   {nil, 0, false},
		"one slow record":                    {[]event{{0, late}}, 5 * time.Second, false},
		"a slow moment":                      {[]event{{0, late}, {3 * time.Second, late}}, 4 * time.Second, false},
		"nothing acknowledged for a while":   {[]event{{0, late}, {3 * time.Second, late}, {6 * time.Second, late}}, 6 * time.Second, true},
		"something acknowledged in between":  {[]event{{0, late}, {3 * time.Second, nil}, {4 * time.Second, late}, {6 * time.Second, late}}, 6 * time.Second, false},
		"acknowledged again":                 {[]event{{0, late}, {3 * time.Second, late}, {6 * time.Second, late}, {7 * time.Second, nil}}, 7 * time.Second, false},
		"nobody has tried since":             {[]event{{0, late}, {3 * time.Second, late}, {6 * time.Second, late}}, 11 * time.Second, false},
		"tried again after that":             {[]event{{0, late}, {3 * time.Second, late}, {6 * time.Second, late}, {11 * time.Second, late}}, 11 * time.Second, false},
		"records that no broker would take":  {[]event{{0, sarama.ErrMessageSizeTooLarge}, {5 * time.Second, sarama.ErrMessageSizeTooLarge}}, 5 * time.Second, false},
		"topics that this user may not use":  {[]event{{0, sarama.ErrTopicAuthorizationFailed}, {5 * time.Second, sarama.ErrTopicAuthorizationFailed}}, 5 * time.Second, false},
		"callers that left, records dropped": {[]event{{0, context.Canceled}, {5 * time.Second, errGone}}, 5 * time.Second, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := pulse{log: slog.New(slog.DiscardHandler)}
			start := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
			for _, e := range test.events {
				if e.err == nil {
					p.beat()
				} else {
					p.miss(e.err, start.Add(e.at))
				}
			}
			err := p.err(start.Add(test.now))
			require.Equal(t, test.stalled, errors.Is(err, ErrStalled), "%v", err)
		})
	}
}

func TestPulse_tellsTheBrokersReasonRatherThanTheDeadline(t *testing.T) {
	var log bytes.Buffer
	p := pulse{log: slog.New(slog.NewTextHandler(&log, nil))}
	at := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
	p.miss(classify("forms.demo", sarama.ErrNotEnoughReplicas, true), at)
	for after := range 3 {
		p.miss(context.DeadlineExceeded, at.Add(time.Duration(after+1)*3*time.Second))
	}
	require.ErrorIs(t, p.err(at.Add(9*time.Second)), sarama.ErrNotEnoughReplicas)
	require.ErrorContains(t, p.err(at.Add(9*time.Second)), "since 18:30:00")
	require.Equal(t, 1, strings.Count(log.String(), "no record is acknowledged"), "logged once")
	for range 2 {
		p.beat()
	}
	require.Equal(t, 1, strings.Count(log.String(), "acknowledged again"), "logged once")
}
