package servers_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/need"
	"github.com/formstream/formstream/pkgtest/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRedis_killedAndStarted_isEmptyAtTheSameAddress(t *testing.T) {
	r, err := servers.StartRedis(t.Context(), t.TempDir())
	need.Started(t, err)
	defer r.Close()
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.Set(t.Context(), "k", "v", 0).Err())
	before := r.PID()
	r.Kill()
	require.ErrorIs(t, syscall.Kill(before, 0), syscall.ESRCH)
	require.NoError(t, r.Start(t.Context()))
	require.Zero(t, rdb.DBSize(t.Context()).Val())
}

func TestSentinel_masterKilled_replicaTakesOver(t *testing.T) {
	s, err := servers.StartSentinel(t.Context(), t.TempDir())
	need.Started(t, err)
	defer s.Close()
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: servers.SentinelMaster, SentinelAddrs: s.Addrs})
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.Set(t.Context(), "k", "v", 0).Err())
	require.EqualValues(t, 1, rdb.Wait(t.Context(), 1, 10*time.Second).Val(), "the replica has it")
	master, err := s.Master(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.Servers[0], master)

	master.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next, err := s.AwaitMaster(ctx, master)
	require.NoError(t, err)
	require.Equal(t, s.Servers[1], next)
	require.Eventually(t, func() bool { return rdb.Get(ctx, "k").Val() == "v" && rdb.Set(ctx, "k", "w", 0).Err() == nil }, time.Minute, 50*time.Millisecond)
}

func TestLock_isHeldByOneAtATime(t *testing.T) {
	path := t.TempDir() + "/lock"
	unlock, err := servers.Lock(path)
	require.NoError(t, err)
	got := make(chan func())
	go func() {
		second, _ := servers.Lock(path)
		got <- second
	}()
	select {
	case <-got:
		require.Fail(t, "locked twice")
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	(<-got)()
}
