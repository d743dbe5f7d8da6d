package sheetsconsumer

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

// process starts the service as a process of its own, which knows these forms.
func (s *suite) process(ids ...string) *exec.Cmd {
	s.Helper()
	forms := s.TempDir()
	for _, id := range ids {
		require.NoError(s, os.WriteFile(filepath.Join(forms, id+".yaml"), []byte(definition(id)), 0o600))
	}
	self, err := os.Executable()
	require.NoError(s, err)
	cmd := exec.Command(self, append(s.flags(), "-forms", forms)...) //nolint:gosec // this test's own binary
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
	t.Parallel()
	s := newSuiteOn(t, kafkatest.Start(t, kafkatest.Topics(2, demoTopic, otherTopic)), newMini(t))
	victim := s.process(demo)
	kafkatest.WaitUntil(s, func() bool {
		s.produce(demo, 10)
		return len(s.buffered(demo)) > 0
	}, "the first one to store something")
	s.produce(demo, 50)
	require.NoError(s, victim.Process.Kill())
	s.produce(demo, 20)
	s.start()
	s.waitWhole(demo)
}

func TestTerminated_commitsAndLeaves(t *testing.T) {
	everywhere(t, 1, func(s *suite) {
		p := s.process(demo)
		s.produce(demo, 20)
		s.waitWhole(demo)
		require.NoError(s, p.Process.Signal(os.Interrupt))
		require.NoError(s, p.Wait(), "exit code 0")
		require.EqualValues(s, 20, s.committed(demo)[0].Offset)
		require.Zero(s, s.members())
	})
}
