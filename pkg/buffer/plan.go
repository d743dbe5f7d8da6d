package buffer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// DamagedError is a buffer whose entries cannot be read although its books hold: somebody has changed it by hand. Trying
// again does not help. The form must be parked; dropping its buffer, which is read again from the log, heals it.
type DamagedError struct {
	Form      string
	Partition int32
	Offset    int64 // the entry that was due
	Reason    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("buffer of form %s, partition %d, offset %d: %s", e.Form, e.Partition, e.Offset, e.Reason)
}

// Plan releases up to the vector, checks the books and returns the oldest entries, at most the request's limit of them and
// Limits.PlanBytes. Its error is a *DamagedError when what it read cannot be delivered.
func (s *Store) Plan(ctx context.Context, r PlanRequest) (PlanAnswer, error) {
	reply, err := s.planReply(ctx, r)
	if err != nil {
		return PlanAnswer{}, fmt.Errorf("plan from buffer of form %s: %w", r.Form, err)
	}
	status := PlanStatus(reply[0])
	switch status {
	case PlanOK:
	case PlanNothing, PlanStale, PlanBooks, PlanOtherTopic:
		return PlanAnswer{Status: status}, nil
	default:
		return PlanAnswer{}, fmt.Errorf("plan from buffer of form %s: %w", r.Form, errReply)
	}
	entries, err := r.entries(reply[1:])
	if err != nil {
		return PlanAnswer{}, err
	}
	return PlanAnswer{Status: status, Entries: entries}, nil
}

func (s *Store) planReply(ctx context.Context, r PlanRequest) ([]string, error) {
	if err := checkVector(r.Vector); err != nil {
		return nil, err
	}
	if r.TopicID == "" || r.Limit < 1 {
		return nil, errors.New("a topic id and a limit of at least 1 must be given")
	}
	args := s.plan.call(s.formKeys(r.Form, len(r.Vector)), 5+len(r.Vector))
	args = append(args, s.now(), r.TopicID, r.Settle, r.Limit, s.opts.Limits.PlanBytes)
	for _, offset := range r.Vector {
		args = append(args, offset)
	}
	reply, err := run(ctx, s.rdb, s.plan, [][]any{args}, redis.NewStringSliceCmd)[0].Result()
	if err == nil && len(reply) == 0 {
		err = errReply
	}
	return reply, err
}

// entries reads "partition score member" lines. From the vector on, each partition's must follow each other without a
// hole: what is delivered is counted from them. The script has looked at that, too; this is the last place to notice.
func (r PlanRequest) entries(lines []string) ([]Entry, error) {
	next := append([]int64(nil), r.Vector...)
	entries := make([]Entry, len(lines))
	for i, line := range lines {
		p, score, member, err := splitLine(line, len(next))
		if err != nil {
			return nil, fmt.Errorf("plan from buffer of form %s: %w", r.Form, err)
		}
		e, err := ParseMember(p, score, member)
		if err != nil {
			return nil, &DamagedError{r.Form, p, next[p], err.Error()}
		}
		if e.Offset != next[p] {
			return nil, &DamagedError{r.Form, p, next[p], "the entry in its place is of offset " + strconv.FormatInt(e.Offset, 10)}
		}
		next[p] = e.End()
		entries[i] = e
	}
	return entries, nil
}

func splitLine(line string, partitions int) (partition int32, score int64, member string, err error) {
	first, rest, _ := strings.Cut(line, " ")
	second, member, ok := strings.Cut(rest, " ")
	p, err := strconv.Atoi(first)
	if err != nil || !ok || p < 0 || p >= partitions {
		return 0, 0, "", errReply
	}
	if score, err = strconv.ParseInt(second, 10, 64); err != nil {
		return 0, 0, "", errReply
	}
	return int32(p), score, member, nil
}
