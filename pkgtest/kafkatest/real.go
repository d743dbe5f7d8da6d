package kafkatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/need"
	"github.com/formstream/formstream/pkgtest/servers"
)

// SharedEnv names the file by which the tests of all packages find the brokers of their run, and take turns with them.
// pkgtest/withkafka writes it.
const SharedEnv = "FORMSTREAM_TEST_KAFKA"

// Shared is the content of that file: real brokers that outlive one package's tests.
type Shared struct {
	Addrs []string `json:"brokers"`
	PIDs  []int    `json:"pids"`
}

// Brokers implements [Log].
func (s *Shared) Brokers() []string { return s.Addrs }

// Pause implements [Log]: SIGSTOP.
func (s *Shared) Pause() { s.signal(syscall.SIGSTOP) }

// Resume implements [Log]: SIGCONT.
func (s *Shared) Resume() { s.signal(syscall.SIGCONT) }

func (s *Shared) signal(sig syscall.Signal) {
	for _, pid := range s.PIDs {
		_ = syscall.Kill(pid, sig)
	}
}

// Real returns a real broker without any topic or group. `make test` starts one for all packages, whose tests take
// turns: it is the caller's alone until its test ends. Otherwise the test gets a broker of its own, which takes 5 s to
// start. Where there can be none, the test is skipped, or failed with CI=true.
func Real(t testing.TB) Log {
	t.Helper()
	path, ok := os.LookupEnv(SharedEnv)
	if !ok {
		return RealCluster(t, servers.KafkaOptions{})
	}
	unlock, err := servers.Lock(path)
	require.NoError(t, err)
	t.Cleanup(unlock)
	text, err := os.ReadFile(path) //nolint:gosec // named by whoever runs the tests
	require.NoError(t, err)
	if reason, missing := strings.CutPrefix(string(text), "missing: "); missing {
		need.Started(t, &servers.MissingError{Server: "the run's Kafka", Remedy: strings.TrimSpace(reason)})
	}
	shared := &Shared{}
	require.NoError(t, json.Unmarshal(text, shared), path)
	t.Cleanup(shared.Resume)
	require.NoError(t, empty(shared.Addrs))
	return shared
}

// RealCluster starts real brokers for this test alone, to be killed, paused and started again. Dir is a folder of the
// test unless it is set. Where there can be none, the test is skipped, or failed with CI=true.
func RealCluster(t testing.TB, opts servers.KafkaOptions) *servers.Kafka {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	k, err := servers.StartKafka(t.Context(), opts)
	need.Started(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for i := range k.Brokers() {
				t.Logf("broker %d:\n%s", i+1, lastLines(k.Log(i+1), 10))
			}
		}
		require.NoError(t, k.Close())
	})
	return k
}

// lastLines cuts a log to its last lines, and these to a screen's width: a broker's may have 10,000 characters.
func lastLines(text string, n int) string {
	const width = 200
	lines := strings.Split(strings.TrimSpace(text), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		lines[i] = line[:min(width, len(line))]
	}
	return strings.Join(lines, "\n")
}

// empty deletes the groups and topics that an earlier test has left. A group goes once its members have left.
func empty(brokers []string) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V4_0_0_0
	admin, err := sarama.NewClusterAdmin(brokers, cfg)
	if err != nil {
		return fmt.Errorf("empty the brokers: %w", err)
	}
	defer func() { _ = admin.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	groups, err := admin.ListConsumerGroups()
	for group := range groups {
		for err == nil {
			deleteErr := admin.DeleteConsumerGroup(group)
			if deleteErr == nil || errors.Is(deleteErr, sarama.ErrGroupIDNotFound) {
				break
			}
			select {
			case <-ctx.Done():
				err = fmt.Errorf("group %s: %w", group, deleteErr)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	for left := -1; left != 0 && err == nil; { // again: for a moment they go on to name topics that have been deleted
		left, err = deleteTopics(admin)
		if left > 0 && ctx.Err() != nil {
			err = errors.Join(err, fmt.Errorf("%d topics are still there", left))
		}
	}
	if err != nil {
		return fmt.Errorf("empty the brokers: %w", err)
	}
	return nil
}

// deleteTopics returns how many it found.
func deleteTopics(admin sarama.ClusterAdmin) (found int, err error) {
	topics, err := admin.ListTopics()
	for topic := range topics {
		if strings.HasPrefix(topic, "__") {
			continue
		}
		found++
		if deleteErr := admin.DeleteTopic(topic); !errors.Is(deleteErr, sarama.ErrUnknownTopicOrPartition) { // on its way out
			err = errors.Join(err, deleteErr)
		}
	}
	return found, err
}
