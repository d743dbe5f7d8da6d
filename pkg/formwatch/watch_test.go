package formwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/form"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for a busy machine: no test waits this long when all is well.
const patience = 20 * time.Second

func definition(id, title string) string {
	return fmt.Sprintf("id: %s\ntitle: %s\nfields:\n  - {name: text, type: text}\n", id, title)
}

const wrong = "id: [\n"

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

// put replaces a file as most editors do.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	write(t, dir, name+".tmp~", text)
	require.NoError(t, os.Rename(filepath.Join(dir, name+".tmp~"), filepath.Join(dir, name)))
}

// configMap puts a version of a ConfigMap's volume in place as the kubelet does (AtomicWriter in pkg/volume/util of
// Kubernetes): a folder with the files, ..data that links to it, and a link per file through ..data.
func configMap(t *testing.T, dir, version string, files map[string]string) {
	t.Helper()
	data := filepath.Join(dir, "..data")
	before, _ := os.Readlink(data)
	folder := "..2026_11_21_" + version
	require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	for name, text := range files {
		write(t, filepath.Join(dir, folder), name, text)
	}
	require.NoError(t, os.Symlink(folder, data+"_tmp"))
	require.NoError(t, os.Rename(data+"_tmp", data))
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); !errors.Is(err, os.ErrExist) {
			require.NoError(t, err)
		}
	}
	links, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	require.NoError(t, err)
	for _, link := range links {
		if _, there := files[filepath.Base(link)]; !there {
			require.NoError(t, os.Remove(link))
		}
	}
	if before != "" {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, before)))
	}
}

// calls is what a watch has told.
type calls struct {
	mu      sync.Mutex
	sets    []*form.Set
	errs    []error
	changed chan struct{} // closed by the next call
}

func (c *calls) tell(set *form.Set, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.errs = append(c.errs, err)
	} else {
		c.sets = append(c.sets, set)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *calls) counts() (sets, errs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sets), len(c.errs)
}

// titles of the newest set, by form.
func (c *calls) titles() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	titles := make(map[string]string)
	if len(c.sets) > 0 {
		for _, f := range c.sets[len(c.sets)-1].All() {
			titles[f.ID] = f.Title
		}
	}
	return titles
}

// await waits until the condition holds, looking after each call.
func (c *calls) await(t *testing.T, condition func() bool, what string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if condition() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.Fail(t, "waited in vain for "+what)
		}
	}
}

func (c *calls) awaitTitles(t *testing.T, want map[string]string) {
	t.Helper()
	c.await(t, func() bool {
		got := c.titles()
		return fmt.Sprint(got) == fmt.Sprint(want)
	}, fmt.Sprint(want))
}

func options(dir string) (Options, *calls) {
	c := &calls{changed: make(chan struct{})}
	return Options{
		Dir:     dir,
		Load:    func() (*form.Set, error) { return form.LoadDir(dir, nil) },
		Changed: func(set *form.Set) { c.tell(set, nil) },
		Failed:  func(err error) { c.tell(nil, err) },
		Log:     slog.New(slog.DiscardHandler),
	}, c
}

// start watches, told by the file system alone, until the test ends.
func start(t *testing.T, dir string, change ...func(*Options)) *calls {
	t.Helper()
	opts, c := options(dir)
	opts.Debounce, opts.Poll = 10*time.Millisecond, time.Hour
	for _, f := range change {
		f(&opts)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, opts)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return c
}

func TestWatch_files(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", definition("a", "A"))
	c := start(t, dir)
	c.awaitTitles(t, map[string]string{"a": "A"})

	write(t, dir, "b.yml", definition("b", "B"))
	c.awaitTitles(t, map[string]string{"a": "A", "b": "B"})
	put(t, dir, "a.yaml", definition("a", "A, replaced by an editor"))
	c.awaitTitles(t, map[string]string{"a": "A, replaced by an editor", "b": "B"})
	write(t, dir, "a.yaml", definition("a", "A, written in place"))
	c.awaitTitles(t, map[string]string{"a": "A, written in place", "b": "B"})
	require.NoError(t, os.Rename(filepath.Join(dir, "b.yml"), filepath.Join(dir, "b.yml.off")))
	c.awaitTitles(t, map[string]string{"a": "A, written in place"})
	require.NoError(t, os.Rename(filepath.Join(dir, "b.yml.off"), filepath.Join(dir, "c.yml")))
	c.awaitTitles(t, map[string]string{"a": "A, written in place", "b": "B"})
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	c.awaitTitles(t, map[string]string{"b": "B"})
}

func TestWatch_configMap(t *testing.T) {
	dir := t.TempDir()
	configMap(t, dir, "1", map[string]string{"a.yaml": definition("a", "A")})
	c := start(t, dir)
	c.awaitTitles(t, map[string]string{"a": "A"})

	configMap(t, dir, "2", map[string]string{"a.yaml": definition("a", "A2")})
	c.awaitTitles(t, map[string]string{"a": "A2"})
	configMap(t, dir, "3", map[string]string{"a.yaml": definition("a", "A3"), "b.yaml": definition("b", "B")})
	c.awaitTitles(t, map[string]string{"a": "A3", "b": "B"})
	configMap(t, dir, "4", map[string]string{"b.yaml": definition("b", "B2")})
	c.awaitTitles(t, map[string]string{"b": "B2"})
	_, errs := c.counts()
	configMap(t, dir, "5", map[string]string{"b.yaml": wrong})
	c.await(t, func() bool { _, now := c.counts(); return now > errs }, "the error")
	require.Equal(t, map[string]string{"b": "B2"}, c.titles(), "the old version stays")
	configMap(t, dir, "6", map[string]string{"b.yaml": definition("b", "B3")})
	c.awaitTitles(t, map[string]string{"b": "B3"})
}

func TestWatch_folderIsNeverQuiet_isLookedAtAllTheSame(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", definition("a", "A"))
	c := start(t, dir, func(o *Options) { o.Debounce = time.Hour })
	c.awaitTitles(t, map[string]string{"a": "A"})
	write(t, dir, "a.yaml", definition("a", "A2"))
	c.awaitTitles(t, map[string]string{"a": "A2"}) // after MaxDebounce
}

func TestWatch_fileSystemTellsNothing_pollFindsIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", definition("a", "A"))
	var log bytes.Buffer
	var c *calls
	t.Run("watched", func(t *testing.T) { // its end ends the watch, so that the log may be read
		c = start(t, dir, func(o *Options) {
			o.Poll, o.Log = 5*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil))
			o.notifier = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
		})
		c.awaitTitles(t, map[string]string{"a": "A"})
		write(t, dir, "a.yaml", definition("a", "A2"))
		c.awaitTitles(t, map[string]string{"a": "A2"})
	})
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("too many open files")), log.String())
}

func TestWatch_folderIsReplaced_isFollowed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "forms")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, dir, "a.yaml", definition("a", "A"))
	c := start(t, dir, func(o *Options) { o.Poll = 5 * time.Millisecond })
	c.awaitTitles(t, map[string]string{"a": "A"})
	require.NoError(t, os.Rename(dir, dir+".old"))
	c.await(t, func() bool { _, errs := c.counts(); return errs > 0 }, "the folder to be missed")
	require.ErrorIs(t, c.errs[0], os.ErrNotExist)
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, dir, "b.yaml", definition("b", "B"))
	c.awaitTitles(t, map[string]string{"b": "B"})
}

func TestWatch_startedAndStoppedManyTimes_leavesNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", definition("a", "A"))
	for range 50 {
		opts, _ := options(dir)
		ctx, stop := context.WithCancel(context.Background())
		opts.Changed = func(*form.Set) { stop() }
		Watch(ctx, opts)
		stop()
	}
}

// looker is a watch that looks when the test says so.
func looker(t *testing.T) (w *watcher, c *calls, dir string) {
	dir = t.TempDir()
	write(t, dir, "a.yaml", definition("a", "A"))
	opts, c := options(dir)
	return &watcher{opts: opts}, c, dir
}

func (c *calls) require(t *testing.T, sets, errs int) {
	t.Helper()
	gotSets, gotErrs := c.counts()
	require.Equal(t, [2]int{sets, errs}, [2]int{gotSets, gotErrs}, "sets and errors")
}

func TestLook_contentIsTheSame_nothingIsTold(t *testing.T) {
	w, c, dir := looker(t)
	w.look()
	c.require(t, 1, 0)
	put(t, dir, "a.yaml", definition("a", "A"))
	write(t, dir, "README.md", "not a definition")
	write(t, dir, ".hidden.yaml", wrong)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "a.yaml"), time.Unix(1, 0), time.Unix(1, 0)))
	w.look()
	c.require(t, 1, 0)
	require.NoError(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")))
	w.look()
	c.require(t, 2, 0) // messages name the file
}

func TestLook_contentInUseAlready_nothingIsTold(t *testing.T) {
	w, c, dir := looker(t)
	var err error
	w.used, err = FingerprintOf(dir)
	require.NoError(t, err)
	w.look()
	c.require(t, 0, 0)
	write(t, dir, "a.yaml", definition("a", "A2"))
	w.look()
	c.require(t, 1, 0)
}

func TestLook_wrongVersion_isToldOncePerError(t *testing.T) {
	w, c, dir := looker(t)
	w.look()
	write(t, dir, "b.yaml", wrong)
	w.look()
	w.look()
	c.require(t, 1, 1)
	write(t, dir, "a.yaml", definition("a", "A2"))
	w.look()
	c.require(t, 1, 1) // another version, the same error
	write(t, dir, "b.yaml", definition("B", "ids are lower case"))
	w.look()
	c.require(t, 1, 2)
	require.ErrorContains(t, c.errs[1], "b.yaml")
	write(t, dir, "b.yaml", definition("b", "B"))
	w.look()
	c.require(t, 2, 2)
	write(t, dir, "b.yaml", wrong)
	w.look()
	c.require(t, 2, 3) // right in between: the same error is another one
}

func TestLook_wrongVersionTakenBack_isToldToBeRightAgain(t *testing.T) {
	w, c, dir := looker(t)
	w.look()
	write(t, dir, "a.yaml", wrong)
	w.look()
	c.require(t, 1, 1)
	write(t, dir, "a.yaml", definition("a", "A"))
	w.look()
	c.require(t, 2, 1)
	w.look()
	c.require(t, 2, 1)
}

func TestLook_everyDefinitionGone_keepsTheOldVersion(t *testing.T) {
	w, c, dir := looker(t)
	w.look()
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	w.look()
	c.require(t, 1, 1)
	require.NoError(t, os.Remove(dir))
	w.look()
	w.look()
	c.require(t, 1, 2)
}

func TestLook_fileUnreadable_isToldAndReadLater(t *testing.T) {
	w, c, dir := looker(t)
	require.NoError(t, os.Symlink("not there yet", filepath.Join(dir, "b.yaml")))
	w.look()
	c.require(t, 0, 1)
	write(t, dir, "not there yet", definition("b", "B"))
	w.look()
	c.require(t, 1, 1)
}

func TestLook_folderChangesWhileItIsRead_isReadAgain(t *testing.T) {
	for name, row := range map[string]struct{ changes, loads, sets int }{
		"once":         {changes: 1, loads: 2, sets: 1},
		"all the time": {changes: 100, loads: tries, sets: 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, dir := looker(t)
			loads := 0
			load := w.opts.Load
			w.opts.Load = func() (*form.Set, error) {
				loads++
				set, err := load()
				if loads <= row.changes {
					write(t, dir, "a.yaml", definition("a", fmt.Sprint("title ", loads)))
				}
				return set, err
			}
			w.look()
			require.Equal(t, row.loads, loads)
			c.require(t, row.sets, 0)
			if row.sets > 0 {
				require.Equal(t, map[string]string{"a": "title 1"}, c.titles())
			}
		})
	}
}
