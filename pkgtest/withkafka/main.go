// Withkafka runs a command with a real Kafka broker beside it:
//
//	go run ./pkgtest/withkafka go test ./services/form-api/...
//
// Tests that ask for real brokers (kafkatest.Real) find it through FORMSTREAM_TEST_KAFKA and take turns, instead of
// starting one each. The broker is started at the first moment, beside the command, and ends with it. Where there can be
// none, the tests are told why. The exit status is the command's. With -fetch alone it fetches Kafka and starts nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/servers"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withkafka -fetch | COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withkafka:", err)
	}
	os.Exit(status)
}

func run(command []string) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if command[0] == "-fetch" {
		if _, err := servers.FetchKafka(ctx); err != nil {
			return 1, err
		}
		return 0, nil
	}
	dir, err := os.MkdirTemp("", "formstream-kafka")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "brokers.json")
	unlock, err := servers.Lock(path) // tests wait until the broker is there
	if err != nil {
		return 1, err
	}
	serve, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- broker(serve, dir, path, unlock) }()

	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // what the caller wants to run
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), kafkatest.SharedEnv+"="+path)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	failed := cmd.Run()
	end()
	err = <-served
	var exit *exec.ExitError
	switch {
	case errors.As(failed, &exit):
		return max(1, exit.ExitCode()), err
	case failed != nil || err != nil:
		return 1, errors.Join(failed, err)
	}
	return 0, nil
}

// broker starts the broker, says where it is, and ends it with ctx.
func broker(ctx context.Context, dir, path string, unlock func()) (err error) {
	k, err := servers.StartKafka(ctx, servers.KafkaOptions{Dir: dir})
	if ctx.Err() != nil { // the command was faster: nobody asks
		unlock()
		if k != nil {
			return k.Close()
		}
		return nil
	}
	text := []byte(fmt.Sprintf("missing: %v\n", err))
	if err == nil {
		defer func() { err = errors.Join(err, k.Close()) }()
		text, err = json.Marshal(kafkatest.Shared{Addrs: k.Brokers(), PIDs: k.PIDs()})
		if err != nil {
			return err
		}
	}
	err = os.WriteFile(path, text, 0o600)
	unlock()
	<-ctx.Done()
	return err
}
