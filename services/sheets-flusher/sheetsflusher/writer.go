package sheetsflusher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
)

// Brokers tells what the log has.
type Brokers interface {
	Topics(ctx context.Context, names []string) (map[string]kafka.Topic, error)
}

// Buffer hands submissions out in order of time.
type Buffer interface {
	Peek(ctx context.Context, forms []string, partitions []int) ([]buffer.Peek, error)
	Plan(ctx context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error)
	Release(ctx context.Context, form, topicID string, vector []int64, spreadsheet string) error
	Park(ctx context.Context, form, reason string) error
	Adopt(ctx context.Context, form string, partitions int, topicID string) error
}

// Sheets carries requests to the spreadsheet; its errors are sheet.Error.
type Sheets interface {
	Read(ctx context.Context, spreadsheet string) (*sheet.State, error)
	Apply(ctx context.Context, spreadsheet string, r *sheets.BatchUpdateSpreadsheetRequest) (*sheets.BatchUpdateSpreadsheetResponse, error)
	Fence(ctx context.Context, spreadsheet string, id int64) (sheet.Fence, bool, error)
	Head(ctx context.Context, spreadsheet, title string) ([][]string, error)
}

// Quota makes a caller wait until one more request is allowed.
type Quota interface {
	Read(ctx context.Context) error
	Write(ctx context.Context) error
}

// Clock is time as the writer sees it.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Ports are what a Writer stands on.
type Ports struct {
	Brokers Brokers
	Buffer  Buffer
	Sheets  Sheets
	Quota   Quota
	Clock   Clock
	Nonce   func() string // a new one of sheet.NonceLength characters at each call
	Logger  *slog.Logger
	Metrics *Metrics
}

// Settings bounds what a Writer does. They are constants in production; the simulation shrinks them.
type Settings struct {
	Settle    time.Duration // entries younger than this wait, so that replicas' clocks may differ
	Rows      int           // most entries of one form in a flush
	Bytes     int           // of rows in one request
	Keep      int           // fences that stay
	PlanAge   time.Duration // a plan older than this is not sent
	TopicsAge time.Duration // while there is nothing to write, the brokers are asked for topics after this
	Flushes   int           // most in one run, so that other spreadsheets have their turn
	Attempts  int           // of one request, and of plans in a row that come to nothing
	Backoff   time.Duration // first wait; doubled up to 32 times
	Finish    time.Duration // what a flush under way may take after the run has been told to stop
}

// DefaultSettings are protocol.md's figures.
func DefaultSettings() Settings {
	return Settings{
		Settle: 2 * time.Second, Rows: 5000, Bytes: 1_500_000, Keep: sheet.KeepFences, Flushes: 10,
		PlanAge: time.Minute, TopicsAge: 30 * time.Second, Attempts: 8, Backoff: time.Second, Finish: 20 * time.Second,
	}
}

// Result counts what a run did.
type Result struct {
	Flushes, Rows int
	More          bool   // the run ended with entries left that it could have written
	Parked        []Park // the forms that it passed over
}

// Writer is the one writer of one spreadsheet in this process. It is not safe for concurrent use. Between runs it keeps the
// spreadsheet's state, so that a loop need not read what it wrote itself.
type Writer struct {
	Ports
	set         Settings
	spreadsheet string
	forms       []*form.Form

	state    *sheet.State // nil: must be read
	topics   map[string]kafka.Topic
	topicsAt time.Time
	foreign  map[int64]bool    // metadata ids that others hold where the read does not show them
	told     map[string]string // form -> the park's reason that was last logged

	// of the run under way
	parked map[string]Park
	stale  map[string]string // form -> its vector when the buffer last called it stale
	alone  bool              // a request of several forms was refused: each by itself
	turn   int
}

// NewWriter makes the writer of a spreadsheet; all forms must have it as their sink.
func NewWriter(p Ports, s Settings, spreadsheet string, forms []*form.Form) *Writer {
	return &Writer{Ports: p, set: s, spreadsheet: spreadsheet, forms: forms, foreign: map[int64]bool{}, told: map[string]string{}}
}

// errNoProgress ends a run whose plans keep coming to nothing; the next run begins anew.
var errNoProgress = errors.New("plans came to nothing too often: another flusher is at work on this spreadsheet, it is being edited, or Sheets does not take a request in time")

// Run writes what there is to write when it begins, or as much of it as Settings.Flushes lets it, or until something stands in
// the way. What comes in meanwhile is the next run's, so that a run ends however busy a form is.
func (w *Writer) Run(ctx context.Context) (Result, error) {
	if len(w.parked) > 0 {
		w.state = nil // what a park was found in may have been put right in the spreadsheet
	}
	w.parked, w.stale, w.alone = map[string]Park{}, map[string]string{}, false
	var total Result
	idle := 0
	for ctx.Err() == nil {
		parked := len(w.parked)
		step, err := w.flush(ctx)
		if err != nil {
			w.state = nil
		}
		total.Rows += step.rows
		if idle++; step.kind == flushed || len(w.parked) > parked {
			idle = 0 // a form less is progress, too
		}
		if step.kind == flushed {
			total.Flushes++
		}
		if err == nil && step.kind == again && idle >= w.set.Attempts {
			err = errNoProgress
		}
		total.More = step.more && err == nil
		if err != nil || step.kind == nothing || step.kind == flushed && (!step.more || total.Flushes >= w.set.Flushes) {
			total.Parked = slices.SortedFunc(maps.Values(w.parked), func(a, b Park) int { return strings.Compare(a.Form, b.Form) })
			return total, err
		}
	}
	return total, nil
}

// Stuck reports whether the last run found every form parked.
func (w *Writer) Stuck() bool { return len(w.parked) == len(w.forms) }

type stepKind int

const (
	nothing stepKind = iota // to write
	flushed                 // and released
	again                   // from the start, with what has been learnt
)

type step struct {
	kind stepKind
	rows int
	more bool // the buffer had more to write than was flushed
}

// flush does one round.
func (w *Writer) flush(ctx context.Context) (step, error) {
	// A topic that was missing may have been made since: a new form's first rows must not wait for the rest of TopicsAge.
	if len(w.topics) < len(w.forms) || w.Clock.Now().Sub(w.topicsAt) >= w.set.TopicsAge {
		if err := w.askBrokers(ctx); err != nil {
			return step{}, err
		}
	}
	active, err := w.active(ctx)
	if err != nil || len(active) == 0 {
		return step{}, err
	}
	if w.state == nil {
		if err := w.read(ctx); err != nil || w.state == nil {
			return step{}, err // without a state all its forms are parked
		}
	}
	planned := w.Clock.Now()
	drafts, retry, err := w.plan(ctx, active)
	switch {
	case err != nil:
		return step{}, err
	case retry:
		return step{kind: again}, nil
	}
	if drafts, err = w.verify(ctx, drafts); err != nil || len(drafts) == 0 {
		return step{}, err
	}
	others := w.alone && len(drafts) > 1
	if w.alone {
		w.turn++
		drafts = drafts[w.turn%len(drafts):][:1]
	}
	parts, rest := compose(drafts, w.set.Bytes)
	s, err := w.send(ctx, w.state.Flush(w.Nonce(), w.set.Keep, planned, parts))
	s.more = others || rest || slices.ContainsFunc(drafts, func(d draft) bool { return len(d.lines) >= w.set.Rows })
	return s, err
}

// askBrokers asks for topic ids and ends: no answer, no flush. A topic that is not answered, or not there, is passed over.
func (w *Writer) askBrokers(ctx context.Context) error {
	names := make([]string, len(w.forms))
	for i, f := range w.forms {
		names[i] = f.Topic()
	}
	at := w.Clock.Now()
	topics, err := w.Brokers.Topics(ctx, names)
	if err != nil && len(topics) == 0 {
		return fmt.Errorf("ask the brokers for topics: %w", err)
	}
	if err != nil {
		w.Logger.Warn("brokers did not answer for all topics, the other forms go on", "spreadsheet", w.spreadsheet, "error", err)
	}
	w.topics, w.topicsAt = topics, at
	return nil
}

// read asks the spreadsheet for its state. One that cannot be reached parks all its forms.
func (w *Writer) read(ctx context.Context) error {
	w.state = nil
	st, err := retry(ctx, w, w.Quota.Read, func() (*sheet.State, error) { return w.Sheets.Read(ctx, w.spreadsheet) })
	if err != nil && sheet.OutcomeOf(err) == sheet.Denied {
		w.deny(ctx, err)
		return nil
	}
	if sheet.OutcomeOf(err) == sheet.Refused {
		return fmt.Errorf("read spreadsheet %s, which must be a Google spreadsheet and no Excel file in Drive: %w", w.spreadsheet, err)
	}
	if err != nil {
		return fmt.Errorf("read spreadsheet %s: %w", w.spreadsheet, err)
	}
	w.state = st.Taken(w.foreign)
	return nil
}

// retry makes a call, each time that the quota allows one, until it is answered; Denied and Refused are answers.
func retry[T any](ctx context.Context, w *Writer, quota func(context.Context) error, call func() (T, error)) (T, error) {
	for attempt := 0; ; attempt++ {
		var v T
		err := quota(ctx)
		if err == nil {
			v, err = call()
		}
		if err == nil || attempt+1 >= w.set.Attempts || ctx.Err() != nil {
			return v, err
		}
		if o := sheet.OutcomeOf(err); o == sheet.Denied || o == sheet.Refused {
			return v, err
		}
		w.Logger.Warn("no answer from Sheets, trying again", "spreadsheet", w.spreadsheet, "attempt", attempt+1, "error", err)
		if err := w.pause(ctx, attempt, err); err != nil {
			return v, err
		}
	}
}

// pause waits before attempt+1: as long as the server asked, else doubling.
func (w *Writer) pause(ctx context.Context, attempt int, cause error) error {
	d := w.set.Backoff << min(attempt, 5)
	var e *sheet.Error
	if errors.As(cause, &e) && e.After > d {
		d = min(e.After, 64*w.set.Backoff)
	}
	w.Metrics.retries.WithLabelValues(sheet.OutcomeOf(cause).String()).Inc()
	return w.Clock.Sleep(ctx, d)
}
