package process_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/process"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv("PROCESS_TEST_STARTER") != "" { // the starter of TestStart_starterIsKilled_endsWithIt
		p, err := process.Start(nil, "sleep", "60")
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(os.Stdout, strconv.Itoa(p.PID)+"\n")
		<-p.Exited()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestProcess_endsAsItsProgramDoes(t *testing.T) {
	for _, row := range []struct {
		name, script string
		code         int
	}{{"well", "echo out; echo err >&2", 0}, {"badly", "exit 7", 7}} {
		t.Run(row.name, func(t *testing.T) {
			p, err := process.Start(nil, "sh", "-c", row.script)
			require.NoError(t, err)
			err = p.Err()
			if row.code == 0 {
				require.NoError(t, err)
				require.ElementsMatch(t, []string{"out", "err"}, strings.Fields(p.Log()))
			} else {
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit)
				require.Equal(t, row.code, exit.ExitCode())
			}
			p.Kill() // harmless
		})
	}
}

func TestStop_letsTheProgramFinish(t *testing.T) {
	var out bytes.Buffer
	p, err := process.Start(&out, "sh", "-c", `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, p.Await(ctx, func(context.Context) error {
		if !strings.Contains(p.Log(), "ready") {
			return errors.New("silent")
		}
		return nil
	}))
	require.NoError(t, p.Stop(ctx))
	require.Equal(t, "ready\nbye\n", out.String())
}

func TestStop_deafProgram_isKilled(t *testing.T) {
	p, err := process.Start(nil, "sh", "-c", `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.Log() != "" }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Stop(ctx), context.DeadlineExceeded)
	require.False(t, p.Running())
}

func TestAwait_programEnds_tellsWhatItSaid(t *testing.T) {
	p, err := process.Start(nil, "sh", "-c", "echo no such port; exit 1")
	require.NoError(t, err)
	err = p.Await(t.Context(), func(context.Context) error { return errors.New("no answer") })
	require.ErrorContains(t, err, "no such port")
	require.ErrorContains(t, err, "no answer")
}

func TestStart_starterIsKilled_endsWithIt(t *testing.T) {
	starter := exec.Command(os.Args[0])
	starter.Env = append(os.Environ(), "PROCESS_TEST_STARTER=1")
	out, err := starter.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, starter.Start())
	line := make([]byte, 32)
	n, err := out.Read(line)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0), "the program runs")
	require.NoError(t, starter.Process.Kill())
	_ = starter.Wait()
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) }, patience, 10*time.Millisecond)
}

// zombie tells whether the process is dead and only waits for init to notice.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestPause_programHangsUntilResume(t *testing.T) {
	p, err := process.Start(nil, "sh", "-c", "while :; do echo tick; sleep 0.01; done")
	require.NoError(t, err)
	defer p.Kill()
	require.Eventually(t, func() bool { return p.Log() != "" }, patience, 5*time.Millisecond)
	p.Pause()
	require.Eventually(t, func() bool { return state(t, p.PID) == "T" }, patience, 5*time.Millisecond)
	p.Resume()
	require.Eventually(t, func() bool { return state(t, p.PID) != "T" }, patience, 5*time.Millisecond)
}

func state(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}
