package formwatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/formstream/formstream/pkg/form"
)

const (
	// MaxDebounce is after how much time a folder that is never quiet is looked at all the same.
	MaxDebounce = 2 * time.Second

	// tries is how often a folder that changes while it is read is read at once; then its next event or poll is waited for.
	tries = 3
)

// Options say what to watch. Zero durations take the defaults; Load, Changed, Failed and Log must be given.
type Options struct {
	Dir string

	// Load reads the definitions, as form.LoadDir does.
	Load func() (*form.Set, error)
	// Changed takes the new version: when its content is another one than the last that Changed got, and when a version is
	// right again after Failed was called.
	Changed func(*form.Set)
	// Failed takes what is wrong with the new version. It is called once per error, told apart by its text.
	Failed func(error)

	// Seen is the content that is in use already; the zero value: none, so that the first version found is handed on. Take
	// it before you load, so that no change falls in between.
	Seen Fingerprint

	Debounce time.Duration // how long the folder must be quiet. Default 250 ms
	Poll     time.Duration // how often to look without being told. Default 30 s

	Log *slog.Logger

	notifier func() (*fsnotify.Watcher, error) // fsnotify.NewWatcher, but for tests
}

// Watch watches the folder until ctx ends. It calls Load, Changed and Failed from its own goroutine, one at a time.
func Watch(ctx context.Context, opts Options) {
	if opts.Debounce <= 0 {
		opts.Debounce = 250 * time.Millisecond
	}
	if opts.Poll <= 0 {
		opts.Poll = 30 * time.Second
	}
	if opts.notifier == nil {
		opts.notifier = fsnotify.NewWatcher
	}
	w := &watcher{opts: opts, used: opts.Seen}
	defer w.close()
	w.arm()
	w.look() // for what changed before the watch began
	w.run(ctx)
}

// watcher is what Watch knows.
type watcher struct {
	opts   Options
	notify *fsnotify.Watcher // nil: none can be had
	unable string            // why not, as logged

	used    Fingerprint // of the version that Changed got last
	failure string      // what Failed got last; "": the last version was right
	failed  Fingerprint // of the version that it was about
}

func (w *watcher) run(ctx context.Context) {
	poll := time.NewTicker(w.opts.Poll)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	quiet.Stop()
	var began time.Time // of what is going on in the folder; zero: nothing is

	for {
		var events <-chan fsnotify.Event
		var errs <-chan error
		if w.notify != nil {
			events, errs = w.notify.Events, w.notify.Errors
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			w.arm()
			w.look()
			continue
		case <-quiet.C:
			began = time.Time{}
			w.look()
			continue
		case <-events:
		case err := <-errs: // events have been lost
			w.opts.Log.Warn("not all changes in the folder of forms were told: looking at all of it", "component", "forms", "error", err)
		}
		if began.IsZero() {
			began = time.Now()
		}
		quiet.Reset(min(w.opts.Debounce, max(0, MaxDebounce-time.Since(began))))
	}
}

// arm begins to watch the folder that has the name now: it may be another one than before.
func (w *watcher) arm() {
	err := w.tryArm()
	switch {
	case err == nil:
		w.unable = ""
	case err.Error() != w.unable:
		w.unable = err.Error()
		w.opts.Log.Warn("folder of forms cannot be watched: changes are noticed later", "component", "forms", "error", err)
	}
}

func (w *watcher) tryArm() error {
	if w.notify == nil {
		notify, err := w.opts.notifier()
		if err != nil {
			return err
		}
		w.notify = notify
	}
	_ = w.notify.Remove(w.opts.Dir) // it may not be watched
	return w.notify.Add(w.opts.Dir)
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close()
	}
}

// look loads the folder if it has changed, and tells what has come of that.
func (w *watcher) look() {
	for range tries {
		before, err := FingerprintOf(w.opts.Dir)
		if err != nil {
			w.fail(Fingerprint{}, err)
			return
		}
		if w.known(before) {
			return
		}
		set, err := w.opts.Load()
		if after, _ := FingerprintOf(w.opts.Dir); after != before {
			continue // what was read may be half of one version and half of another
		}
		if err != nil {
			w.fail(before, err)
			return
		}
		w.used, w.failure, w.failed = before, "", Fingerprint{}
		w.opts.Changed(set)
		return
	}
}

// known reports whether this version has been told of.
func (w *watcher) known(version Fingerprint) bool {
	if w.failure != "" {
		return version == w.failed
	}
	return version == w.used
}

func (w *watcher) fail(version Fingerprint, err error) {
	again := err.Error() == w.failure
	w.failure, w.failed = err.Error(), version
	if !again {
		w.opts.Failed(err)
	}
}
