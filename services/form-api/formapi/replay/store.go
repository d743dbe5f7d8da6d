package replay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

//go:embed replay.lua
var luaReplay string

const (
	// MaxAnswer bounds an answer, in bytes; a longer one is not remembered.
	MaxAnswer = 8 << 10

	// restAfter is how long Redis is left alone after it failed: a submitter must not pay a time-out that is known already.
	restAfter = time.Second

	// maxWaiters bounds the repeats of this process that wait for another replica: each of them polls. More go on as First.
	maxWaiters = 256

	firstPoll, lastPoll = 5 * time.Millisecond, 100 * time.Millisecond

	// macLength is half of SHA-256: 128 bits do not collide by chance.
	macLength = sha256.Size / 2
)

// Options are what a programmer sets. Zero values take the defaults; Secret has none.
type Options struct {
	Prefix string // what every Redis key begins with
	Secret []byte // the receipt key: replicas that share answers share it

	// Window is how long an answer is remembered. Default 1 h, at least 1 s.
	Window time.Duration
	// MaxKeys bounds the keys that are remembered of one form. Default 20,000. Beyond it the oldest is forgotten.
	MaxKeys int
	// Lease is how long a submission may be under way before somebody else takes it to be lost. Default 10 s; it must be
	// longer than a submitter waits for the brokers.
	Lease time.Duration
	// Wait bounds how long Begin waits for a submission that is under way elsewhere. Default 1 s; together with storing it
	// must fit into the time that a submitter has.
	Wait time.Duration
	// CallTimeout bounds one call of Redis. Default 50 ms.
	CallTimeout time.Duration

	Now     func() time.Time // default time.Now
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Store remembers answers. It is safe for concurrent use, has no goroutine, and does not own its client.
type Store struct {
	rdb     redis.UniversalClient
	script  *redis.Script
	opts    Options
	secret  []byte
	lookups *prometheus.CounterVec

	waiters atomic.Int64
	restOn  atomic.Int64 // Unix nanoseconds until which Redis is left alone; 0 while it answers
}

// New returns a store on a Redis that [buffer.Dial] or redis.NewClient connects to, with ContextTimeoutEnabled. Without one
// (nil) it remembers nothing, and every submission is [First]. It fails when an option is out of its range, or a metric is
// registered already.
//
// [buffer.Dial]: https://pkg.go.dev/github.com/formstream/formstream/pkg/buffer#Dial
func New(rdb redis.UniversalClient, opts Options) (*Store, error) {
	opts.setDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("set up the memory for repeats: %w", err)
	}
	s := &Store{
		rdb: rdb, script: redis.NewScript(luaReplay), opts: opts,
		secret: mac(opts.Secret, []byte("formstream replay\n")), // so that an entry is never a receipt's signature
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "formstream_api_repeats_total",
			Help: "Keyed submissions by what was remembered of their key: new, saved, conflict, unfinished (waited in vain), or unknown (no Redis).",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"new", "saved", "conflict", "unfinished", "unknown"} {
		s.lookups.WithLabelValues(outcome)
	}
	if err := opts.Metrics.Register(s.lookups); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

func (o *Options) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Window, time.Hour)
	set(&o.Lease, 10*time.Second)
	set(&o.Wait, time.Second)
	set(&o.CallTimeout, 50*time.Millisecond)
	if o.MaxKeys == 0 {
		o.MaxKeys = 20_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

func (o *Options) validate() error {
	switch {
	case len(o.Secret) == 0:
		return errors.New("no secret is given")
	case o.Window < time.Second || o.Lease < time.Millisecond || o.Wait < 0 || o.CallTimeout < time.Millisecond || o.MaxKeys < 1:
		return errors.New("window, lease, wait, call time-out or most keys is too small")
	case o.Lease > o.Window:
		return errors.New("the lease is longer than the window")
	}
	return nil
}

// Request is a keyed submission.
type Request struct {
	Form string
	Key  string // as [Key] returns it
	ID   string // submission.KeyedID: it stands for the values
}

// State says what is remembered of a request.
type State int

const (
	First    State = iota // nothing: store it, then call Finish or Release
	Saved                 // it has been answered: say the same again
	Conflict              // its key has been used for other values: 422
)

// Outcome is what Begin tells.
type Outcome struct {
	State  State
	Answer []byte // when Saved
}

// Begin looks the request up, and notes that it is under way when it is the first. One that is under way elsewhere is waited
// for, at most until ctx ends or for Wait; then it is First, too: it is stored under the same id. There is no error: where
// Redis does not tell, every request is First.
func (s *Store) Begin(ctx context.Context, r Request) Outcome {
	answer, outcome := s.begin(ctx, r)
	s.lookups.WithLabelValues(outcome).Inc()
	switch outcome {
	case "saved":
		return Outcome{State: Saved, Answer: answer}
	case "conflict":
		return Outcome{State: Conflict}
	default:
		return Outcome{State: First}
	}
}

func (s *Store) begin(ctx context.Context, r Request) (answer []byte, outcome string) {
	keys, tag, digest := s.name(r)
	look := func() (string, string) {
		return s.call(ctx, keys, "begin", tag, digest, milliseconds(s.opts.Lease))
	}
	status, text := look()
	if status != "running" {
		return []byte(text), status
	}
	defer s.waiters.Add(-1)
	if s.waiters.Add(1) > maxWaiters {
		return nil, "unfinished"
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Wait)
	defer cancel()
	for poll := firstPoll; status == "running"; poll = min(2*poll, lastPoll) {
		if !pause(ctx, poll) {
			return nil, "unfinished"
		}
		status, text = look()
	}
	return []byte(text), status
}

// Finish keeps the answer to a request for which Begin told First, and returns the one to give: where two replicas stored
// the same request at the same moment, that is the answer of the one that finished first. It works on when ctx has ended: a
// submitter who has gone will ask again. An answer that is not sure, "it may be stored", must not be kept: see Release.
func (s *Store) Finish(ctx context.Context, r Request, answer []byte) []byte {
	if len(answer) > MaxAnswer {
		s.Release(ctx, r)
		return answer
	}
	keys, tag, digest := s.name(r)
	if status, first := s.call(context.WithoutCancel(ctx), keys, "finish", tag, digest, answer); status == "saved" {
		return []byte(first)
	}
	return answer
}

// Release forgets that a request is under way, for which Begin told First and which has no answer to keep: who waits for it
// need not wait for the lease to end.
func (s *Store) Release(ctx context.Context, r Request) {
	keys, tag, digest := s.name(r)
	s.call(context.WithoutCancel(ctx), keys, "release", tag, digest, "")
}

// name returns where r is remembered, and as what.
func (s *Store) name(r Request) (keys []string, tag, digest string) {
	at := s.opts.Prefix + "{" + r.Form + "}:replay"
	length := binary.BigEndian.AppendUint32(nil, uint32(len(r.Form))) //nolint:gosec // at most 63
	tag = encode(mac(s.secret, []byte("key"), length, []byte(r.Form), []byte(r.Key)))
	digest = encode(mac(s.secret, []byte("id"), []byte(r.ID)))
	return []string{at, at + "-age"}, tag, digest
}

func mac(key []byte, parts ...[]byte) []byte {
	hash := hmac.New(sha256.New, key)
	for _, part := range parts {
		hash.Write(part)
	}
	return hash.Sum(nil)
}

func encode(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:macLength]) }

func milliseconds(d time.Duration) int64 { return d.Milliseconds() }

// call runs the script. Where Redis does not tell, the status is "unknown".
func (s *Store) call(ctx context.Context, keys []string, act, tag, digest string, more any) (status, text string) {
	const unknown = "unknown"
	if s.rdb == nil || s.opts.Now().UnixNano() < s.restOn.Load() {
		return unknown, ""
	}
	limited, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	told, err := s.script.Run(limited, s.rdb, keys, act, tag, digest, milliseconds(s.opts.Window), s.opts.MaxKeys, more).StringSlice()
	switch {
	case err != nil && ctx.Err() != nil:
		return unknown, "" // the submitter has gone, or has waited enough: that tells nothing of Redis
	case err == nil && len(told) == 0:
		return unknown, "" // no Redis says that
	case err != nil:
		s.failed(err)
		return unknown, ""
	case s.restOn.Swap(0) != 0:
		s.opts.Log.Info("repeats are remembered again", "component", "replay")
	}
	told = append(told, "") // most statuses have no text
	return told[0], told[1]
}

// failed leaves Redis alone for a while, and says so when it answered until now.
func (s *Store) failed(err error) {
	if s.restOn.Swap(s.opts.Now().Add(restAfter).UnixNano()) == 0 {
		s.opts.Log.Warn("repeats are not remembered: redis does not answer; submissions are taken all the same", "component", "replay", "error", err)
	}
}

// pause waits for d; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
