package buffertest

import (
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

func planCases() []suiteCase {
	return []suiteCase{
		{"Plan_nothingStored_nothing", buffer.Limits{}, func(s *suite) {
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanNothing}, s.plan(0, 0))
			s.add(0, -1)
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanNothing}, s.plan(0, 0))
		}},
		{"Plan_entries_comeWithAllThatIsKnownOfThem", buffer.Limits{}, func(s *suite) {
			s.fill(1, keyed(0, "a"), keyed(1, "a"), gap(2, 7))
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanOK, Entries: []buffer.Entry{
				{Partition: 1, Offset: 0, Score: suiteNow, Kind: buffer.KindData, Width: 1, Data: []byte("data 0")},
				{Partition: 1, Offset: 1, Score: suiteNow, Kind: buffer.KindRepeat, Width: 1},
				{Partition: 1, Offset: 2, Score: suiteNow, Kind: buffer.KindGap, Width: 7},
			}}, s.plan(0, 0))
		}},
		{"Plan_merges_byScoreThenPartitionThenOffset", buffer.Limits{}, func(s *suite) {
			s.fill(1, dataAt(0, suiteNow-9), dataAt(1, suiteNow-7), dataAt(2, suiteNow-7), dataAt(3, suiteNow-1))
			s.fill(0, dataAt(0, suiteNow-8), dataAt(1, suiteNow-7), dataAt(2, suiteNow-20), dataAt(3, suiteNow))
			require.Equal(s, []string{"1:0d", "0:0d", "0:1d", "0:2d", "1:1d", "1:2d", "1:3d", "0:3d"}, brief(s.plan(0, 0).Entries))
		}},
		{"Plan_everyPrefix_isClosed", buffer.Limits{}, func(s *suite) {
			for p := range int32(3) {
				var recs []buffer.Record
				for o := range int64(100) {
					recs = append(recs, dataAt(o, suiteNow-(o*7919+int64(p)*31)%977))
				}
				s.fill(p, recs...)
			}
			next := make([]int64, 3)
			entries := s.plan(0, 0, 0).Entries
			require.Len(s, entries, 300)
			for i, e := range entries {
				require.Equal(s, next[e.Partition], e.Offset, "entry %d", i)
				require.True(s, i == 0 || entries[i-1].Score <= e.Score, "entry %d", i)
				next[e.Partition]++
			}
		}},
		{"Plan_limit_isKept", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 9)...)
			require.Equal(s, []string{"0:0d", "0:1d"}, brief(s.ask(planRequest(2, 0, 0)).Entries))
		}},
		{"Plan_bytes_stopAtTheEntryThatReachesThem", buffer.Limits{PlanBytes: 2000}, func(s *suite) {
			for o := range int64(9) {
				rec := data(o)
				rec.Data = large(900, 'x')
				s.fill(0, rec)
			}
			require.Len(s, s.plan(0).Entries, 3)
		}},
		{"Plan_oneEntryLargerThanTheBytes_isReturned", buffer.Limits{PlanBytes: 10}, func(s *suite) {
			s.fill(0, run(0, 2)...)
			require.Len(s, s.plan(0).Entries, 1)
		}},
		{"Plan_readsOn_whereOnePartitionHasItAll", buffer.Limits{}, func(s *suite) {
			s.fill(0, dataAt(0, suiteNow))
			recs := run(0, 2500)
			for i := range recs {
				recs[i].ReceivedAt = suiteNow - 1
			}
			s.fill(1, recs...)
			entries := s.plan(0, 0).Entries
			require.Len(s, entries, 2501)
			require.Equal(s, []string{"1:2499d", "0:0d"}, brief(entries[2499:]))
		}},
		{"Plan_settle_youngEntriesWait", buffer.Limits{}, func(s *suite) {
			s.fill(0, dataAt(0, suiteNow-2001), dataAt(1, suiteNow-2000), dataAt(2, suiteNow-1999))
			s.fill(1, dataAt(0, suiteNow-1000))
			r := planRequest(100, 0, 0)
			r.Settle = 2000
			require.Equal(s, []string{"0:0d", "0:1d"}, brief(s.ask(r).Entries))
			s.Clock.Advance(1000)
			require.Equal(s, []string{"0:0d", "0:1d", "0:2d", "1:0d"}, brief(s.ask(r).Entries))
			s.release(3, 1)
			s.fill(0, dataAt(3, suiteNow+1))
			r.Vector = []int64{3, 1}
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanNothing}, s.ask(r))
		}},
		{"Plan_doesNotTake_whatItReturns", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.unchanged(func() { require.Equal(s, s.plan(0), s.plan(0)) })
		}},
		{"Plan_vectorIsFurther_releasesFirst", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 5)...)
			require.Equal(s, []string{"0:2d", "0:3d", "0:4d"}, brief(s.plan(2).Entries))
			require.Equal(s, buffer.PartitionState{Next: 5, Delivered: 2, Entries: 3, Known: true}, s.peek(1).Partitions[0])
		}},
		{"Plan_vectorIsLess_stale", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 5)...)
			s.fill(1, run(0, 5)...)
			s.release(3, 0)
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanStale}, s.plan(2, 4))
			require.Equal(s, int64(4), s.peek(2).Partitions[1].Delivered, "the other partition is released all the same")
		}},
		{"Plan_staleComesBeforeBooks", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 5)...)
			s.release(3)
			s.Faults.Evict(suiteForm, 0, 0)
			require.Equal(s, buffer.PlanStale, s.plan(2).Status)
			require.Equal(s, buffer.PlanBooks, s.plan(3).Status)
		}},
		{"Plan_lossBelowTheVector_isNone", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 5)...)
			s.Faults.Evict(suiteForm, 0, 1)
			require.Equal(s, []string{"0:3d", "0:4d"}, brief(s.plan(3).Entries))
		}},
		{"Plan_otherTopic_touchesNothing", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.unchanged(func() {
				r := planRequest(9, 2)
				r.TopicID = "topic-2"
				require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanOtherTopic}, s.ask(r))
			})
		}},
		{"Plan_beforeAnyAdd_nothingAndDoesNotNameTheTopic", buffer.Limits{}, func(s *suite) {
			s.unchanged(func() { require.Equal(s, buffer.PlanNothing, s.plan(4).Status) })
			r := request(0, -1)
			r.TopicID = "topic-2"
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Fresh: true}, s.send(r))
		}},
	}
}

func releaseCases() []suiteCase {
	return []suiteCase{
		{"Release_removesBelowTheVector", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 5)...)
			s.fill(1, run(0, 5)...)
			s.release(2, 5)
			s.holds("0:2d", "0:3d", "0:4d")
			s.unchanged(func() { s.release(1, 5) })
		}},
		{"Release_thousands", buffer.Limits{}, func(s *suite) {
			var recs []buffer.Record
			for o := int64(0); o < 7000; {
				rec := data(o)
				if o%5 == 0 {
					rec = gap(o, 3)
				}
				recs = append(recs, rec)
				o = rec.End()
			}
			s.fill(0, recs...)
			s.release(6991)
			s.holds("0:6991g2", "0:6993d", "0:6994d", "0:6995g3", "0:6998d", "0:6999d")
			require.False(s, s.add(0, 7000).Dropped)
		}},
		{"Release_withinAGap_narrowsIt", buffer.Limits{}, func(s *suite) {
			s.fill(0, data(0), gap(1, 10), data(11))
			s.release(4)
			s.holds("0:4g7", "0:11d")
			s.release(10)
			s.holds("0:10g1", "0:11d")
			s.release(11)
			s.holds("0:11d")
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 12, Delivered: 11, KeysFrom: 11}, s.add(0, 12))
		}},
		{"Release_beyondNext_leavesTheRestToBeOnlyRemembered", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.release(5)
			require.Equal(s, buffer.PartitionState{Next: 3, Delivered: 5, Known: true}, s.peek(1).Partitions[0])
			s.fill(0, run(3, 4)...)
			s.holds("0:5d", "0:6d")
		}},
		{"Release_partitionNotStored_keepsDelivered", buffer.Limits{}, func(s *suite) {
			s.add(1, -1)
			s.release(3, 0)
			require.Equal(s, []buffer.PartitionState{{Delivered: 3}, {Known: true}}, s.peek(2).Partitions)
			require.Equal(s, int64(3), s.add(0, -1).Delivered)
		}},
		{"Release_noTopicOrAnother_touchesNothing", buffer.Limits{}, func(s *suite) {
			s.unchanged(func() { s.release(3, 0) })
			s.fill(0, run(0, 5)...)
			s.unchanged(func() { require.NoError(s, s.Buffer.Release(ctx(), suiteForm, "topic-2", []int64{3}, "sheet")) })
		}},
		{"Release_notesTheSpreadsheet", buffer.Limits{}, func(s *suite) {
			s.add(0, -1)
			s.release(0)
			require.Equal(s, "sheet", s.peek(1).Spreadsheet)
		}},
	}
}

func formCases() []suiteCase {
	return []suiteCase{
		{"Peek_unknownForm_isEmpty", buffer.Limits{}, func(s *suite) {
			p := s.peek(2)
			require.Equal(s, buffer.Peek{Partitions: make([]buffer.PartitionState, 2)}, p)
			require.True(s, p.Empty())
			require.False(s, p.Delivered())
		}},
		{"Peek_manyForms_inOrder", buffer.Limits{}, func(s *suite) {
			s.fill(1, run(0, 3)...)
			s.release(0, 1)
			peeks, err := s.Buffer.Peek(ctx(), []string{"nobody", suiteForm}, []int{1, 3})
			require.NoError(s, err)
			require.Equal(s, []buffer.Peek{
				{Partitions: []buffer.PartitionState{{}}},
				{TopicID: suiteTopic, Spreadsheet: "sheet", Partitions: []buffer.PartitionState{{}, {Next: 3, Delivered: 1, Entries: 2, Known: true}, {}}},
			}, peeks)
			require.False(s, peeks[1].Empty())
			require.True(s, peeks[1].Delivered())
		}},
		{"Peek_entriesLost_isNotEmpty", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.Faults.EvictKey(suiteForm, 0, Buf)
			require.False(s, s.peek(1).Empty())
		}},
		{"Peek_allDelivered_isEmpty", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.release(3)
			require.True(s, s.peek(1).Empty())
		}},
		{"Peek_changesNothing", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"))
			s.unchanged(func() { s.peek(2) })
		}},
		{"Park_isShownUntilItEnds", buffer.Limits{}, func(s *suite) {
			require.NoError(s, s.Buffer.Park(ctx(), suiteForm, "the topic was made anew"))
			require.Equal(s, "the topic was made anew", s.peek(1).Park)
			s.fill(0, data(0))
			require.NoError(s, s.Buffer.Park(ctx(), suiteForm, ""))
			require.Empty(s, s.peek(1).Park)
			s.holds("0:0d")
		}},
		{"Drop_forgetsTheFormAndNoOther", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"))
			s.fill(1, keyed(0, "a"))
			other := request(0, 0, data(0))
			other.Form = "other-form"
			s.send(other)
			require.NoError(s, s.Buffer.Drop(ctx(), suiteForm, 2))
			require.Empty(s, s.Faults.Dump(suiteForm))
			require.NotEmpty(s, s.Faults.Dump("other-form"))
			other = request(0, -1)
			other.TopicID = "topic-2"
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Fresh: true}, s.send(other), "the topic is forgotten, too")
		}},
		{"Adopt_takesTheNewTopicAndRefusesTheOld", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"))
			s.release(1)
			require.NoError(s, s.Buffer.Adopt(ctx(), suiteForm, 2, "topic-2"))
			require.Equal(s, buffer.Peek{TopicID: "topic-2", Partitions: make([]buffer.PartitionState, 2)}, s.peek(2))
			require.Equal(s, buffer.AddOtherTopic, s.add(0, 1).Status)
			r := request(0, 0, keyed(0, "a"))
			r.TopicID = "topic-2"
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 1, Fresh: true}, s.send(r))
		}},
	}
}
