package sheetsconsumer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/redistest"
)

// traffic submits to both forms until it is stopped.
type traffic struct {
	stop     context.CancelFunc
	finished sync.WaitGroup
	err      error
}

func (s *suite) submitSteadily() *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	t := &traffic{stop: cancel}
	s.Cleanup(cancel)
	t.finished.Go(func() {
		for n := 0; t.err == nil && wait(ctx, time.Millisecond); n++ {
			x := newSubmission([]string{demo, "other"}[n%2], submission.NewID())
			_, _, t.err = s.producer.Produce(context.Background(), "forms."+x.Form, []byte(x.ID), x.Headers(), x.Data)
		}
	})
	return t
}

// end returns when the last one is in the log.
func (t *traffic) end(s *suite) {
	s.Helper()
	t.stop()
	t.finished.Wait()
	require.NoError(s, t.err)
}

// sheet plays the flusher and the spreadsheet of one form.
type sheet struct {
	form   string
	vector []int64
	rows   []string // "partition/offset id"
}

// flush writes what the buffer has. Whatever the buffer says of itself, no flusher writes anything else.
func (s *suite) flush(to *sheet) {
	s.Helper()
	topic := s.topic(to.form)
	to.vector = append(to.vector, make([]int64, len(topic.End)-len(to.vector))...)
	a, err := s.store.Plan(kafkatest.Context(s), buffer.PlanRequest{Form: to.form, TopicID: topic.ID, Vector: to.vector, Limit: 100_000})
	require.NoError(s, err)
	for _, e := range a.Entries {
		x, err := buffer.DecodeData(to.form, e.Data)
		require.NoError(s, err)
		to.rows = append(to.rows, fmt.Sprintf("%d/%06d %s", e.Partition, e.Offset, x.ID))
		to.vector[e.Partition] = e.End()
	}
	s.deliver(to.form, to.vector...)
}

// requireAllOnce flushes until the rows are as many as the log's records, and requires that they are the same.
func (s *suite) requireAllOnce(sheets ...*sheet) {
	s.Helper()
	for _, to := range sheets {
		all := s.logged(to.form)
		kafkatest.WaitUntil(s, func() bool {
			s.flush(to)
			return len(to.rows) >= len(all)
		}, "all rows of form "+to.form)
		s.flush(to)
		slices.Sort(to.rows)
		require.Equal(s, all, to.rows)
	}
}

// waitOwned waits until the group has so many members, and every partition exactly one owner.
func (s *suite) waitOwned(members int, partitions ...string) map[string][]string {
	s.Helper()
	slices.Sort(partitions)
	var owned map[string][]string
	kafkatest.WaitUntil(s, func() bool {
		owned = s.owned()
		all := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(owned))...)))
		return len(owned) == members && slices.Equal(all, partitions)
	}, fmt.Sprintf("%d members to own each of %v once", members, partitions))
	return owned
}

// partitions names n partitions of a topic.
func partitions(topic string, n int) (out []string) {
	for p := range n {
		out = append(out, fmt.Sprintf("%s/%d", topic, p))
	}
	return out
}

func TestGroup_threeReplicas_shareThePartitionsOfAllForms(t *testing.T) {
	everywhere(t, 3, func(s *suite) {
		load := s.submitSteadily()
		replicas := []*running{s.start(), s.start(), s.start()}
		for id, owned := range s.waitOwned(3, append(partitions(demoTopic, 3), partitions(otherTopic, 3)...)...) {
			require.Len(s, owned, 2, id)
		}
		for _, r := range replicas {
			s.waitReady(r)
		}
		load.end(s)
		s.requireAllOnce(&sheet{form: demo}, &sheet{form: "other"})
	})
}

func TestGroup_oneStoppedAndOneKilled_theThirdTakesOver(t *testing.T) {
	t.Parallel()
	s := realSuite(t, realServer{redistest.Start(t), t}, 3, demoTopic, otherTopic)
	all := append(partitions(demoTopic, 3), partitions(otherTopic, 3)...)
	load, one, two := s.submitSteadily(), &sheet{form: demo}, &sheet{form: "other"}
	stopped, killed := s.start(), s.process(demo, "other")
	s.start()
	s.waitOwned(3, all...)
	s.flush(one)
	require.NoError(s, killed.Process.Kill()) // no commit of its last second, and no goodbye
	require.NoError(s, stopped.end())
	s.flush(two)
	s.waitOwned(1, all...)
	load.end(s)
	s.requireAllOnce(one, two)
}

func TestGroup_rollingRestartUnderLoad(t *testing.T) {
	everywhere(t, 3, func(s *suite) {
		all := append(partitions(demoTopic, 3), partitions(otherTopic, 3)...)
		load, one, two := s.submitSteadily(), &sheet{form: demo}, &sheet{form: "other"}
		replicas := []*running{s.start(), s.start(), s.start()}
		s.waitOwned(3, all...)
		for i, old := range replicas {
			require.NoError(s, old.end())
			replicas[i] = s.start()
			s.waitReady(replicas[i])
			for _, r := range replicas {
				require.True(s, r.ready(), "no rebalance makes a replica unready")
			}
			s.flush(one)
			s.flush(two)
		}
		s.waitOwned(3, all...)
		load.end(s)
		s.requireAllOnce(one, two)
	})
}

func TestGroup_topicGrows_newPartitionsAreReadFromTheirFirstOffset(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		first, second := s.start(), s.start()
		s.produce(demo, 40)
		s.waitWhole(demo)
		kafkatest.AddPartitions(s, s.kafka.Brokers(), demoTopic, 2)
		kafkatest.WaitUntil(s, func() bool { return len(s.topic(demo).End) == 4 }, "the new partitions")
		s.producer = kafkatest.NewProducer(s, s.kafka.Brokers(), kafka.ProducerOptions{}) // which knows of them at once
		s.produce(demo, 40)
		s.requireAllOnce(&sheet{form: demo})
		for p, end := range s.topic(demo).End {
			require.Positive(s, end, p)
		}
		s.waitOwned(2, append(partitions(demoTopic, 4), partitions(otherTopic, 2)...)...)
		require.Zero(s, metric(s, first.registry, "records_total", "lost")+metric(s, second.registry, "records_total", "lost"))
	})
}

// In a roll-out with a new form some members do not know its topic. The group's leader may be one of them.
func TestGroup_formAdded_onlyThoseWhoKnowItReadIt(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		old := []*running{s.start(demo), s.start(demo)}
		s.waitOwned(2, partitions(demoTopic, 2)...)
		s.produce(demo, 20)
		s.produce("other", 20) // nobody reads it yet

		old = append(old, s.start(demo, "other"))
		all := append(partitions(demoTopic, 2), partitions(otherTopic, 2)...)
		owners := s.waitOwned(3, all...)
		s.produce(demo, 20)
		s.produce("other", 20)
		s.waitWhole(demo)
		s.waitWhole("other")
		for id, owned := range owners {
			if slices.ContainsFunc(owned, func(p string) bool { return slices.Contains(partitions(otherTopic, 2), p) }) {
				require.Subset(s, owned, partitions(otherTopic, 2), "one member has all of the new topic: %s", id)
			}
		}
		sessions := func() (n int) {
			for _, r := range old {
				n += r.out.lines("session begun")
			}
			return n
		}
		before := sessions()
		s.produce(demo, 20)
		s.produce("other", 20)
		s.requireAllOnce(&sheet{form: demo}, &sheet{form: "other"})
		require.Equal(s, before, sessions(), "a mixed group is quiet")

		for i := range 2 {
			require.NoError(s, old[i].end())
			s.start(demo, "other")
		}
		s.waitOwned(3, all...)
	})
}
