package plugin

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of one plug-in; each carries its name as the label plugin. Labels are form ids and fixed words.
type metrics struct {
	submissions *prometheus.CounterVec
	failures    *prometheus.CounterVec
	events      *prometheus.CounterVec
	retrying    *prometheus.GaugeVec
	stuck       *prometheus.GaugeVec
	seconds     *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer, plugin string) *metrics {
	f := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"plugin": plugin}, reg))
	return &metrics{
		submissions: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_plugin_submissions_total",
			Help: "Records of the log by outcome: done, unreadable (not a submission), lost (gone from the log before they were read)."}, []string{"form", "outcome"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_plugin_failures_total",
			Help: "Attempts that failed, by reason: error, permanent, panic, produce, abandoned (the handler did not return when its partition went). Each is followed by another one."}, []string{"form", "reason"}),
		events: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_plugin_events_total",
			Help: "Events that the brokers have acknowledged."}, []string{"form"}),
		retrying: f.NewGaugeVec(prometheus.GaugeOpts{Name: "formstream_plugin_retrying_submissions",
			Help: "Submissions that have failed and are tried again; each holds up its partition."}, []string{"form"}),
		stuck: f.NewGaugeVec(prometheus.GaugeOpts{Name: "formstream_plugin_stuck_handlers",
			Help: "Calls of the handler that go on although their context has ended; each holds up its partition, and holds a goroutine until it returns."}, []string{"form"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "formstream_plugin_handler_seconds",
			Help: "How long the plug-in's handler took.", Buckets: []float64{.0001, .001, .01, .1, 1, 10}}, []string{"form"}),
	}
}
