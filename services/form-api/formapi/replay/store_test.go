package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

// patience is for a busy machine: no test waits this long when all is well.
const patience = 20 * time.Second

// TestStore runs what the store promises on each kind of Redis.
func TestStore(t *testing.T) {
	for kind, start := range map[string]func(*testing.T) redis.UniversalClient{
		"in process": func(t *testing.T) redis.UniversalClient { _, rdb := redistest.Mini(t); return rdb },
		"real":       func(t *testing.T) redis.UniversalClient { return redistest.Real(t) },
		"cluster":    func(t *testing.T) redis.UniversalClient { return redistest.Cluster(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			rdb := start(t)
			for name, test := range promises() {
				t.Run(name, func(t *testing.T) {
					require.NoError(t, rdb.FlushAll(context.Background()).Err())
					test(t, rdb)
				})
			}
		})
	}
}

func promises() map[string]func(*testing.T, redis.UniversalClient) {
	return map[string]func(*testing.T, redis.UniversalClient){
		"Begin": testBegin,
		"Begin_underWayElsewhere_waitsForItsAnswer":         testBeginUnderWayElsewhereWaitsForItsAnswer,
		"Begin_underWayElsewhereAndReleased_goesOn":         testBeginUnderWayElsewhereAndReleasedGoesOn,
		"Begin_replicaDiesInBetween_goesOnAfterTheLease":    testBeginReplicaDiesInBetweenGoesOnAfterTheLease,
		"Begin_waitsInVain_goesOn":                          testBeginWaitsInVainGoesOn,
		"Finish_bothStoredIt_theFirstAnswerIsEverybodys":    testFinishBothStoredItTheFirstAnswerIsEverybodys,
		"Finish_keyTakenByOtherValuesMeanwhile_staysTheirs": testFinishKeyTakenByOtherValuesMeanwhileStaysTheirs,
		"Finish_submitterHasGone_isKeptAllTheSame":          testFinishSubmitterHasGoneIsKeptAllTheSame,
		"Finish_answerTooLong_isNotKept":                    testFinishAnswerTooLongIsNotKept,
		"Begin_manyAtOnceOnTwoReplicas_oneIsFirst":          testBeginManyAtOnceOnTwoReplicasOneIsFirst,
		"Window_over_isForgottenAndItsMemoryFreed":          testWindowOverIsForgottenAndItsMemoryFreed,
		"MaxKeys_reached_theOldestIsForgotten":              testMaxKeysReachedTheOldestIsForgotten,
		"Redis_showsNeitherKeysNorIDs":                      testRedisShowsNeitherKeysNorIDs,
		"Redis_losesItsScripts_getsThemAgain":               testRedisLosesItsScriptsGetsThemAgain,
		"Redis_losesEntries_isFirstAgain":                   testRedisLosesEntriesIsFirstAgain,
	}
}

// clock is the replica's own; Redis has another.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

type testBundle struct {
	*replay.Store
	clock   *clock
	log     *bytes.Buffer
	metrics *prometheus.Registry
}

// replica returns a store as one form-api has it. Calls may take long here, so that a busy machine changes no outcome.
func replica(t testing.TB, rdb redis.UniversalClient, change ...func(*replay.Options)) *testBundle {
	t.Helper()
	b := &testBundle{clock: &clock{}, log: &bytes.Buffer{}, metrics: prometheus.NewRegistry()}
	opts := replay.Options{
		Prefix: "test:", Secret: []byte("0123456789abcdef"), CallTimeout: patience, Wait: patience,
		Now: b.clock.now, Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.metrics,
	}
	for _, c := range change {
		c(&opts)
	}
	var err error
	b.Store, err = replay.New(rdb, opts)
	require.NoError(t, err)
	return b
}

// count returns how often Begin told the outcome.
func (b *testBundle) count(t *testing.T, outcome string) int {
	t.Helper()
	families, err := b.metrics.Gather()
	require.NoError(t, err)
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == outcome {
			return int(m.GetCounter().GetValue())
		}
	}
	require.Fail(t, "no such outcome", outcome)
	return 0
}

func keyed(key, id string) replay.Request { return replay.Request{Form: "demo", Key: key, ID: id} }

var (
	first    = replay.Outcome{State: replay.First}
	conflict = replay.Outcome{State: replay.Conflict}
)

func saved(text string) replay.Outcome {
	return replay.Outcome{State: replay.Saved, Answer: []byte(text)}
}

func testBegin(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here, there := replica(t, rdb), replica(t, rdb)

	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	words := "{\"receipt\": \"äé\x00\xff\"}"
	require.Equal(t, words, string(here.Finish(keyed("k", "id"), []byte(words))))

	require.Equal(t, saved(words), here.Begin(ctx, keyed("k", "id")), "the same words again")
	require.Equal(t, saved(words), there.Begin(ctx, keyed("k", "id")), "and from another replica")
	require.Equal(t, conflict, there.Begin(ctx, keyed("k", "other values")))
	require.Equal(t, first, there.Begin(ctx, keyed("K", "id")), "another key")
	require.Equal(t, first, there.Begin(ctx, replay.Request{Form: "other", Key: "k", ID: "id"}), "another form")
	require.Equal(t, saved(words), here.Begin(ctx, keyed("k", "id")), "a conflict changes nothing")

	require.Equal(t, 1, here.count(t, "new"))
	require.Equal(t, 2, here.count(t, "saved"))
	require.Equal(t, 1, there.count(t, "conflict"))
	require.Empty(t, here.log)
}

func testBeginUnderWayElsewhereWaitsForItsAnswer(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here, there := replica(t, rdb), replica(t, rdb)
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	require.Equal(t, conflict, there.Begin(ctx, keyed("k", "other values")), "known already")

	told := make(chan replay.Outcome)
	go func() { told <- there.Begin(ctx, keyed("k", "id")) }()
	here.Finish(keyed("k", "id"), []byte("words"))
	require.Equal(t, saved("words"), <-told)
}

func testBeginUnderWayElsewhereAndReleasedGoesOn(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here, there := replica(t, rdb), replica(t, rdb)
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	told := make(chan replay.Outcome)
	go func() { told <- there.Begin(ctx, keyed("k", "id")) }()
	here.Release(keyed("k", "id"))
	require.Equal(t, first, <-told)
}

func testBeginReplicaDiesInBetweenGoesOnAfterTheLease(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	short := func(o *replay.Options) { o.Lease = 50 * time.Millisecond }
	dies, there := replica(t, rdb, short), replica(t, rdb, short)
	require.Equal(t, first, dies.Begin(ctx, keyed("k", "id")))
	require.Equal(t, first, there.Begin(ctx, keyed("k", "id")))
	require.Equal(t, 1, there.count(t, "new"), "it has the lease now")
}

func testBeginWaitsInVainGoesOn(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	there := replica(t, rdb, func(o *replay.Options) { o.Wait = 20 * time.Millisecond })
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	require.Equal(t, first, there.Begin(ctx, keyed("k", "id")))
	require.Equal(t, 1, there.count(t, "unfinished"))

	ended, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	require.Equal(t, first, here.Begin(ended, keyed("k", "id")), "the submitter's own deadline")
	require.Empty(t, here.log, "that says nothing of Redis")
}

func testFinishBothStoredItTheFirstAnswerIsEverybodys(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	impatient := func(o *replay.Options) { o.Wait = time.Millisecond }
	here, there := replica(t, rdb, impatient), replica(t, rdb, impatient)
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	require.Equal(t, first, there.Begin(ctx, keyed("k", "id")))
	require.Equal(t, "there", string(there.Finish(keyed("k", "id"), []byte("there"))))
	require.Equal(t, "there", string(here.Finish(keyed("k", "id"), []byte("here"))))
	there.Release(keyed("k", "id"))
	require.Equal(t, saved("there"), here.Begin(ctx, keyed("k", "id")), "what is answered is not released")
}

func testFinishKeyTakenByOtherValuesMeanwhileStaysTheirs(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	slow := replica(t, rdb, func(o *replay.Options) { o.Lease = time.Millisecond })
	there := replica(t, rdb)
	require.Equal(t, first, slow.Begin(ctx, keyed("k", "id")))
	require.Eventually(t, func() bool { return there.Begin(ctx, keyed("k", "other")).State == replay.First }, patience, time.Millisecond)
	require.Equal(t, "slow", string(slow.Finish(keyed("k", "id"), []byte("slow"))))
	slow.Release(keyed("k", "id"))
	require.Equal(t, conflict, slow.Begin(ctx, keyed("k", "id")))
}

func testFinishSubmitterHasGoneIsKeptAllTheSame(t *testing.T, rdb redis.UniversalClient) {
	here := replica(t, rdb)
	ctx, leave := context.WithCancel(context.Background())
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	leave()
	here.Finish(keyed("k", "id"), []byte("words"))
	require.Equal(t, saved("words"), here.Begin(context.Background(), keyed("k", "id")))
}

func testFinishAnswerTooLongIsNotKept(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	for _, length := range []int{replay.MaxAnswer + 1, replay.MaxAnswer} {
		answer := bytes.Repeat([]byte("a"), length)
		require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
		require.Equal(t, answer, here.Finish(keyed("k", "id"), answer))
	}
	require.Equal(t, replay.Saved, here.Begin(ctx, keyed("k", "id")).State)
}

func testBeginManyAtOnceOnTwoReplicasOneIsFirst(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	replicas := []*testBundle{replica(t, rdb), replica(t, rdb)}
	const rounds, callers = 20, 8
	for round := range rounds {
		var stored atomic.Int64
		answers := make([]string, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				here, request := replicas[i%2], keyed(fmt.Sprint("key", round), fmt.Sprint("id", round))
				switch o := here.Begin(ctx, request); o.State {
				case replay.First:
					stored.Add(1)
					answers[i] = string(here.Finish(request, fmt.Append(nil, "answer of ", i)))
				case replay.Saved:
					answers[i] = string(o.Answer)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, stored.Load())
		for _, answer := range answers {
			require.Equal(t, answers[0], answer)
		}
	}
}

func testWindowOverIsForgottenAndItsMemoryFreed(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	for i := range 150 { // more than one call removes
		here.Finish(keyed(fmt.Sprint("old", i), "id"), []byte("old"))
	}
	require.Equal(t, saved("old"), here.Begin(ctx, keyed("old149", "id")))
	for _, z := range rdb.ZRangeWithScores(ctx, "test:{demo}:replay-age", 0, -1).Val() { // an hour passes
		require.NoError(t, rdb.ZIncrBy(ctx, "test:{demo}:replay-age", -float64(time.Hour.Milliseconds()), z.Member.(string)).Err())
	}
	for i := 149; i >= 0; i-- { // the newest first: it is not among those that the first call removes
		r := keyed(fmt.Sprint("old", i), "other")
		require.Equal(t, first, here.Begin(ctx, r))
		here.Release(r)
	}
	for _, key := range []string{"test:{demo}:replay", "test:{demo}:replay-age"} {
		require.Zero(t, rdb.Exists(ctx, key).Val(), "all of it is removed")
	}
	here.Finish(keyed("new", "id"), []byte("new"))
	for _, key := range []string{"test:{demo}:replay", "test:{demo}:replay-age"} {
		ttl := rdb.PTTL(ctx, key).Val()
		require.True(t, ttl > 0 && ttl <= time.Hour, "a quiet form keeps nothing: %s", ttl)
	}
}

func testMaxKeysReachedTheOldestIsForgotten(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb, func(o *replay.Options) { o.MaxKeys = 10 })
	for i := range 25 {
		r := keyed(fmt.Sprint("key", i), "id")
		require.Equal(t, first, here.Begin(ctx, r))
		here.Finish(r, []byte("words"))
		for now := rdb.Time(ctx).Val().UnixMilli(); rdb.Time(ctx).Val().UnixMilli() == now; { // ages differ by a millisecond
		}
	}
	require.EqualValues(t, 10, rdb.HLen(ctx, "test:{demo}:replay").Val())
	require.EqualValues(t, 10, rdb.ZCard(ctx, "test:{demo}:replay-age").Val())
	for i := 15; i < 25; i++ {
		require.Equal(t, saved("words"), here.Begin(ctx, keyed(fmt.Sprint("key", i), "id")), i)
	}
	require.Equal(t, first, here.Begin(ctx, keyed("key14", "id")))

	fewer := replica(t, rdb, func(o *replay.Options) { o.MaxKeys = 3 })
	fewer.Finish(keyed("one more", "id"), []byte("words"))
	require.EqualValues(t, 3, rdb.HLen(ctx, "test:{demo}:replay").Val(), "a smaller bound holds at once")
}

func testRedisShowsNeitherKeysNorIDs(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	here.Begin(ctx, keyed("secret-key-1", "secret-id-1"))
	here.Finish(keyed("secret-key-2", "secret-id-2"), []byte("words"))
	all := fmt.Sprint(rdb.HGetAll(ctx, "test:{demo}:replay").Val(), rdb.ZRange(ctx, "test:{demo}:replay-age", 0, -1).Val())
	require.Contains(t, all, "words")
	require.NotContains(t, all, "secret")

	here.Finish(replay.Request{Form: "other", Key: "secret-key-2", ID: "secret-id-2"}, []byte("words"))
	for _, tag := range rdb.HKeys(ctx, "test:{other}:replay").Val() {
		require.False(t, rdb.HExists(ctx, "test:{demo}:replay", tag).Val(), "nor that two forms had the same key")
	}

	others := replica(t, rdb, func(o *replay.Options) { o.Secret = []byte("another receipt key") })
	require.Equal(t, first, others.Begin(ctx, keyed("secret-key-2", "secret-id-2")))
	require.Equal(t, saved("words"), here.Begin(ctx, keyed("secret-key-2", "secret-id-2")))
}

func testRedisLosesItsScriptsGetsThemAgain(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	here.Finish(keyed("k", "id"), []byte("words"))
	require.NoError(t, rdb.ScriptFlush(ctx).Err())
	var wg sync.WaitGroup
	for range 300 { // more than one batch
		wg.Go(func() {
			if string(here.Begin(ctx, keyed("k", "id")).Answer) != "words" {
				t.Error("not the words")
			}
		})
	}
	wg.Wait()
	require.Empty(t, here.log)
}

func testRedisLosesEntriesIsFirstAgain(t *testing.T, rdb redis.UniversalClient) {
	ctx := context.Background()
	here := replica(t, rdb)
	for _, key := range []string{"test:{demo}:replay", "test:{demo}:replay-age"} {
		here.Finish(keyed("k", "id"), []byte("words"))
		require.NoError(t, rdb.Del(ctx, key).Err())
		require.Equal(t, first, here.Begin(ctx, keyed("k", "other values")), key)
		here.Release(keyed("k", "other values"))
		require.EqualValues(t, 0, rdb.HLen(ctx, "test:{demo}:replay").Val())
	}
}

func TestRedis_none_everyOneIsFirst(t *testing.T) {
	ctx := context.Background()
	here := replica(t, nil)
	for range 2 {
		require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
		require.Equal(t, "words", string(here.Finish(keyed("k", "id"), []byte("words"))))
	}
	here.Release(keyed("k", "id"))
	require.Equal(t, 2, here.count(t, "unknown"))
	require.Empty(t, here.log)
}

func TestRedis_awayForAWhile_everyOneIsFirstUntilItIsBack(t *testing.T) {
	ctx := context.Background()
	server, rdb := redistest.Mini(t)
	here := replica(t, rdb)
	here.Finish(keyed("k", "id"), []byte("words"))

	server.SetError("LOADING Redis is loading the dataset in memory")
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	require.Equal(t, "others", string(here.Finish(keyed("k", "id"), []byte("others"))))
	server.SetError("")
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")), "it is left alone for a second")
	here.clock.advance(time.Second)
	require.Equal(t, saved("words"), here.Begin(ctx, keyed("k", "id")))
	require.Equal(t, 1, strings.Count(here.log.String(), "repeats are not remembered"), here.log)
	require.Equal(t, 1, strings.Count(here.log.String(), "repeats are remembered again"), here.log)
	require.NotContains(t, here.log.String(), "words")
}

func TestRedis_hangs_nobodyWaitsForIt(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	here := replica(t, rdb, func(o *replay.Options) { o.CallTimeout = 0 }) // the default
	require.NoError(t, rdb.Ping(ctx).Err())
	server.Pause()
	for i := range 5 { // each would take go-redis's own 3 s, several times
		require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
		here.Finish(keyed("k", "id"), fmt.Append(nil, i))
	}
	require.Equal(t, 1, strings.Count(here.log.String(), "repeats are not remembered"), here.log)
	server.Resume()
	require.Eventually(t, func() bool {
		here.clock.advance(time.Second)
		here.Finish(keyed("k2", "id"), []byte("words"))
		return here.Begin(ctx, keyed("k2", "id")).State == replay.Saved
	}, patience, 10*time.Millisecond)
}

// trips counts the calls of each round trip.
type trips struct {
	mu    sync.Mutex
	calls []int
}

func (h *trips) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.mu.Lock()
		h.calls = append(h.calls, len(cmds))
		h.mu.Unlock()
		return next(ctx, cmds)
	}
}

// all begins many requests at once.
func (b *testBundle) all(t *testing.T, many int) {
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			if b.Begin(context.Background(), keyed(fmt.Sprint(i), "id")).State != replay.First {
				t.Error("not the first")
			}
		})
	}
	wg.Wait()
}

func TestRedis_manyAtOnce_shareRoundTrips(t *testing.T) {
	_, rdb := redistest.Mini(t)
	here, hook := replica(t, rdb), &trips{}
	rdb.AddHook(hook)
	here.all(t, 1000)
	require.Equal(t, 1000, here.count(t, "new"))
	require.Less(t, len(hook.calls), 500)
	require.LessOrEqual(t, slices.Max(hook.calls), 128, "none holds Redis up for long")
}

func TestRedis_hangsUnderLoad_allThatWaitFailTogether(t *testing.T) {
	server := redistest.Start(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	now := time.Now() // the second in which Redis is left alone does not end
	here := replica(t, rdb, func(o *replay.Options) {
		o.CallTimeout, o.Now = 100*time.Millisecond, func() time.Time { return now }
	})
	require.NoError(t, rdb.Ping(context.Background()).Err())
	hook := &trips{}
	rdb.AddHook(hook)
	server.Pause()
	here.all(t, 5000)
	require.Len(t, hook.calls, 1, "who waited did not try again, each batch for its own time-out")
	require.Equal(t, 5000, here.count(t, "unknown"))
	require.Equal(t, 1, strings.Count(here.log.String(), "level=WARN"), here.log)
}

func TestBegin_moreWaitThanMay_goOnAtOnce(t *testing.T) {
	_, rdb := redistest.Mini(t)
	here, there := replica(t, rdb), replica(t, rdb)
	ctx := context.Background()
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	outcomes := make(chan replay.State, 300)
	for range 300 {
		go func() { outcomes <- there.Begin(ctx, keyed("k", "id")).State }()
	}
	for range 300 - 256 {
		require.Equal(t, replay.First, <-outcomes)
	}
	here.Finish(keyed("k", "id"), []byte("words"))
	for range 256 {
		require.Equal(t, replay.Saved, <-outcomes)
	}
}

func TestRedis_full_everyOneIsFirst(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t, "--maxmemory", "1")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	here := replica(t, rdb)
	require.Equal(t, first, here.Begin(ctx, keyed("k", "id")))
	require.Contains(t, here.log.String(), "OOM")
}

func TestNew_wrongOptions(t *testing.T) {
	for name, opts := range map[string]replay.Options{
		"no secret":        {},
		"window too short": {Secret: []byte("x"), Window: time.Millisecond},
		"lease beyond it":  {Secret: []byte("x"), Window: time.Second, Lease: time.Minute},
		"no keys":          {Secret: []byte("x"), MaxKeys: -1},
	} {
		t.Run(name, func(t *testing.T) {
			opts.Metrics = prometheus.NewRegistry()
			_, err := replay.New(nil, opts)
			require.Error(t, err)
		})
	}
}
