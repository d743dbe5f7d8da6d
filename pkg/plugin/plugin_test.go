package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errTest = errors.New("test")

func sample() submission.Submission {
	return submission.Submission{
		ID: "01a1ffd5-fb2f-7423-b94e-13dccad606e4", Form: "demo",
		ReceivedAt: time.Date(2026, 11, 21, 18, 0, 0, 5e6, time.UTC), Data: []byte(`{"text":"hello"}`),
	}
}

func TestEncode_bytesOnTheWire(t *testing.T) {
	records, err := encode("demo-consumer", sample(), []Event{{Type: "a.v1", Data: map[string]any{"b": 1, "a": []string{"x"}}}, {Type: "b.v1"}})
	require.NoError(t, err)
	var lines []string
	for _, r := range records {
		for _, h := range r.headers {
			lines = append(lines, h.Key+"="+string(h.Value))
		}
		lines = append(lines, string(r.value))
	}
	// Ids are a contract: another one would be another event to whoever has dropped repeats so far.
	require.Equal(t, []string{
		"ce_specversion=1.0", "ce_id=3eab4bde-4e09-8557-9084-5c51ca690b88", "ce_source=/plugins/demo-consumer", "ce_type=a.v1",
		"ce_subject=01a1ffd5-fb2f-7423-b94e-13dccad606e4", "ce_time=2026-11-21T18:00:00.005Z", "content-type=application/json",
		`{"a":["x"],"b":1}`,
		"ce_specversion=1.0", "ce_id=5d0bbc9f-5ae8-8447-90d5-9f33afe5edfe", "ce_source=/plugins/demo-consumer", "ce_type=b.v1",
		"ce_subject=01a1ffd5-fb2f-7423-b94e-13dccad606e4", "ce_time=2026-11-21T18:00:00.005Z", "content-type=application/json",
		"null",
	}, lines)
}

func TestEventID_eachPartMakesAnother(t *testing.T) {
	other, otherForm := sample(), sample()
	other.ID, otherForm.Form = "x", "dem"
	ids := map[string]bool{}
	for _, id := range []string{
		eventID("a", sample(), 0), eventID("a", sample(), 1), eventID("b", sample(), 0), eventID("a", other, 0), eventID("a", otherForm, 0),
		eventID("ad", submission.Submission{Form: "em", ID: "o"}, 0), eventID("a", submission.Submission{Form: "dem", ID: "o"}, 0),
	} {
		require.True(t, submission.Keyed(id), "a UUIDv8")
		ids[id] = true
	}
	require.Len(t, ids, 7)
}

func TestEncode_whatIsWrongIsPermanent(t *testing.T) {
	for _, row := range []struct {
		name   string
		events []Event
		want   string
	}{
		{"no type", []Event{{Data: 1}}, "type of event 0"},
		{"a type with a space", []Event{{Type: "ok"}, {Type: "a b"}}, "type of event 1"},
		{"a type that is not ASCII", []Event{{Type: "ä"}}, "type of event 0"},
		{"a type that is too long", []Event{{Type: strings.Repeat("a", 129)}}, "type of event 0"},
		{"data that is no JSON", []Event{{Type: "a", Data: func() {}}}, "encode event 0"},
		{"too many", make([]Event, MaxEvents+1), "returned 101 events"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := encode("p", sample(), row.events)
			require.ErrorContains(t, err, row.want)
			require.True(t, isPermanent(err))
		})
	}
}

func TestPermanent_isAClassNotAnError(t *testing.T) {
	require.NoError(t, Permanent(nil))
	err := fmt.Errorf("wrapped: %w", Permanent(errTest))
	require.ErrorIs(t, err, errTest)
	require.True(t, isPermanent(err))
	require.EqualError(t, err, "wrapped: test")
	require.False(t, isPermanent(errTest))
	require.True(t, isPermanent(&submission.ParseError{}), "errors that say so of themselves")
}

func TestClassify_table(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		reason string
		level  slog.Level
	}{
		{"any error", errTest, "error", slog.LevelWarn},
		{"permanent", fmt.Errorf("handle: %w", Permanent(errTest)), "permanent", slog.LevelError},
		{"panic", &panicError{value: Permanent(errTest)}, "panic", slog.LevelError},
		{"brokers", &deliveryError{errTest}, "produce", slog.LevelWarn},
		{"brokers, for good", &deliveryError{&kafka.ProduceError{Permanent: true, Err: errTest}}, "permanent", slog.LevelError},
		{"a handler's own producer", &kafka.ProduceError{Err: errTest}, "error", slog.LevelWarn},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := classify(row.err)
			require.Equal(t, row.reason, f.reason)
			require.Equal(t, row.level, f.level)
		})
	}
}

func TestPause_growsToHalfAMinuteAndNotBeyond(t *testing.T) {
	for attempt, most := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 9: 25600 * time.Millisecond,
		10: 30 * time.Second, 1000: 30 * time.Second, 1 << 40: 30 * time.Second,
	} {
		for range 100 {
			d := failure{reason: "error"}.pause(attempt)
			require.LessOrEqual(t, d, most)
			require.Greater(t, d, most/2)
			require.Greater(t, failure{reason: "permanent"}.pause(attempt), 15*time.Second)
		}
	}
}

func TestScrub_hidesWhatWasSubmitted(t *testing.T) {
	data := []byte(`{"name":"Ada \"the first\"","note":"two\nlines","n":12345678,"list":["in a list"],"deep":{"x":"very deep"},"short":"ab","part":"lines"}`)
	for _, row := range []struct{ name, text, want string }{
		{"nothing of it", "connection refused", "connection refused"},
		{"as it is", `no user Ada "the first" here`, "no user [REDACTED] here"},
		{"quoted by Go", fmt.Sprintf("parsing %q: invalid", `Ada "the first"`), `parsing "[REDACTED]": invalid`},
		{"with a line break", fmt.Sprintf("parsing %q: invalid", "two\nlines"), `parsing "[REDACTED]": invalid`},
		{"a number", "no account 12345678", "no account [REDACTED]"},
		{"in a list, and deeper", "in a list, very deep", "[REDACTED], [REDACTED]"},
		{"too short to tell", "ab is part of able", "ab is part of able"},
		{"too long", strings.Repeat("ä", 300), strings.Repeat("ä", 250) + "…"},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, scrub(errors.New(row.text), data)) })
	}
	require.Equal(t, "test", scrub(errTest, []byte("broken")))
}

func TestAssignment_claimEndsWhenItIsNoLongerAssigned(t *testing.T) {
	a := newAssignment()
	assign := func(partitions ...int32) {
		a.OnAssignment(&sarama.ConsumerGroupMemberAssignment{Topics: map[string][]int32{"t": partitions}}, 1)
	}
	assign(0, 1)
	session, end := context.WithCancel(t.Context())
	first, release := a.hold(session, "t", 0)
	second, release2 := a.hold(session, "t", 1)
	assign(1)
	require.ErrorIs(t, context.Cause(first), errRevoked)
	require.NoError(t, second.Err())
	release()
	late, release3 := a.hold(session, "t", 0)
	require.ErrorIs(t, context.Cause(late), errRevoked, "revoked before it had begun")
	release3()
	assign(0, 1)
	again, release4 := a.hold(session, "t", 0)
	require.NoError(t, again.Err())
	end()
	require.ErrorIs(t, context.Cause(second), context.Canceled)
	release2()
	release4()
	require.Empty(t, a.claims)
}

// settle is told of deliveries that end in any order, and marks in the log's.
func TestSettle_marksInOrderAndStopsAtTheFirstThatWasGivenUp(t *testing.T) {
	var marked []int64
	c := &claim{app: &App{metrics: newMetrics(prometheus.NewRegistry(), "p")}, form: "f", mark: func(next int64) { marked = append(marked, next) }}
	window, acks := make(chan delivery, 4), make([]chan bool, 4)
	for i := range acks {
		acks[i] = make(chan bool, 1)
		window <- delivery{offset: int64(10 + i), acked: acks[i], outcome: "done"}
	}
	close(window)
	acks[3] <- true
	acks[2] <- false
	acks[1] <- true
	acks[0] <- true
	c.settle(window)
	require.Equal(t, []int64{11, 12}, marked)
}

func TestOutlive_endsSomeTimeAfterAndNotBefore(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	asked := make(chan struct{})
	work, stop := outlive(ctx, func() time.Duration {
		close(asked)
		return time.Millisecond
	})
	defer stop()
	require.NoError(t, work.Err())
	end()
	<-asked
	<-work.Done()
	require.ErrorContains(t, context.Cause(work), "not finished in time")

	work, stop = outlive(ctx, func() time.Duration { return time.Hour })
	require.NoError(t, work.Err())
	stop()
	require.ErrorIs(t, work.Err(), context.Canceled, "and leaves nothing behind")
}

func TestReady_table(t *testing.T) {
	now := time.Now()
	m := &membership{now: func() time.Time { return now }}
	require.ErrorContains(t, m.ready(), "not a member")
	m.failed(errTest)
	require.ErrorIs(t, m.ready(), errTest)
	m.joined()
	require.NoError(t, m.ready())
	m.left()
	now = now.Add(staleAfter)
	require.NoError(t, m.ready(), "a rebalance")
	now = now.Add(time.Millisecond)
	require.Error(t, m.ready(), "more than that")
	m.joined()
	now = now.Add(staleAfter + time.Second)
	require.ErrorContains(t, m.ready(), "brokers have not answered for 16s")
	m.answered()
	require.NoError(t, m.ready())
}

func TestNew_nameThatCannotBeOne_saysSo(t *testing.T) {
	for _, name := range []string{"", "Upper", "a.b", "a b", strings.Repeat("a", 64)} {
		_, err := New(name, Config{}, new(form.Set), chassis.Deps{Metrics: prometheus.NewRegistry()}, nil)
		require.ErrorContains(t, err, "plug-in's name", name)
	}
}

func TestConfig_defaultsAndBounds(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	var cfg Config
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers=k:1"}, none))
	require.Equal(t, 30*time.Second, cfg.HandlerTimeout)
	require.True(t, cfg.Topics.Create)
	for text, ok := range map[string]bool{"9ms": false, "10ms": true, "1h": true, "1h1s": false} {
		err := chassis.Load(&Config{}, []string{"-brokers=k:1", "-handler-timeout", text}, none)
		require.Equal(t, ok, err == nil, text)
	}
	require.ErrorContains(t, chassis.Load(&Config{}, nil, none), "-brokers")
}
