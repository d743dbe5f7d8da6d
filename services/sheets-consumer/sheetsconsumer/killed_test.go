package sheetsconsumer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// process starts the service as a process of its own.
func (s *suite) process() *exec.Cmd {
	s.Helper()
	forms := s.TempDir()
	require.NoError(s, os.WriteFile(filepath.Join(forms, "demo.yaml"), []byte(definition(demo)), 0o600))
	self, err := os.Executable()
	require.NoError(s, err)
	cmd := exec.Command(self, "-brokers", strings.Join(s.kafka.Brokers(), ","), "-redis", s.redis.config().Addrs[0], "-forms", forms) //nolint:gosec // this test's own binary
	cmd.Env = append(os.Environ(), asService+"=1")
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(s, cmd.Start())
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.Failed() {
			s.Log(out.String())
		}
	})
	return cmd
}

// The dead member leaves nothing: no commit of its last second and no goodbye, so that the next one waits for the group to
// notice.
func TestKilled_nextOneGoesOnWithoutLossOrRepeat(t *testing.T) {
	everywhere(t, 2, func(s *suite) {
		victim := s.process()
		kafkatest.WaitUntil(s, func() bool {
			s.produce(demo, 10)
			return len(s.buffered(demo)) > 0
		}, "the first one to store something")
		s.produce(demo, 50)
		require.NoError(s, victim.Process.Kill())
		s.produce(demo, 20)
		s.start()
		s.waitWhole(demo)
	})
}

func TestTerminated_commitsAndLeaves(t *testing.T) {
	everywhere(t, 1, func(s *suite) {
		p := s.process()
		s.produce(demo, 20)
		s.waitWhole(demo)
		require.NoError(s, p.Process.Signal(os.Interrupt))
		require.NoError(s, p.Wait(), "exit code 0")
		require.EqualValues(s, 20, s.committed(demo)[0].Offset)
		require.Zero(s, s.members())
	})
}
