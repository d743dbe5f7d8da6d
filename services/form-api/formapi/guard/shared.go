package guard

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	// redisTimeout bounds one call. A healthy Redis answers in about one millisecond.
	redisTimeout = 50 * time.Millisecond
	// redisPause is how long Redis is left alone after a call has failed.
	redisPause = time.Second

	// maxClients bounds the clients of one form in one window in Redis. The buffer lives there, too, and needs the room.
	maxClients = 100_000
	// clockMargin keeps a window for replicas whose clocks are behind.
	clockMargin = 10 * time.Second
)

// luaCount adds ARGV[2] to the field ARGV[1] of KEYS[1], unless the hash is full and has no such field, and returns the
// field's value there and in KEYS[2], the window before.
const luaCount = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  return {tonumber(ARGV[2]), 0}
end
local current = redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {current, tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)}
`

// shared is what replicas know together, through Redis. It does without Redis whenever that does not answer at once.
//
// go-chi/httprate-redis was tried first: its counter takes two calls under a lock of its own and no context, its
// fall-back has no bound, and it wants the one client type that neither Sentinel nor a cluster has.
type shared struct {
	rdb      redis.UniversalClient
	prefix   string
	script   *redis.Script
	room     int // clients of one form and window
	timeout  time.Duration
	log      *slog.Logger
	failures prometheus.Counter

	// pausedUntil is 0 while Redis answers, or else the time, in Unix nanoseconds, when it is asked again.
	pausedUntil atomic.Int64
}

func newShared(rdb redis.UniversalClient, prefix string, log *slog.Logger, failures prometheus.Counter) *shared {
	return &shared{rdb: rdb, prefix: prefix, script: redis.NewScript(luaCount), room: maxClients, timeout: redisTimeout, log: log, failures: failures}
}

// key names a key of one form's. The braces keep all of a form in one slot of a cluster.
func (s *shared) key(formID, rest string) string { return s.prefix + "{" + formID + "}:" + rest }

// count is [counters.count] for all replicas; not ok: Redis did not answer.
func (s *shared) count(ctx context.Context, formID string, who counterKey, window time.Time, per time.Duration, n int) (current, previous int, ok bool) {
	name := func(start time.Time) string {
		return s.key(formID, "limit:"+strconv.FormatInt(per.Milliseconds(), 10)+":"+strconv.FormatInt(start.UnixMilli(), 10))
	}
	ok = s.try(ctx, func(ctx context.Context) error {
		keys := []string{name(window), name(window.Add(-per))}
		counts, err := s.script.Run(ctx, s.rdb, keys, who[:], n, (2*per + clockMargin).Milliseconds(), s.room).Int64Slice()
		if err == nil {
			current, previous = int(counts[0]), int(counts[1])
		}
		return err
	})
	return current, previous, ok
}

// try makes one call to Redis, and reports whether it was made and answered in time.
func (s *shared) try(ctx context.Context, call func(context.Context) error) bool {
	now := time.Now().UnixNano()
	paused := s.pausedUntil.Load()
	resume := func(now int64) int64 { return now + int64(redisPause) }
	if paused > now || paused != 0 && !s.pausedUntil.CompareAndSwap(paused, resume(now)) {
		return false // it is left alone, or another submission tries it just now
	}
	// A submitter who hangs up is no failure of Redis.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	err := call(ctx)
	if err != nil {
		s.failures.Inc()
		if s.pausedUntil.Swap(resume(time.Now().UnixNano())) == 0 {
			s.log.Warn("redis does not answer: this replica counts submissions for itself", "error", err)
		}
		return false
	}
	if paused != 0 && s.pausedUntil.Swap(0) != 0 {
		s.log.Info("redis answers again: replicas count submissions together")
	}
	return true
}
