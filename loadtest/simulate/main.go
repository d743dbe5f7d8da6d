// Command simulate tries the delivery protocol under random schedules (package simulation) and says how many submissions were
// lost, doubled or stuck. It exits with 1 when any was, naming the schedules; -first and -schedules 1 play one again.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/formstream/formstream/loadtest/simulation"
)

func main() { os.Exit(run()) }

func run() int {
	var o simulation.Options
	var off string
	table := flag.Bool("rules", false, "switch each rule off in the world that must catch it, and print the table")
	flag.IntVar(&o.Schedules, "schedules", 2000, "schedules to try")
	flag.IntVar(&o.First, "first", 0, "number of the first schedule")
	flag.Uint64Var(&o.Seed, "seed", 1, "seed")
	flag.StringVar(&off, "off", "", "rules to switch off, separated by commas")
	flag.Parse()
	if *table {
		return rules(o)
	}
	for _, r := range strings.Split(off, ",") {
		if r == "" {
			continue
		}
		if !simulation.Known(simulation.Rule(r)) {
			fmt.Fprintf(os.Stderr, "simulate: -off %q: there is no such rule; -rules lists them\n", r)
			return 2
		}
		o.Off = append(o.Off, simulation.Rule(r))
	}
	start := time.Now()
	r, err := simulation.Run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, v := range r.Bad {
		fmt.Printf("schedule %d (%s world): lost=%t doubled=%t stuck=%t: %s\n", v.Schedule, v.Kind, v.Lost, v.Doubled, v.Stuck, v.Detail)
	}
	fmt.Printf("records=%d rows=%d steps=%d parked=%d in %s\n", r.Records, r.Rows, r.Steps, r.Parked, time.Since(start).Round(time.Second))
	fmt.Println(r)
	if len(r.Bad) > 0 {
		return 1
	}
	return 0
}

func rules(o simulation.Options) int {
	fmt.Printf("| rule switched off | world | lost | doubled | stuck | of schedules |\n| --- | --- | --- | --- | --- | --- |\n")
	missed := 0
	for _, c := range simulation.Cases() {
		o.Kinds, o.Off = []simulation.Kind{c.Kind}, []simulation.Rule{c.Rule}
		r, err := simulation.Run(o)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		name := string(c.Rule)
		if simulation.Covered(c.Rule) {
			name += " ¹"
		}
		fmt.Printf("| %s | %s | %d | %d | %d | %d |\n", name, c.Kind, r.Lost, r.Doubled, r.Stuck, r.Schedules)
		if len(r.Bad) == 0 {
			missed++
		}
	}
	fmt.Println("\n¹ together with the check that a plan's entries follow each other, which covers it")
	return min(missed, 1)
}
