package sheetsconsumer

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

func TestSetup_emptyBuffer_beginsWhereTheCommitSays(t *testing.T) {
	for name, row := range map[string]struct {
		commit   *kafka.Commit
		position int64
		want     buffer.PartitionState // after the first poll
		marked   string
	}{
		"metadata: from the lowest remembered offset": {
			&kafka.Commit{Offset: 9, Metadata: "v1 t1 6 4"}, 4, buffer.PartitionState{Next: 4, Delivered: 6, Known: true}, "v1 t1 6 4"},
		"no commit: from the beginning": {
			nil, 0, buffer.PartitionState{Known: true}, "v1 t1 0 0"},
		"another topic's metadata: from the beginning": {
			&kafka.Commit{Offset: 9, Metadata: "v1 t0 6 4"}, 0, buffer.PartitionState{Known: true}, "v1 t1 0 0"},
		"foreign metadata: from the beginning": {
			&kafka.Commit{Offset: 9, Metadata: "consumed by " + secret}, 0, buffer.PartitionState{Known: true}, "v1 t1 0 0"},
		"a later version's metadata: from the beginning": {
			&kafka.Commit{Offset: 9, Metadata: "v2 t1 6 4"}, 0, buffer.PartitionState{Known: true}, "v1 t1 0 0"},
		"no metadata: from the beginning": {
			&kafka.Commit{Offset: 9}, 0, buffer.PartitionState{Known: true}, "v1 t1 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			if row.commit != nil {
				b.commit(row.commit.Offset, row.commit.Metadata)
			}
			c := b.claim()
			require.Equal(t, row.position, c.Position())
			require.Equal(t, kafka.Commit{Offset: row.position, Metadata: row.marked}, b.marks.at[0])
			require.Equal(t, Continue, b.add(c))
			require.Equal(t, row.want, b.state())
			require.NotContains(t, b.out.String(), secret)
		})
	}
}

func TestSetup_bufferHasMore_goesOnThere(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 8)...))
	b.deliver(3)
	b.commit(2, "v1 t1 1 1") // an old one
	b.marks.at[0] = kafka.Commit{Offset: 2}

	c := b.claim()

	require.EqualValues(t, 8, c.Position())
	require.Equal(t, kafka.Commit{Offset: 8, Metadata: "v1 t1 3 3"}, b.marks.at[0], "up, with what has been delivered since")
	require.Equal(t, Continue, b.add(c, messages(8, 10)...))
	require.Equal(t, buffer.PartitionState{Next: 10, Delivered: 3, Entries: 7, Known: true}, b.state())
}

func TestSetup_bufferHasLess_marksLower(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 4)...))
	b.marks.at[0] = kafka.Commit{Offset: 9}
	require.EqualValues(t, 4, b.claim().Position())
	require.EqualValues(t, 4, b.marks.at[0].Offset)
}

func TestSetup_manyPartitions_oneRequestToTheBuffer(t *testing.T) {
	b := setup(t, buffer.Limits{})
	three := kafka.Topic{ID: "t1", Start: []int64{0, 0, 0}, End: []int64{5, 6, 7}}
	b.log.topics = map[string]kafka.Topic{demoTopic: three, otherTopic: three}
	claims, err := b.keeper.Setup(t.Context(), b.marks, map[string][]int32{otherTopic: {0, 2}, demoTopic: {1}})
	require.NoError(t, err)
	require.Equal(t, 1, b.buffer.calls)
	var places []string
	for _, c := range claims {
		places = append(places, c.Topic+"/"+string('0'+c.Partition))
	}
	require.Equal(t, []string{"forms.demo/1", "forms.other/0", "forms.other/2"}, places)
}

func TestSetup_storeDoesNotAnswer_isAnErrorThatNamesIt(t *testing.T) {
	away := errors.New("away")
	claimed := map[string][]int32{demoTopic: {0}}
	for name, row := range map[string]struct {
		breakIt func(*testBundle)
		want    string
	}{
		"log":                    {func(b *testBundle) { b.log.err = away }, "set-up: read topics: away"},
		"buffer":                 {func(b *testBundle) { b.buffer.err = away }, "set-up: ask the buffer: away"},
		"topic gone":             {func(b *testBundle) { b.log.topics = nil }, "topic forms.demo has no partition 0"},
		"partition not yet seen": {func(b *testBundle) { b.log.topics[demoTopic] = kafka.Topic{ID: "t1"} }, "topic forms.demo has no partition 0"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			row.breakIt(b)
			_, err := b.keeper.Setup(context.Background(), b.marks, claimed)
			require.ErrorContains(t, err, row.want)
			require.Empty(t, b.marks.at)
			require.Zero(t, b.count("parked_partitions"))
		})
	}
}

func TestPosition_neverOutsideTheLog(t *testing.T) {
	for name, row := range map[string]struct {
		stored, start, end, want int64
		verdict                  Verdict
	}{
		"within":       {5, 2, 10, 5, Continue},
		"at the end":   {5, 2, 5, 5, Continue},
		"below start":  {5, 7, 10, 7, Continue},
		"beyond end":   {9, 2, 6, 6, Parked},
		"log is empty": {5, 8, 8, 8, Continue},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			require.Equal(t, Continue, b.add(b.claim(), messages(0, row.stored)...))
			b.topic("t1", row.start, row.end)
			c := b.claim()
			require.Equal(t, row.want, c.Position())
			require.Equal(t, row.want, b.marks.at[0].Offset)
			require.Equal(t, row.verdict, b.add(c))
		})
	}
}

func TestSetup_trimmedLog_oneGapCountedAsLostOnlyWhenReadBefore(t *testing.T) {
	for name, row := range map[string]struct {
		before  func(*testBundle)
		entries []string
		lost    float64
	}{
		"never read": {func(*testBundle) {}, []string{"0 g 7", "7 d 1"}, 0},
		"read before, buffer lost": {func(b *testBundle) {
			b.commit(3, "v1 t1 2 2")
		}, []string{"2 g 5", "7 d 1"}, 5},
		"read before, all delivered": {func(b *testBundle) {
			b.commit(8, "v1 t1 7 1")
		}, []string{"7 d 1"}, 0},
		"read before, some delivered": {func(b *testBundle) {
			b.commit(8, "v1 t1 5 1")
		}, []string{"5 g 2", "7 d 1"}, 2},
		"buffer whole": {func(b *testBundle) {
			require.Equal(b, Continue, b.add(b.claim(), messages(0, 4)...))
		}, []string{"0 d 1", "1 d 1", "2 d 1", "3 d 1", "4 g 3", "7 d 1"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			row.before(b)
			b.topic("t1", 7, 9)
			c := b.claim()
			require.EqualValues(t, 7, c.Position())
			require.Equal(t, Continue, b.add(c))
			require.Equal(t, Continue, b.add(c, message0(7)), "counted once")
			require.Equal(t, row.entries, b.entries())
			require.Equal(t, row.lost, b.count("records_total", demo, "lost"))
			require.Equal(t, row.lost > 0, b.out.lines("accepted and not delivered") == 1)
		})
	}
}

func TestSetup_bufferRefusesOneForm_thatOneIsParkedAndTheOthersGoOn(t *testing.T) {
	b := setup(t, buffer.Limits{})
	b.log.topics[otherTopic] = kafka.Topic{ID: "t2", Start: []int64{0}, End: []int64{10}}
	b.commit(4, "v1 t1 3 2")
	b.buffer.refused = demo
	claims, err := b.keeper.Setup(t.Context(), b.marks, map[string][]int32{demoTopic: {0}, otherTopic: {0}})
	require.NoError(t, err)
	require.Equal(t, 1, b.out.lines("the buffer refuses this form: WRONGTYPE"), b.out.String())
	require.EqualValues(t, 1, b.count("parked_partitions", demo))
	require.Zero(t, b.count("parked_partitions", "other"))
	require.EqualValues(t, 4, claims[0].Position(), "it stays where the last commit left it")
	require.Equal(t, Continue, b.add(claims[1], newMessage(0, "other", submission.NewID())))
	require.Equal(t, Parked, b.add(claims[0], messages(4, 6)...))
	require.Equal(t, 1, b.out.lines("WRONGTYPE"), "told once")

	b.buffer.refused = ""
	require.Equal(t, Rejoin, b.add(claims[0]))
	require.Zero(t, b.count("parked_partitions", demo))
	c := b.claim()
	require.EqualValues(t, 2, c.Position(), "from the lowest remembered offset: nothing was stored")
	require.Equal(t, Continue, b.add(c, messages(2, 6)...))
}
