package burst

import (
	"fmt"
	"io"
	"os"
	"time"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	plainEvery  = 5 * time.Second        // where lines stay
)

// progress tells whoever waits how far the run is: one line that is redrawn on a terminal, a line now and then elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time // when the last plain line was written
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, shown: time.Now()}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// watch shows the line until the function that it returns has returned. Watch one thing at a time.
func (p *progress) watch(line func() string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				p.show(now, line())
			case <-quit:
				p.clear()
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

func (p *progress) show(now time.Time, line string) {
	switch {
	case p.terminal:
		fmt.Fprintf(p.w, "\r\x1b[K%s", line) // back to the line's begin, and nothing of the line before stays
	case now.Sub(p.shown) >= plainEvery:
		p.shown = now
		fmt.Fprintln(p.w, line)
	}
}

func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
