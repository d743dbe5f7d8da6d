package suite_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/servers"
	"github.com/formstream/formstream/pkgtest/suite"
)

// produceTimeout is form-api's own bound on an answer, by default; inTime is what comes on top of it on a busy machine.
const (
	produceTimeout = 3 * time.Second
	inTime         = 500 * time.Millisecond
)

// First the leader of a partition is killed under load, then two of three brokers are away for ten seconds.
func TestSuite_brokersKilledUnderLoad_answeredInTimeAndNothingLost(t *testing.T) {
	k := kafkatest.RealCluster(t, servers.KafkaOptions{Nodes: 3})
	s := start(t, suite.Options{Brokers: k.Brokers(), Topics: []string{"-topics-replication=3", "-topics-min-insync=2"}})
	var two, twoBack time.Time
	all := under(t, s, func(ctx context.Context) {
		leader := kafkatest.Leader(t, s.Brokers(), topics()[0], 0)
		k.Kill(int(leader))
		<-time.After(10 * time.Second) // the fault itself
		require.NoError(t, k.Start(int(leader)))
		require.NoError(t, k.Await(ctx))
		kafkatest.WaitUntil(t, func() bool { return kafkatest.InSync(t, s.Brokers(), topics()) }, "all replicas in sync")

		two = time.Now()
		k.Kill(1)
		k.Kill(2)
		<-time.After(10 * time.Second) // the fault itself
		require.NoError(t, k.Start(1))
		require.NoError(t, k.Start(2))
		require.NoError(t, k.Await(ctx))
		twoBack = time.Now()
	})
	late, during := 0, 0
	for _, sent := range all {
		if sent.Took > produceTimeout+inTime {
			late++
		}
		if sent.Fate == ledger.Unstored && sent.Began.After(two) && sent.Began.Before(twoBack) {
			during++
		}
	}
	unanswered(t, all) // no form-api was killed
	require.Zero(t, late, "answered later than the deadline and half a second")
	require.Positive(t, during, "answered 503 while two brokers were away")
	verdict := settle(t, s, all)
	require.NoError(t, verdict.Err())
	ledger.Report(t, "suite, three brokers, a leader killed and two away for 10 s: accepted=%d answered503=%d unanswered=%d rows=%d (%d of them 503 or unanswered) "+
		"lost=%d doubled=%d; longest time without a 202 %.1f s, of which the two were killed and started for %.1f s", all.Count(ledger.Accepted), all.Count(ledger.Unstored),
		all.Count(ledger.Unanswered), verdict.Rows, verdict.Untold, len(verdict.Lost), len(verdict.Doubled), silence(all).Seconds(), twoBack.Sub(two).Seconds())
}

// silence is the longest time between two answers 202.
func silence(all ledger.Ledger) (longest time.Duration) {
	var answers []time.Time
	for _, sent := range all {
		if sent.Fate == ledger.Accepted {
			answers = append(answers, sent.Began.Add(sent.Took))
		}
	}
	slices.SortFunc(answers, time.Time.Compare)
	for i := 1; i < len(answers); i++ {
		longest = max(longest, answers[i].Sub(answers[i-1]))
	}
	return longest
}
