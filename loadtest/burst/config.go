package burst

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Bounds of a run.
const (
	maxTargets  = 10
	maxUsers    = 20_000
	maxRequests = 10_000
	maxRounds   = 1_000
	maxTotal    = 5_000_000 // requests to one target, over all rounds; each takes about 300 bytes of memory
	maxRamp     = time.Hour
	maxTimeout  = 10 * time.Minute
	maxWarmup   = 30 * time.Minute
	maxWait     = time.Hour
)

// comparedWarmup is the warm-up of several targets. A JVM broker needs longer: see the README.
const comparedWarmup = 5 * time.Second

// noTarget given to -count counts nothing.
const noTarget = "none"

// Target is one server.
type Target struct {
	Name string
	URL  *url.URL // what /forms/{form} is appended to
}

// Config is what whoever runs a burst sets.
type Config struct {
	Targets []Target
	Against string   // name of the target that the others are compared with; "": none
	Count   []string // names of the targets whose rows are counted

	Users, Requests, Rounds int
	Ramp, Timeout           time.Duration
	Warmup, Wait, Watch     time.Duration

	Forms       string   // folder
	Form        []string // ids, taken by the users in turn
	Endpoint    string
	Credentials string

	Seed uint64
	JSON bool
}

const manual = `Usage: loadtest burst -url http://host:port [flags]

burst starts users over a short ramp; each sends submissions one after another over a connection of its own. At the end it
prints latencies, answers, and whether every accepted submission is in the spreadsheet exactly once.
It exits with 1 when anything was lost or doubled, refused with a 4xx, or nothing was accepted; with 2 when it could not run.

`

// parse reads the flags. Its error is everything that is wrong with them; with -help it is flag.ErrHelp, and the manual has
// been written to help.
func parse(args []string, help io.Writer) (Config, error) {
	c := Config{}
	fs := flag.NewFlagSet("burst", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.registerFlags(fs)
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(help)
		fmt.Fprint(help, manual)
		fs.PrintDefaults()
	}
	if err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("%q is not a flag: flags begin with -, see -help", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	c.complete(given)
	return c, c.validate()
}

func (c *Config) registerFlags(fs *flag.FlagSet) {
	fs.Func("url", "`address` of form-api, such as http://127.0.0.1:3000; several times as name=address to compare", c.addTarget)
	fs.StringVar(&c.Against, "against", "", "`name` of the target that the others are compared with")
	fs.Func("count", "`names` of the targets whose rows are counted in the spreadsheets, or none (default: a single target)", list(&c.Count))
	fs.IntVar(&c.Users, "users", 1000, "users, each with a connection of its own")
	fs.IntVar(&c.Requests, "requests", 5, "submissions of each user in a round, one after another")
	fs.IntVar(&c.Rounds, "rounds", 1, "rounds of each target; the targets take turns")
	fs.DurationVar(&c.Ramp, "ramp", 100*time.Millisecond, "time over which a round's users start")
	fs.DurationVar(&c.Timeout, "timeout", 30*time.Second, "how long a user waits for an answer, from the moment the request was due")
	fs.DurationVar(&c.Warmup, "warmup", 0, "how long to send unmeasured rounds first; they are counted in the sheet (default 5s with several targets)")
	fs.DurationVar(&c.Wait, "wait", 2*time.Minute, "how long to wait for the rows of a round")
	fs.DurationVar(&c.Watch, "watch", 5*time.Second, "how long after the last round to look again for rows that came twice; more than a flush takes")
	fs.StringVar(&c.Forms, "forms", "forms", "`folder` of the form definitions")
	fs.Func("form", "`ids` of the forms to submit, taken by the users in turn (default demo-form)", list(&c.Form))
	fs.StringVar(&c.Endpoint, "endpoint", "", "base `URL` of an emulated Sheets API; without it rows are counted at Google")
	fs.StringVar(&c.Credentials, "credentials", "", "service-account `file` for Google (default: Application Default Credentials)")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of what is submitted")
	fs.BoolVar(&c.JSON, "json", false, "print one JSON object instead of tables")
}

// list collects names that are separated by commas, over several flags.
func list(to *[]string) func(string) error {
	return func(text string) error {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name == "" {
				return errors.New("there is an empty name")
			}
			*to = append(*to, name)
		}
		return nil
	}
}

// addTarget takes an address, or name=address.
func (c *Config) addTarget(text string) error {
	name, address, named := strings.Cut(text, "=")
	if !named || strings.ContainsAny(name, ":/?") { // the = stands in the address
		name, address = "", text
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("give an address such as http://127.0.0.1:3000, or name=address")
	}
	if name == "" {
		name = u.Host
	}
	if name == noTarget {
		return errors.New("none is what -count takes for no target: choose another name")
	}
	c.Targets = append(c.Targets, Target{Name: name, URL: u})
	return nil
}

// complete sets the defaults that depend on what was given.
func (c *Config) complete(given map[string]bool) {
	if !given["warmup"] && len(c.Targets) > 1 {
		c.Warmup = comparedWarmup
	}
	if !given["count"] && len(c.Targets) == 1 {
		c.Count = []string{c.Targets[0].Name}
	}
	if !given["form"] {
		c.Form = []string{"demo-form"}
	}
	if len(c.Count) == 1 && c.Count[0] == noTarget {
		c.Count = nil
	}
}

// counted reports whether the target's rows are counted.
func (c *Config) counted(t Target) bool { return slices.Contains(c.Count, t.Name) }

// validate joins everything that is wrong.
func (c *Config) validate() error {
	errs := []error{c.validateTargets()}
	check := func(ok bool, flag string, value any, remedy string) {
		if !ok {
			errs = append(errs, chassis.Wrong(flag, value, remedy))
		}
	}
	check(within(c.Users, 1, maxUsers), "users", c.Users, fmt.Sprintf("must be 1 to %d", maxUsers))
	check(within(c.Requests, 1, maxRequests), "requests", c.Requests, fmt.Sprintf("must be 1 to %d", maxRequests))
	check(within(c.Rounds, 1, maxRounds), "rounds", c.Rounds, fmt.Sprintf("must be 1 to %d", maxRounds))
	check(within(c.Ramp, 0, maxRamp), "ramp", c.Ramp, "must be 0s to "+maxRamp.String())
	check(within(c.Timeout, time.Millisecond, maxTimeout), "timeout", c.Timeout, "must be 1ms to "+maxTimeout.String())
	check(within(c.Warmup, 0, maxWarmup), "warmup", c.Warmup, "must be 0s to "+maxWarmup.String())
	check(within(c.Wait, 0, maxWait), "wait", c.Wait, "must be 0s to "+maxWait.String())
	check(within(c.Watch, 0, maxWait), "watch", c.Watch, "must be 0s to "+maxWait.String())
	check(c.Endpoint == "" || c.Credentials == "", "credentials", c.Credentials, "belongs to Google, and -endpoint to an emulator: give one of them")
	if errors.Join(errs...) == nil {
		total := c.Users * c.Requests * c.Rounds
		check(total <= maxTotal, "rounds", c.Rounds, fmt.Sprintf("makes %d requests with these -users and -requests: at most %d are allowed", total, maxTotal))
	}
	return errors.Join(errs...)
}

func within[T int | time.Duration](value, least, most T) bool { return value >= least && value <= most }

func (c *Config) validateTargets() error {
	var errs []error
	known := map[string]bool{}
	for _, t := range c.Targets {
		if known[t.Name] {
			errs = append(errs, chassis.Wrong("url", t.Name, "is the name of two targets: give each its own, as name=address"))
		}
		known[t.Name] = true
	}
	switch {
	case len(c.Targets) == 0:
		errs = append(errs, chassis.Missing("url", "give the address of form-api, such as http://127.0.0.1:3000"))
	case len(c.Targets) > maxTargets:
		errs = append(errs, chassis.Wrong("url", len(c.Targets), fmt.Sprintf("are too many: at most %d", maxTargets)))
	}
	if c.Against != "" && !known[c.Against] {
		errs = append(errs, chassis.Wrong("against", c.Against, "is not the name of a target: give one of them with -url name=address"))
	}
	for _, name := range c.Count {
		if !known[name] {
			errs = append(errs, chassis.Wrong("count", name, "is not the name of a target: give one of them with -url name=address, or none"))
		}
	}
	return errors.Join(errs...)
}
