package buffertest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkgtest/redistest"
)

func Example() {
	server, _ := miniredis.Run()
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()
	ctx, store := context.Background(), buffer.New(rdb, buffer.Options{})

	answers, err := store.Add(ctx, buffer.AddRequest{
		Form: "demo-form", TopicID: "t", Partition: 0, Expected: 0,
		Records: []buffer.Record{{Offset: 0, ReceivedAt: 1_763_750_000_123, Data: []byte("first")}, {Offset: 1, ReceivedAt: 1_763_750_000_100, Data: []byte("second")}},
	})
	fmt.Println(answers[0].Status, answers[0].Next, err)

	plan, err := store.Plan(ctx, buffer.PlanRequest{Form: "demo-form", TopicID: "t", Vector: []int64{0}, Settle: 2000, Limit: 4000})
	for _, e := range plan.Entries {
		fmt.Println(e.Offset, e.Score, string(e.Data), err)
	}

	fmt.Println(store.Release(ctx, "demo-form", "t", []int64{2}, "my-spreadsheet"))
	// Output:
	// OK 2 <nil>
	// 0 1763750000123 first <nil>
	// 1 1763750000123 second <nil>
	// <nil>
}

func request(p int32, expected int64, n int) buffer.AddRequest {
	r := buffer.AddRequest{Form: "demo-form", TopicID: "t", Partition: p, Expected: expected}
	for i := range int64(n) {
		r.Records = append(r.Records, buffer.Record{Offset: expected + i, ReceivedAt: 1000 + i, Data: fmt.Appendf(nil, "data %d", expected+i)})
	}
	return r
}

// both runs a test on the Redis in the process and on a real one.
func both(t *testing.T, test func(*testing.T, redis.UniversalClient)) {
	t.Run("in process", func(t *testing.T) {
		_, rdb := redistest.Mini(t)
		test(t, rdb)
	})
	t.Run("on Redis", func(t *testing.T) { test(t, redistest.Real(t)) })
}

func TestStore_withoutATestsClock_takesRedisTime(t *testing.T) {
	both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, store := context.Background(), buffer.New(rdb, buffer.Options{})
		r := request(0, 0, 1)
		r.Records[0].ReceivedAt = time.Now().Add(time.Hour).UnixMilli()
		before, err := rdb.Time(ctx).Result()
		require.NoError(t, err)
		_, err = store.Add(ctx, r)
		require.NoError(t, err)
		after, err := rdb.Time(ctx).Result()
		require.NoError(t, err)
		plan, err := store.Plan(ctx, buffer.PlanRequest{Form: r.Form, TopicID: "t", Vector: []int64{0}, Settle: -1, Limit: 1})
		require.NoError(t, err)
		require.GreaterOrEqual(t, plan.Entries[0].Score, before.UnixMilli())
		require.LessOrEqual(t, plan.Entries[0].Score, after.UnixMilli())
	})
}

func TestStore_scriptsForgotten_areLoadedAgain(t *testing.T) {
	both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, store := context.Background(), buffer.New(rdb, buffer.Options{})
		for i := range int64(3) {
			answers, err := store.Add(ctx, request(0, i, 1), request(1, i, 1))
			require.NoError(t, err)
			require.Equal(t, []int64{i + 1, i + 1}, []int64{answers[0].Next, answers[1].Next})
			require.NoError(t, rdb.ScriptFlush(ctx).Err())
		}
	})
}

// Two consumers that both believe to own the partition: each does what the other has not yet done, and nobody does harm.
func TestStore_twoConsumersAtOnce_storeEachOffsetOnce(t *testing.T) {
	both(t, func(t *testing.T, rdb redis.UniversalClient) {
		const total = 400
		ctx, store := context.Background(), buffer.New(rdb, buffer.Options{})
		var consumers sync.WaitGroup
		for i := range 2 {
			consumers.Go(func() {
				for next := int64(0); next < total; {
					answers, err := store.Add(ctx, request(0, next, min(7+i, int(total-next))))
					if err != nil || answers[0].Status != buffer.AddOK {
						t.Errorf("consumer %d: %v %v", i, answers, err)
						return
					}
					next = answers[0].Next
				}
			})
		}
		consumers.Wait()
		plan, err := store.Plan(ctx, buffer.PlanRequest{Form: "demo-form", TopicID: "t", Vector: []int64{0}, Limit: 10 * total})
		require.NoError(t, err)
		require.Len(t, plan.Entries, total)
		for i, e := range plan.Entries {
			require.Equal(t, fmt.Sprintf("data %d", i), string(e.Data))
		}
	})
}

func TestStore_entryThatCannotBeRead_planNamesThePlace(t *testing.T) {
	ctx := context.Background()
	_, rdb := redistest.Mini(t)
	store := buffer.New(rdb, buffer.Options{Prefix: "p:"})
	_, err := store.Add(ctx, request(2, 0, 3))
	require.NoError(t, err)
	swapMember(t, rdb, "p:{demo-form}:buf:2", 1, "0000000000000000001?")

	_, err = store.Plan(ctx, buffer.PlanRequest{Form: "demo-form", TopicID: "t", Vector: []int64{0, 0, 0}, Limit: 9})
	var damaged *buffer.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, "demo-form 2 1", fmt.Sprint(damaged.Form, " ", damaged.Partition, " ", damaged.Offset))
}

func TestStore_entryOfAnotherOffset_planDropsThePartition(t *testing.T) {
	both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, store := context.Background(), buffer.New(rdb, buffer.Options{Prefix: "p:"})
		_, err := store.Add(ctx, request(1, 0, 3))
		require.NoError(t, err)
		swapMember(t, rdb, "p:{demo-form}:buf:1", 1, "0000000000000000003dsomebody's")
		plan, err := store.Plan(ctx, buffer.PlanRequest{Form: "demo-form", TopicID: "t", Vector: []int64{0, 0}, Limit: 9})
		require.NoError(t, err)
		require.Equal(t, buffer.PlanAnswer{Status: buffer.PlanBooks}, plan)
		answers, err := store.Add(ctx, request(1, 0, 3))
		require.NoError(t, err)
		require.Equal(t, []buffer.AddAnswer{{Status: buffer.AddOK, Next: 3, Fresh: true}}, answers)
	})
}

// swapMember puts another member in the place of the i-th.
func swapMember(t *testing.T, rdb redis.UniversalClient, key string, i int64, member string) {
	ctx := context.Background()
	old, err := rdb.ZRangeWithScores(ctx, key, i, i).Result()
	require.NoError(t, err)
	require.NoError(t, rdb.ZRem(ctx, key, old[0].Member).Err())
	require.NoError(t, rdb.ZAdd(ctx, key, redis.Z{Score: old[0].Score, Member: member}).Err())
}

func TestStore_keyOfAnotherType_onlyItsRequestIsRefused(t *testing.T) {
	both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, store := context.Background(), buffer.New(rdb, buffer.Options{Prefix: "p:"})
		require.NoError(t, rdb.Set(ctx, "p:{broken}:state", "somebody's", 0).Err())
		broken := request(0, 0, 1)
		broken.Form = "broken"
		for range 2 { // with the script's text, and with its name
			answers, err := store.Add(ctx, broken, request(0, 0, 2), request(1, 0, 3))
			require.NoError(t, err)
			require.ErrorContains(t, answers[0].Err, "form broken, partition 0: ")
			require.ErrorContains(t, answers[0].Err, "WRONGTYPE")
			require.Equal(t, []int64{0, 2, 3}, []int64{answers[0].Next, answers[1].Next, answers[2].Next})
		}
	})
}

func TestStore_redisAway_isAnErrorThatNamesTheForm(t *testing.T) {
	server, rdb := redistest.Mini(t)
	store := buffer.New(rdb, buffer.Options{})
	server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := store.Add(ctx, request(0, 0, 1))
	require.ErrorContains(t, err, "form demo-form, partition 0")
	_, err = store.Plan(ctx, buffer.PlanRequest{Form: "demo-form", TopicID: "t", Vector: []int64{0}, Limit: 1})
	require.ErrorContains(t, err, "form demo-form")
	require.ErrorContains(t, store.Release(ctx, "demo-form", "t", []int64{1}, ""), "form demo-form")
	require.ErrorContains(t, store.Check(ctx), "reach redis")
}

// A Redis at its maxmemory refuses what makes it larger, all or nothing, and still lets go of what is delivered.
func TestStore_redisOutOfMemory_addChangesNothingAndReleaseWorks(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "6mb")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer rdb.Close()
	ctx, store := context.Background(), buffer.New(rdb, buffer.Options{})
	next := int64(0)
	for {
		r := request(0, next, 100)
		r.Records[50].ID = fmt.Sprint("id-", next)
		for i := range r.Records {
			r.Records[i].Data = make([]byte, 1000)
		}
		answers, err := store.Add(ctx, r)
		require.NoError(t, err)
		if refused := answers[0].Err; refused != nil {
			require.True(t, redis.HasErrorPrefix(refused, "OOM"), refused)
			break
		}
		require.Equal(t, buffer.AddOK, answers[0].Status)
		next = answers[0].Next
	}
	require.Positive(t, next)
	peeks, err := store.Peek(ctx, []string{"demo-form"}, []int{1})
	require.NoError(t, err)
	require.Equal(t, []buffer.PartitionState{{Next: next, Entries: next, Known: true}}, peeks[0].Partitions)

	require.NoError(t, store.Release(ctx, "demo-form", "t", []int64{next - 10}, "sheet"))
	answers, err := store.Add(ctx, request(0, next, 5))
	require.NoError(t, err)
	require.Equal(t, []any{buffer.AddOK, next + 5, false}, []any{answers[0].Status, answers[0].Next, answers[0].Dropped})
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	t.Run("in process, fine", func(t *testing.T) {
		_, rdb := redistest.Mini(t)
		require.NoError(t, buffer.New(rdb, buffer.Options{}).Check(ctx))
	})
	t.Run("on a cluster, fine", func(t *testing.T) {
		require.NoError(t, buffer.New(redistest.Cluster(t), buffer.Options{}).Check(ctx))
	})
	t.Run("evicts, error with remedy", func(t *testing.T) {
		rdb := redistest.Real(t)
		store := buffer.New(rdb, buffer.Options{})
		require.NoError(t, store.Check(ctx))
		require.NoError(t, rdb.ConfigSet(ctx, "maxmemory-policy", "allkeys-lru").Err())
		require.ErrorContains(t, store.Check(ctx), "CONFIG SET maxmemory-policy noeviction")
	})
	t.Run("tells nothing, warning", func(t *testing.T) {
		rdb := redistest.Real(t)
		require.NoError(t, rdb.Do(ctx, "acl", "setuser", "default", "-info", "-config").Err())
		var warning *buffer.PolicyUnknownError
		require.ErrorAs(t, buffer.New(rdb, buffer.Options{}).Check(ctx), &warning)
	})
	t.Run("only CONFIG tells, fine", func(t *testing.T) {
		rdb := redistest.Real(t)
		require.NoError(t, rdb.Do(ctx, "acl", "setuser", "default", "-info").Err())
		require.NoError(t, buffer.New(rdb, buffer.Options{}).Check(ctx))
	})
	t.Run("wrong password, error", func(t *testing.T) {
		server := redistest.Start(t)
		owner := redis.NewClient(&redis.Options{Addr: server.Addr})
		defer owner.Close()
		require.NoError(t, owner.ConfigSet(ctx, "requirepass", "right").Err())
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "wrong"})
		defer rdb.Close()
		require.ErrorContains(t, buffer.New(rdb, buffer.Options{}).Check(ctx), "user, password")
	})
}
