package standalone_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is the command, built once and without the race detector: it is the one that users run.
var program struct {
	once sync.Once
	dir  string
	err  error
}

func binary(t testing.TB) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "standalone"); program.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(program.dir, "standalone"), "..").CombinedOutput()
		if err != nil {
			program.err = errors.New("build: " + err.Error() + "\n" + string(out))
		}
	})
	require.NoError(t, program.err)
	return filepath.Join(program.dir, "standalone")
}

// child is standalone as a process of its own.
type child struct {
	cmd      *exec.Cmd
	out, err *lines
	exited   chan struct{}
	forms    string // http://host:port
	sheets   string
}

var (
	formsAt  = regexp.MustCompile(`Forms +(http://[^/\s]+)/forms/`)
	sheetsAt = regexp.MustCompile(`Spreadsheet +(http://[^/\s]+)/spreadsheets/`)
)

// spawn starts the command and waits until it greets. It is killed, at the latest, when the test ends.
func spawn(t testing.TB, args ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(binary(t), args...), out: newLines(), err: newLines(), exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.err
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.exited)
		_ = c.cmd.Wait()
	}()
	t.Cleanup(c.kill)
	eventually(t, "greeting", func() bool {
		select {
		case <-c.exited:
			require.FailNow(t, "ended by itself", c.err.text())
		default:
		}
		return strings.Contains(c.out.text(), "curl")
	})
	c.forms, c.sheets = formsAt.FindStringSubmatch(c.out.text())[1], sheetsAt.FindStringSubmatch(c.out.text())[1]
	return c
}

// kill is kill -9. It returns when the process is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error: it is gone already
	<-c.exited
}

// interrupt is Ctrl-C. It returns when the process has ended by itself.
func (c *child) interrupt(t testing.TB) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	select {
	case <-c.exited:
	case <-time.After(2 * patience):
		require.FailNow(t, "did not end", c.err.text())
	}
	require.Zero(t, c.cmd.ProcessState.ExitCode(), c.err.text())
}

// refused starts the command, which must refuse to, and returns what it said on stderr.
func refused(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Positive(t, exit.ExitCode(), "refuses by itself")
	require.Empty(t, stdout.String())
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: "+stderr.String())
	require.True(t, strings.HasPrefix(stderr.String(), "standalone: -"), "plain, and it begins with the flag: "+stderr.String())
	return stderr.String()
}

func TestStandalone_wrongStart_isOneLineThatNamesTheRemedy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	free := []string{"-http=127.0.0.1:0", "-endpoint-http=127.0.0.1:0"}
	wrongForms := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(wrongForms, "a.yaml"),
		[]byte("id: a\ntitle: A\nfields:\n  - name: x\n    label: X\n    type: txt\nsinks:\n  sheets:\n    spreadsheet: s\n    tab: A\n"), 0o600))
	newer := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(newer, "format"), []byte("99\n"), 0o600))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for _, row := range []struct {
		name string
		args []string
		want []string
	}{
		{"port of the forms in use", []string{"-http=" + taken.Addr().String(), "-endpoint-http=127.0.0.1:0"}, []string{"-http", taken.Addr().String(), "in use", "choose another port"}},
		{"port of the sheets in use", []string{"-http=127.0.0.1:0", "-endpoint-http=" + taken.Addr().String()}, []string{"-endpoint-http", taken.Addr().String(), "in use", "choose another port"}},
		{"newer data format", append([]string{"-data=" + newer}, free...), []string{"-data", newer, "99", "newer version"}},
		{"data is a file", append([]string{"-data=" + file}, free...), []string{"-data", file, "cannot be made"}},
		{"wrong form", append([]string{"-forms=" + wrongForms}, free...), []string{"-forms", "a.yaml:6:", "txt"}},
		{"no folder of forms", append([]string{"-forms=" + filepath.Join(newer, "forms")}, free...), []string{"-forms", "there is no folder", "root of the repository"}},
		{"no form in the folder", append([]string{"-forms=" + t.TempDir()}, free...), []string{"-forms"}},
		{"two places to write to", []string{"-google", "-endpoint=http://127.0.0.1:1"}, []string{"-endpoint", "-google"}},
		{"retention of the embedded log", []string{"-topics-retention=24h"}, []string{"-topics-retention", "-brokers"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"-forms=" + formsDir, "-data=" + filepath.Join(t.TempDir(), "data")}, row.args...)
			said := refused(t, args...)
			for _, want := range row.want {
				require.Contains(t, said, want)
			}
		})
	}
}

func TestStandalone_folderInUse_isOneLineThatNamesTheProcess(t *testing.T) {
	args := []string{"-forms=" + formsDir, "-data=" + filepath.Join(t.TempDir(), "data"), "-http=127.0.0.1:0", "-endpoint-http=127.0.0.1:0"}
	c := spawn(t, args...)
	said := refused(t, args...)
	require.Regexp(t, regexp.MustCompile(`-data .* is in use by the process with pid \d+; end that one, or choose another folder`), said)
	require.Contains(t, said, strconv.Itoa(c.cmd.Process.Pid))
	c.interrupt(t)
	spawn(t, args...).interrupt(t)
}
