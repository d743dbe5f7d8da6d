package burst

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/formstream/formstream/pkg/form"
)

// Exit codes.
const (
	exitFine  = 0
	exitWrong = 1 // the run found something wrong
	exitUnrun = 2 // the run could not be made
)

// Run is the command: it reads args, plays the rounds, prints the report on stdout and returns the exit code. Progress and
// errors go to stderr. lookup finds the environment variables that form definitions name.
func Run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	cfg, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitFine
	}
	var report *Report
	if err == nil {
		report, err = run(ctx, cfg, lookup, newProgress(stderr))
	}
	if err == nil {
		err = report.print(stdout, cfg.JSON)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "burst: "+strings.ReplaceAll(err.Error(), "\n", "; "))
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

// runner is a run under way.
type runner struct {
	cfg      Config
	forms    []*form.Form
	bodies   *bodies
	counter  *counter // nil: nothing is counted
	progress *progress
	contests []*contest // in the order of the flags
}

// contest is what is known of one target.
type contest struct {
	target  Target
	counted bool
	figures *figures
	ledger  *ledger
	sheet   InSheet
	unread  error // why the spreadsheets could not be read at last
}

func run(ctx context.Context, cfg Config, lookup func(string) (string, bool), p *progress) (*Report, error) {
	r := &runner{cfg: cfg, progress: p}
	for _, t := range cfg.Targets {
		r.contests = append(r.contests, &contest{target: t, counted: cfg.counted(t), figures: newFigures(), ledger: newLedger()})
	}
	var err error
	if r.forms, err = chosenForms(cfg, lookup); err != nil {
		return nil, err
	}
	r.bodies = newBodies(r.forms, cfg.Seed)
	if len(cfg.Count) > 0 {
		if r.counter, err = newCounter(ctx, cfg, r.forms); err != nil {
			return nil, err
		}
	}
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	if err := r.measure(ctx); err != nil {
		return nil, err
	}
	return r.report(), nil
}

func chosenForms(cfg Config, lookup func(string) (string, bool)) ([]*form.Form, error) {
	set, err := form.LoadDir(cfg.Forms, lookup)
	if err != nil {
		return nil, fmt.Errorf("-forms: %w", err)
	}
	var chosen []*form.Form
	for _, id := range cfg.Form {
		f, ok := set.Lookup(id)
		if !ok {
			var ids []string
			for _, other := range set.All() {
				ids = append(ids, other.ID)
			}
			return nil, fmt.Errorf("-form: there is no form %q in %s: choose from %s", id, cfg.Forms, strings.Join(ids, ", "))
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

// warmUp plays rounds that are not measured, of all targets in turn and at least one of each, until the time is up. Their
// rows are waited for once.
func (r *runner) warmUp(ctx context.Context) error {
	if r.cfg.Warmup == 0 {
		return nil
	}
	for began, again := time.Now(), true; again; again = time.Since(began) < r.cfg.Warmup {
		for _, c := range r.contests {
			if _, err := r.round(ctx, c, "warm-up"); err != nil {
				return err
			}
		}
	}
	return r.settleAll(ctx)
}

// measure plays the rounds. It ends early when rows do not arrive: what follows could only be late as well.
func (r *runner) measure(ctx context.Context) error {
	for n := range r.cfg.Rounds {
		for i := range r.contests {
			c := r.contests[(n+i)%len(r.contests)]
			played, err := r.round(ctx, c, fmt.Sprintf("round %d of %d", n+1, r.cfg.Rounds))
			if err != nil {
				return err
			}
			c.figures.add(played)
			if settled, err := r.settle(ctx, c); err != nil || !settled {
				return err
			}
		}
	}
	return r.settleAll(ctx)
}

func (r *runner) round(ctx context.Context, c *contest, name string) (round, error) {
	count := &tally{}
	users, err := r.cfg.users(c.target, r.forms, r.bodies, count)
	if err != nil {
		return round{}, err
	}
	began, total := time.Now(), r.cfg.Users*r.cfg.Requests
	stop := r.progress.watch(func() string {
		answered, yes := count.answered.Load(), count.accepted.Load()
		return fmt.Sprintf("%s, %s: %d of %d answered, %d with 202, %d under way, %.1fs",
			c.target.Name, name, answered, total, yes, count.sent.Load()-answered, time.Since(began).Seconds())
	})
	played, err := play(ctx, users)
	stop()
	if c.counted {
		c.ledger.add(played.answers)
	}
	return played, err
}

// settleAll looks once more at the end: a row can be doubled by the flush after the one that showed it.
func (r *runner) settleAll(ctx context.Context) error {
	if slices.ContainsFunc(r.contests, func(c *contest) bool { return c.counted }) {
		select {
		case <-time.After(r.cfg.Watch):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, c := range r.contests {
		if _, err := r.settle(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the target's accepted submissions are in the spreadsheets, and reports whether they are. Its error is
// the end of ctx: what else goes wrong is for the report.
func (r *runner) settle(ctx context.Context, c *contest) (settled bool, err error) {
	if !c.counted {
		return true, nil
	}
	var seen atomic.Pointer[InSheet]
	seen.Store(&c.sheet)
	stop := r.progress.watch(func() string {
		s := seen.Load()
		return fmt.Sprintf("%s: %d of %d in the spreadsheets, %d doubled", c.target.Name, s.InSheet, s.Accepted, s.Doubled)
	})
	last, err := r.counter.settle(ctx, c.ledger, r.cfg.Wait, func(s InSheet) { seen.Store(&s) })
	stop()
	c.sheet, c.unread = last, err
	return c.unread == nil && c.sheet.Lost == 0, context.Cause(ctx)
}

func (r *runner) report() *Report {
	report := r.cfg.newReport()
	for _, c := range r.contests {
		var counted *InSheet
		if c.counted {
			counted = &c.sheet
		}
		report.add(c.target, c.figures, counted)
		if c.unread != nil {
			report.problem("%s: rows could not be counted: %v", c.target.Name, c.unread)
		}
	}
	report.judge()
	return report
}
