package sheetsemulator

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the emulator's own; their labels have as many values as the API has methods and statuses.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	rows     prometheus.Counter
}

// newMetrics makes the metrics and registers them, unless there is nowhere to.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "formstream_emulator_requests_total",
			Help: "Calls of the Sheets API by method and HTTP status; status 0 is a connection cut by a test.",
		}, []string{"method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "formstream_emulator_request_duration_seconds",
			Help:    "Time from a call's arrival to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, []string{"method"}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "formstream_emulator_rows_written_total",
			Help: "Rows written by appendCells and updateCells.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.rows} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(method string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method).Observe(took.Seconds())
}
