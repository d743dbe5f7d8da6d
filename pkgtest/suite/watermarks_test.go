package suite_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/suite"
)

// group is the buffer's consumer group, as operators know it.
const group = "formstream.sheets-consumer"

func topics() []string { return []string{"forms.demo-form", "forms.student-data-form"} }

// delivered tells whether everything in the log is in the spreadsheet, as the group's commits have it.
func delivered(t *testing.T, s *suite.Suite) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	admin := kafkatest.NewAdmin(t, s.Brokers())
	states, err := admin.Topics(ctx, topics())
	require.NoError(t, err)
	partitions := map[string][]int32{}
	for topic, state := range states {
		for p := range state.End {
			partitions[topic] = append(partitions[topic], int32(p)) //nolint:gosec // few
		}
	}
	committed, err := admin.Committed(ctx, group, partitions)
	require.NoError(t, err)
	for topic, state := range states {
		for p, end := range state.End {
			meta, err := buffer.ParseMetadata(committed[topic][int32(p)].Metadata) //nolint:gosec // few
			if end > 0 && (err != nil || meta.Delivered < end) {
				return false
			}
		}
	}
	return len(states) == len(topics())
}
