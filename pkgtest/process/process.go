// Package process runs other programs for tests and trials, and lets none of them outlive its starter: a program ends
// with the process that started it, however that ends, kill -9 included.
//
// Each program runs in a process group of its own, so that Ctrl-C reaches the starter alone, which then ends the
// others in the order it likes.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// guard runs the program that is its arguments, tells its pid on descriptor 3, kills it when standard input ends, and
// exits as it did. Once the program has ended, nobody is left who would kill its pid: it may be another's by then.
const guard = `exec 4<&0
"$@" </dev/null 3>&- 4<&- &
pid=$!
echo $pid >&3
exec 3>&-
{ cat <&4 >/dev/null; kill -9 $pid; } >/dev/null 2>&1 &
leash=$!
exec 4<&-
wait $pid
status=$?
kill -9 $leash 2>/dev/null
exit $status`

// maxLog is what Log keeps of a program's output at least, bytes; at most twice that.
const maxLog = 1 << 20

// Process is a program that was started.
type Process struct {
	PID int // of the program itself

	cmd    *exec.Cmd
	leash  io.Closer
	log    tail
	exited chan struct{}
	err    error // once exited
}

// Start starts a program. Its output goes to Log; what it prints on stdout also to out, unless that is nil.
func Start(out io.Writer, path string, args ...string) (*Process, error) {
	return StartEnv(out, nil, path, args...)
}

// StartEnv is Start with more environment variables, NAME=value.
func StartEnv(out io.Writer, env []string, path string, args ...string) (*Process, error) {
	p := &Process{exited: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", guard, "sh", path}, args...)...) //nolint:gosec // a test runs what it names
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if out != nil {
		p.cmd.Stdout = io.MultiWriter(&p.log, out)
	}
	leash, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	p.leash = leash
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	defer func() { _ = told.Close() }()
	p.cmd.ExtraFiles = []*os.File{tell}
	err = p.cmd.Start()
	_ = tell.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go func() {
		defer close(p.exited)
		p.err = p.cmd.Wait()
		_ = p.leash.Close()
	}()
	line, err := bufio.NewReader(told).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &p.PID)
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("start %s: %w: %s", path, err, p.Log())
	}
	return p, nil
}

// Kill is kill -9. It returns when the program is gone.
func (p *Process) Kill() {
	if p.PID != 0 && p.Running() {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	_ = p.leash.Close()
	<-p.exited
}

// Stop asks the program to end (SIGTERM) and waits until it has; when ctx ends first, it is killed. The error tells an
// exit status other than 0, or that it had to be killed.
func (p *Process) Stop(ctx context.Context) error {
	if p.Running() {
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
	}
	var late error
	select {
	case <-p.exited:
	case <-ctx.Done():
		late = fmt.Errorf("did not end by itself: %w", context.Cause(ctx))
	}
	p.Kill()
	return errors.Join(late, p.err)
}

// Pause lets the program hang (SIGSTOP): its connections stay, nothing is answered.
func (p *Process) Pause() { _ = syscall.Kill(p.PID, syscall.SIGSTOP) }

// Resume ends it.
func (p *Process) Resume() { _ = syscall.Kill(p.PID, syscall.SIGCONT) }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running tells whether it has not.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Err returns how the program ended: nil for status 0. It waits for the end.
func (p *Process) Err() error {
	<-p.exited
	return p.err
}

// Log returns the last of what the program printed: 1 MiB at least, if there was as much.
func (p *Process) Log() string { return p.log.String() }

// Await polls until ready returns nil. It gives up when the program ends or ctx does; the error holds the last answer
// and the end of the log.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("ended while starting: %w\n%s", errors.Join(p.err, err), p.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w\n%s", errors.Join(context.Cause(ctx), err), p.lastLines())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Process) lastLines() string {
	const most = 4 << 10
	log := p.Log()
	return log[max(0, len(log)-most):]
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if t.buf.Len() > 2*maxLog { // seldom, since it copies
		t.buf.Next(t.buf.Len() - maxLog)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
