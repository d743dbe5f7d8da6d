package buffertest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

// timed is a keyed record with a record time.
func timed(offset int64, id string, ms int64) buffer.Record {
	rec := keyed(offset, id)
	rec.Time = ms
	return rec
}

func repeatCases() []suiteCase {
	const window = 1000
	return []suiteCase{
		{"Repeat_inTheSameBatch_isAPlaceholder", buffer.Limits{}, func(s *suite) {
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 3, Fresh: true, Repeats: 1}, s.add(0, 0, keyed(0, "a"), keyed(1, "b"), keyed(2, "a")))
			s.holds("0:0d", "0:1d", "0:2r")
		}},
		{"Repeat_inALaterBatch_isAPlaceholderEachTime", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"), keyed(1, "b"))
			s.release(2)
			require.Equal(s, int64(2), s.add(0, 2, keyed(2, "a"), keyed(3, "a")).Repeats)
			s.holds("0:2r", "0:3r")
		}},
		{"Repeat_inAnotherPartition_isASubmission", buffer.Limits{}, func(s *suite) {
			s.fill(0, keyed(0, "a"))
			require.Zero(s, s.add(1, 0, keyed(0, "a")).Repeats)
		}},
		{"Repeat_withoutAnID_isASubmission", buffer.Limits{}, func(s *suite) {
			require.Zero(s, s.add(0, 0, data(0), data(1)).Repeats)
			s.release(2)
			require.Equal(s, int64(2), s.add(0, 2).KeysFrom, "nothing is remembered")
		}},
		{"Repeat_belowDelivered_isOnlyRemembered", buffer.Limits{}, func(s *suite) {
			r := request(0, 0, keyed(0, "a"), keyed(1, "b"), keyed(2, "a"), keyed(3, "b"), keyed(4, "a"))
			r.Delivered = 3
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 5, Delivered: 3, Fresh: true, Repeats: 2}, s.send(r))
			s.holds("0:3r", "0:4r")
		}},
		{"Repeat_afterEverythingIsLost_isFoundAgainFromKeysFrom", buffer.Limits{}, func(s *suite) {
			s.fill(0, data(0), keyed(1, "a"), data(2))
			s.release(3)
			keysFrom := s.add(0, 3).KeysFrom
			require.Equal(s, int64(1), keysFrom)
			s.Faults.Empty()
			r := request(0, keysFrom, keyed(1, "a"), data(2), keyed(3, "a"))
			r.Start, r.Delivered = keysFrom, 3
			require.Equal(s, int64(1), s.send(r).Repeats)
			s.holds("0:3r")
		}},
		{"KeysFrom_isTheLowestRememberedOffset", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 9)...)
			s.fill(0, keyed(9, "a"), keyed(10, "b"))
			s.release(11)
			require.Equal(s, int64(9), s.add(0, 11).KeysFrom)
			require.Equal(s, int64(9), s.add(0, 11, keyed(11, "a")).KeysFrom)
		}},
		{"KeysFrom_isNeverAboveDeliveredOrNext", buffer.Limits{}, func(s *suite) {
			s.fill(0, run(0, 9)...)
			require.Equal(s, int64(0), s.add(0, 9).KeysFrom)
			s.release(12)
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 9, Delivered: 12, KeysFrom: 9}, s.add(0, 9))
		}},
		{"Window_olderIDsAreForgotten", buffer.Limits{Window: window}, func(s *suite) {
			s.fill(0, timed(0, "a", suiteNow-window-1), timed(1, "b", suiteNow-window), timed(2, "c", suiteNow))
			s.release(3)
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 5, Delivered: 3, KeysFrom: 1, Repeats: 1},
				s.add(0, 3, timed(3, "a", suiteNow), timed(4, "b", suiteNow)))
			s.holds("0:3d", "0:4r")
		}},
		{"Window_readAgainLongAfterwards_countsByRecordTime", buffer.Limits{Window: window}, func(s *suite) {
			s.Clock.Advance(100 * window)
			s.fill(0, timed(0, "a", suiteNow))
			require.Equal(s, int64(1), s.add(0, 1, timed(1, "a", suiteNow+window)).Repeats)
			require.Equal(s, int64(0), s.add(0, 2, timed(2, "a", suiteNow+window+1)).Repeats)
		}},
		{"Window_recordTimeInTheFuture_isNow", buffer.Limits{Window: window}, func(s *suite) {
			s.fill(0, timed(0, "a", suiteNow+50*window), timed(1, "b", suiteNow-50*window))
			s.Clock.Advance(window)
			require.Equal(s, int64(2), s.add(0, 2, timed(2, "a", suiteNow+99*window), timed(3, "b", suiteNow)).Repeats, "the older one stands behind the newer")
			s.Clock.Advance(1)
			require.Equal(s, int64(0), s.add(0, 4, timed(4, "a", suiteNow+99*window)).Repeats)
		}},
		{"Window_manyLapseAtOnce_areForgottenInSeveralCalls", buffer.Limits{Window: window}, func(s *suite) {
			recs := make([]buffer.Record, buffer.MaxForget+5)
			for i := range recs {
				recs[i] = timed(int64(i), fmt.Sprintf("id-%d", i), suiteNow)
			}
			r := request(0, 0, recs...)
			n := int64(len(recs))
			r.Delivered = n
			s.send(r)
			s.Clock.Advance(2 * window)
			require.Equal(s, n-5, s.add(0, n, timed(n, "", suiteNow+2*window)).KeysFrom)
			require.Equal(s, n, s.add(0, n+1, timed(n+1, "", suiteNow+2*window)).KeysFrom)
		}},
		{"MaxIDs_oldestAreForgotten", buffer.Limits{MaxIDs: 2}, func(s *suite) {
			s.fill(0, keyed(0, "a"), keyed(1, "b"), keyed(2, "c"), keyed(3, "d"))
			s.release(4)
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 6, Delivered: 4, KeysFrom: 3, Repeats: 1}, s.add(0, 4, keyed(4, "b"), keyed(5, "d")))
			s.holds("0:4d", "0:5r")
		}},
		{"MaxIDs_thousandsAtOnce_areForgotten", buffer.Limits{MaxIDs: 10}, func(s *suite) {
			recs := run(0, 3500)
			for i := range recs {
				recs[i].ID = fmt.Sprintf("id-%d", i)
			}
			s.fill(0, recs...)
			s.release(3500)
			require.Equal(s, buffer.AddAnswer{Status: buffer.AddOK, Next: 3500, Delivered: 3500, KeysFrom: 3490}, s.add(0, 3500))
		}},
	}
}
