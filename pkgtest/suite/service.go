package suite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/formstream/formstream/pkgtest/process"
)

// Service is one replica of a service. Its methods may be called by several goroutines, one at a time.
type Service struct {
	Name  string // such as form-api-1
	URL   string // http://host:port; "" if it serves nothing
	Admin string // http://host:port of /readyz and /metrics

	path string
	args []string
	out  io.Writer

	mu      sync.Mutex
	process *process.Process
}

// Start starts the replica and waits until it is ready.
func (s *Service) Start(ctx context.Context) error {
	if err := s.Launch(); err != nil {
		return err
	}
	return s.Await(ctx)
}

// Launch starts the replica, at the same addresses as before, and does not wait.
func (s *Service) Launch(flags ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out io.Writer
	if s.out != nil {
		out = &named{to: s.out, name: s.Name}
	}
	p, err := process.Start(out, s.path, append(s.args[:len(s.args):len(s.args)], flags...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	s.process = p
	return nil
}

// Await waits until the replica is ready.
func (s *Service) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.current().Await(ctx, func(ctx context.Context) error { return ready(ctx, s.Admin) }); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// Kill is kill -9.
func (s *Service) Kill() { s.current().Kill() }

// Stop is SIGTERM, and waits for the end; an exit status other than 0 is an error, as is not to end before ctx does.
// A replica that does not run is no error.
func (s *Service) Stop(ctx context.Context) error {
	if !s.Running() {
		return nil
	}
	if err := s.current().Stop(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// Running tells whether it does.
func (s *Service) Running() bool {
	p := s.current()
	return p != nil && p.Running()
}

// Exited is closed when the process that runs at present has ended.
func (s *Service) Exited() <-chan struct{} { return s.current().Exited() }

// Log returns the last of what it has printed since it was started last.
func (s *Service) Log() string {
	if p := s.current(); p != nil {
		return p.Log()
	}
	return ""
}

func (s *Service) current() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// named writes whole lines, each behind the name of who said it.
type named struct {
	to   io.Writer
	name string
	rest []byte
}

func (n *named) Write(b []byte) (int, error) {
	n.rest = append(n.rest, b...)
	for {
		line, rest, found := bytes.Cut(n.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		if _, err := fmt.Fprintf(n.to, "%s: %s\n", n.name, line); err != nil {
			return 0, err
		}
		n.rest = rest
	}
}
