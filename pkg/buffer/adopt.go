package buffer

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Adopt forgets all that is held of a form's older topic and takes topicID as the form's topic from now on, in one step: were
// the form merely forgotten, a consumer that has not yet heard of the new topic could bring the old one back with its next poll.
func (s *Store) Adopt(ctx context.Context, form string, partitions int, topicID string) error {
	_, err := s.rdb.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.Unlink(ctx, s.formKeys(form, partitions)...)
		tx.HSet(ctx, s.key(form, "state"), fieldTopic, topicID)
		return nil
	})
	if err != nil {
		return fmt.Errorf("adopt topic of form %s: %w", form, err)
	}
	return nil
}
