package plugintest

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// In a roll-out with a new form some instances do not know its topic. The group's leader may be one of them.
func mixedForms(b *Bundle) {
	b.CreateTopics(2)
	known := b.Forms[0]
	added := known + "-added"
	both := []string{known, added}
	b.Forms = both[1:]
	b.CreateTopics(2)
	var running []*Running
	start := func(forms []string) *Echo {
		echo := &Echo{}
		b.Forms = forms
		running = append(running, b.Start(echo.Handle))
		return echo
	}
	ids := map[string][]string{}
	submit := func() {
		for _, form := range both {
			ids[form] = append(ids[form], b.Submit(form, 4)...)
		}
	}

	old := []*Echo{start(both[:1]), start(both[:1])}
	kafkatest.WaitUntil(b, func() bool {
		submit()
		return old[0].Calls() > 0 && old[1].Calls() > 0
	}, "both old ones work")
	changed := []*Echo{start(both)}
	b.WaitDone(added)
	submit()
	for _, form := range both {
		b.WaitDone(form)
	}
	for i := range old { // the roll-out goes on
		running[i].End()
		submit()
		changed = append(changed, start(both))
		submit()
	}
	for _, form := range both {
		b.WaitDone(form)
	}
	for _, r := range running {
		r.End()
		require.Len(b, r.Log.Lines("joined the group"), 1, "its session outlasted what the others did")
		require.Zero(b, r.Metric("submissions_total", "unreadable"))
	}

	for i, echo := range old {
		require.Zero(b, running[i].Metric("submissions_total", added))
		require.False(b, slices.ContainsFunc(echo.IDs(), func(id string) bool { return slices.Contains(ids[added], id) }))
	}
	require.Positive(b, changed[0].Calls())
	for _, form := range both {
		subjects := b.Subjects(form)
		require.Len(b, subjects, len(ids[form]))
		for _, id := range ids[form] {
			require.NotZero(b, subjects[id], "an event for each submission")
		}
	}
}

// blocker is a handler that does not heed its context: with the submissions of one form it does not return.
type blocker struct {
	form   string
	finish chan struct{} // to be closed
	calls  atomic.Int32  // for that form
	Echo                 // for all others
}

func (h *blocker) Handle(ctx context.Context, s submission.Submission) ([]plugin.Event, error) {
	if s.Form == h.form {
		h.calls.Add(1)
		<-h.finish
	}
	return h.Echo.Handle(ctx, s)
}

// A topic that appears ends the session, and Sarama waits for all claims before it begins the next one.
func stuckHandlerOthersGoOn(b *Bundle) {
	a := b.Forms[0]
	other, late := a+"-other", a+"-late"
	b.Forms = []string{a, other}
	b.CreateTopics(1)
	b.Forms = append(b.Forms, late)
	b.Config.HandlerTimeout = 50 * time.Millisecond
	ids := b.Submit(a, 1)
	h := &blocker{form: a, finish: make(chan struct{})}
	r := b.Start(h.Handle)
	kafkatest.WaitUntil(b, func() bool { return r.Metric("stuck_handlers", a) == 1 }, "an operator sees that it is stuck")
	b.Submit(other, 1)
	b.WaitDone(other)

	kafkatest.CreateTopic(b, b.Brokers, "forms."+late, 1)
	b.Submit(late, 1)
	b.WaitDone(late)
	b.Submit(other, 1)
	b.WaitDone(other)
	require.NoError(b, r.Health.Ready(context.Background()), "others work, and it has not been for long")
	require.EqualValues(b, 1, r.Metric("failures_total", a, "abandoned"))
	require.EqualValues(b, 1, r.Metric("stuck_handlers", a))
	kafkatest.WaitUntil(b, func() bool {
		return len(r.Log.Lines("WARN", "waits for the handler that was left behind", "forms."+a)) > 0
	}, "told")
	require.EqualValues(b, 1, h.calls.Load(), "not called a second time beside itself")
	offsets, _ := b.Committed(a)
	require.Zero(b, offsets[0], "not done")

	close(h.finish)
	b.WaitDone(a)
	require.EqualValues(b, 2, h.calls.Load(), "what the one left behind returned was thrown away")
	require.Equal(b, map[string]int{ids[0]: 1}, b.Subjects(a))
	require.Zero(b, r.Metric("stuck_handlers"))
	require.Len(b, r.Log.Lines("goes on although its context has ended", ids[0]), 1)
}

// A partition whose handler does not return can be given away, and the session goes on.
func stuckPartitionMoves(b *Bundle) {
	b.CreateTopics(2)
	f := b.Forms[0]
	b.Config.HandlerTimeout = 50 * time.Millisecond
	ids := b.Submit(f, 40)
	h := &blocker{form: f, finish: make(chan struct{})}
	first := b.Start(h.Handle)
	kafkatest.WaitUntil(b, func() bool { return first.Metric("stuck_handlers", f) == 2 }, "both partitions are stuck")
	good := &Echo{}
	second := b.Start(good.Handle)
	kafkatest.WaitUntil(b, func() bool { return good.Calls() > 0 }, "the second one has a partition")
	require.EqualValues(b, 1, first.Metric("failures_total", f, "abandoned"))
	require.Len(b, first.Log.Lines("joined the group"), 1, "its session goes on")
	first.End()
	b.WaitDone(f)
	second.End()
	require.ElementsMatch(b, ids, good.IDs())
	close(h.finish)
	kafkatest.WaitUntil(b, func() bool { return first.Metric("stuck_handlers") == 0 }, "they have returned")
	require.Zero(b, first.Metric("submissions_total"), "and nothing came of it")
}
