package sheetsconsumer

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

func TestAdd_messages_storedCountedAndMarked(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 d 1"}, b.entries())
	require.Equal(t, kafka.Commit{Offset: 3, Metadata: "v1 t1 0 0"}, b.marks.at[0])
	require.EqualValues(t, 3, b.count("records_total", demo, "stored"))

	b.log.topics[demoTopic] = kafka.Topic{ID: "t1", Start: []int64{0}, End: []int64{20}}
	require.Equal(t, Continue, b.add(c, messages(3, 15)...))
	require.EqualValues(t, 15, b.marks.at[0].Offset, "the log has grown since set-up")
}

func TestAdd_bufferDoesNotAnswer_nothingMarkedAndTheSameCallMayBeMadeAgain(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	before := b.marks.at[0]
	msgs := append(messages(0, 2), Message{Offset: 2, Value: []byte(secret)})
	b.buffer.err = errors.New("away")
	for range 3 {
		_, err := c.Add(t.Context(), b.marks, msgs)
		require.ErrorContains(t, err, "add to the buffer: away")
	}
	require.Equal(t, before, b.marks.at[0])
	require.Zero(t, b.count("records_total"))
	require.Zero(t, b.out.lines("not a submission"), "told once it is done, not for each try")
	b.buffer.err = nil
	require.Equal(t, Continue, b.add(c, msgs...))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 g 1"}, b.entries())
	require.EqualValues(t, 1, b.count("records_total", demo, "unreadable"))
	require.Equal(t, 1, b.out.lines("not a submission"))
}

func TestAdd_bufferRefuses_isAnErrorToo(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	before := b.marks.at[0]
	b.buffer.refused = demo
	_, err := c.Add(t.Context(), b.marks, messages(0, 2))
	require.ErrorContains(t, err, "add to the buffer: WRONGTYPE")
	require.Equal(t, before, b.marks.at[0])
}

func TestAdd_redelivered_skipped(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	require.Equal(t, Continue, b.add(c, messages(1, 5)...))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 d 1", "3 d 1", "4 d 1"}, b.entries())
	require.EqualValues(t, 5, b.count("records_total", demo, "stored"))
}

func TestAdd_holeInTheOffsets_becomesAGap(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, message0(0), message0(3), message0(4), message0(9)))
	require.Equal(t, []string{"0 d 1", "1 g 2", "3 d 1", "4 d 1", "5 g 4", "9 d 1"}, b.entries())
	require.EqualValues(t, 10, b.marks.at[0].Offset)
	require.EqualValues(t, 4, b.count("records_total"), "a hole is no record, and no loss")
}

func TestAdd_recordThatIsNoSubmission_gapCountedAndLoggedWithoutItsValue(t *testing.T) {
	id := submission.NewID()
	wrongKey := newMessage(1, demo, id)
	wrongKey.Key = []byte(secret)
	for name, m := range map[string]Message{
		"no headers":     {Offset: 1, Key: []byte(secret), Value: []byte(secret)},
		"another form's": newMessage(1, "other", id),
		"wrong key":      wrongKey,
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			require.Equal(t, Continue, b.add(b.claim(), message0(0), m, message0(2)))
			require.Equal(t, []string{"0 d 1", "1 g 1", "2 d 1"}, b.entries())
			require.EqualValues(t, 1, b.count("records_total", demo, "unreadable"))
			require.EqualValues(t, 2, b.count("records_total", demo, "stored"))
			require.NotContains(t, b.out.String(), secret)
			require.Equal(t, 1, b.out.lines(`"msg":"record is not a submission, skipped","form":"demo","topic":"forms.demo","partition":0,"offset":1,`), b.out.String())
		})
	}
}

func TestAdd_keyedRepeats_leavePlaceholders(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	x, y := submission.KeyedID(demo, "x", nil), submission.KeyedID(demo, "y", nil)
	unkeyed := submission.NewID()
	require.Equal(t, Continue, b.add(c, newMessage(0, demo, x), newMessage(1, demo, y), newMessage(2, demo, x)))
	require.Equal(t, Continue, b.add(c, newMessage(3, demo, y), newMessage(4, demo, unkeyed), newMessage(5, demo, unkeyed)))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 r 1", "3 r 1", "4 d 1", "5 d 1"}, b.entries())
	require.EqualValues(t, 4, b.count("records_total", demo, "stored"))
	require.EqualValues(t, 2, b.count("records_total", demo, "repeat"))

	b.deliver(6)
	require.Equal(t, Continue, b.add(c))
	require.Equal(t, "v1 t1 6 0", b.marks.at[0].Metadata, "reading must begin again at the oldest id")
}

func TestAdd_bufferLostWhatARepeatFollows_repeatIsStillDropped(t *testing.T) {
	b := setup(t, buffer.Limits{})
	x := submission.KeyedID(demo, "x", nil)
	log := append([]Message{newMessage(0, demo, x)}, messages(1, 6)...)
	log = append(log, newMessage(6, demo, x))
	c := b.claim()
	require.Equal(t, Continue, b.add(c, log[:6]...))
	b.deliver(5)
	require.Equal(t, Continue, b.add(c))
	b.commit(b.marks.at[0].Offset, b.marks.at[0].Metadata)
	b.buffer.Empty()

	c = b.claim()
	require.Zero(t, c.Position(), "behind delivered: only ids are taken from there")
	require.Equal(t, Continue, b.add(c, log...))
	require.Equal(t, []string{"5 d 1", "6 r 1"}, b.entries())
}

func TestAdd_quietPartition_metadataIsRefreshed(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 6)...))
	b.deliver(4)
	require.Equal(t, Continue, b.add(c))
	require.Equal(t, kafka.Commit{Offset: 6, Metadata: "v1 t1 4 4"}, b.marks.at[0])

	marks := b.marks.count
	require.Equal(t, Continue, b.add(c))
	require.Equal(t, marks, b.marks.count, "nothing new, nothing to commit")
}

func TestAdd_bufferLosesAllItHas_goesBackAndRejoins(t *testing.T) {
	for name, msgs := range map[string][]Message{"poll": nil, "messages": messages(6, 8)} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			c := b.claim()
			require.Equal(t, Continue, b.add(c, messages(0, 6)...))
			b.deliver(2)
			require.Equal(t, Continue, b.add(c))
			b.buffer.Empty()

			require.Equal(t, Rejoin, b.add(c, msgs...))

			require.Equal(t, kafka.Commit{Offset: 2, Metadata: "v1 t1 2 2"}, b.marks.at[0], "lower than before")
			require.EqualValues(t, 1, b.count("gaps_total", demo))
			b.commit(b.marks.at[0].Offset, b.marks.at[0].Metadata)
			c = b.claim()
			require.EqualValues(t, 2, c.Position())
			require.Equal(t, Continue, b.add(c, messages(2, 8)...))
			require.Equal(t, buffer.PartitionState{Next: 8, Delivered: 2, Entries: 6, Known: true}, b.state())
		})
	}
}

func TestAdd_bufferRolledBack_goesBackToItsNext(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	rollBack := b.buffer.Snapshot()
	require.Equal(t, Continue, b.add(c, messages(3, 6)...))
	rollBack()
	require.Equal(t, Rejoin, b.add(c))
	require.EqualValues(t, 3, b.marks.at[0].Offset)
	require.EqualValues(t, 1, b.count("gaps_total", demo))
	require.Zero(t, b.count("rebuilds_total"))
}

func TestAdd_entryEvicted_partitionIsReadAgain(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	require.True(t, b.buffer.Evict(demo, 0, 1))
	require.Equal(t, Rejoin, b.add(c))
	require.Zero(t, b.marks.at[0].Offset)
	require.EqualValues(t, 1, b.count("rebuilds_total", demo))
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 3)...))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 d 1"}, b.entries())
}

func TestAdd_anotherConsumerIsAhead_rejoins(t *testing.T) {
	for name, msgs := range map[string][]Message{"poll": nil, "messages": messages(3, 5)} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, buffer.Limits{})
			zombie := b.claim()
			require.Equal(t, Continue, b.add(zombie, messages(0, 3)...))
			require.Equal(t, Continue, b.add(b.claim(), messages(3, 9)...))
			require.Equal(t, Rejoin, b.add(zombie, msgs...))
			require.Equal(t, buffer.PartitionState{Next: 9, Entries: 9, Known: true}, b.state(), "it did no harm")
			require.EqualValues(t, 9, b.count("records_total", demo, "stored"), "nothing is counted twice")
		})
	}
}

func TestAdd_full_keepsMessagesAndStillPolls(t *testing.T) {
	b := setup(t, buffer.Limits{MaxEntries: 3})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	held := append(messages(3, 5), Message{Offset: 5})
	for range 3 {
		require.Equal(t, Full, b.add(c, held...))
	}
	require.EqualValues(t, 3, b.marks.at[0].Offset)
	require.EqualValues(t, 3, b.count("records_total"))
	require.Zero(t, b.out.lines("not a submission"), "told once it is done, not for each try")
	require.Equal(t, Continue, b.add(c), "a poll needs no room")

	b.deliver(1)
	require.Equal(t, Continue, b.add(c, held...))
	require.Equal(t, buffer.PartitionState{Next: 6, Delivered: 1, Entries: 5, Known: true}, b.state())
	require.Equal(t, kafka.Commit{Offset: 6, Metadata: "v1 t1 1 1"}, b.marks.at[0])
}

func TestAdd_fullForAnotherPartitionsSake_deliveredIsStillCommitted(t *testing.T) {
	b := setup(t, buffer.Limits{MaxEntries: 4})
	b.log.topics[demoTopic] = kafka.Topic{ID: "t1", Start: []int64{0, 0}, End: []int64{9, 9}}
	claims, err := b.keeper.Setup(t.Context(), b.marks, map[string][]int32{demoTopic: {0, 1}})
	require.NoError(t, err)
	require.Equal(t, Continue, b.add(claims[0], messages(0, 1)...))
	require.Equal(t, Continue, b.add(claims[1], messages(0, 9)...))
	require.NoError(t, b.buffer.Release(t.Context(), demo, "t1", []int64{1, 0}, "S"))
	require.Equal(t, Full, b.add(claims[0], messages(1, 3)...))
	require.Equal(t, kafka.Commit{Offset: 1, Metadata: "v1 t1 1 1"}, b.marks.at[0])
}

func TestAdd_fullAndThenEmptied_goesBack(t *testing.T) {
	b := setup(t, buffer.Limits{MaxEntries: 3})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	require.Equal(t, Full, b.add(c, messages(3, 5)...))
	b.buffer.Empty()
	require.Equal(t, Rejoin, b.add(c, messages(3, 5)...))
	require.Zero(t, b.marks.at[0].Offset)
}

func TestParked_nextBeyondTheLog_untilTheLogHasIt(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 8)...))
	b.topic("t1", 0, 5)
	c := b.claim()
	require.EqualValues(t, 1, b.count("parked_partitions", demo))
	require.Equal(t, 1, b.out.lines("the log ends at 5"), b.out.String())
	for range 2 {
		require.Equal(t, Parked, b.add(c, messages(5, 6)...))
	}
	require.Equal(t, buffer.PartitionState{Next: 8, Entries: 8, Known: true}, b.state(), "untouched")
	require.EqualValues(t, 5, b.marks.at[0].Offset)

	b.topic("t1", 0, 8)
	require.Equal(t, Rejoin, b.add(c))
	require.Zero(t, b.count("parked_partitions", demo))
	c = b.claim()
	require.EqualValues(t, 8, c.Position())
	require.Equal(t, Continue, b.add(c))
}

func TestParked_topicMadeAnew_untilTheFormIsResumed(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 8)...))
	b.commit(8, b.marks.at[0].Metadata)
	before := b.buffer.Dump(demo)
	b.topic("t2", 0, 3)

	c = b.claim()
	require.EqualValues(t, 1, b.count("parked_partitions", demo))
	require.Equal(t, 1, b.out.lines("deleted and made anew"), b.out.String())
	require.Zero(t, c.Position())
	require.Equal(t, Parked, b.add(c, messages(0, 1)...))
	require.Equal(t, before, b.buffer.Dump(demo), "untouched")

	require.NoError(t, b.buffer.Adopt(t.Context(), demo, 1, "t2"))
	require.Equal(t, Rejoin, b.add(c))
	require.Zero(t, b.count("parked_partitions", demo))
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 3)...))
	require.Equal(t, []string{"0 d 1", "1 d 1", "2 d 1"}, b.entries())
	require.Zero(t, b.count("records_total", demo, "lost"))
}

func TestParked_topicMadeAnewWhileItIsRead(t *testing.T) {
	b := setup(t, buffer.Limits{})
	c := b.claim()
	require.Equal(t, Continue, b.add(c, messages(0, 3)...))
	require.NoError(t, b.buffer.Adopt(t.Context(), demo, 1, "t2"))
	marked := b.marks.at[0]

	require.Equal(t, Parked, b.add(c, messages(3, 4)...))

	require.EqualValues(t, 1, b.count("parked_partitions", demo))
	require.Equal(t, marked, b.marks.at[0], "an answer about another topic says nothing of ours")
	require.Equal(t, Parked, b.add(c))
	b.topic("t2", 0, 2)
	require.Equal(t, Rejoin, b.add(c), "this claim's topic is gone")
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 2)...))
}

func TestParked_bufferOfAnOlderTopicIsRestored_commitKeepsWhatWasDelivered(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 8)...))
	b.topic("t2", 0, 10)
	b.commit(7, "v1 t2 5 3")
	b.marks.at[0] = kafka.Commit{Offset: 7, Metadata: "v1 t2 5 3"}
	require.Equal(t, Parked, b.add(b.claim()))
	require.Equal(t, "v1 t2 5 3", b.marks.at[0].Metadata, "an answer about another topic says nothing of this one")
}

func TestParked_storesDoNotAnswer_staysParked(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 8)...))
	b.topic("t1", 0, 5)
	c := b.claim()
	b.log.err = errors.New("away")
	v, err := c.Add(t.Context(), b.marks, nil)
	require.ErrorContains(t, err, "read topic of a parked form: away")
	require.Equal(t, Parked, v)
	b.log.err, b.buffer.err = nil, errors.New("away")
	_, err = c.Add(t.Context(), b.marks, nil)
	require.ErrorContains(t, err, "ask the buffer about a parked form: away")
	b.buffer.err = nil
	b.log.topics = nil
	require.Equal(t, Parked, b.add(c), "the topic is gone altogether")
}

func TestClose_parked_gaugeFallsOnce(t *testing.T) {
	b := setup(t, buffer.Limits{})
	require.Equal(t, Continue, b.add(b.claim(), messages(0, 8)...))
	b.topic("t1", 0, 5)
	c := b.claim()
	require.EqualValues(t, 1, b.count("parked_partitions", demo))
	c.Close()
	c.Close()
	require.Zero(t, b.count("parked_partitions", demo))
	require.False(t, strings.Contains(b.out.String(), secret))
}
