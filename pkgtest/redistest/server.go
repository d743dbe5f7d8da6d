package redistest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// startWithin bounds how long a server may take to answer; a busy machine needs seconds.
const startWithin = 20 * time.Second

// guard starts the command that is its arguments, prints its pid and ends it when standard input ends: a server does not
// outlive the process that started it, however that ends.
const guard = `"$@" 1>&2 & echo $!; cat >/dev/null; kill $! 2>/dev/null; kill -CONT $! 2>/dev/null; wait $!`

// Server is a real redis-server.
type Server struct {
	Addr string // host:port
	PID  int    // of the redis-server itself, for signals
}

// Start starts a redis-server with noeviction and nothing on disk; extra are more of its options, such as
// "--maxmemory", "8mb". Where there is no redis-server, the test is skipped.
func Start(t testing.TB, extra ...string) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not on PATH: install Redis 7 (Debian: apt-get install redis-server)")
	}
	var s *Server
	for range 3 { // another process may take the free port before the server does
		if s, err = start(t, path, extra); err == nil {
			return s
		}
	}
	require.NoError(t, err)
	return nil
}

// Real starts a redis-server and returns a client to it.
func Real(t testing.TB) redis.UniversalClient {
	t.Helper()
	return client(t, Start(t).Addr)
}

// Cluster starts a redis-server that is a cluster of one node, and returns a client to it.
func Cluster(t testing.TB) redis.UniversalClient {
	t.Helper()
	s := Start(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
	ctx := context.Background()
	node := client(t, s.Addr)
	require.NoError(t, node.Do(ctx, "cluster", "addslotsrange", 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := node.ClusterInfo(ctx).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, startWithin, 10*time.Millisecond)
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.Addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	return rdb
}

// missing skips the test, or fails it where everything must run.
func missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func start(t testing.TB, path string, extra []string) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	args := []string{
		"-c", guard, "sh", path, "--bind", host, "--port", port, "--dir", t.TempDir(),
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--daemonize", "no",
	}
	cmd := exec.Command("sh", append(args, extra...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	s := &Server{Addr: addr}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &s.PID)
	}
	if err == nil {
		err = s.await()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("start redis-server on %s: %w\n%s", addr, err, log.String())
	}
	t.Cleanup(stop)
	return s, nil
}

// await polls until the server answers, and not another one that was faster to take the port.
func (s *Server) await() error {
	for deadline := time.Now().Add(startWithin); ; {
		err := s.check()
		if err == nil {
			return nil
		}
		if dead := syscall.Kill(s.PID, 0); dead != nil || time.Now().After(deadline) {
			return errors.Join(err, dead)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *Server) check() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second) // go-redis would log each try
	if err != nil {
		return err
	}
	_ = conn.Close()
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(context.Background(), "server").Result()
	if err == nil && !strings.Contains(info, fmt.Sprintf("process_id:%d\r", s.PID)) {
		err = errors.New("another server has the port")
	}
	return err
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
