package plugintest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/plugintest"
)

// setup is a broker in this process with the topics of one form.
func setup(t *testing.T, partitions int32) (*kafkatest.Cluster, *plugintest.Bundle, string) {
	t.Helper()
	c := kafkatest.Start(t)
	b := plugintest.New(t, c.Brokers(), 1)
	b.CreateTopics(partitions)
	return c, b, b.Forms[0]
}

func TestRun_eventsAreRefused_nothingIsMarkedUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	c, b, form := setup(t, 1)
	fault := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "processed." + form, Err: kerr.TopicAuthorizationFailed, Count: -1})
	ids := b.Submit(form, 3)
	echo := &plugintest.Echo{}
	r := b.Start(echo.Handle)
	kafkatest.WaitUntil(t, func() bool { return r.Metric("failures_total", form, "produce") >= 3 }, "refused")
	kafkatest.WaitUntil(t, func() bool { return echo.Calls() == 3 }, "the handler does not wait for events")
	r.End()
	offsets, _ := b.Committed(form)
	require.Equal(t, []int64{0}, offsets)
	require.Empty(t, b.Events(form))

	fault.Remove()
	r = b.Start(echo.Handle)
	b.WaitDone(form)
	r.End()
	require.Len(t, b.Subjects(form), 3)
	require.Equal(t, append(ids, ids...), echo.IDs(), "handled again")
}

// One event is refused for good. What comes behind it is acknowledged, and not marked.
func TestRun_oneEventIsTooLarge_marksStopBeforeIt(t *testing.T) {
	t.Parallel()
	c, b, form := setup(t, 1)
	ids := b.Submit(form, 5)
	fault := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "processed." + form, Err: kerr.MessageTooLarge, Count: 1})
	echo := &plugintest.Echo{Fail: func(s submission.Submission, _ int) error {
		for s.ID == ids[1] && fault.Hits() == 0 { // so that the refused one is alone in its request
			<-time.After(time.Millisecond)
		}
		return nil
	}}
	r := b.Start(echo.Handle)
	kafkatest.WaitUntil(t, func() bool { return len(b.Events(form)) == 4 }, "the other events")
	require.EqualValues(t, 1, r.Metric("failures_total", form, "permanent"))
	r.End()
	offsets, _ := b.Committed(form)
	require.Equal(t, []int64{0}, offsets)
	require.Zero(t, b.Subjects(form)[ids[0]])

	r = b.Start((&plugintest.Echo{}).Handle)
	b.WaitDone(form)
	r.End()
	requireOneIDEach(t, b, form, 5)
}

// requireOneIDEach wants events about n submissions, however many, each submission's with one id.
func requireOneIDEach(t *testing.T, b *plugintest.Bundle, form string, n int) {
	t.Helper()
	ids := map[string]map[string]bool{}
	for _, e := range b.Events(form) {
		if ids[e.Key] == nil {
			ids[e.Key] = map[string]bool{}
		}
		ids[e.Key][e.Headers["ce_id"]] = true
	}
	require.Len(t, ids, n)
	for key, of := range ids {
		require.Len(t, of, 1, key)
	}
}

func TestRun_brokersHang_goesOnWhenTheyAreBack(t *testing.T) {
	t.Parallel()
	c, b, form := setup(t, 2)
	b.Submit(form, 50)
	echo := &plugintest.Echo{}
	r := b.Start(echo.Handle)
	kafkatest.WaitUntil(t, func() bool { return echo.Calls() > 10 }, "some are handled")
	c.Pause()
	<-time.After(4 * time.Second) // longer than a producer waits for an answer
	c.Resume()
	b.Submit(form, 50)
	b.WaitDone(form)
	r.End()
	requireOneIDEach(t, b, form, 100)
}

func TestRun_brokersHangWhenToldToEnd_endsInTime(t *testing.T) {
	t.Parallel()
	c, b, form := setup(t, 1)
	b.Submit(form, 1)
	b.Config.ShutdownTimeout = time.Second
	r := b.Start((&plugintest.Echo{}).Handle)
	b.WaitDone(form)
	c.Pause()
	r.End()
	c.Resume()
	require.NotEmpty(t, r.Log.Lines("did not finish"))
	kafkatest.WaitUntil(t, func() bool { return len(r.Log.Lines("producer not closed")) > 0 || idle(b) }, "everything has let go")
}

// idle reports whether the group has no member.
func idle(b *plugintest.Bundle) bool {
	var none bool
	admin(b, func(ctx context.Context, a *kadm.Client) {
		groups, err := a.DescribeGroups(ctx, "formstream."+b.Plugin)
		require.NoError(b, err)
		none = len(groups["formstream."+b.Plugin].Members) == 0
	})
	return none
}

func admin(b *plugintest.Bundle, do func(context.Context, *kadm.Client)) {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Brokers...))
	require.NoError(b, err)
	defer client.Close()
	do(kafkatest.Context(b), kadm.NewClient(client))
}

func TestRun_brokersComeLater_begins(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Durable())
	b := plugintest.New(t, c.Brokers(), 1)
	b.CreateTopics(1)
	b.Submit(b.Forms[0], 3)
	c.Stop()
	r := b.Start((&plugintest.Echo{}).Handle)
	kafkatest.WaitUntil(t, func() bool { return len(r.Log.Lines("not consuming, trying again")) == 1 }, "told")
	require.Error(t, r.Health.Ready(t.Context()))
	c.Restart()
	b.WaitDone(b.Forms[0])
	r.WaitReady()
	require.Len(t, r.Log.Lines("not consuming, trying again"), 1, "the same trouble is told once")
}

func TestRun_logHasLostWhatWasNotRead_isCountedAndTheRestHandled(t *testing.T) {
	t.Parallel()
	_, b, form := setup(t, 1)
	ids := b.Submit(form, 10)
	kafkatest.Commit(t, b.Brokers, "formstream."+b.Plugin, "forms."+form, 0, 3, "")
	admin(b, func(ctx context.Context, a *kadm.Client) {
		var until kadm.Offsets
		until.Add(kadm.Offset{Topic: "forms." + form, Partition: 0, At: 7})
		_, err := a.DeleteRecords(ctx, until)
		require.NoError(t, err)
	})
	echo := &plugintest.Echo{}
	r := b.Start(echo.Handle)
	b.WaitDone(form)
	require.Equal(t, ids[7:], echo.IDs())
	require.EqualValues(t, 4, r.Metric("submissions_total", form, "lost"))
	require.Len(t, r.Log.Lines("ERROR", "no longer has records", `"lost":4`), 1)
}

func TestRun_topicWasMadeAnew_allOfItIsHandledAndMarked(t *testing.T) {
	t.Parallel()
	_, b, form := setup(t, 1)
	kafkatest.Commit(t, b.Brokers, "formstream."+b.Plugin, "forms."+form, 0, 100, "")
	ids := b.Submit(form, 4)
	echo := &plugintest.Echo{}
	r := b.Start(echo.Handle)
	b.WaitDone(form)
	require.Equal(t, ids, echo.IDs())
	require.Len(t, r.Log.Lines("ERROR", "log ends before what was handled"), 1)
}

func TestRun_topicVanishes_othersGoOn(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	b := plugintest.New(t, c.Brokers(), 2)
	b.CreateTopics(1)
	b.Submit(b.Forms[1], 1)
	r := b.Start((&plugintest.Echo{}).Handle)
	b.WaitDone(b.Forms[1])
	kafkatest.DeleteTopic(t, b.Brokers, "forms."+b.Forms[1])
	kafkatest.WaitUntil(t, func() bool { return len(r.Log.Lines("topic is missing", b.Forms[1])) == 1 }, "told")
	b.Submit(b.Forms[0], 5)
	b.WaitDone(b.Forms[0])
	r.WaitReady()
}

func TestRun_topicGrows_newPartitionsAreRead(t *testing.T) {
	t.Parallel()
	_, b, form := setup(t, 1)
	r := b.Start((&plugintest.Echo{}).Handle)
	r.WaitReady()
	kafkatest.AddPartitions(t, b.Brokers, "forms."+form, 2)
	for deadline := time.Now().Add(time.Minute); len(r.Log.Lines("partition assigned", `"partition":2`)) == 0; <-time.After(100 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "new partitions not noticed")
	}
	plugintest.New(t, b.Brokers, 0).Submit(form, 20) // by a producer that knows of them
	_, ends := b.Committed(form)
	require.Positive(t, ends[2])
	b.WaitDone(form)
}

// process starts a plug-in with an echo handler as a process of its own.
func process(b *plugintest.Bundle) (cmd *exec.Cmd, log *plugintest.Log) {
	b.Helper()
	forms := b.TempDir()
	for _, id := range b.Forms {
		require.NoError(b, os.WriteFile(filepath.Join(forms, id+".yaml"), []byte(plugintest.Definition(id)), 0o600))
	}
	self, err := os.Executable()
	require.NoError(b, err)
	cmd = exec.Command(self, "-brokers", strings.Join(b.Brokers, ","), "-forms", forms) //nolint:gosec // this test's own binary
	cmd.Env = append(os.Environ(), asPlugin+"="+b.Plugin)
	log = &plugintest.Log{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		require.NotContains(b, log.String(), plugintest.Secret)
		if b.Failed() {
			b.Log(log.String())
		}
	})
	return cmd, log
}

func TestKilled_nextOneGoesOnWithoutLossAndWithTheSameIDs(t *testing.T) {
	t.Parallel()
	_, b, form := setup(t, 3)
	victim, _ := process(b)
	total := 0
	kafkatest.WaitUntil(t, func() bool {
		total += len(b.Submit(form, 30))
		return len(b.Events(form)) > 0
	}, "the first one works")
	require.NoError(t, victim.Process.Kill())
	total += len(b.Submit(form, 30))
	r := b.Start((&plugintest.Echo{}).Handle)
	b.WaitDone(form)
	r.End()
	requireOneIDEach(t, b, form, total)
}

func TestTerminated_commitsAndLeaves(t *testing.T) {
	t.Parallel()
	_, b, form := setup(t, 1)
	p, log := process(b)
	b.Submit(form, 20)
	kafkatest.WaitUntil(t, func() bool { return len(b.Events(form)) == 20 }, "all events")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.NoError(t, p.Wait(), "exit code 0")
	offsets, _ := b.Committed(form)
	require.Equal(t, []int64{20}, offsets)
	require.True(t, idle(b), "nobody waits for its session to expire")
	require.Empty(t, log.Lines("WARN"))
}
