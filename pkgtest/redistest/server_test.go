package redistest_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/pkgtest/servers"
)

func TestStart_answersUntilItsTestEnds(t *testing.T) {
	var s *servers.Redis
	t.Run("while it runs", func(t *testing.T) {
		s = redistest.Start(t)
		rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
		defer rdb.Close()
		policy, err := rdb.ConfigGet(context.Background(), "maxmemory-policy").Result()
		require.NoError(t, err)
		require.Equal(t, "noeviction", policy["maxmemory-policy"])
	})
	if s == nil {
		t.Skip("no redis-server, see above")
	}
	require.Eventually(t, func() bool { return syscall.Kill(s.PID(), 0) != nil }, 10*time.Second, 10*time.Millisecond, "still running")
}

func TestCluster_refusesCallsAcrossSlots(t *testing.T) {
	rdb := redistest.Cluster(t)
	ctx := context.Background()
	require.NoError(t, rdb.Set(ctx, "{a}:1", "x", 0).Err())
	err := rdb.Eval(ctx, `return redis.call('GET', KEYS[1])`, []string{"{a}:1", "{b}:1"}).Err()
	require.True(t, redis.HasErrorPrefix(err, "CROSSSLOT"), err)
}

func TestMini_keepsItsOwnData(t *testing.T) {
	server, rdb := redistest.Mini(t)
	require.NoError(t, rdb.Set(context.Background(), "k", "v", 0).Err())
	got, err := server.Get("k")
	require.NoError(t, err)
	require.Equal(t, "v", got)
}
