package buffertest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

func addCases() []suiteCase {
	return []suiteCase{
		{"Add_nothingStored_beginsAtStartAndSaysSo", buffer.Limits{}, func(s *suite) {
			r := request(0, -1)
			r.Start, r.Delivered = 5, 7
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 5, Delivered: 7, KeysFrom: 5, Fresh: true}, s.send(r))
		}},
		{"Add_secondCaller_goesOnFromWhatTheFirstBegan", buffer.Limits{}, func(s *suite) {
			s.add(0, -1)
			r := request(0, -1)
			r.Start, r.Delivered = 50, 70
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK}, s.send(r))
		}},
		{"Add_records_movesNextPastThem", buffer.Limits{}, func(s *suite) {
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 3, Fresh: true}, s.add(0, 0, run(0, 3)...))
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 5}, s.add(0, 3, run(3, 2)...))
			s.holds("0:0d", "0:1d", "0:2d", "0:3d", "0:4d")
		}},
		{"Add_storedIsFurther_skipsThatPart", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"), keyed(1, "b"), keyed(2, "c"))
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 4}, s.add(0, 1, keyed(1, "b"), keyed(2, "c"), keyed(3, "d")))
			s.holds("0:0d", "0:1d", "0:2d", "0:3d")
		}},
		{"Add_sameAgain_changesNothing", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"), gap(1, 4), data(5))
			s.unchanged(func() { s.fill(0, keyed(0, "a"), gap(1, 4), data(5)) })
		}},
		{"Add_storedIsLess_gap", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.unchanged(func() {
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Next: 3}, s.add(0, 9, run(9, 2)...))
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Next: 3}, s.add(0, 9), "a poll")
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Next: 3}, s.add(0, -1, run(9, 2)...), "records beyond what is stored")
			})
		}},
		{"Add_afterRollBack_gapThenTheSameOnceMore", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 2)...)
			rollBack := s.Faults.Snapshot()
			s.fill(0, run(2, 3)...)
			rollBack()
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Next: 2}, s.add(0, 5))
			s.fill(0, run(2, 3)...)
			s.holds("0:0d", "0:1d", "0:2d", "0:3d", "0:4d")
		}},
		{"Add_full_storesNothingButPolls", buffer.Limits{MaxEntries: 3}, func(s *suite) {
			s.fill(0, run(0, 2)...)
			s.fill(1, run(0, 4)...)
			s.unchanged(func() {
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddFull, Next: 2}, s.add(0, 2, data(2)), "all partitions count")
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 2}, s.add(0, 2))
			})
			s.release(1, 3)
			s.fill(0, data(2))
		}},
		{"Add_full_gapCountsAsOne", buffer.Limits{MaxEntries: 3}, func(s *suite) {
			s.fill(0, gap(0, 1000), data(1000))
			s.fill(0, data(1001))
			require.Equal(s, buffer.AddFull, s.add(0, 1002, data(1002)).Status)
		}},
		{"Add_bytesFull_storesNothingUntilSomeAreDelivered", buffer.Limits{MaxBytes: 100}, func(s *suite) {
			sized := func(offset int64, size int) buffer.Record { // in its set: with its offset and its kind
				rec := data(offset)
				rec.Data = make([]byte, size-20)
				return rec
			}
			s.add(1, -1)
			s.fill(0, sized(0, 100))
			s.unchanged(func() {
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddFull}, s.add(1, 0, data(0)), "all partitions count")
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddFull, Next: 1}, s.add(0, 1, gap(1, 5)))
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 1}, s.add(0, 1), "a poll needs no room")
			})
			s.release(1, 0)
			s.fill(0, gap(1, 5000), sized(5001, 30))
			s.release(3000, 0) // in the gap, of which 24 bytes stay
			s.fill(0, sized(5002, 39))
			s.fill(1, sized(0, 30))
			require.Equal(s, buffer.AddFull, s.add(0, 5003, data(5003)).Status)
			s.release(5001, 0)
			s.fill(0, sized(5003, 20)) // 99 without the gap
			require.Equal(s, buffer.AddFull, s.add(0, 5004, data(5004)).Status)
		}},
		{"Add_otherTopic_touchesNothing", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			s.unchanged(func() {
				r := request(0, 3, data(3))
				r.TopicID = "topic-2"
				require.Equal(s, buffer.AddAnswer{Status: buffer.AddOtherTopic}, s.send(r))
			})
		}},
		{"Add_manyRequests_oneAnswerEachInOrder", buffer.Limits{}, func(s *suite) {
			other := request(0, -1)
			other.Form = "other-form"
			answers, err := s.Buffer.Add(ctx(), request(1, 0, run(0, 4)...), other, request(0, 7), request(1, 4, run(4, 1)...))
			require.NoError(s, err)
			require.Equal(s, []buffer.AddAnswer{
				{Status: buffer.AddOK, Next: 4, Fresh: true}, {Status: buffer.AddOK, Fresh: true},
				{Status: buffer.AddGap, Fresh: true}, {Status: buffer.AddOK, Next: 5},
			}, answers)
		}},
		{"Add_scoreInTheFuture_isNow", buffer.Limits{}, func(s *suite) {
			s.fill(0, dataAt(0, suiteNow+60_000), dataAt(1, suiteNow-5))
			require.Equal(s, []int64{suiteNow, suiteNow}, scores(s.plan(0).Entries))
		}},
		{"Add_scoreInThePast_isThePartitionsLast", buffer.Limits{}, func(s *suite) {
			s.fill(0, dataAt(0, suiteNow-10), dataAt(1, suiteNow-1000), dataAt(2, suiteNow-9))
			s.release(3)
			s.Clock.Set(suiteNow - 5000)
			s.fill(0, dataAt(3, suiteNow-2000))
			require.Equal(s, []int64{suiteNow - 9}, scores(s.ask(buffer.PlanRequest{
				Form: suiteForm, TopicID: suiteTopic, Vector: []int64{3}, Limit: 9, Settle: -9999,
			}).Entries), "also of what has left")
		}},
		{"Add_equalScores_keepOffsetOrder", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 12)...)
			require.Equal(s, []string{"0:8d", "0:9d", "0:10d", "0:11d"}, brief(s.plan(0).Entries[8:]))
		}},
		{"Add_gap_isOneEntry", buffer.Limits{}, func(s *suite) {
			s.fill(0, data(0), gap(1, 500), data(501))
			s.holds("0:0d", "0:1g500", "0:501d")
			require.Equal(s, int64(3), s.peek(1).Partitions[0].Entries)
			require.False(s, s.add(0, 502).Dropped)
		}},
		{"Add_gap_isClippedToNextAndDelivered", buffer.Limits{}, func(s *suite) {
			r := request(0, 0, gap(0, 30))
			r.Delivered = 10
			s.send(r)
			s.add(0, 20, gap(20, 15))
			s.holds("0:10g20", "0:30g5")
			r = request(1, 0, gap(0, 7), data(7))
			r.Delivered = 8
			s.send(r)
			require.Equal(s, buffer.PartitionState{Next: 8, Delivered: 8, Known: true}, s.peek(2).Partitions[1], "all of it delivered")
		}},
		{"Add_highestOffsets_areExact", buffer.Limits{}, func(s *suite) {
			const from = buffer.MaxOffset - 4
			r := request(0, from, keyed(from, "a"), gap(from+1, 2), keyed(from+3, "a"))
			r.Start, r.Delivered = from, from
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: from + 4, Delivered: from, KeysFrom: from, Fresh: true, Repeats: 1}, s.send(r))
			require.Equal(s, []string{fmt.Sprintf("0:%dd", int64(from)), fmt.Sprintf("0:%dg2", int64(from+1)), fmt.Sprintf("0:%dr", int64(from+3))}, brief(s.plan(from).Entries))
			s.release(from + 2)
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: buffer.MaxOffset, Delivered: from + 2, KeysFrom: from}, s.add(0, buffer.MaxOffset))
		}},
		{"Add_bigBatch_isStoredWhole", buffer.Limits{}, func(s *suite) {
			const n = 9000
			recs := run(0, n)
			for i := range recs {
				recs[i].ID = fmt.Sprintf("id-%d", i%8000)
			}
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: n, Fresh: true, Repeats: 1000}, s.add(0, 0, recs...))
			a := s.plan(0)
			require.Len(s, a.Entries, n)
			require.Equal(s, []string{"0:7999d", "0:8000r"}, brief(a.Entries[7999:8001]))
		}},
		{"Add_anyBytes_comeBackAsTheyWere", buffer.Limits{PlanBytes: 1 << 30}, func(s *suite) {
			var recs []buffer.Record
			for i, size := range []int{0, 1, 50_000, 256 << 10} {
				recs = append(recs, buffer.Record{Offset: int64(i), ReceivedAt: suiteNow, Data: large(size, byte(i))})
			}
			recs = append(recs, buffer.Record{Offset: 4, ReceivedAt: suiteNow, Data: []byte{}})
			s.fill(0, recs...)
			entries := s.plan(0).Entries
			require.Len(s, entries, len(recs))
			for i, e := range entries {
				require.Equal(s, recs[i].Data, e.Data)
			}
		}},
		{"Add_requestThatCannotBeRight_isAnErrorAndStoresNothing", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 3)...)
			for _, r := range wrongRequests() {
				s.unchanged(func() {
					_, err := s.Buffer.Add(ctx(), request(0, 3, data(3)), r)
					require.Error(s, err, r)
				})
			}
		}},
	}
}

func wrongRequests() []buffer.AddRequest {
	hole, behind := request(0, 3, data(3), data(5)), request(0, -1)
	behind.Start, behind.Delivered = 5, 4
	return []buffer.AddRequest{hole, behind, request(-1, 0), request(0, 3, data(4), data(3)), request(0, buffer.MaxOffset+1)}
}

// booksCases lose one thing each.
func booksCases() []suiteCase {
	losses := []struct {
		what string
		lose func(f Faults)
	}{
		{"entry", func(f Faults) { f.Evict(suiteForm, 0, 0) }},
		{"gap", func(f Faults) { f.Evict(suiteForm, 0, 1) }},
		{"id", func(f Faults) { f.EvictID(suiteForm, 0, 0) }},
		{"age", func(f Faults) { f.EvictAge(suiteForm, 0, 0) }},
		{"allEntries", func(f Faults) { f.EvictKey(suiteForm, 0, Buf) }},
		{"allIDs", func(f Faults) { f.EvictKey(suiteForm, 0, IDs) }},
		{"allAges", func(f Faults) { f.EvictKey(suiteForm, 0, Age) }},
	}
	var cases []suiteCase
	for _, loss := range losses {
		lose := func(s *suite) {
			s.fill(0, keyed(0, "a"), keyed(1, "b"), gap(2, 3), data(5), data(6))
			s.fill(1, run(0, 2)...)
			s.release(1, 0)
			loss.lose(s.Faults)
		}
		cases = append(cases, suiteCase{"Books_" + loss.what + "Lost_addBeginsAnewFromDelivered", buffer.Limits{}, func(s *suite) {
			lose(s)
			r := request(0, 7, data(7))
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Delivered: 1, Fresh: true, Dropped: true}, s.send(r))
			s.fill(0, keyed(0, "a"), keyed(1, "b"), gap(2, 3), data(5), data(6), data(7))
			s.holds("0:1d", "0:2g3", "0:5d", "0:6d", "0:7d", "1:0d", "1:1d")
		}}, suiteCase{"Books_" + loss.what + "Lost_planDropsThePartitionOnly", buffer.Limits{}, func(s *suite) {
			lose(s)
			require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanBooks}, s.plan(1, 0))
			require.Equal(s, []buffer.PartitionState{{Delivered: 1}, {Next: 2, Entries: 2, Known: true}}, s.peek(2).Partitions)
			s.holds("1:0d", "1:1d")
		}})
	}
	return append(cases, suiteCase{"Books_stateLost_addBeginsAnewFromWhatTheCallerKnows", buffer.Limits{}, func(s *suite) {
		s.fill(0, keyed(0, "a"), data(1), data(2))
		s.Faults.EvictState(suiteForm)
		require.Equal(s, buffer.PlanNothing, s.plan(0).Status)
		r := request(0, -1)
		r.Start, r.Delivered = 1, 1
		require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 1, Delivered: 1, KeysFrom: 1, Fresh: true}, s.send(r))
		s.fill(0, data(1), keyed(2, "a"))
		s.holds("0:1d", "0:2d")
	}}, suiteCase{"Books_everythingLost_addBeginsAnew", buffer.Limits{}, func(s *suite) {
		s.fill(0, run(0, 3)...)
		s.Faults.Empty()
		require.Equal(s, buffer.AddAnswer{Status: buffer.AddGap, Fresh: true}, s.add(0, 3))
	}}, suiteCase{"Books_twoLossesBalance_planDropsThePartition", buffer.Limits{}, func(s *suite) {
		s.fill(0, data(0), gap(1, 2), data(3), data(4), data(5))
		s.Faults.Evict(suiteForm, 0, 1) // the gap: one entry too few
		s.Faults.Evict(suiteForm, 0, 2) // another
		s.release(3)                    // and one offset too many that no entry stands for
		require.Equal(s, buffer.PlanAnswer{Status: buffer.PlanBooks}, s.plan(3))
		require.Equal(s, buffer.PartitionState{Delivered: 3}, s.peek(1).Partitions[0])
	}}, suiteCase{"Books_deliveredStays_whenThePartitionIsDropped", buffer.Limits{}, func(s *suite) {
		s.fill(0, run(0, 6)...)
		s.release(4)
		s.Faults.Evict(suiteForm, 0, 0)
		r := request(0, -1)
		r.Start, r.Delivered = 1, 2
		require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 1, Delivered: 4, KeysFrom: 1, Fresh: true, Dropped: true}, s.send(r))
	}})
}
