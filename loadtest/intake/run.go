package intake

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/formstream/formstream/pkgtest/servers"
)

// Exit codes.
const (
	exitFine  = 0
	exitWrong = 1 // the run found something wrong
	exitUnrun = 2 // the run could not be made
)

// warmupTurn is how long a server is loaded in its turn of the warm-up.
const warmupTurn = 3 * time.Second

// Run is the command: it reads args, starts the servers, loads them, prints the report on stdout and returns the exit code.
// Progress and errors go to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitFine
	}
	var report *Report
	if err == nil {
		report, err = measure(ctx, cfg, stderr)
	}
	if err == nil {
		err = report.print(stdout, cfg.JSON)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "intake: "+oneLine(err))
		return exitUnrun
	case len(report.Problems) > 0:
		return exitWrong
	}
	return exitFine
}

func (r *Report) print(w io.Writer, asJSON bool) error {
	if !asJSON {
		r.write(w)
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// measure starts everything, makes the run, and ends everything.
func measure(ctx context.Context, cfg Config, progress io.Writer) (_ *Report, err error) {
	dir, err := os.MkdirTemp("", "intake")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(progress, "intake: starting Kafka and the servers")
	kafka, err := servers.StartKafka(ctx, servers.KafkaOptions{Dir: filepath.Join(dir, "kafka"), JVM: cfg.JVM})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kafka.Close()) }()
	all, err := startServers(ctx, cfg, dir, strings.Join(kafka.Brokers(), ","))
	defer func() { err = errors.Join(err, stopAll(all)) }()
	if err != nil {
		return nil, err
	}
	r := &runner{cfg: cfg, servers: all, sender: newSender(uint64(time.Now().UnixNano())), progress: progress, report: newReport(cfg)}
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	for n := range cfg.Rounds {
		if err := r.round(ctx, n); err != nil {
			return nil, err
		}
	}
	r.report.conclude()
	return r.report, r.profile(ctx)
}

// runner is a run under way.
type runner struct {
	cfg      Config
	servers  []*server
	sender   *sender
	progress io.Writer
	report   *Report
}

func (r *runner) warmUp(ctx context.Context) error {
	if r.cfg.Warmup == 0 {
		return nil
	}
	fmt.Fprintf(r.progress, "intake: warming up for %s\n", r.cfg.Warmup)
	nothing := func() error { return nil }
	for began := time.Now(); time.Since(began) < r.cfg.Warmup; {
		for _, s := range r.servers {
			if s.name == "ceiling" { // has no broker behind it that needs it
				continue
			}
			if _, err := phases(r.cfg.Rate)[0].play(ctx, s.address, r.sender, warmupTurn, nothing, nothing); err != nil {
				return err
			}
		}
	}
	return nil
}

// round gives each server its turn in each phase.
func (r *runner) round(ctx context.Context, n int) error {
	order := slices.Clone(r.servers)
	for range n % len(order) {
		order = append(order[1:], order[0])
	}
	for _, ph := range phases(r.cfg.Rate) {
		for _, s := range order {
			played, used, err := r.turn(ctx, ph, s, func() {})
			if err != nil {
				return fmt.Errorf("load %s: %w", s.name, err)
			}
			fmt.Fprintf(r.progress, "intake: round %d of %d, %s, %s: %d accepted\n", n+1, r.cfg.Rounds, ph.name, s.name, played.accepted)
			r.report.add(s.name, ph.name, played, used)
		}
	}
	return nil
}

// turn loads one server and reads what it has used for that. meanwhile is called when the load begins.
func (r *runner) turn(ctx context.Context, ph phase, s *server, meanwhile func()) (p played, used usage, err error) {
	var at usage
	p, err = ph.play(ctx, s.address, r.sender, time.Duration(r.cfg.Seconds)*time.Second,
		func() error {
			at, err = s.usage(ctx)
			meanwhile()
			return err
		},
		func() error {
			end, err := s.usage(ctx)
			used = end.since(at)
			return err
		})
	return p, used, err
}

// profile loads form-api once more and writes what it spends its time and its memory on.
func (r *runner) profile(ctx context.Context) error {
	if r.cfg.Profile == "" {
		return nil
	}
	if err := os.MkdirAll(r.cfg.Profile, 0o750); err != nil {
		return fmt.Errorf("-profile: %w", err)
	}
	s := r.servers[slices.IndexFunc(r.servers, func(s *server) bool { return s.name == subject })]
	kinds := map[string]string{"cpu": "/debug/pprof/profile", "allocs": "/debug/pprof/allocs"}
	fetched := make(chan error, len(kinds))
	_, _, err := r.turn(ctx, phases(r.cfg.Rate)[0], s, func() {
		for name, path := range kinds {
			go func() { fetched <- r.keep(ctx, s, name, path) }()
		}
	})
	errs := []error{err}
	for range kinds {
		errs = append(errs, <-fetched)
	}
	return errors.Join(errs...)
}

func (r *runner) keep(ctx context.Context, s *server, name, path string) (err error) {
	file, err := os.Create(filepath.Join(r.cfg.Profile, subject+"."+name+".pprof"))
	if err != nil {
		return fmt.Errorf("-profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := s.fetch(ctx, fmt.Sprintf("%s?seconds=%d", path, r.cfg.Seconds), file); err != nil {
		return fmt.Errorf("take the profile %s: %w", name, err)
	}
	return nil
}
