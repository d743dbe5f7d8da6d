package plugin

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

// newTestApp is an App that can carry claims of the topic "forms.demo", without Kafka.
func newTestApp(handler Handler, reg *prometheus.Registry) *App {
	m := newMetrics(reg, "p")
	return &App{
		name: "p", cfg: Config{HandlerTimeout: time.Hour}, handler: handler, sources: map[string]string{"forms.demo": "demo"},
		log: slog.New(slog.DiscardHandler), metrics: m, stuck: newStuckCalls(m.stuck), member: &membership{now: time.Now},
	}
}

// sarama's side of a claim: of the session only the context and the marks.
type fakeSession struct {
	sarama.ConsumerGroupSession
	ctx    context.Context
	marked []int64
}

func (s *fakeSession) Context() context.Context { return s.ctx }

func (s *fakeSession) MarkOffset(_ string, _ int32, offset int64, _ string) {
	s.marked = append(s.marked, offset)
}

type fakeClaim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
}

func (c *fakeClaim) Topic() string                            { return "forms.demo" }
func (c *fakeClaim) Partition() int32                         { return 0 }
func (c *fakeClaim) InitialOffset() int64                     { return 7 }
func (c *fakeClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

func message() *sarama.ConsumerMessage {
	s := sample()
	m := &sarama.ConsumerMessage{Topic: "forms.demo", Offset: 7, Key: []byte(s.ID), Value: s.Data}
	for _, h := range s.Headers() {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

type claimBundle struct {
	*testing.T
	app     *App
	reg     *prometheus.Registry
	h       *session
	session *fakeSession
	claim   *fakeClaim
	end     context.CancelFunc // of the session
}

func setupClaim(t *testing.T, handler Handler) *claimBundle {
	reg := prometheus.NewRegistry()
	b := &claimBundle{T: t, app: newTestApp(handler, reg), reg: reg}
	b.app.cfg.ShutdownTimeout = 20 * time.Second
	b.h = &session{app: b.app, assigned: newAssignment()}
	b.assign(0)
	b.begin()
	return b
}

func (b *claimBundle) assign(partitions ...int32) {
	b.h.assigned.OnAssignment(&sarama.ConsumerGroupMemberAssignment{Topics: map[string][]int32{"forms.demo": partitions}}, 1)
}

// begin begins a session.
func (b *claimBundle) begin() {
	ctx, end := context.WithCancel(b.Context())
	b.end, b.session = end, &fakeSession{ctx: ctx}
	b.claim = &fakeClaim{messages: make(chan *sarama.ConsumerMessage, 10)}
	b.claim.messages <- message()
}

// consume runs the claim; the channel is closed when it has returned.
func (b *claimBundle) consume() <-chan struct{} {
	done := make(chan struct{})
	session, claim := b.session, b.claim
	go func() {
		defer close(done)
		require.NoError(b, b.h.ConsumeClaim(session, claim))
	}()
	synctest.Wait()
	return done
}

// metric is the sum of a metric's series.
func (b *claimBundle) metric(name string) (sum float64) {
	families, err := b.reg.Gather()
	require.NoError(b, err)
	for _, family := range families {
		if family.GetName() == "formstream_plugin_"+name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func ended(done <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestConsumeClaim_handlerDoesNotHeedItsContext_isLeftBehindAndNotCalledBesideItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish, calls := make(chan struct{}), 0
		b := setupClaim(t, func(context.Context, submission.Submission) ([]Event, error) {
			calls++
			<-finish
			return nil, nil
		})
		first := b.consume()
		b.end()
		close(b.claim.messages)
		<-time.After(revokeGrace + heedTime - time.Nanosecond)
		require.False(t, ended(first), "it has its grace")
		<-time.After(time.Nanosecond)
		require.True(t, ended(first))
		require.EqualValues(t, 1, b.metric("failures_total"))
		require.EqualValues(t, 1, b.metric("stuck_handlers"))

		<-time.After(staleAfter)
		require.NoError(t, b.app.stuck.ready())
		b.begin()
		second := b.consume()
		<-time.After(time.Second)
		require.False(t, ended(second))
		require.Equal(t, 1, calls)
		require.EqualError(t, b.app.stuck.ready(), "partition 0 of forms.demo waits for a handler that has not heeded the end of its context for 16s")

		b.end()
		close(b.claim.messages)
		require.True(t, ended(second), "who waits for it does not hold up the session")
		require.Equal(t, 1, calls)

		b.begin()
		third := b.consume()
		close(finish)
		synctest.Wait()
		require.Equal(t, 2, calls)
		require.NoError(t, b.app.stuck.ready())
		require.EqualValues(t, 0, b.metric("stuck_handlers"))
		require.Equal(t, []int64{8}, b.session.marked, "by the second call")
		b.end()
		close(b.claim.messages)
		require.True(t, ended(third))
	})
}

func TestConsumeClaim_grace_isShorterThanTheGroupsPatience(t *testing.T) {
	cfg, err := kafka.NewGroupConfig(chassis.Kafka{Brokers: []string{"k:1"}}, "p")
	require.NoError(t, err)
	require.Less(t, revokeGrace+heedTime+time.Second, cfg.Consumer.Group.Rebalance.Timeout)
}

func TestConsumeClaim_handlerHeedsItsContextLate_isWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupClaim(t, func(ctx context.Context, _ submission.Submission) ([]Event, error) {
			<-ctx.Done()
			<-time.After(heedTime - time.Nanosecond)
			return nil, nil
		})
		done := b.consume()
		b.end()
		close(b.claim.messages)
		<-done
		require.Equal(t, []int64{8}, b.session.marked)
		require.Zero(t, b.metric("failures_total"))
	})
}

// A handler that has not heeded -handler-timeout has had its time: when the claim ends, others do not wait for it again.
func TestConsumeClaim_handlerWasStuckBefore_isLeftBehindAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		b := setupClaim(t, func(context.Context, submission.Submission) ([]Event, error) {
			<-finish
			return nil, nil
		})
		done := b.consume()
		<-time.After(b.app.cfg.HandlerTimeout + heedTime)
		require.False(t, ended(done))
		require.EqualValues(t, 1, b.metric("stuck_handlers"))
		b.end()
		close(b.claim.messages)
		require.True(t, ended(done))
		close(finish)
		synctest.Wait()
		require.Empty(t, b.session.marked, "what it returns is thrown away")
	})
}

// To return between OnAssignment and the moment at which Sarama ends the claim would end the session of all claims.
func TestConsumeClaim_revoked_returnsWhenSaramaHasEndedTheClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupClaim(t, func(context.Context, submission.Submission) ([]Event, error) { return nil, errTest })
		done := b.consume()
		b.assign()
		b.claim.messages <- message()
		require.False(t, ended(done))
		require.Empty(t, b.claim.messages, "nothing of it is handled")
		require.EqualValues(t, 0, b.metric("retrying_submissions"), "and it has let go")
		close(b.claim.messages)
		require.True(t, ended(done))
		require.Empty(t, b.session.marked)
		b.end()
	})
}

// Sarama does not tell of an assignment without any bytes. Its leaders send none.
func TestAssignment_emptyOneHasBytes(t *testing.T) {
	var r sarama.SyncGroupRequest
	require.NoError(t, r.AddGroupAssignmentMember("m", &sarama.ConsumerGroupMemberAssignment{}))
	require.NotEmpty(t, r.GroupAssignments[0].Assignment)
}

func TestCall_whateverEndsTheHandler_isAnswered(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler Handler
		want    string
	}{
		{"an error", func(context.Context, submission.Submission) ([]Event, error) { return nil, errTest }, "handle: test"},
		{"a panic", func(context.Context, submission.Submission) ([]Event, error) { panic("no") }, "handler panicked: no"},
		{"the end of its goroutine", func(context.Context, submission.Submission) ([]Event, error) {
			runtime.Goexit()
			return nil, nil
		}, "handler ended its goroutine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &claim{app: newTestApp(row.handler, prometheus.NewRegistry()), form: "demo"}
			require.EqualError(t, (<-c.call(t.Context(), sample())).err, row.want)
		})
	}
}
