package formapi

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

func TestConfig_defaults(t *testing.T) {
	var cfg Config
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers", "kafka-1:9092"}, func(string) (string, bool) { return "", false }))
	require.Equal(t, "127.0.0.1:3000", cfg.HTTP)
	require.Equal(t, 3*time.Second, cfg.ProduceTimeout)
	require.Equal(t, 10_000, cfg.MaxInFlight)
	require.True(t, cfg.Topics.Create)
}

func TestConfig_wrong_everyKeyIsNamed(t *testing.T) {
	var cfg Config
	err := chassis.Load(&cfg, []string{"-http", "", "-produce-timeout", "1h", "-max-in-flight", "0", "-topics-partitions", "0"},
		func(string) (string, bool) { return "", false })
	for _, key := range []string{"-http", "-brokers", "-produce-timeout", "-max-in-flight", "-topics-partitions"} {
		require.ErrorContains(t, err, key)
	}
}

func TestTopicsReady_followsTheBrokersAnswers(t *testing.T) {
	now := received
	w := &topics{names: []string{"forms.demo"}, ensured: map[string]bool{}, wake: make(chan struct{}, 1), log: discard(), now: func() time.Time { return now }}
	require.ErrorContains(t, w.ready(t.Context()), "not been found yet")
	w.failed(errors.New("brokers away"))
	require.ErrorContains(t, w.ready(t.Context()), "brokers away")

	w.ensured["forms.demo"] = true
	w.answered(nil)
	require.NoError(t, w.ready(t.Context()))
	now = now.Add(staleAfter)
	w.failed(errors.New("brokers hang"))
	require.NoError(t, w.ready(t.Context()), "one failed look is no outage")
	now = now.Add(time.Second)
	require.ErrorContains(t, w.ready(t.Context()), "brokers hang")
	w.answered([]string{"forms.demo"})
	require.NoError(t, w.ready(t.Context()), "a topic that vanishes costs its own form only")
	require.True(t, w.missing("forms.demo"))
	w.answered(nil)
	require.False(t, w.missing("forms.demo"))
}
