package replay

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strconv"
	"sync"
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
	// MaxKeys bounds the keys that are remembered of one form. Default 20,000. Beyond it the oldest is forgotten. What a key
	// takes in Redis BenchmarkMemory tells: about twice its answer.
	MaxKeys int
	// Lease is how long a submission may be under way before somebody else takes it to be lost. Default 10 s; it must be
	// longer than a submitter waits for the brokers.
	Lease time.Duration
	// Wait bounds how long Begin waits for a submission that is under way elsewhere. Default 1 s; together with storing it
	// must fit into the time that a submitter has.
	Wait time.Duration
	// CallTimeout bounds a round trip to Redis. Default 50 ms. A submission waits for at most two, to begin and to finish.
	CallTimeout time.Duration

	Now     func() time.Time // default time.Now
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Store remembers answers. It is safe for concurrent use, has no goroutine, and does not own its client.
type Store struct {
	opts    Options
	batches *batches // nil: there is no Redis
	lookups *prometheus.CounterVec
	hashes  sync.Pool // of HMACs under this store's key: making one costs more than using it

	sha, window, lease, maxKeys string // the script's name and its arguments

	waiters atomic.Int64
}

// New returns a store on a Redis; the client must have ContextTimeoutEnabled, as the buffer's has. Without one (nil) it
// remembers nothing, and every submission is [First]. It fails when an option is out of its range, or a metric is registered
// already.
func New(rdb redis.UniversalClient, opts Options) (*Store, error) {
	opts.setDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("set up the memory for repeats: %w", err)
	}
	sum := sha1.Sum([]byte(luaReplay))
	s := &Store{
		opts: opts, sha: hex.EncodeToString(sum[:]),
		window: milliseconds(opts.Window), lease: milliseconds(opts.Lease), maxKeys: strconv.Itoa(opts.MaxKeys),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "formstream_api_repeats_total",
			Help: "Keyed submissions by what was remembered of their key: new, saved, conflict, unfinished (waited in vain), or unknown (no Redis).",
		}, []string{"outcome"}),
	}
	secret := hmac.New(sha256.New, opts.Secret)
	secret.Write([]byte("formstream replay\n")) // so that an entry is never a receipt's signature
	key := secret.Sum(nil)
	s.hashes.New = func() any { return hmac.New(sha256.New, key) }
	if rdb != nil {
		s.batches = &batches{rdb: rdb, source: luaReplay, timeout: opts.CallTimeout, now: opts.Now, log: opts.Log}
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

// entry is where a request is remembered, and as what.
type entry struct{ answers, ages, tag, digest string }

// Begin looks the request up, and notes that it is under way when it is the first. One that is under way elsewhere is waited
// for, at most until ctx ends or for Wait; then it is First, too: it is stored under the same id. There is no error: where
// Redis does not tell, every request is First.
func (s *Store) Begin(ctx context.Context, r Request) Outcome {
	status, answer := s.begin(ctx, r)
	s.lookups.WithLabelValues(status).Inc()
	switch status {
	case "saved":
		return Outcome{State: Saved, Answer: []byte(answer)}
	case "conflict":
		return Outcome{State: Conflict}
	default:
		return Outcome{State: First}
	}
}

func (s *Store) begin(ctx context.Context, r Request) (status, answer string) {
	const unfinished = "unfinished"
	status, answer = s.call(r, "begin", s.lease)
	if status != "running" {
		return status, answer
	}
	defer s.waiters.Add(-1)
	if s.waiters.Add(1) > maxWaiters {
		return unfinished, ""
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Wait)
	defer cancel()
	for poll := firstPoll; status == "running"; poll = min(2*poll, lastPoll) {
		if !pause(ctx, poll) {
			return unfinished, ""
		}
		status, answer = s.call(r, "begin", s.lease)
	}
	return status, answer
}

// Finish keeps the answer to a request for which Begin told First, and returns the one to give: where two replicas stored
// the same request at the same moment, that is the answer of the one that finished first. It takes no context: a submitter
// who has gone will ask again. An answer that is not sure, "it may be stored", must not be kept: see Release.
func (s *Store) Finish(r Request, answer []byte) []byte {
	if len(answer) > MaxAnswer {
		s.Release(r)
		return answer
	}
	if status, first := s.call(r, "finish", answer); status == "saved" {
		return []byte(first)
	}
	return answer
}

// Release forgets that a request is under way, for which Begin told First and which has no answer to keep: who waits for it
// need not wait for the lease to end.
func (s *Store) Release(r Request) { s.call(r, "release", "") }

// name returns where r is remembered, and as what.
func (s *Store) name(r Request) entry {
	at := s.opts.Prefix + "{" + r.Form + "}:replay"
	return entry{
		answers: at, ages: at + "-age",
		tag:    s.mac("key", r.Form, "\n", r.Key), // a form's id has no line feed
		digest: s.mac("id", r.ID),
	}
}

func (s *Store) mac(parts ...string) string {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	for _, part := range parts {
		_, _ = io.WriteString(h, part)
	}
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:macLength])
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

const unknown = "unknown" // what is remembered

// call runs the script. Where Redis does not tell, the status is unknown.
func (s *Store) call(r Request, act string, more any) (status, text string) {
	if s.batches == nil || s.batches.resting() {
		return unknown, ""
	}
	e := s.name(r)
	c := &call{args: []any{"evalsha", s.sha, "2", e.answers, e.ages, act, e.tag, e.digest, s.window, s.maxKeys, more}}
	s.batches.do(c)
	if c.err != nil || len(c.told) == 0 {
		return unknown, ""
	}
	told := append(c.told, "") // most statuses have no text
	return told[0], told[1]
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
