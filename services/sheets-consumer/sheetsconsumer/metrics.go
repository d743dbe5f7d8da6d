package sheetsconsumer

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics of the consumer; labels are form ids and fixed outcomes.
type Metrics struct {
	records *prometheus.CounterVec
	gaps    *prometheus.CounterVec
	dropped *prometheus.CounterVec
	parked  *prometheus.GaugeVec
}

// NewMetrics registers the consumer's metrics with reg; nil: with none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		records: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_consumer_records_total",
			Help: "Records of the log by outcome: stored, repeat (of a keyed submission), unreadable (not a submission), lost (gone from the log before they were read)."}, []string{"form", "outcome"}),
		gaps: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_consumer_gaps_total",
			Help: "Times that the buffer was found behind what had been stored: Redis lost writes."}, []string{"form"}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{Name: "formstream_consumer_rebuilds_total",
			Help: "Times that a partition's buffer was damaged and was read again from the log."}, []string{"form"}),
		parked: f.NewGaugeVec(prometheus.GaugeOpts{Name: "formstream_consumer_parked_partitions",
			Help: "Partitions that cannot be read; the log says why."}, []string{"form"}),
	}
}
