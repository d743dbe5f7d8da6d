package burst

import (
	"fmt"
	"math"
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
	Ratio   *Ratio    `json:"ratio,omitempty"` // to the target of -against
	Sheet   *InSheet  `json:"sheet,omitempty"` // nil: not counted
}

// Ratio is a target's figures divided by those of another.
type Ratio struct {
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
	tr := TargetReport{Name: t.Name, URL: t.URL.Redacted(), Requests: f.requests, Answers: f.answers(), Sheet: counted}
	for _, a := range tr.Answers {
		if a.Answer == statusKind(accepted) {
			tr.Accepted, tr.Latency = a.Requests, a.Latency
			tr.Rate = rounded(float64(a.Requests) / max(f.took, time.Nanosecond).Seconds())
		}
	}
	r.Targets = append(r.Targets, tr)
}

// judge compares the targets, and says what is wrong.
func (r *Report) judge() {
	for i := range r.Targets {
		t := &r.Targets[i]
		for j := range r.Targets {
			if base := &r.Targets[j]; base.Name == r.Against && base.Accepted > 0 && t.Accepted > 0 {
				t.Ratio = &Ratio{
					Rate: rounded(t.Rate / base.Rate), Mean: rounded(t.Latency.Mean / base.Latency.Mean),
					P50: rounded(t.Latency.P50 / base.Latency.P50), P99: rounded(t.Latency.P99 / base.Latency.P99),
				}
			}
		}
		r.judgeTarget(t)
	}
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

// rounded keeps three digits after the point: more would be noise.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
