package redistest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/need"
	"github.com/formstream/formstream/pkgtest/servers"
)

// patience bounds how long a server may take to answer; a busy machine needs seconds.
const patience = 20 * time.Second

// Start starts a redis-server with noeviction and nothing on disk; extra are more of its options, such as
// "--maxmemory", "8mb". Where there is no redis-server, the test is skipped.
func Start(t testing.TB, extra ...string) *servers.Redis {
	t.Helper()
	s, err := servers.StartRedis(t.Context(), t.TempDir(), extra...)
	need.Started(t, err)
	t.Cleanup(s.Close)
	return s
}

// Real starts a redis-server and returns a client to it.
func Real(t testing.TB) redis.UniversalClient {
	t.Helper()
	return client(t, Start(t).Addr)
}

// Cluster starts a redis-server that is a cluster of one node, and returns a client to it.
func Cluster(t testing.TB) redis.UniversalClient {
	t.Helper()
	s := Start(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
	ctx := context.Background()
	node := client(t, s.Addr)
	require.NoError(t, node.Do(ctx, "cluster", "addslotsrange", 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := node.ClusterInfo(ctx).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, patience, 10*time.Millisecond)
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.Addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	return rdb
}

// Sentinel starts a master, a replica and three Sentinels, and returns them with a client that follows the master.
func Sentinel(t testing.TB) (*servers.Sentinel, redis.UniversalClient) {
	t.Helper()
	s, err := servers.StartSentinel(t.Context(), t.TempDir())
	need.Started(t, err)
	t.Cleanup(s.Close)
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: servers.SentinelMaster, SentinelAddrs: s.Addrs, ContextTimeoutEnabled: true})
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	return s, rdb
}
