package buffer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEntries_followEachOther_areReturned(t *testing.T) {
	r := PlanRequest{Form: "demo-form", Vector: []int64{3, 0}}
	got, err := r.entries([]string{"1 7 0000000000000000000g5", "0 8 0000000000000000003dsome data", "1 9 0000000000000000005r"})
	require.NoError(t, err)
	require.Equal(t, []Entry{
		{Partition: 1, Offset: 0, Score: 7, Kind: KindGap, Width: 5},
		{Partition: 0, Offset: 3, Score: 8, Kind: KindData, Width: 1, Data: []byte("some data")},
		{Partition: 1, Offset: 5, Score: 9, Kind: KindRepeat, Width: 1},
	}, got)
	require.Equal(t, []int64{3, 0}, r.Vector, "the caller's own")
}

func TestEntries_thatDoNotFollowOrCannotBeRead_areNeverReturned(t *testing.T) {
	r := PlanRequest{Form: "demo-form", Vector: []int64{3, 0}}
	for name, line := range map[string]string{
		"hole":         "0 8 0000000000000000005d",
		"again":        "0 8 0000000000000000003d",
		"unknown kind": "0 8 0000000000000000004?",
		"no entry":     "0 8 x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.entries([]string{"0 8 0000000000000000003d", line})
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged)
			require.Equal(t, "demo-form", damaged.Form)
			require.Equal(t, int64(4), damaged.Offset)
			require.ErrorContains(t, err, "form demo-form, partition 0, offset 4")
		})
	}
	for _, line := range []string{"", "0", "0 8", "2 8 x", "-1 8 x", "x 8 x", "0 x x"} {
		_, err := r.entries([]string{line})
		require.ErrorIs(t, err, errReply, line)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add("0 8 0000000000000000003d", "1 8 0000000000000000000g7")
	f.Fuzz(func(t *testing.T, one, two string) {
		r := PlanRequest{Form: "demo-form", Vector: []int64{3, 0}}
		entries, err := r.entries([]string{one, two})
		if err != nil {
			return
		}
		next := []int64{3, 0}
		for _, e := range entries {
			require.Equal(t, next[e.Partition], e.Offset)
			next[e.Partition] = e.End()
		}
	})
}

func TestParseAddAnswer_unexpected_isAnError(t *testing.T) {
	for _, reply := range []string{"", "OK", "OK 1 2 3 0 0", "OK 1 2 3 0 0 0 0", "NO 1 2 3 0 0 0", "OK 1 2 3 0 0 x"} {
		_, err := parseAddAnswer(reply)
		require.ErrorIs(t, err, errReply, reply)
	}
}

func TestParsePartition_unreadable_isAsGoodAsNothingStored(t *testing.T) {
	require.Equal(t, PartitionState{Next: 7, Delivered: 5, Entries: 2, Known: true}, parsePartition("7 5 1763750000123 0 1 60", 2))
	require.Equal(t, PartitionState{Delivered: 5}, parsePartition("- 5 0 0 0 0", 0))
	for _, field := range []string{"", "7", "7 x 0 0 0 0", "7 5 0 0 0", "7 5 0 0 0 0 0"} {
		require.Equal(t, PartitionState{Entries: 2}, parsePartition(field, 2), field)
	}
}
