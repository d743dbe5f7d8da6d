package buffertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

// redisPartitions bounds the partitions that redisFaults looks at.
const redisPartitions = 4

// NewRedisSetup is the Setup of the Store. Each subject has a prefix of its own on the same Redis.
func NewRedisSetup(rdb redis.UniversalClient) Setup {
	n := 0
	return func(t testing.TB, limits buffer.Limits) Subject {
		n++
		clock, prefix := &Clock{}, fmt.Sprintf("test%d:", n)
		store := buffer.New(rdb, buffer.Options{Prefix: prefix, Limits: limits, Now: clock.Now})
		faults := &redisFaults{t: t, rdb: rdb, prefix: prefix}
		t.Cleanup(faults.Empty)
		return Subject{store, faults, clock}
	}
}

// redisFaults does to the keys of a Store what evictions, restores and hands can do.
type redisFaults struct {
	t      testing.TB
	rdb    redis.UniversalClient
	prefix string
}

func (f *redisFaults) key(form string, p int32, key Key) string {
	return fmt.Sprintf("%s{%s}:%s:%d", f.prefix, form, key, p)
}

func (f *redisFaults) state(form string) string { return f.prefix + "{" + form + "}:state" }

func (f *redisFaults) keys(pattern string) []string {
	keys, err := f.rdb.Keys(context.Background(), pattern).Result()
	require.NoError(f.t, err)
	slices.Sort(keys)
	return keys
}

func (f *redisFaults) delete(keys ...string) {
	for _, key := range keys { // one by one: a cluster refuses several slots
		require.NoError(f.t, f.rdb.Del(context.Background(), key).Err())
	}
}

func (f *redisFaults) Empty()                 { f.delete(f.keys(f.prefix + "*")...) }
func (f *redisFaults) EmptyForm(form string)  { f.delete(f.keys(f.prefix + "{" + form + "}:*")...) }
func (f *redisFaults) EvictState(form string) { f.delete(f.state(form)) }

func (f *redisFaults) EvictKey(form string, p int32, key Key) { f.delete(f.key(form, p, key)) }

func (f *redisFaults) Evict(form string, p int32, i int) bool {
	return f.evictMember(f.key(form, p, Buf), i)
}

func (f *redisFaults) EvictAge(form string, p int32, i int) bool {
	return f.evictMember(f.key(form, p, Age), i)
}

func (f *redisFaults) evictMember(key string, i int) bool {
	member, ok := f.member(key, i)
	if ok {
		require.NoError(f.t, f.rdb.ZRem(context.Background(), key, member).Err())
	}
	return ok
}

func (f *redisFaults) EvictID(form string, p int32, i int) bool {
	member, ok := f.member(f.key(form, p, Age), i)
	if ok {
		require.NoError(f.t, f.rdb.HDel(context.Background(), f.key(form, p, IDs), member[19:]).Err())
	}
	return ok
}

// member returns the i-th member, modulo their number.
func (f *redisFaults) member(key string, i int) (string, bool) {
	n, err := f.rdb.ZCard(context.Background(), key).Result()
	require.NoError(f.t, err)
	if n == 0 {
		return "", false
	}
	at := int64(i) % n
	members, err := f.rdb.ZRange(context.Background(), key, at, at).Result()
	require.NoError(f.t, err)
	return members[0], true
}

func (f *redisFaults) Snapshot() func() {
	ctx := context.Background()
	sets, hashes := map[string][]redis.Z{}, map[string]map[string]string{}
	for _, key := range f.keys(f.prefix + "*") {
		kind, err := f.rdb.Type(ctx, key).Result()
		require.NoError(f.t, err)
		if kind == "hash" {
			hashes[key] = f.rdb.HGetAll(ctx, key).Val()
		} else {
			sets[key] = f.zrange(key)
		}
	}
	return func() {
		f.Empty()
		for key, members := range sets {
			require.NoError(f.t, f.rdb.ZAdd(ctx, key, members...).Err())
		}
		for key, fields := range hashes {
			require.NoError(f.t, f.rdb.HSet(ctx, key, fields).Err())
		}
	}
}

func (f *redisFaults) zrange(key string) []redis.Z {
	members, err := f.rdb.ZRangeWithScores(context.Background(), key, 0, -1).Result()
	require.NoError(f.t, err)
	return members
}

func (f *redisFaults) Dump(form string) string {
	ctx := context.Background()
	pipe := f.rdb.Pipeline()
	state := pipe.HGetAll(ctx, f.state(form))
	var bufs, ages [redisPartitions]*redis.ZSliceCmd
	var ids [redisPartitions]*redis.MapStringStringCmd
	for p := range int32(redisPartitions) {
		bufs[p] = pipe.ZRangeWithScores(ctx, f.key(form, p, Buf), 0, -1)
		ages[p] = pipe.ZRangeWithScores(ctx, f.key(form, p, Age), 0, -1)
		ids[p] = pipe.HGetAll(ctx, f.key(form, p, IDs))
	}
	_, err := pipe.Exec(ctx)
	require.NoError(f.t, err)

	var b strings.Builder
	dumpState(&b, state.Val()["topic"], state.Val()["sheet"], state.Val()["park"])
	for p := range int32(redisPartitions) {
		dumpPartition(&b, p, state.Val()[strconv.Itoa(int(p))])
		for _, z := range bufs[p].Val() {
			fmt.Fprintf(&b, "buf:%d %.0f %q\n", p, z.Score, z.Member)
		}
		for _, id := range slices.Sorted(maps.Keys(ids[p].Val())) {
			fmt.Fprintf(&b, "ids:%d %q %s\n", p, id, ids[p].Val()[id])
		}
		for _, z := range ages[p].Val() {
			fmt.Fprintf(&b, "age:%d %.0f %q\n", p, z.Score, z.Member)
		}
	}
	return b.String()
}
