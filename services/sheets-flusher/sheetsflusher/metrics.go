package sheetsflusher

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics of the flusher; labels are form ids and fixed outcomes.
type Metrics struct {
	rows     *prometheus.CounterVec
	cut      *prometheus.CounterVec
	rebuilds *prometheus.CounterVec
	parked   *prometheus.GaugeVec
	retries  *prometheus.CounterVec
	flushes  prometheus.Counter
}

// NewMetrics registers the flusher's metrics with reg; nil: with none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	byForm := []string{"form"}
	return &Metrics{
		rows:     f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_flusher_rows_total", Help: "Rows written."}, byForm),
		cut:      f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_flusher_cut_values_total", Help: "Values cut because a cell holds 50,000 characters."}, byForm),
		rebuilds: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_flusher_rebuilds_total", Help: "Plans that found the buffer damaged; the consumer reads it again."}, byForm),
		parked:   f.NewGaugeVec(prometheus.GaugeOpts{Name: "formstream_flusher_parked", Help: "1 while a form is parked, by reason; the log says what to do."}, []string{"form", "reason"}),
		retries:  f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_flusher_retries_total", Help: "Requests to Sheets that had to be made again, by what was known of them."}, []string{"outcome"}),
		flushes:  f.NewCounter(prometheus.CounterOpts{Name: "formstream_flusher_flushes_total", Help: "Flushes found in the spreadsheet."}),
	}
}

// park shows a form as parked, by the word that the reason begins with.
func (m *Metrics) park(form, reason string) {
	word, _, _ := strings.Cut(reason, ":")
	m.unpark(form)
	m.parked.WithLabelValues(form, word).Set(1)
}

func (m *Metrics) unpark(form string) { m.parked.DeletePartialMatch(prometheus.Labels{"form": form}) }
