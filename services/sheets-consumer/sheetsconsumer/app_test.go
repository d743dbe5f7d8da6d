package sheetsconsumer

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/redistest"
)

func TestRun_submissions_bufferedInOrderOnceAndCommitted(t *testing.T) {
	everywhere(t, 3, func(s *suite) {
		s.produce(demo, 60) // before anybody reads
		r := s.start()
		require.False(s, r.ready())
		s.waitReady(r)
		s.produce(demo, 60)
		s.produce("other", 40)
		s.waitWhole(demo)
		s.waitWhole("other")
		require.EqualValues(s, 120, metric(s, r.registry, "records_total", demo, "stored"))

		delivered := []int64{4, 0, 7}
		s.deliver(demo, delivered...)
		kafkatest.WaitUntil(s, func() bool {
			n := 0
			for p, c := range s.committed(demo) {
				if m, err := buffer.ParseMetadata(c.Metadata); err == nil && m.Delivered == delivered[p] {
					n++
				}
			}
			return n == 3
		}, "quiet partitions' metadata")

		require.NoError(s, r.end())
		require.False(s, r.ready())
		topic := s.topic(demo)
		for p, end := range topic.End {
			require.Equal(s, kafka.Commit{Offset: end, Metadata: buffer.Metadata{TopicID: topic.ID, Delivered: delivered[p], KeysFrom: delivered[p]}.String()}, s.committed(demo)[int32(p)])
		}
		require.Zero(s, s.members(), "it has left")
		require.NotContains(s, r.out.String(), secret)
		require.Zero(s, r.out.lines(`"level":"ERROR"`), r.out.String())
	})
}

func TestRun_stoppedAfterTheLastSubmission_commitTellsAllThatIsStored(t *testing.T) {
	everywhere(t, 1, func(s *suite) {
		r := s.start()
		s.waitReady(r)
		s.produce(demo, 25)
		kafkatest.WaitUntil(s, func() bool { return s.behind(demo) == "" }, "stored")
		require.NoError(s, r.end())
		require.EqualValues(s, 25, s.committed(demo)[0].Offset)
	})
}

func TestRun_keyedRepeat_isNoSecondEntry(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		r := s.start()
		id := submission.KeyedID(demo, "key", nil)
		for range 3 {
			s.put(demo, id)
		}
		kafkatest.WaitUntil(s, func() bool { return metric(s, r.registry, "records_total", demo, "repeat") == 2 }, "two repeats")
		require.EqualValues(s, 1, metric(s, r.registry, "records_total", demo, "stored"))
	})
}

func TestRun_redisEmptied_everythingUndeliveredIsThereAgain(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		r := s.start()
		s.produce(demo, 80)
		s.waitWhole(demo)
		s.deliver(demo, 10, 12)
		kafkatest.WaitUntil(s, func() bool {
			commits := s.committed(demo)
			return commits[0].Metadata != "" && commits[0].Metadata == fmt.Sprintf("v1 %s 10 10", s.topic(demo).ID) &&
				commits[1].Metadata == fmt.Sprintf("v1 %s 12 12", s.topic(demo).ID)
		}, "delivered to be committed")
		for range 2 {
			s.empty()
			s.produce(demo, 10)
			s.waitWhole(demo, 10, 12)
		}
		require.GreaterOrEqual(s, metric(s, r.registry, "gaps_total", demo), 1.0)
	})
}

func TestRun_redisGoesAway_goesOnWhenItIsBack(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		r := s.start()
		s.produce(demo, 20)
		s.waitWhole(demo)
		s.redis.goAway()
		s.produce(demo, 20)
		kafkatest.WaitUntil(s, func() bool { return r.out.lines("buffer not reached") > 0 }, "the outage to be told")
		require.ErrorContains(s, r.deps.Health.Ready(s.Context()), "redis: ")
		s.redis.comeBack()
		s.waitWhole(demo)
		s.waitReady(r)
		require.Zero(s, r.out.lines(`"level":"ERROR"`), r.out.String())
	})
}

func TestRun_topicAppearsLater_isPickedUp(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		r := s.start()
		s.waitReady(r)
		require.Equal(s, 1, r.out.lines(`"topic":"forms.demo"`))
		s.produce("other", 5)
		kafkatest.CreateTopic(s, s.kafka.Brokers(), demoTopic, 2)
		s.produce(demo, 10)
		s.waitWhole(demo)
		s.waitWhole("other")
	}, otherTopic)
}

func TestRun_brokersAwayAtStart_beginsWhenTheyCome(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, kafkatest.Durable(), kafkatest.Topics(2, demoTopic, otherTopic))
	s := newSuiteOn(t, broker, newMini(t))
	s.produce(demo, 10)
	broker.Stop()
	r := s.start()
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("not consuming, trying again") > 0 }, "the outage to be told")
	require.ErrorContains(t, r.deps.Health.Ready(t.Context()), "not a member of the group")
	broker.Restart()
	s.waitWhole(demo)
	s.waitReady(r)
}

func TestRun_parkedPartition_othersOfTheSameBrokerGoOn(t *testing.T) {
	everywhere(t, 1, func(s *suite) {
		require.NoError(s, s.store.Adopt(s.Context(), demo, 1, "an-older-topic"))
		s.produce(demo, 400) // more than Sarama holds for one that does not read
		r := s.start()
		kafkatest.WaitUntil(s, func() bool { return metric(s, r.registry, "parked_partitions", demo) == 1 }, "the park")
		s.waitReady(r)
		s.produce("other", 200)
		s.waitWhole("other")
		require.EqualValues(s, 1, metric(s, r.registry, "parked_partitions", demo))
		require.NoError(s, r.end())
		require.Zero(s, metric(s, r.registry, "parked_partitions"))
	})
}

func TestRun_brokersHangWhileItStops_endsInTime(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		s.shutdown = 100 * time.Millisecond
		r := s.start()
		s.waitReady(r)
		s.kafka.Pause()
		require.NoError(s, r.end())
		require.Equal(s, 1, r.out.lines("did not commit and leave the group in time"))
		s.kafka.Resume()
		kafkatest.WaitUntil(s, func() bool {
			select {
			case <-r.app.idle:
				return true
			default:
				return false
			}
		}, "the rest to end with the brokers' answers")
	})
}

func TestRun_brokersHangAndComeBack_goesOn(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		r := s.start()
		s.produce(demo, 20)
		s.waitWhole(demo)
		s.kafka.Pause()
		s.empty() // its polls notice, and the session cannot end while the brokers hang
		kafkatest.WaitUntil(s, func() bool { return metric(s, r.registry, "gaps_total", demo) > 0 }, "the loss to be noticed")
		s.kafka.Resume()
		s.produce(demo, 20)
		s.waitWhole(demo)
	})
}

func TestRun_stoppedBeforeItEverJoined_ends(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t)
	s := newSuiteOn(t, broker, newMini(t))
	broker.Stop()
	for range 3 {
		require.NoError(t, s.start().end())
	}
}

func TestRun_redisMayEvict_refusedWithItsRemedyUntilFixed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	s := newSuiteOn(t, kafkatest.Start(t, kafkatest.Topics(2, demoTopic, otherTopic)), realServer{server, t})
	s.produce(demo, 10)
	r := s.start()
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("CONFIG SET maxmemory-policy noeviction") > 0 }, "the remedy")
	require.Zero(t, s.rdb.DBSize(t.Context()).Val())
	require.False(t, r.ready())
	require.NoError(t, s.rdb.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	s.waitWhole(demo)
}

func TestRest_longerForEachShortSession(t *testing.T) {
	var pauses []time.Duration
	var pause time.Duration
	for range 8 {
		pause = rest(pause, true)
		pauses = append(pauses, pause)
	}
	require.Equal(t, []time.Duration{
		time.Millisecond, backoffMin, 2 * backoffMin, 4 * backoffMin, 8 * backoffMin, 16 * backoffMin, backoffMax, backoffMax,
	}, pauses)
	require.Zero(t, rest(pause, false))
}

func TestRun_formThatRedisRefuses_theOthersGoOn(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		key := "formstream:{demo}:state"
		require.NoError(s, s.rdb.Set(s.Context(), key, "somebody's", 0).Err())
		r := s.start()
		s.produce(demo, 10)
		s.produce("other", 10)
		s.waitWhole("other")
		require.EqualValues(s, 2, metric(s, r.registry, "parked_partitions", demo))
		require.Equal(s, 2, r.out.lines("WRONGTYPE"), "told once for each partition")
		require.NoError(s, s.rdb.Del(s.Context(), key).Err())
		s.waitWhole(demo)
		require.Zero(s, metric(s, r.registry, "parked_partitions"))
	})
}

func TestRun_redisHangs_goesOnAndReadinessTells(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newSuiteOn(t, kafkatest.Start(t, kafkatest.Topics(2, demoTopic, otherTopic)), realServer{server, t})
	r := s.start()
	s.produce(demo, 20)
	s.waitWhole(demo)
	s.waitReady(r)
	server.Pause()
	s.produce(demo, 20)
	kafkatest.WaitUntil(t, func() bool { return r.out.lines("buffer not reached") > 0 }, "the outage to be told")
	require.ErrorContains(t, r.deps.Health.Ready(t.Context()), "redis: ")
	server.Resume()
	s.waitWhole(demo)
	s.waitReady(r)
	require.Zero(t, metric(t, r.registry, "gaps_total"), "nothing was lost")
}

func TestRun_sentinelFailsOver_whatTheReplicaLackedIsReadAgain(t *testing.T) {
	t.Parallel()
	sentinel := newSentinel(t)
	master, replica := sentinel.Servers[0], sentinel.Servers[1]
	s := newSuiteOn(t, kafkatest.Start(t, kafkatest.Topics(2, demoTopic, otherTopic)), sentinel)
	r := s.start()
	s.produce(demo, 40)
	s.waitWhole(demo)
	rdb := redis.NewClient(&redis.Options{Addr: master.Addr, PoolSize: 1}) // WAIT is about its own connection's writes
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.Set(t.Context(), "last", "", 0).Err())
	require.EqualValues(t, 1, rdb.Wait(t.Context(), 1, 10*time.Second).Val(), "the replica has that")

	replica.Pause() // which cannot connect again, once it is thrown out
	require.EqualValues(t, 1, rdb.ClientKillByFilter(t.Context(), "type", "replica").Val())
	s.produce(demo, 40)
	s.waitWhole(demo)
	sentinel.goAway()
	replica.Resume()
	sentinel.comeBack()

	s.produce(demo, 20)
	s.waitWhole(demo)
	s.waitReady(r)
	require.Positive(t, metric(t, r.registry, "gaps_total", demo), "the loss was noticed")
	require.Zero(t, metric(t, r.registry, "rebuilds_total"), "what the replica had is whole")
}
