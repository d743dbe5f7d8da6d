package guard

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/go-chi/httprate"

	"github.com/formstream/formstream/pkg/form"
)

// limits counts submissions, in Redis with the other replicas or else in this process.
//
// The clock is the process's own, as httprate's is.
type limits struct {
	shared *shared // nil: no Redis
	local  *counters
	secret []byte
}

// take counts one submission to the form by client, or by everybody if that is the zero Addr, and reports whether the rate
// still allows it. If not, it is not counted, and wait is how long until one is allowed again.
func (l *limits) take(ctx context.Context, formID string, client netip.Addr, rate form.Rate) (wait time.Duration, ok bool) {
	if rate.Off() {
		return 0, true
	}
	key := l.hash(formID, client, rate)
	if wait := l.local.blocked(key, time.Now()); wait > 0 {
		return wait, false
	}
	try := &attempt{limits: l, ctx: ctx, form: formID, key: key, per: rate.Per}
	ok, _, _ = httprate.NewRateLimiter(rate.Count, rate.Per, httprate.WithLimitCounter(try)).Status("") // no error: ours makes none
	if ok {
		return 0, true
	}
	try.count(-1)
	now := time.Now()
	wait = untilAllowed(rate, now.Sub(try.window), min(try.current-1, rate.Count), try.previous)
	l.local.block(key, now.Add(wait), try.window, rate.Per)
	return wait, false
}

// hash names whom a limit counts without saying who that is. A hash of secret and text alone could be prolonged by others,
// but half of one cannot, and this is on every submission's way, where an HMAC would cost more.
func (l *limits) hash(formID string, client netip.Addr, rate form.Rate) (key counterKey) {
	text := make([]byte, 0, 256) // on the stack: a form's name has at most 63 bytes
	text = append(text, l.secret...)
	text = binary.BigEndian.AppendUint64(text, uint64(rate.Count)) // a new rate begins anew: it lets go whom the old one held back
	text = binary.BigEndian.AppendUint64(text, uint64(rate.Per))
	if client.IsValid() {
		address := client.As16()
		text = append(text, address[:]...)
	}
	text = append(append(text, '/'), formID...)
	sum := sha256.Sum256(text)
	copy(key[:], sum[:])
	return key
}

// untilAllowed returns when a sliding window of these counts has room for one more, from elapsed into the current window:
// the previous window's count fades evenly while the current one goes by.
func untilAllowed(rate form.Rate, elapsed time.Duration, current, previous int) time.Duration {
	per, limit := float64(rate.Per), float64(rate.Count)
	var at float64 // from the start of the current window
	if current < rate.Count {
		at = per * (1 - (limit-1-float64(current))/max(1, float64(previous)))
	} else {
		at = per * (2 - (limit-1)/max(1, float64(current)))
	}
	const grain = time.Millisecond // covers what the fractions lose
	return max(time.Duration(at)-elapsed, 0) + grain
}

// retryAfter is wait in whole seconds, as a Retry-After says it.
func retryAfter(wait time.Duration) time.Duration {
	return max(1, time.Duration(math.Ceil(wait.Seconds()))) * time.Second
}

// attempt is one submission in the eyes of httprate's sliding window. Where httprate asks for the counts and counts
// afterwards, under one lock for all keys, attempt counts first and returns the counts with itself in them: that is one
// call to Redis instead of two, needs no lock, and two at the same moment cannot both be the last one allowed.
type attempt struct {
	*limits
	ctx  context.Context
	form string
	key  counterKey
	per  time.Duration

	window            time.Time // the current one, as httprate sees it
	current, previous int
}

// Get implements [httprate.LimitCounter].
func (a *attempt) Get(_ string, current, _ time.Time) (int, int, error) {
	a.window = current
	a.current, a.previous = a.count(1)
	return a.current, a.previous, nil
}

func (a *attempt) count(n int) (current, previous int) {
	if a.shared != nil {
		if current, previous, ok := a.shared.count(a.ctx, a.form, a.key, a.window, a.per, n); ok {
			return current, previous
		}
	}
	return a.local.count(a.key, a.window, a.per, n)
}

// Config, Increment and IncrementBy implement [httprate.LimitCounter]; there is nothing left to do for them.
func (a *attempt) Config(int, time.Duration) {}

// Increment does nothing.
func (a *attempt) Increment(string, time.Time) error { return nil }

// IncrementBy does nothing.
func (a *attempt) IncrementBy(string, time.Time, int) error { return nil }
