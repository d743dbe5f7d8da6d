package formapi

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/formstream/formstream/pkg/kafka"
)

const (
	outcomeAccepted = "accepted"
	outcomeRepeated = "repeated" // an Idempotency-Key that was answered before: nothing new was stored

	// unknownForm is the label of every form that does not exist: what clients make up must not make series.
	unknownForm = "unknown"
)

// metrics count what happened; labels are known forms and codes, both bounded.
type metrics struct {
	answers        *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	produceSeconds *prometheus.HistogramVec
	panics         prometheus.Counter
}

// gauges are read when somebody asks.
type gauges struct {
	inFlight, waiting, missing func() float64
}

func newMetrics(r prometheus.Registerer, g gauges) (*metrics, error) {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "formstream_api_submissions_total",
			Help: "Answers to POST /forms/{form}: accepted, repeated, or the code of the problem.",
		}, []string{"form", "outcome"}),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "formstream_api_request_seconds",
			Help:    "Time from a submission's headers to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"outcome"}),
		produceSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "formstream_api_produce_seconds",
			Help:    "Time that a submission waited for the brokers: stored, not_stored, or unknown.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"form", "outcome"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "formstream_api_panics_total",
			Help: "Requests that were answered 500 because of a defect.",
		}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.answers, m.requestSeconds, m.produceSeconds, m.panics,
		gauge("formstream_api_in_flight", "Submissions being read, checked or stored.", g.inFlight),
		gauge("formstream_api_waiting", "Submissions that wait for the brokers, also after their 503.", g.waiting),
		gauge("formstream_api_topics_missing", "Forms whose topic does not exist.", g.missing),
	} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) answered(form, outcome string, took time.Duration) {
	m.answers.WithLabelValues(form, outcome).Inc()
	m.requestSeconds.WithLabelValues(outcome).Observe(took.Seconds())
}

func (m *metrics) produced(form string, took time.Duration, err error) {
	outcome := "stored"
	var failed *kafka.ProduceError
	switch {
	case err == nil:
	case errors.As(err, &failed) && failed.Fate == kafka.NotStored:
		outcome = "not_stored"
	default:
		outcome = "unknown"
	}
	m.produceSeconds.WithLabelValues(form, outcome).Observe(took.Seconds())
}
