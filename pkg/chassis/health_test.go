package chassis_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

func TestHealth_noChecks_isStarting(t *testing.T) {
	h := chassis.NewHealth()
	require.ErrorIs(t, h.Ready(t.Context()), chassis.ErrStarting)
	h.Register("kafka", func(context.Context) error { return nil })
	require.NoError(t, h.Ready(t.Context()))
}

func TestHealth_failingChecks_areAllNamed(t *testing.T) {
	h := chassis.NewHealth()
	h.Register("kafka", func(context.Context) error { return errors.New("no broker answers") })
	h.Register("forms", func(context.Context) error { return nil })
	h.Register("redis", func(context.Context) error { return context.DeadlineExceeded })
	err := h.Ready(t.Context())
	require.EqualError(t, err, "kafka: no broker answers\nredis: context deadline exceeded")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestHealth_drain_isNotReadyForGood(t *testing.T) {
	h := chassis.NewHealth()
	h.Drain()
	h.Drain()
	require.ErrorIs(t, h.Ready(t.Context()), chassis.ErrDraining)
	<-h.Draining()
}

func TestHealth_checkRecovers_isReadyAgain(t *testing.T) {
	h := chassis.NewHealth()
	var away atomic.Bool
	h.Register("kafka", func(context.Context) error {
		if away.Load() {
			return errors.New("away")
		}
		return nil
	})
	require.NoError(t, h.Ready(t.Context()))
	away.Store(true)
	require.Error(t, h.Ready(t.Context()))
	away.Store(false)
	require.NoError(t, h.Ready(t.Context()))
}

func TestHealth_manyProbesOfAHangingCheck_runItOnce(t *testing.T) {
	h := chassis.NewHealth()
	var runs atomic.Int32
	release := make(chan struct{})
	h.Register("kafka", func(context.Context) error {
		runs.Add(1)
		<-release
		return nil
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var probes sync.WaitGroup
	for range 50 {
		probes.Go(func() { _ = h.Ready(gone) })
	}
	probes.Wait() // none has waited for the check
	require.LessOrEqual(t, runs.Load(), int32(1))
	close(release)
	require.NoError(t, h.Ready(t.Context()))
}
