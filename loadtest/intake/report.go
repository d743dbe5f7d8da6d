package intake

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/formstream/formstream/loadtest/table"
)

// What form-api may cost beside the floor.
const (
	aimCPU = 1.25
	aimP99 = 2.0
)

// Marks are the figures of one server in one phase.
type Marks struct {
	Rate   float64 `json:"per_second"`  // accepted submissions
	CPU    float64 `json:"cpu_us"`      // microseconds of CPU for each of them
	Allocs float64 `json:"allocations"` // for each of them
	Bytes  float64 `json:"bytes"`       // allocated for each of them
	P50    float64 `json:"latency_p50"` // milliseconds
	P99    float64 `json:"latency_p99"` // milliseconds
}

// fields are the figures, one by one: medians and ratios are taken of each alone.
func (m *Marks) fields() []*float64 {
	return []*float64{&m.Rate, &m.CPU, &m.Allocs, &m.Bytes, &m.P50, &m.P99}
}

// Result is one server in one phase.
type Result struct {
	Server string  `json:"server"`
	Phase  string  `json:"phase"`
	Rounds []Marks `json:"rounds"`
	Median Marks   `json:"median"`
	Ratio  Marks   `json:"ratio"` // to the floor in the same round, the median
}

// Aim is a bound that form-api is held to.
type Aim struct {
	What  string  `json:"what"`
	Ratio float64 `json:"ratio"`
	Most  float64 `json:"most"`
	Met   bool    `json:"met"`
}

// Report is what the run found.
type Report struct {
	Cores   int       `json:"cores"`
	Seconds int       `json:"seconds"`
	Warmup  float64   `json:"warmup_ms"`
	Rate    int       `json:"open_loop_per_second"`
	Results []*Result `json:"results"`
	Aims    []Aim     `json:"aims"`
	// Problems are why the figures are worth nothing.
	Problems []string `json:"problems"`
}

func newReport(cfg Config) *Report {
	return &Report{Cores: runtime.NumCPU(), Seconds: cfg.Seconds, Warmup: float64(cfg.Warmup.Milliseconds()), Rate: cfg.Rate, Problems: []string{}}
}

func (r *Report) add(server, phase string, p played, u usage) {
	for _, kind := range p.kinds() {
		r.Problems = append(r.Problems, fmt.Sprintf("%s, %s: %d submissions ended with %s", server, phase, p.other[kind], kind))
	}
	slices.Sort(p.latencies)
	n := float64(max(1, p.accepted))
	result := r.result(server, phase)
	if result == nil {
		result = &Result{Server: server, Phase: phase}
		r.Results = append(r.Results, result)
	}
	result.Rounds = append(result.Rounds, Marks{
		Rate: float64(p.accepted) / p.took.Seconds(), CPU: u.cpu / n * 1e6, Allocs: u.allocs / n, Bytes: u.bytes / n,
		P50: percentile(p.latencies, 50), P99: percentile(p.latencies, 99),
	})
}

func (r *Report) result(server, phase string) *Result {
	for _, result := range r.Results {
		if result.Server == server && result.Phase == phase {
			return result
		}
	}
	return nil
}

// conclude compares, when all rounds are there.
func (r *Report) conclude() {
	slices.SortStableFunc(r.Results, func(a, b *Result) int { return r.phaseRank(a) - r.phaseRank(b) })
	for _, result := range r.Results {
		base := r.result(floor, result.Phase)
		for i, median := range result.Median.fields() {
			*median = medianOf(result.Rounds, func(_ int, m *Marks) float64 { return *m.fields()[i] })
			*result.Ratio.fields()[i] = medianOf(result.Rounds, func(n int, m *Marks) float64 {
				return over(*m.fields()[i], *base.Rounds[n].fields()[i])
			})
		}
	}
	for _, ph := range phases(r.Rate) {
		ratio := r.result(subject, ph.name).Ratio
		if ph.rate == 0 {
			r.aim("CPU of a submission at "+ph.name, ratio.CPU, aimCPU)
		} else {
			r.aim("99th percentile of the latency at "+ph.name, ratio.P99, aimP99)
		}
	}
}

// phaseRank sorts by phase, then as the servers were started.
func (r *Report) phaseRank(result *Result) int {
	names := []string{"ceiling", floor, subject}
	rank := slices.Index(names, result.Server)
	for i, ph := range phases(r.Rate) {
		if ph.name == result.Phase {
			rank += i * len(names)
		}
	}
	return rank
}

func (r *Report) aim(what string, ratio, most float64) {
	r.Aims = append(r.Aims, Aim{What: what, Ratio: ratio, Most: most, Met: ratio > 0 && ratio <= most})
}

func medianOf(rounds []Marks, figure func(n int, m *Marks) float64) float64 {
	var all []float64
	for n := range rounds {
		all = append(all, figure(n, &rounds[n]))
	}
	return median(all)
}

// over is a/b; 0 where b is 0.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// write prints the report for people.
func (r *Report) write(w io.Writer) {
	fmt.Fprintf(w, "%d cores, shared by servers, generator and one broker of Kafka; %s, %d s a phase, after %s of warm-up\n\nOf each accepted submission, the median of the rounds:\n\n",
		r.Cores, rounds(len(r.Results[0].Rounds)), r.Seconds, time.Duration(r.Warmup*float64(time.Millisecond)))
	table.Write(w, r.rows(func(result *Result) []string {
		m := result.Median
		return []string{number(m.Rate, 0), number(m.CPU, 1), number(m.Allocs, 0), number(m.Bytes, 0), number(m.P50, 1), number(m.P99, 1)}
	}))
	fmt.Fprintf(w, "\nAs a multiple of %s in the same round, the median:\n\n", floor)
	table.Write(w, r.rows(func(result *Result) (cells []string) {
		for _, x := range result.Ratio.fields() {
			cells = append(cells, number(*x, 2))
		}
		return cells
	}))
	fmt.Fprintln(w)
	for _, aim := range r.Aims {
		verdict := "met"
		if !aim.Met {
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%s: %s × %s, the aim is at most %s: %s\n", aim.What, number(aim.Ratio, 2), floor, number(aim.Most, 2), verdict)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "WRONG: %s\n", p)
	}
}

func (r *Report) rows(cells func(*Result) []string) [][]string {
	rows := [][]string{{"load", "server", "202/s", "CPU µs", "allocations", "bytes", "p50 ms", "p99 ms"}}
	for _, result := range r.Results {
		rows = append(rows, append([]string{result.Phase, result.Server}, cells(result)...))
	}
	return rows
}

func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return strconv.Itoa(n) + " rounds"
}

func number(x float64, decimals int) string { return strconv.FormatFloat(x, 'f', decimals, 64) }
