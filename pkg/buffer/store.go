package buffer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// DefaultPrefix is what every key begins with, where nothing else is said.
const DefaultPrefix = "formstream:"

// Options says how a Store uses its Redis. The zero value is ready for use.
type Options struct {
	Prefix string // of every key; "" is DefaultPrefix
	Limits Limits

	// Now replaces Redis' clock: Unix milliseconds. Only tests set it.
	Now func() int64
}

// Store is the buffer in Redis, 7.0 or later: a single server, a master behind Sentinels or a cluster. Its calls may be
// repeated at will, as the client does by itself after a broken connection, and it is safe for concurrent use.
type Store struct {
	rdb                redis.UniversalClient
	opts               Options
	add, plan, release script
}

// New returns a Store. It does not talk to Redis: see Check.
func New(rdb redis.UniversalClient, opts Options) *Store {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	opts.Limits = opts.Limits.WithDefaults()
	return &Store{rdb, opts, newScript(luaAdd), newScript(luaPlan), newScript(luaRelease)}
}

// key names one of a form's keys. The braces put all of them into one slot of a cluster.
func (s *Store) key(form, name string) string { return s.opts.Prefix + "{" + form + "}:" + name }

// partitionKeys appends the keys of partition p in the order that the scripts expect.
func (s *Store) partitionKeys(keys []string, form string, p int) []string {
	n := strconv.Itoa(p)
	return append(keys, s.key(form, "buf:"+n), s.key(form, "ids:"+n), s.key(form, "age:"+n))
}

func (s *Store) formKeys(form string, partitions int) []string {
	keys := append(make([]string, 0, 1+3*partitions), s.key(form, "state"))
	for p := range partitions {
		keys = s.partitionKeys(keys, form, p)
	}
	return keys
}

// now is the scripts' first argument: a test's clock, or "" for the server's.
func (s *Store) now() any {
	if s.opts.Now == nil {
		return ""
	}
	return s.opts.Now()
}

// Add runs the add script once for each request, all in one round trip, and returns one answer for each; a request that
// Redis refuses has its error in its answer, and holds up no other. Requests must pass Validate. An error of Add itself is
// that Redis did not answer: some requests may have been done; do them all again, what is stored already is skipped.
func (s *Store) Add(ctx context.Context, reqs ...AddRequest) ([]AddAnswer, error) {
	calls := make([][]any, len(reqs))
	for i, r := range reqs {
		if err := r.Validate(); err != nil {
			return nil, err
		}
		calls[i] = s.addCall(r)
	}
	answers := make([]AddAnswer, len(reqs))
	for i, cmd := range run(ctx, s.rdb, s.add, calls, redis.NewStringCmd) {
		reply, err := cmd.Result()
		if err == nil {
			answers[i], err = parseAddAnswer(reply)
		}
		if err == nil {
			continue
		}
		err = fmt.Errorf("add to buffer of form %s, partition %d: %w", reqs[i].Form, reqs[i].Partition, err)
		if !answered(err) {
			return nil, err
		}
		answers[i] = AddAnswer{Err: err}
	}
	return answers, nil
}

// answered tells an error that Redis has answered from one that kept it from answering.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) || errors.Is(err, errReply)
}

// addCall lays out the arguments as add.lua names them.
func (s *Store) addCall(r AddRequest) []any {
	const fixed, perRecord = 11, 4
	keys := s.partitionKeys([]string{s.key(r.Form, "state")}, r.Form, int(r.Partition))
	args := s.add.call(keys, fixed+perRecord*len(r.Records))
	args = append(args, s.now(), r.TopicID, int64(r.Partition), r.Expected, r.Start, r.Delivered,
		s.opts.Limits.MaxEntries, s.opts.Limits.MaxBytes, s.opts.Limits.MaxIDs, s.opts.Limits.Window, MaxForget)

	size := 0
	for _, rec := range r.Records {
		size += maxMemberHead + len(rec.Data)
	}
	members := make([]byte, 0, size) // one piece of memory for all of them
	for _, rec := range r.Records {
		from := len(members)
		members = rec.appendMember(members)
		args = append(args, members[from:], rec.ReceivedAt, rec.Time, rec.ID)
	}
	return args
}

// maxMemberHead is the room for an offset, a kind and a gap's width.
const maxMemberHead = offsetDigits + 1 + offsetDigits

// appendMember appends the member that stands for the record, unless it is a repeat.
func (r Record) appendMember(b []byte) []byte {
	b = appendOffset(b, r.Offset)
	if r.Width > 0 {
		return strconv.AppendInt(append(b, byte(KindGap)), r.Width, 10)
	}
	return append(append(b, byte(KindData)), r.Data...)
}

func appendOffset(b []byte, offset int64) []byte {
	var digits [offsetDigits]byte
	text := strconv.AppendInt(digits[:0], offset, 10)
	for range offsetDigits - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}

var errReply = errors.New("unexpected reply from script")

// parseAddAnswer reads "status next delivered keys-from fresh dropped repeats".
func parseAddAnswer(reply string) (AddAnswer, error) {
	words := strings.Fields(reply)
	if len(words) != 7 || !slices.Contains([]AddStatus{AddOK, AddGap, AddFull, AddOtherTopic}, AddStatus(words[0])) {
		return AddAnswer{}, errReply
	}
	var n [6]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(words[i+1], 10, 64); err != nil {
			return AddAnswer{}, errReply
		}
	}
	return AddAnswer{
		Status: AddStatus(words[0]), Next: n[0], Delivered: n[1], KeysFrom: n[2],
		Fresh: n[3] == 1, Dropped: n[4] == 1, Repeats: n[5],
	}, nil
}

// Release removes what the vector covers, once the spreadsheet has it, and notes which spreadsheet that was. A buffer that
// belongs to another topic, or to none, is left as it is: the vector says nothing about it.
func (s *Store) Release(ctx context.Context, form, topicID string, vector []int64, spreadsheet string) error {
	err := checkVector(vector)
	if err == nil {
		args := append(s.release.call(s.formKeys(form, len(vector)), 2+len(vector)), topicID, spreadsheet)
		for _, offset := range vector {
			args = append(args, offset)
		}
		err = run(ctx, s.rdb, s.release, [][]any{args}, redis.NewStringCmd)[0].Err()
	}
	if err != nil {
		return fmt.Errorf("release from buffer of form %s: %w", form, err)
	}
	return nil
}
