// Runsuite runs the whole suite on this machine as it is deployed: a real Kafka and Redis, several processes of every
// service, a balancer before form-api, and the emulator in place of Google Sheets. It prints the addresses; Ctrl-C ends
// everything, a second one at once. What it keeps is in a temporary folder, which goes when it ends in good order.
//
//	go run ./pkgtest/runsuite -http 127.0.0.1:3000 -sheets 127.0.0.1:3001 -brokers 1 -forms forms
//
// It needs Java with Maven and redis-server (`make deps`), and about 1 GB of memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/servers"
	"github.com/formstream/formstream/pkgtest/suite"
)

// restartAfter keeps a service that cannot start from being started all the time.
const restartAfter = time.Second

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "runsuite:", err)
		os.Exit(1)
	}
}

type settings struct {
	http, sheets, forms, jvm  string
	brokers                   int
	apis, consumers, flushers int
	verbose                   bool
}

func (c *settings) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("runsuite", flag.ContinueOnError)
	fs.StringVar(&c.http, "http", "127.0.0.1:3000", "`address` that takes submissions: a balancer before form-api")
	fs.StringVar(&c.sheets, "sheets", "127.0.0.1:3001", "`address` of the Sheets API and its page")
	fs.StringVar(&c.forms, "forms", "forms", "`folder` of form definitions")
	fs.StringVar(&c.jvm, "jvm", "", "`flags` of the brokers' Java machines; empty favours a quick start over throughput")
	fs.IntVar(&c.brokers, "brokers", 1, "Kafka brokers, 1 or 3")
	fs.IntVar(&c.apis, "form-api", 2, "replicas of form-api")
	fs.IntVar(&c.consumers, "sheets-consumer", 3, "replicas of sheets-consumer")
	fs.IntVar(&c.flushers, "sheets-flusher", 1, "replicas of sheets-flusher; one is enough, more are harmless")
	fs.BoolVar(&c.verbose, "v", false, "print what the services log")
	return fs
}

func (c *settings) validate() error {
	switch {
	case c.brokers != 1 && c.brokers != 3:
		return fmt.Errorf("-brokers %d: choose 1 or 3", c.brokers)
	case min(c.apis, c.consumers, c.flushers) < 1:
		return errors.New("-form-api, -sheets-consumer, -sheets-flusher: at least 1 of each")
	}
	for flag, address := range map[string]string{"-http": c.http, "-sheets": c.sheets} {
		l, err := net.Listen("tcp", address) //nolint:noctx // answers at once
		if err != nil {
			return fmt.Errorf("%s %s: %w: choose another address; port 0 takes a free one", flag, address, err)
		}
		defer func() { _ = l.Close() }() // at the end: the two must differ
	}
	return nil
}

func (c *settings) options(dir string, log io.Writer) suite.Options {
	o := suite.Options{
		Dir: dir, Forms: c.forms, HTTP: c.http, Sheets: c.sheets, Kafka: servers.KafkaOptions{Nodes: c.brokers, JVM: c.jvm},
		Replicas: map[string]int{suite.API: c.apis, suite.Consumer: c.consumers, suite.Flusher: c.flushers},
	}
	if c.brokers == 3 {
		o.Topics = []string{"-topics-replication=3", "-topics-min-insync=2"}
	}
	if c.verbose {
		o.Log = log
	}
	return o
}

func run(args []string, stdout, stderr io.Writer) (err error) {
	var c settings
	fs := c.flags()
	fs.SetOutput(stderr)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errors.New("see -help")
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not a flag: see -help", fs.Arg(0))
	}
	if err := c.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "formstream-suite")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	_, _ = fmt.Fprintln(stdout, "Starting Kafka, Redis and the services; the first time this fetches Kafka and compiles, which takes minutes.")
	s, err := suite.Start(ctx, c.options(dir, stderr))
	if err != nil && ctx.Err() != nil {
		return errors.New("ended while starting")
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(stdout, greeting(s))
	keep(ctx, parts(ctx, s), stdout)
	stop() // the second Ctrl-C ends at once: everything ends with this process
	_, _ = fmt.Fprintln(stdout, "\nEnding.")
	return s.Close(context.Background())
}

// kept is one process that is started again when it has ended.
type kept struct {
	name   string
	exited func() <-chan struct{}
	start  func() error
}

// keep starts whatever ends again, as a cluster would, until ctx ends.
func keep(ctx context.Context, all []kept, stdout io.Writer) {
	var wait sync.WaitGroup
	for _, one := range all {
		wait.Go(func() {
			for {
				select {
				case <-one.exited():
				case <-ctx.Done():
					return
				}
				select {
				case <-time.After(restartAfter):
				case <-ctx.Done():
					return
				}
				said := "started again"
				if err := one.start(); err != nil {
					said = err.Error()
				}
				_, _ = fmt.Fprintf(stdout, "%s had ended: %s\n", one.name, said)
			}
		})
	}
	wait.Wait()
}

// parts are all processes of the suite, Kafka's and Redis's too.
func parts(ctx context.Context, s *suite.Suite) []kept {
	all := []kept{{"Redis", s.Redis.Exited, func() error { return s.Redis.Start(ctx) }}}
	for i := range s.Brokers() {
		n := i + 1
		all = append(all, kept{fmt.Sprintf("Kafka broker %d", n), func() <-chan struct{} { return s.Kafka.Exited(n) }, func() error { return s.Kafka.Start(n) }})
	}
	for _, one := range s.All() {
		all = append(all, kept{one.Name, one.Exited, func() error { return one.Launch() }})
	}
	return all
}

func greeting(s *suite.Suite) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe suite is running.\n\n")
	line := func(what, where string) { fmt.Fprintf(&b, "  %-18s %s\n", what, where) }
	line("Spreadsheet", s.Emulator.URL+"/spreadsheets/d/"+ledger.Spreadsheet)
	line("Forms", s.Balancer.URL+"/forms/…")
	line("Kafka", strings.Join(s.Brokers(), ","))
	line("Redis", s.Redis.Addr)
	all := s.All()
	slices.SortFunc(all, func(x, y *suite.Service) int { return strings.Compare(x.Name, y.Name) })
	for _, one := range all {
		line(one.Name, strings.TrimSpace(one.URL+" admin "+one.Admin))
	}
	line("End", "Ctrl-C; what is killed is started again")
	fmt.Fprintf(&b, "\nPost one, and see its row appear:\n\n  curl %s/forms/demo-form -H 'Content-Type: application/json' \\\n"+
		"       -d '{\"name\":\"Ada Lovelace\",\"email\":\"ada@example.org\",\"message\":\"Hello from the suite\"}'\n\n", s.Balancer.URL)
	return b.String()
}
