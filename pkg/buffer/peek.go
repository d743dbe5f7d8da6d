package buffer

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// The fields of a form's state; a partition's field is its number, see parse in common.lua.
const (
	fieldTopic    = "topic"
	fieldSheet    = "sheet"
	fieldPark     = "park"
	fieldParkedAt = "parked_at" // RFC 3339, of the clock that parked
)

// Peek looks at forms without changing them, all in one round trip; partitions[i] is the number of partitions of forms[i].
// State and entry counts are read one after the other: an Add between the two may be seen in one of them only.
func (s *Store) Peek(ctx context.Context, forms []string, partitions []int) ([]Peek, error) {
	if len(forms) != len(partitions) {
		return nil, fmt.Errorf("peek at buffer: %d forms, but %d numbers of partitions", len(forms), len(partitions))
	}
	pipe := s.rdb.Pipeline()
	states, counts := make([]*redis.MapStringStringCmd, len(forms)), make([][]*redis.IntCmd, len(forms))
	for i, form := range forms {
		states[i] = pipe.HGetAll(ctx, s.key(form, "state"))
		for p := range partitions[i] {
			counts[i] = append(counts[i], pipe.ZCard(ctx, s.key(form, "buf:"+strconv.Itoa(p))))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("peek at buffer: %w", err)
	}
	out := make([]Peek, len(forms))
	for i := range forms {
		state := states[i].Val()
		out[i] = Peek{TopicID: state[fieldTopic], Spreadsheet: state[fieldSheet], Park: state[fieldPark], Partitions: make([]PartitionState, partitions[i])}
		for p := range out[i].Partitions {
			out[i].Partitions[p] = parsePartition(state[strconv.Itoa(p)], counts[i][p].Val())
		}
	}
	return out, nil
}

// parsePartition reads a partition's field as the scripts do: what cannot be read is as good as nothing stored.
func parsePartition(field string, entries int64) PartitionState {
	words := strings.Split(field, " ")
	if len(words) != 6 {
		return PartitionState{Entries: entries}
	}
	delivered, err := parseOffset(words[1])
	if err != nil {
		return PartitionState{Entries: entries}
	}
	next, err := parseOffset(words[0]) // "-": nothing stored
	return PartitionState{Next: next, Delivered: delivered, Entries: entries, Known: err == nil}
}

// Park notes why a form does not move, to show; an empty reason ends it.
func (s *Store) Park(ctx context.Context, form, reason string) error {
	var err error
	if key := s.key(form, "state"); reason == "" {
		err = s.rdb.HDel(ctx, key, fieldPark, fieldParkedAt).Err()
	} else {
		err = s.rdb.HSet(ctx, key, fieldPark, reason, fieldParkedAt, time.Now().UTC().Format(time.RFC3339)).Err()
	}
	if err != nil {
		return fmt.Errorf("note park of form %s: %w", form, err)
	}
	return nil
}

// Drop forgets a form altogether, its state included. Consumers read it again from where their commits say.
func (s *Store) Drop(ctx context.Context, form string, partitions int) error {
	if err := s.rdb.Unlink(ctx, s.formKeys(form, partitions)...).Err(); err != nil {
		return fmt.Errorf("drop buffer of form %s: %w", form, err)
	}
	return nil
}
