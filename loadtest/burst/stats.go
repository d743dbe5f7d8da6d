package burst

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Latency sums up latencies, in milliseconds.
type Latency struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// latencyOf sums up; it sorts what it is given. Of nothing all figures are 0.
func latencyOf(all []time.Duration) Latency {
	if len(all) == 0 {
		return Latency{}
	}
	slices.Sort(all)
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	rank := func(percent float64) float64 { // the smallest that at least this many percent do not exceed
		return ms(all[max(1, int(math.Ceil(percent/100*float64(len(all)))))-1])
	}
	return Latency{
		Min: ms(all[0]), Mean: ms(sum / time.Duration(len(all))),
		P50: rank(50), P90: rank(90), P95: rank(95), P99: rank(99), Max: ms(all[len(all)-1]),
	}
}

// ms is d in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Answers are the requests that ended in the same way.
type Answers struct {
	Answer   string  `json:"answer"` // a status, or how the connection broke
	Requests int     `json:"requests"`
	Latency  Latency `json:"latency_ms"`

	unexpected bool
}

// figures are the latencies of measured rounds, by how the requests ended.
type figures struct {
	latencies  map[string][]time.Duration
	unexpected map[string]bool
	rounds     []Marks
	requests   int
	took       time.Duration
}

func newFigures() *figures {
	return &figures{latencies: map[string][]time.Duration{}, unexpected: map[string]bool{}}
}

func (f *figures) add(r round) {
	f.took += r.took
	f.requests += len(r.answers)
	var yes []time.Duration
	for _, a := range r.answers {
		f.latencies[a.kind] = append(f.latencies[a.kind], a.latency)
		f.unexpected[a.kind] = a.unexpected()
		if a.status == accepted {
			yes = append(yes, a.latency)
		}
	}
	l := latencyOf(yes)
	f.rounds = append(f.rounds, Marks{Rate: rate(len(yes), r.took), Mean: l.Mean, P50: l.P50, P99: l.P99})
}

// answers lists how the requests ended: 202 first, then the other statuses, then what broke.
func (f *figures) answers() []Answers {
	var all []Answers
	for kind, latencies := range f.latencies {
		all = append(all, Answers{Answer: kind, Requests: len(latencies), Latency: latencyOf(latencies), unexpected: f.unexpected[kind]})
	}
	key := func(a Answers) string {
		if a.Answer == statusKind(accepted) {
			return ""
		}
		return a.Answer
	}
	slices.SortFunc(all, func(a, b Answers) int { return cmp.Compare(key(a), key(b)) })
	return all
}
