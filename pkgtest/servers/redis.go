package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/formstream/formstream/pkgtest/process"
)

// redisWithin bounds how long a server may take to answer; a busy machine needs seconds.
const redisWithin = 20 * time.Second

// Redis is a real redis-server that keeps nothing on disk and evicts nothing.
type Redis struct {
	Addr    string // host:port, the same after Kill and Start
	path    string
	args    []string
	process *process.Process
}

// StartRedis starts a redis-server in an empty folder of its own and waits until it answers; extra are more of its
// options, such as "--maxmemory", "8mb". The caller must Close it.
func StartRedis(ctx context.Context, dir string, extra ...string) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, &MissingError{Server: "Redis", Remedy: "redis-server is not on the PATH; `make deps` installs it; elsewhere than on Debian: install Redis 7"}
	}
	var failed error
	for range attempts {
		ports, err := FreePorts(1)
		if err != nil {
			return nil, err
		}
		port := strconv.Itoa(ports[0])
		r := &Redis{Addr: net.JoinHostPort("127.0.0.1", port), path: path}
		r.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no",
			"--maxmemory-policy", "noeviction", "--daemonize", "no"}, extra...)
		if err = r.Start(ctx); err == nil {
			return r, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, fmt.Errorf("start redis-server: %w", failed)
}

// Start starts the server again after Kill, empty, and waits until it answers.
func (r *Redis) Start(ctx context.Context) (err error) {
	if r.process, err = process.Start(nil, r.path, r.args...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, redisWithin)
	defer cancel()
	if err := r.process.Await(ctx, r.check); err != nil {
		r.process.Kill()
		return fmt.Errorf("redis-server on %s: %w", r.Addr, err)
	}
	return nil
}

// check asks whether this server answers, and not another one that was faster to take the port.
func (r *Redis) check(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.Addr) // go-redis would log each try
	if err != nil {
		return err
	}
	_ = conn.Close()
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(ctx, "server").Result()
	if err == nil && !strings.Contains(info, fmt.Sprintf("process_id:%d\r", r.process.PID)) {
		err = errors.New("another server has the port")
	}
	return err
}

// Exited is closed when the server has ended.
func (r *Redis) Exited() <-chan struct{} { return r.process.Exited() }

// PID is the server's process id.
func (r *Redis) PID() int { return r.process.PID }

// Kill is kill -9: whatever it knew is gone.
func (r *Redis) Kill() { r.process.Kill() }

// Pause lets the server hang (SIGSTOP).
func (r *Redis) Pause() { r.process.Pause() }

// Resume ends it.
func (r *Redis) Resume() { r.process.Resume() }

// Close kills the server. It may be called again.
func (r *Redis) Close() { r.process.Kill() }
