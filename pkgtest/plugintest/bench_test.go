package plugintest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/plugintest"
)

// BenchmarkRun is a backlog of submissions on six partitions, worked off with one event each, until the last commit.
func BenchmarkRun(b *testing.B) {
	const backlog = 20_000
	for b.Loop() {
		b.StopTimer()
		bundle := plugintest.New(b, kafkatest.Start(b).Brokers(), 1)
		bundle.CreateTopics(6)
		form := bundle.Forms[0]
		slots := make(chan struct{}, 512)
		for range backlog {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				s := submission.Submission{ID: submission.NewID(), Form: form, ReceivedAt: time.Now(), Data: fmt.Appendf(nil, `{"text":%q}`, plugintest.Secret)}
				bundle.Produce("forms."+form, s.ID, s.Headers(), s.Data)
			}()
		}
		for range cap(slots) {
			slots <- struct{}{}
		}
		b.StartTimer()
		r := bundle.Start((&plugintest.Echo{}).Handle)
		bundle.WaitDone(form)
		b.StopTimer()
		r.End()
		b.StartTimer()
	}
	b.ReportMetric(backlog*float64(b.N)/b.Elapsed().Seconds(), "submissions/s")
}
