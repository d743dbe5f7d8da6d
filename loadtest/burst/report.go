package burst

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Report is what a run found. Its JSON is what -json prints.
type Report struct {
	Users    int            `json:"users"`
	Requests int            `json:"requests"` // of each user in a round
	Rounds   int            `json:"rounds"`
	Ramp     float64        `json:"ramp_ms"`
	Timeout  float64        `json:"timeout_ms"`
	Warmup   float64        `json:"warmup_ms"`
	Seed     uint64         `json:"seed"`
	Forms    []string       `json:"forms"`
	Against  string         `json:"against,omitempty"`
	Targets  []TargetReport `json:"targets"`
	Problems []string       `json:"problems"` // why the run exits with 1; empty: it exits with 0
}

// TargetReport is what was found of one target.
type TargetReport struct {
	Name     string  `json:"name"`
	URL      string  `json:"url"` // without a password
	Requests int     `json:"requests"`
	Accepted int     `json:"accepted"`
	Rate     float64 `json:"accepted_per_second"`

	Latency Latency   `json:"latency_ms"` // of what was accepted
	Answers []Answers `json:"answers"`
	Rounds  []Marks   `json:"rounds"`
	Ratio   *Marks    `json:"ratio,omitempty"` // to the target of -against: of each round's ratios the median
	Sheet   *InSheet  `json:"sheet,omitempty"` // nil: not counted
}

// Marks are the figures that targets are compared by: of one round, or their ratios to another target's.
type Marks struct {
	Rate float64 `json:"accepted_per_second"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
}

func (c *Config) newReport() *Report {
	return &Report{
		Users: c.Users, Requests: c.Requests, Rounds: c.Rounds,
		Ramp: ms(c.Ramp), Timeout: ms(c.Timeout), Warmup: ms(c.Warmup),
		Seed: c.Seed, Forms: c.Form, Against: c.Against, Problems: []string{},
	}
}

// add sums up a target's measured rounds.
func (r *Report) add(t Target, f *figures, counted *InSheet) {
	tr := TargetReport{Name: t.Name, URL: t.URL.Redacted(), Requests: f.requests, Answers: f.answers(), Rounds: f.rounds, Sheet: counted}
	for _, a := range tr.Answers {
		if a.Answer == statusKind(accepted) {
			tr.Accepted, tr.Latency = a.Requests, a.Latency
			tr.Rate = rate(a.Requests, f.took)
		}
	}
	r.Targets = append(r.Targets, tr)
}

// judge compares the targets, and says what is wrong.
func (r *Report) judge() {
	for i := range r.Targets {
		t := &r.Targets[i]
		for j := range r.Targets {
			if r.Targets[j].Name == r.Against {
				t.Ratio = ratioOf(t.Rounds, r.Targets[j].Rounds)
			}
		}
		r.judgeTarget(t)
	}
}

// ratioOf compares each round with the other target's of the same turn, and takes the median: a disturbance of the machine
// spoils a round or two, not the comparison. Without a round in which both accepted something it is nil.
func ratioOf(rounds, others []Marks) *Marks {
	var rate, mean, p50, p99 []float64
	for i := range min(len(rounds), len(others)) {
		a, b := rounds[i], others[i]
		if a.Rate == 0 || b.Rate == 0 {
			continue
		}
		rate, mean = append(rate, a.Rate/b.Rate), append(mean, a.Mean/b.Mean)
		p50, p99 = append(p50, a.P50/b.P50), append(p99, a.P99/b.P99)
	}
	if len(rate) == 0 {
		return nil
	}
	return &Marks{Rate: median(rate), Mean: median(mean), P50: median(p50), P99: median(p99)}
}

// median returns the middle, or the mean of the two in the middle. It sorts what it is given.
func median(all []float64) float64 {
	slices.Sort(all)
	return rounded((all[(len(all)-1)/2] + all[len(all)/2]) / 2)
}

func (r *Report) judgeTarget(t *TargetReport) {
	if t.Accepted == 0 {
		r.problem("%s accepted nothing", t.Name)
	}
	for _, a := range t.Answers {
		if a.unexpected {
			r.problem("%s answered %s to %d valid requests", t.Name, a.Answer, a.Requests)
		}
	}
	s := t.Sheet
	if s == nil {
		return
	}
	if s.Lost > 0 {
		r.problem("%s lost %d: %v", t.Name, s.Lost, s.LostIDs)
	}
	if s.Doubled > 0 {
		r.problem("%s doubled %d: %v", t.Name, s.Doubled, s.DoubledIDs)
	}
	if s.WithoutID > 0 {
		r.problem("%s answered 202 without an id %d times", t.Name, s.WithoutID)
	}
}

// rate is how many there were in a second.
func rate(n int, took time.Duration) float64 {
	return rounded(float64(n) / max(took, time.Nanosecond).Seconds())
}

// rounded keeps three digits after the point: more would be noise.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
