// Command baseline serves the least servers that could take submissions of the demo form (package bare), to hold figures
// against:
//
//	baseline -mode ceiling -http 127.0.0.1:3100
//	baseline -mode floor -http 127.0.0.1:3200 -brokers 127.0.0.1:9092
//
// It prints its address on stdout and ends on SIGINT or SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/formstream/formstream/loadtest/bare"
	"github.com/formstream/formstream/pkg/chassis"
)

const (
	headerTimeout = 5 * time.Second
	drainTimeout  = 5 * time.Second // beside the time that a submission waits for its acknowledgement
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o bare.FloorOptions
	fs := flag.NewFlagSet("baseline", flag.ContinueOnError)
	fs.SetOutput(stderr)
	mode := fs.String("mode", "", "ceiling (keeps nothing) or floor (answers after Kafka's acknowledgement)")
	address := fs.String("http", "127.0.0.1:0", "`address` to serve, host:port; port 0 takes a free one")
	admin := fs.String("admin", "", "`address` of /metrics, host:port: what this process has used; off if empty")
	brokers := fs.String("brokers", "", "of the floor: Kafka's `addresses`, separated by commas")
	fs.StringVar(&o.Topic, "topic", "loadtest.floor", "of the floor: made if it is missing")
	partitions := fs.Int("partitions", 6, "of the floor: partitions of a topic that is made")
	fs.DurationVar(&o.Linger, "kafka-linger", time.Millisecond, "of the floor: how long a record waits for others; 0s where acknowledgements come within a millisecond")
	fs.DurationVar(&o.Timeout, "timeout", 3*time.Second, "of the floor: how long a submission waits for its acknowledgement before it is answered 503")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // the flag set has said why
	}
	o.Brokers, o.Partitions = strings.Split(*brokers, ","), int32(*partitions)
	if err := check(*mode, *brokers, *partitions, o, fs.Args()); err != nil {
		fmt.Fprintln(stderr, "baseline:", err)
		return 2
	}
	if err := serve(ctx, *mode, *address, *admin, o, stdout); err != nil {
		fmt.Fprintln(stderr, "baseline:", err)
		return 1
	}
	return 0
}

func check(mode, brokers string, partitions int, o bare.FloorOptions, rest []string) error {
	const maxPartitions, maxLinger, maxTimeout = 1000, time.Second, time.Minute
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag: flags begin with -, see -help", rest[0])
	case mode != "ceiling" && mode != "floor":
		return chassis.Wrong("mode", mode, "must be ceiling or floor")
	case mode == "floor" && brokers == "":
		return chassis.Missing("brokers", "the floor writes to Kafka: give its addresses, such as 127.0.0.1:9092")
	case partitions < 1 || partitions > maxPartitions:
		return chassis.Wrong("partitions", partitions, fmt.Sprintf("must be 1 to %d", maxPartitions))
	case o.Linger < 0 || o.Linger > maxLinger:
		return chassis.Wrong("kafka-linger", o.Linger, "must be 0s to "+maxLinger.String())
	case o.Timeout <= 0 || o.Timeout > maxTimeout:
		return chassis.Wrong("timeout", o.Timeout, "must be more than 0s, and at most "+maxTimeout.String())
	}
	return nil
}

func serve(ctx context.Context, mode, address, admin string, o bare.FloorOptions, stdout io.Writer) error {
	handler := bare.Ceiling()
	if mode == "floor" {
		floor, err := bare.NewFloor(o)
		if err != nil {
			return err
		}
		defer floor.Close()
		handler = floor.Handler()
	}
	listener, err := chassis.Listen(ctx, "http", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	failed := make(chan error, 2)
	if admin != "" {
		usage, err := serveUsage(ctx, admin, failed)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer usage.Close() //nolint:errcheck // it has nothing to lose
	}
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Timeout+drainTimeout)
	defer cancel()
	return server.Shutdown(draining)
}

// serveUsage serves the runtime's and the kernel's counts of what this process has used. Close what it returns.
func serveUsage(ctx context.Context, address string, failed chan<- error) (*http.Server, error) {
	listener, err := chassis.Listen(ctx, "admin", address)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return server, nil
}
