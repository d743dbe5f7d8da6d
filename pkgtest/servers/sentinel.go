package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/formstream/formstream/pkgtest/process"
)

// SentinelMaster is the name under which Sentinels know the master.
const SentinelMaster = "formstream"

// sentinelConfig makes a Sentinel notice a dead master within a second.
const sentinelConfig = `bind 127.0.0.1
port %d
dir %s
sentinel monitor %s 127.0.0.1 %s %d
sentinel down-after-milliseconds %[3]s 1000
sentinel failover-timeout %[3]s 5000
sentinel parallel-syncs %[3]s 1
`

// Sentinel is a Redis with a replica, watched by three Sentinels.
type Sentinel struct {
	Addrs   []string // of the Sentinels
	Servers []*Redis // the first one is the master at the start

	sentinels []*process.Process
}

// StartSentinel starts two redis-servers and three Sentinels in an empty folder, and waits until the Sentinels know the
// replica and each other: only then they can move the master. The caller must Close it.
func StartSentinel(ctx context.Context, dir string) (*Sentinel, error) {
	path, err := exec.LookPath("redis-sentinel")
	if err != nil {
		return nil, &MissingError{Server: "Redis Sentinel", Remedy: "redis-sentinel is not on the PATH; `make deps` installs it"}
	}
	s := &Sentinel{}
	if err := s.start(ctx, dir, path); err != nil {
		s.Close()
		return nil, fmt.Errorf("start Sentinel: %w", err)
	}
	return s, nil
}

func (s *Sentinel) start(ctx context.Context, dir, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*redisWithin)
	defer cancel()
	master, err := StartRedis(ctx, dir)
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, master)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica, err := StartRedis(ctx, dir, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, replica)
	ports, err := FreePorts(3)
	if err != nil {
		return err
	}
	for i, p := range ports {
		config := filepath.Join(dir, fmt.Sprintf("sentinel%d.conf", i+1))
		text := fmt.Sprintf(sentinelConfig, p, dir, SentinelMaster, port, 2)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return err
		}
		sentinel, err := process.Start(nil, path, config)
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, sentinel)
		s.Addrs = append(s.Addrs, net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
	}
	for i, sentinel := range s.sentinels {
		if err := sentinel.Await(ctx, func(ctx context.Context) error { return knowsAll(ctx, s.Addrs[i]) }); err != nil {
			return fmt.Errorf("sentinel %d: %w", i+1, err)
		}
	}
	return nil
}

// knowsAll asks whether a Sentinel has found the replica and the other two Sentinels.
func knowsAll(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr) // go-redis would log each try
	if err != nil {
		return err
	}
	_ = conn.Close()
	rdb := redis.NewSentinelClient(&redis.Options{Addr: addr})
	defer func() { _ = rdb.Close() }()
	state, err := rdb.Master(ctx, SentinelMaster).Result()
	if err == nil && (state["num-slaves"] != "1" || state["num-other-sentinels"] != "2") {
		err = errors.New("it does not know the others yet")
	}
	return err
}

// Master asks the Sentinels where the master is.
func (s *Sentinel) Master(ctx context.Context) (*Redis, error) {
	var failed error
	for _, addr := range s.Addrs {
		rdb := redis.NewSentinelClient(&redis.Options{Addr: addr})
		at, err := rdb.GetMasterAddrByName(ctx, SentinelMaster).Result()
		_ = rdb.Close()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		for _, r := range s.Servers {
			if r.Addr == net.JoinHostPort(at[0], at[1]) {
				return r, nil
			}
		}
	}
	return nil, fmt.Errorf("ask the Sentinels for the master: %w", failed)
}

// AwaitMaster waits until the Sentinels agree on a master other than this one.
func (s *Sentinel) AwaitMaster(ctx context.Context, other *Redis) (*Redis, error) {
	for {
		master, err := s.Master(ctx)
		if err == nil && master != other {
			return master, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close kills all of them. It may be called again.
func (s *Sentinel) Close() {
	for _, p := range s.sentinels {
		p.Kill()
	}
	for _, r := range s.Servers {
		r.Close()
	}
}
