package intake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/formstream/formstream/pkgtest/process"
	"github.com/formstream/formstream/pkgtest/servers"
)

const (
	startTime = time.Minute
	stopTime  = 30 * time.Second
	floor     = "floor"
	subject   = "form-api"
)

// server is one candidate.
type server struct {
	name           string
	address, admin string // host:port
	process        *process.Process
}

// limits stands in for the demo form's own: all submissions come from one client.
const limits = "\nlimits: {client: 1000000/1s}\n"

// startServers starts all candidates on the brokers, in the order of the report. What has been started is returned in any
// case.
func startServers(ctx context.Context, cfg Config, dir, brokers string) (all []*server, err error) {
	forms, err := writeForm(cfg.Forms, dir)
	if err != nil {
		return nil, err
	}
	for _, candidate := range []struct {
		name, command, ready string
		args                 []string
	}{
		{"ceiling", "baseline", "/metrics", []string{"-mode=ceiling"}},
		{floor, "baseline", "/metrics", []string{"-mode=floor", "-brokers=" + brokers}},
		{subject, "form-api", "/readyz", []string{"-brokers=" + brokers, "-forms=" + forms}},
	} {
		ports, err := servers.FreePorts(2)
		if err != nil {
			return all, err
		}
		s := &server{name: candidate.name, address: fmt.Sprintf("127.0.0.1:%d", ports[0]), admin: fmt.Sprintf("127.0.0.1:%d", ports[1])}
		args := append(candidate.args, "-http="+s.address, "-admin="+s.admin)
		if s.process, err = process.Start(nil, filepath.Join(cfg.Bin, candidate.command), args...); err != nil {
			return all, err
		}
		all = append(all, s)
		waiting, cancel := context.WithTimeout(ctx, startTime)
		err = s.process.Await(waiting, func(ctx context.Context) error { return s.fetch(ctx, candidate.ready, io.Discard) })
		cancel()
		if err != nil {
			return all, fmt.Errorf("start %s: %w", s.name, err)
		}
	}
	return all, nil
}

// writeForm makes a folder with the demo form.
func writeForm(forms, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(forms, "demo-form.yaml"))
	if err != nil {
		return "", fmt.Errorf("-forms: %w", err)
	}
	folder := filepath.Join(dir, "forms")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", fmt.Errorf("write the form: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "demo-form.yaml"), append(text, limits...), 0o600); err != nil {
		return "", fmt.Errorf("write the form: %w", err)
	}
	return folder, nil
}

func stopAll(all []*server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	for _, s := range all {
		if err := s.process.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// fetch asks the server's admin address.
func (s *server) fetch(ctx context.Context, path string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// usage is what a process has used since it began.
type usage struct {
	cpu           float64 // seconds
	allocs, bytes float64
}

// usage reads the server's own counts: the kernel's of its CPU time, to 10 ms, and the runtime's of its allocations.
func (s *server) usage(ctx context.Context) (u usage, err error) {
	var text strings.Builder
	if err := s.fetch(ctx, "/metrics", &text); err != nil {
		return u, fmt.Errorf("read the metrics of %s: %w", s.name, err)
	}
	return parseUsage(text.String())
}

func parseUsage(text string) (u usage, err error) {
	wanted := map[string]*float64{
		"process_cpu_seconds_total":     &u.cpu,
		"go_memstats_mallocs_total":     &u.allocs,
		"go_memstats_alloc_bytes_total": &u.bytes,
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into, ok := wanted[name]
		if !ok {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return u, fmt.Errorf("read the metric %s: %w", name, err)
		}
		delete(wanted, name)
	}
	for name := range wanted {
		return u, fmt.Errorf("the metric %s is missing", name)
	}
	return u, nil
}

func (u usage) since(v usage) usage {
	return usage{cpu: u.cpu - v.cpu, allocs: u.allocs - v.allocs, bytes: u.bytes - v.bytes}
}
