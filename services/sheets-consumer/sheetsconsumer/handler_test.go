package sheetsconsumer

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
)

func fill(n int, size int) chan *sarama.ConsumerMessage {
	in := make(chan *sarama.ConsumerMessage, n)
	for i := range n {
		in <- &sarama.ConsumerMessage{
			Offset: int64(i), Timestamp: time.UnixMilli(int64(i)), Key: []byte("k"), Value: make([]byte, size),
			Headers: []*sarama.RecordHeader{{Key: []byte("h"), Value: []byte("v")}},
		}
	}
	return in
}

func TestGather_takesWhatIsThere_inOrder(t *testing.T) {
	msgs, open := gather(t.Context(), fill(3, 1), time.Hour, true)
	require.True(t, open)
	require.Len(t, msgs, 3)
	for i, m := range msgs {
		require.EqualValues(t, i, m.Offset)
		require.EqualValues(t, i, m.Time)
		require.Equal(t, "k", string(m.Key))
		require.Equal(t, "h", m.Headers[0].Key)
		require.Equal(t, "v", string(m.Headers[0].Value))
	}
}

func TestGather_isBounded(t *testing.T) {
	for name, row := range map[string]struct{ n, size, want int }{
		"by number": {maxBatch + 50, 1, maxBatch},
		"by bytes":  {40, 256 << 10, maxBytes / (256 << 10)},
		"one alone": {2, maxBytes + 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in := fill(row.n, row.size)
			msgs, open := gather(t.Context(), in, time.Hour, true)
			require.True(t, open)
			require.Len(t, msgs, row.want)
			require.Len(t, in, row.n-row.want, "the rest stays")
		})
	}
}

func TestGather_nothingComes_isAPoll(t *testing.T) {
	msgs, open := gather(t.Context(), make(chan *sarama.ConsumerMessage), time.Millisecond, true)
	require.True(t, open)
	require.Empty(t, msgs)
}

func TestGather_parked_leavesMessages(t *testing.T) {
	in := fill(3, 1)
	msgs, open := gather(t.Context(), in, time.Millisecond, false)
	require.True(t, open)
	require.Empty(t, msgs)
	require.Len(t, in, 3)
}

func TestGather_claimOrSessionEnds_isNotOpen(t *testing.T) {
	closed := make(chan *sarama.ConsumerMessage)
	close(closed)
	_, open := gather(t.Context(), closed, time.Hour, true)
	require.False(t, open)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, read := range []bool{true, false} {
		_, open = gather(ctx, make(chan *sarama.ConsumerMessage), time.Hour, read)
		require.False(t, open)
	}
}
