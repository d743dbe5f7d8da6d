package buffer

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/formstream/formstream/pkg/chassis"
)

// Bounds of the client's connections. A call that takes longer than callTimeout has failed; it is tried again up to twice.
const (
	dialTimeout = 2 * time.Second
	callTimeout = 3 * time.Second
	poolSize    = 16 // connections; a service makes few calls at a time, but large ones
	maxRetries  = 2
)

// Dial returns a client for the Redis, or for the master that its Sentinels name. Nothing is sent yet: see Store.Check.
// The caller closes it.
//
// It silences go-redis, in all of the process: go-redis knows no logger per client, and what it prints to stderr for each
// failed dial is no log line of ours. Nothing is lost by that: the call that needed the connection returns the same error.
func Dial(c chassis.Redis) (redis.UniversalClient, error) {
	logging.Disable()
	opts, err := dialOptions(c)
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(opts), nil
}

func dialOptions(c chassis.Redis) (*redis.UniversalOptions, error) {
	if len(c.Addrs) == 0 {
		return nil, errors.New("no redis server is named: set -redis")
	}
	tls, err := c.TLS.Client()
	if err != nil {
		return nil, fmt.Errorf("set up TLS for redis: %w", err)
	}
	return &redis.UniversalOptions{
		Addrs:                 c.Addrs,
		ClientName:            "formstream",
		DB:                    c.DB,
		Username:              c.User,
		Password:              c.Password.Reveal(),
		MasterName:            c.Sentinel.Master,
		SentinelUsername:      c.Sentinel.User,
		SentinelPassword:      c.Sentinel.Password.Reveal(),
		TLSConfig:             tls,
		DialTimeout:           dialTimeout,
		DialerRetries:         1, // a call's own retries dial anew
		ReadTimeout:           callTimeout,
		WriteTimeout:          callTimeout,
		ContextTimeoutEnabled: true, // a caller's deadline also ends a call that is under way
		MaxRetries:            maxRetries,
		PoolSize:              poolSize,
		PipelinePoolSize:      -1, // one bound for all connections
	}, nil
}
