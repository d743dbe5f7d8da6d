package buffer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// PolicyUnknownError says that the server keeps its maxmemory-policy to itself. It is a warning: the buffer works, and
// whoever runs the server should know that it needs noeviction.
type PolicyUnknownError struct{ Err error }

func (e *PolicyUnknownError) Error() string {
	return "redis does not tell its maxmemory-policy, which must be noeviction: make sure that it is (" + e.Err.Error() + ")"
}

func (e *PolicyUnknownError) Unwrap() error { return e.Err }

// Check is for start-up: it reports a Redis that cannot be reached, or one that may evict keys by itself. With errors.As a
// *PolicyUnknownError can be told apart, to be logged and passed over. A server that runs in the process, for tests and
// for the standalone service, never evicts and is not asked.
func (s *Store) Check(ctx context.Context) error {
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return checkServer(ctx, s.rdb)
	}
	var mu sync.Mutex // ForEachMaster calls for all at once
	var warning error
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		err := checkServer(ctx, master)
		if _, ok := err.(*PolicyUnknownError); ok { //nolint:errorlint // checkServer returns it as it is
			mu.Lock()
			defer mu.Unlock()
			warning, err = err, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return warning
}

// CheckOrWarn is Check, but a policy that the server does not tell is only logged.
func (s *Store) CheckOrWarn(ctx context.Context, log *slog.Logger) error {
	err := s.Check(ctx)
	var unknown *PolicyUnknownError
	if errors.As(err, &unknown) {
		log.Warn("redis settings not known", "error", err)
		return nil
	}
	return err
}

func checkServer(ctx context.Context, rdb redis.Cmdable) error {
	info, err := rdb.Info(ctx).Result()
	if err != nil && !refused(err) {
		return fmt.Errorf("reach redis: %w: check -redis and that the server runs, and its user, password and TLS settings", err)
	}
	if err == nil && !strings.Contains(info, "redis_version:") {
		return nil // the one in the process
	}
	policy, ok := field(info, "maxmemory_policy")
	if !ok {
		values, err := rdb.ConfigGet(ctx, "maxmemory-policy").Result()
		if err != nil {
			return &PolicyUnknownError{err}
		}
		policy = values["maxmemory-policy"]
	}
	if policy != "noeviction" {
		return fmt.Errorf("redis has maxmemory-policy %q, by which it may throw submissions out of the buffer: "+
			"set it with CONFIG SET maxmemory-policy noeviction, and in redis.conf", policy)
	}
	return nil
}

// refused reports an answer that says no, rather than none: the server is there, and asking again will not help.
func refused(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command")
}

// field returns a line of the server's INFO.
func field(info, name string) (string, bool) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value, true
		}
	}
	return "", false
}
