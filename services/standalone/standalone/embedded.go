package standalone

import (
	"fmt"
	"log/slog"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/formstream/formstream/pkg/chassis"
)

// startBroker starts the embedded Kafka on a free loopback port. What is in dir it finds again: topics with their ids,
// records and committed offsets; the port may be another one each time. It must be closed.
func startBroker(dir string, fsync bool, log *slog.Logger) (*kfake.Cluster, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.DataDir(dir), kfake.ClusterID("formstream-standalone"), kfake.WithLogger(brokerLog{log}),
	}
	if fsync {
		opts = append(opts, kfake.SyncWrites())
	}
	broker, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, chassis.Wrong("data", dir, fmt.Sprintf("the log in it cannot be opened (%v): restore the folder from a copy, or choose another one", err))
	}
	return broker, nil
}

// brokerLog hands on what the embedded broker warns of: above all that it could not write.
type brokerLog struct{ log *slog.Logger }

// Logf implements kfake.Logger.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker", "component", "broker", "error", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker", "component", "broker", "error", fmt.Sprintf(format, args...))
	default: // one line per request
	}
}

// startRedis starts the embedded Redis on a free loopback port. It keeps nothing: the buffer is rebuilt from the log.
func startRedis() (*miniredis.Miniredis, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // by default TTLs wait for a test to move the clock
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start embedded redis: %w", err)
	}
	return server, nil
}
