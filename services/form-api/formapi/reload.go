package formapi

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/formwatch"
)

// reloads counts what became of changed definitions.
func newReloads(r prometheus.Registerer) (*prometheus.CounterVec, error) {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "formstream_api_reloads_total",
		Help: "New versions of the form definitions: taken, or refused because they are wrong; then the one before stays in use.",
	}, []string{"outcome"})
	for _, outcome := range []string{"taken", "refused"} {
		reloads.WithLabelValues(outcome)
	}
	return reloads, r.Register(reloads)
}

// Reload lets the App take new versions of the definitions in -forms while it runs; load reads them. Call it before Run.
// seen is what the folder held just before the forms of New were read: they are not read again until it changes. A version
// that is wrong changes nothing: it is logged once, and counted.
func (a *App) Reload(seen formwatch.Fingerprint, load func() (*form.Set, error)) {
	a.seen, a.load = seen, load
}

// watch takes new versions until ctx ends.
func (a *App) watch(ctx context.Context) {
	if a.load == nil {
		return
	}
	formwatch.Watch(ctx, formwatch.Options{
		Dir: a.cfg.Forms, Seen: a.seen, Load: a.load, Log: a.deps.Log.With("component", "forms"),
		Changed: func(set *form.Set) {
			a.topics.set(topicsOf(set))
			a.forms.Store(set)
			a.reloads.WithLabelValues("taken").Inc()
			a.deps.Log.Info("new form definitions are in use", "component", "forms", "count", len(set.All()))
		},
		Failed: func(err error) {
			a.reloads.WithLabelValues("refused").Inc()
			a.deps.Log.Error("new form definitions are wrong: the version before stays in use", "component", "forms", "error", err)
		},
	})
}
