package intake

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Bounds of a run.
const (
	maxRounds  = 100
	maxSeconds = 600
	maxWarmup  = 10 * time.Minute
	maxRate    = 50_000
)

// Config is what whoever runs the benchmark sets.
type Config struct {
	Bin     string // folder of the commands form-api and baseline
	Forms   string // folder with demo-form.yaml
	Rounds  int
	Seconds int // of a phase
	Warmup  time.Duration
	Rate    int    // of the open loop, submissions a second
	JVM     string // flags of Kafka's Java machine
	Profile string // folder for form-api's profiles; "": none
	JSON    bool
}

const manual = `Usage: loadtest intake [flags]

intake starts a Kafka broker, form-api, and the barest servers of submissions beside it, loads one after another, and prints
what an accepted submission costs each, and whether form-api keeps to its aim. It needs java and mvn (make deps).
It exits with 1 when anything was answered otherwise than 202; with 2 when it could not run.

`

// parse reads the flags. Its error is everything that is wrong with them; with -help it is flag.ErrHelp, and the manual has
// been written to help.
func parse(args []string, help io.Writer) (Config, error) {
	c := Config{}
	fs := flag.NewFlagSet("intake", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.Bin, "bin", "bin", "`folder` of the commands form-api and baseline, as make bench-intake builds them")
	fs.StringVar(&c.Forms, "forms", "forms", "`folder` of the form definitions, demo-form among them")
	fs.IntVar(&c.Rounds, "rounds", 4, "rounds; each server has each phase once in a round")
	fs.IntVar(&c.Seconds, "seconds", 5, "length of a phase, in `seconds`")
	fs.DurationVar(&c.Warmup, "warmup", 30*time.Second, "how long to load all servers in turn before anything is measured; a Java machine needs it")
	fs.IntVar(&c.Rate, "rate", 2000, "`submissions` a second of the open loop")
	fs.StringVar(&c.JVM, "jvm", "-Xms512m -Xmx1g -XX:+UseG1GC", "`flags` of the broker's Java machine")
	fs.StringVar(&c.Profile, "profile", "", "`folder` to write form-api's CPU and allocation profiles to, taken in one more phase at the end")
	fs.BoolVar(&c.JSON, "json", false, "print one JSON object instead of tables")
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
	return c, c.validate()
}

// validate joins everything that is wrong.
func (c *Config) validate() error {
	var errs []error
	check := func(ok bool, flag string, value any, remedy string) {
		if !ok {
			errs = append(errs, chassis.Wrong(flag, value, remedy))
		}
	}
	check(c.Rounds >= 1 && c.Rounds <= maxRounds, "rounds", c.Rounds, fmt.Sprintf("must be 1 to %d", maxRounds))
	check(c.Seconds >= 1 && c.Seconds <= maxSeconds, "seconds", c.Seconds, fmt.Sprintf("must be 1 to %d", maxSeconds))
	check(c.Warmup >= 0 && c.Warmup <= maxWarmup, "warmup", c.Warmup, "must be 0s to "+maxWarmup.String())
	check(c.Rate >= 1 && c.Rate <= maxRate, "rate", c.Rate, fmt.Sprintf("must be 1 to %d", maxRate))
	return errors.Join(errs...)
}

// oneLine keeps a joined error readable in a terminal.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
