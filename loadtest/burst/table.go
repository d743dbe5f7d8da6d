package burst

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/formstream/formstream/loadtest/table"
)

// write prints the report for people: tables of Markdown, padded so that a terminal shows them well too.
func (r *Report) write(w io.Writer) {
	fmt.Fprintf(w, "%d users, %d requests each, one after another; started over %s; %s; %s; seed %d; form %s\n",
		r.Users, r.Requests, duration(r.Ramp), plural(r.Rounds, "round"), r.warmup(), r.Seed, strings.Join(r.Forms, ", "))
	fmt.Fprintf(w, "Latency in ms from the moment that a request was due, of those answered 202.\n\n")
	table.Write(w, r.latencies())
	if r.Against != "" {
		fmt.Fprintf(w, "\nAs a multiple of %s, round by round, the median:\n\n", r.Against)
		table.Write(w, r.ratios())
	}
	fmt.Fprintln(w)
	table.Write(w, r.answers())
	if rows := r.sheets(); len(rows) > 1 {
		fmt.Fprintln(w)
		table.Write(w, rows)
	}
	if len(r.Problems) > 0 {
		fmt.Fprintln(w)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "WRONG: %s\n", p)
	}
}

func (r *Report) warmup() string {
	if r.Warmup == 0 {
		return "no warm-up"
	}
	return "after " + duration(r.Warmup) + " of warm-up"
}

func (r *Report) latencies() [][]string {
	rows := [][]string{{"target", "requests", "202", "other", "202/s", "min", "mean", "p50", "p90", "p95", "p99", "max"}}
	for _, t := range r.Targets {
		row := []string{t.Name, strconv.Itoa(t.Requests), strconv.Itoa(t.Accepted), strconv.Itoa(t.Requests - t.Accepted)}
		if l := t.Latency; t.Accepted > 0 {
			row = append(row, fmt.Sprintf("%.0f", t.Rate), figure(l.Min), figure(l.Mean), figure(l.P50), figure(l.P90), figure(l.P95), figure(l.P99), figure(l.Max))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Report) ratios() [][]string {
	rows := [][]string{{"target", "202/s", "mean", "p50", "p99"}}
	for _, t := range r.Targets {
		row := []string{t.Name}
		if x := t.Ratio; x != nil {
			row = []string{t.Name, ratio(x.Rate), ratio(x.Mean), ratio(x.P50), ratio(x.P99)}
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Report) answers() [][]string {
	rows := [][]string{{"target", "answer", "requests", "min", "p50", "p99", "max"}}
	for _, t := range r.Targets {
		for _, a := range t.Answers {
			l := a.Latency
			rows = append(rows, []string{t.Name, a.Answer, strconv.Itoa(a.Requests), figure(l.Min), figure(l.P50), figure(l.P99), figure(l.Max)})
		}
	}
	return rows
}

func (r *Report) sheets() [][]string {
	rows := [][]string{{"target", "accepted", "in sheet", "lost", "doubled", "unconfirmed", "of these in sheet"}}
	for _, t := range r.Targets {
		if s := t.Sheet; s != nil {
			row := []string{t.Name}
			for _, n := range []int{s.Accepted, s.InSheet, s.Lost, s.Doubled, s.Unconfirmed, s.Confirmed} {
				row = append(row, strconv.Itoa(n))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func figure(ms float64) string { return strconv.FormatFloat(ms, 'f', 1, 64) }

func ratio(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func duration(ms float64) string {
	return time.Duration(ms * float64(time.Millisecond)).String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
