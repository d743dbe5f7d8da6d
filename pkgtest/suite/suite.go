// Package suite runs Formstream as it is deployed: every service as a process of its own, several replicas of each, on
// real Kafka and Redis, with the emulator in place of Google Sheets. `make suite` and the end-to-end tests use it.
//
//	clients ─► balancer ─► form-api × n ─► Kafka ─► sheets-consumer × n ─► Redis ─► sheets-flusher × n ─► sheets-emulator
//	                                         └────► demo-consumer × n
//
// Everything listens on loopback and ends with the process that started it.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/servers"
)

// readyWithin bounds how long a service may take to get ready; a busy machine needs many seconds for all of them.
const readyWithin = time.Minute

// Options is what to start. A zero field takes its default.
type Options struct {
	Dir   string // an empty folder for everything that is written; required
	Bin   string // folder of the built commands; Build fills one. Default: built into Dir
	Forms string // folder of form definitions; required

	Brokers []string // of a Kafka that runs already; none: one is started
	Kafka   servers.KafkaOptions
	Topics  []string // more flags for whoever makes topics, such as -topics-min-insync=2

	HTTP     string // the balancer's address. Default, and with port 0: a free port
	Sheets   string // the emulator's address, likewise
	Replicas map[string]int
	Flags    map[string][]string // more flags by service
	Log      io.Writer           // what all services print; nil: kept for Service.Log alone
}

// The services, by their commands' names.
const (
	API      = "form-api"
	Consumer = "sheets-consumer"
	Flusher  = "sheets-flusher"
	Demo     = "demo-consumer"
	Emulator = "sheets-emulator"
)

// DefaultReplicas is what Options.Replicas takes where it names no number.
func DefaultReplicas() map[string]int {
	return map[string]int{API: 2, Consumer: 3, Flusher: 1, Demo: 1}
}

// Suite is what runs.
type Suite struct {
	Kafka    *servers.Kafka // nil where Options.Brokers named others
	Redis    *servers.Redis
	Emulator *Service
	Services map[string][]*Service
	Balancer *Balancer

	opts    Options
	brokers []string
	ports   []int // free ones, found at once, so that none comes twice
}

// Build compiles the services into a folder, without the race detector: they are the ones that users run.
func Build(ctx context.Context, dir string) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range []string{API, Consumer, Flusher, Demo, Emulator} {
		args = append(args, "./services/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own words
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}

// Root returns the folder of the workspace that the working directory is in.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	work := strings.TrimSpace(string(out))
	if err != nil || work == "" || work == "off" {
		return "", errors.New("find the workspace: there is no go.work here: run this inside a clone of the repository")
	}
	return filepath.Dir(work), nil
}

// Start starts everything, waits until all of it is ready, and returns it. The caller must Close it.
func Start(ctx context.Context, opts Options) (_ *Suite, err error) {
	s := &Suite{opts: opts, Services: map[string][]*Service{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.servers(ctx); err != nil {
		return nil, err
	}
	if err := s.plan(); err != nil {
		return nil, err
	}
	if err := s.Emulator.Start(ctx); err != nil {
		return nil, err
	}
	// form-api makes the topics, and the others look for them: one first, so that nobody waits for a retry.
	if err := s.Services[API][0].Start(ctx); err != nil {
		return nil, err
	}
	if err := s.startAll(ctx); err != nil {
		return nil, err
	}
	s.Balancer, err = StartBalancer(ctx, opts.HTTP, s.Services[API])
	return s, err
}

// servers starts Kafka and Redis, and builds the services beside that.
func (s *Suite) servers(ctx context.Context) error {
	building, stop := context.WithCancel(ctx)
	defer stop()
	built := make(chan error, 1)
	go func() {
		if s.opts.Bin != "" {
			built <- nil
			return
		}
		s.opts.Bin = filepath.Join(s.opts.Dir, "bin")
		built <- Build(building, s.opts.Bin)
	}()
	err := s.startServers(ctx)
	if err != nil {
		stop()
	}
	if failed := <-built; err == nil {
		err = failed
	}
	return err
}

func (s *Suite) startServers(ctx context.Context) (err error) {
	if _, err := os.Stat(s.opts.Forms); err != nil {
		return fmt.Errorf("find the form definitions: %w", err)
	}
	dir := filepath.Join(s.opts.Dir, "redis")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	if s.Redis, err = servers.StartRedis(ctx, dir); err != nil {
		return err
	}
	if s.brokers = s.opts.Brokers; len(s.brokers) > 0 {
		return nil
	}
	kafka := s.opts.Kafka
	kafka.Dir = filepath.Join(s.opts.Dir, "kafka")
	if s.Kafka, err = servers.StartKafka(ctx, kafka); err != nil {
		return err
	}
	s.brokers = s.Kafka.Brokers()
	return nil
}

// plan gives every service its addresses, which it keeps over restarts.
func (s *Suite) plan() (err error) {
	replicas := DefaultReplicas()
	maps.Copy(replicas, s.opts.Replicas)
	all := 1
	for _, n := range replicas {
		all += n
	}
	const each = 2 // an admin server, and one for clients
	if s.ports, err = servers.FreePorts(each * all); err != nil {
		return err
	}
	sheets := s.opts.Sheets
	if _, port, _ := net.SplitHostPort(sheets); sheets == "" || port == "0" {
		sheets = s.freeAddr()
	}
	s.Emulator = s.service(Emulator, 1, sheets, "-data="+filepath.Join(s.opts.Dir, "sheets"), "-create="+ledger.Spreadsheet)
	own := map[string][]string{
		API:      append([]string{"-shutdown-delay=1s", "-limits=false"}, s.opts.Topics...), // longer than the balancer needs to look elsewhere
		Consumer: nil,
		Flusher:  {"-interval=1s"},
		Demo:     s.opts.Topics,
	}
	for name, n := range replicas {
		for i := range n {
			at := ""
			if name == API {
				at = s.freeAddr()
			}
			s.Services[name] = append(s.Services[name], s.service(name, i+1, at, own[name]...))
		}
	}
	return nil
}

// service describes a replica.
func (s *Suite) service(name string, n int, at string, args ...string) *Service {
	admin := s.freeAddr()
	one := &Service{Name: fmt.Sprintf("%s-%d", name, n), Admin: "http://" + admin, path: filepath.Join(s.opts.Bin, name), out: s.opts.Log}
	one.args = []string{
		"-admin=" + admin, "-brokers=" + strings.Join(s.brokers, ","), "-redis=" + s.Redis.Addr, "-forms=" + s.opts.Forms,
		"-receipt-key=" + strings.Repeat("local-suite-", 3),
	}
	if at != "" {
		one.URL = "http://" + at
		one.args = append(one.args, "-http="+at)
	}
	if s.Emulator != nil {
		one.args = append(one.args, "-endpoint="+s.Emulator.URL)
	}
	one.args = append(append(one.args, args...), s.opts.Flags[name]...)
	return one
}

// startAll starts what does not run yet, side by side.
func (s *Suite) startAll(ctx context.Context) error {
	var (
		mu     sync.Mutex
		failed error
		all    sync.WaitGroup
	)
	for _, services := range s.Services {
		for _, one := range services {
			if one.Running() {
				continue
			}
			all.Go(func() {
				err := one.Start(ctx)
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			})
		}
	}
	all.Wait()
	return failed
}

// All returns every process of a service.
func (s *Suite) All() []*Service {
	all := []*Service{s.Emulator}
	for _, services := range s.Services {
		all = append(all, services...)
	}
	return all
}

// Brokers returns Kafka's addresses.
func (s *Suite) Brokers() []string { return s.brokers }

// Close ends everything, in the order in which submissions go, each service in good order within 30 s. The error tells
// which did not. It may be called again.
func (s *Suite) Close(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if s.Balancer != nil {
		err = s.Balancer.Close()
	}
	for _, name := range []string{API, Demo, Consumer, Flusher} {
		for _, one := range s.Services[name] {
			err = errors.Join(err, one.Stop(ctx))
		}
	}
	if s.Emulator != nil {
		err = errors.Join(err, s.Emulator.Stop(ctx))
	}
	if s.Redis != nil {
		s.Redis.Close()
	}
	if s.Kafka != nil {
		err = errors.Join(err, s.Kafka.Close())
	}
	return err
}

// freeAddr takes the next of the free ports.
func (s *Suite) freeAddr() string {
	port := s.ports[0]
	s.ports = s.ports[1:]
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// ready asks a process whether it is ready for work.
func ready(ctx context.Context, admin string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(text)))
	}
	return nil
}
