package sheetsflusher

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
)

const (
	atOnce     = 4 // spreadsheets written at the same time
	retryEvery = 2 * time.Second
	stuckEvery = 10 * time.Second // between runs of a spreadsheet whose forms are all parked
)

// App is the service.
type App struct {
	cfg     Config
	forms   []*form.Form
	log     *slog.Logger
	metrics *Metrics
	ran     atomic.Bool // a run has succeeded
}

// New wires the service for the forms that have a spreadsheet. It connects to nothing yet.
func New(cfg Config, forms *form.Set, deps chassis.Deps) (*App, error) {
	a := &App{cfg: cfg, log: deps.Log, metrics: NewMetrics(deps.Metrics)}
	for _, f := range forms.All() {
		if f.Sinks.Sheets != nil {
			a.forms = append(a.forms, f)
		}
	}
	if cfg.Resume != "" && !slices.ContainsFunc(a.forms, func(f *form.Form) bool { return f.ID == cfg.Resume }) {
		return nil, chassis.Wrong("resume", cfg.Resume, "there is no such form with a spreadsheet in "+cfg.Forms)
	}
	if cfg.Credentials != "" {
		if err := checkCredentials(cfg.Credentials); err != nil {
			return nil, err
		}
	}
	deps.Health.Register("first run", func(context.Context) error {
		if !a.ran.Load() {
			return errors.New("no run has succeeded yet")
		}
		return nil
	})
	return a, nil
}

// Run does one run, or with an interval one after the other until ctx ends. One run alone reports what failed; in a loop it is
// logged and the next run tries again, unless a setting is wrong.
func (a *App) Run(ctx context.Context) error {
	if len(a.forms) == 0 {
		a.log.Warn("no form has a spreadsheet: nothing to do")
		a.ran.Store(true)
		if a.cfg.Interval > 0 {
			<-ctx.Done()
		}
		return nil
	}
	if a.cfg.Interval == 0 || a.cfg.Resume != "" {
		return a.connected(ctx)
	}
	for ctx.Err() == nil {
		err := a.connected(ctx)
		var wrong *chassis.Problem
		if errors.As(err, &wrong) {
			return err // no next try can do better
		}
		if err != nil {
			a.log.Warn("not flushing, trying again", "error", err)
		}
		_ = wall{}.Sleep(ctx, retryEvery)
	}
	return nil
}

// connected connects to everything and runs.
func (a *App) connected(ctx context.Context) error {
	rdb, err := buffer.Dial(a.cfg.Redis)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	defer rdb.Close()
	store := buffer.New(rdb, buffer.Options{Prefix: a.cfg.Redis.Prefix})
	if err := store.CheckOrWarn(ctx, a.log); err != nil {
		return err
	}
	sc, err := kafka.NewConfig(a.cfg.Kafka, "formstream-sheets-flusher")
	if err != nil {
		return err
	}
	client, err := kafka.Dial(ctx, a.cfg.Kafka.Brokers, sc)
	if err != nil {
		return err
	}
	defer client.Close()
	api, err := sheet.Dial(ctx, a.cfg.Endpoint, a.cfg.Credentials)
	if err != nil {
		return err
	}
	writers, err := a.writers(ctx, Ports{
		Brokers: kafka.NewAdmin(client), Buffer: store, Sheets: api, Quota: sheet.NewQuota(), Clock: wall{}, Nonce: nonce,
		Logger: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	if a.cfg.Resume != "" {
		return a.resume(ctx, writers)
	}
	return a.loop(ctx, writers)
}

// writers makes one writer for each spreadsheet.
func (a *App) writers(ctx context.Context, p Ports) (map[string]*Writer, error) {
	set := DefaultSettings()
	set.Settle = a.cfg.Settle
	bySheet := map[string][]*form.Form{}
	for _, f := range a.forms {
		bySheet[f.Sinks.Sheets.Spreadsheet] = append(bySheet[f.Sinks.Sheets.Spreadsheet], f)
	}
	out := map[string]*Writer{}
	for id, forms := range bySheet {
		if err := a.checkMetadata(ctx, p.Brokers, id, forms, set.Keep); err != nil {
			return nil, err
		}
		out[id] = NewWriter(p, set, id, forms)
	}
	return out, nil
}

// checkMetadata refuses more forms in one spreadsheet than its metadata can hold.
func (a *App) checkMetadata(ctx context.Context, b Brokers, spreadsheet string, forms []*form.Form, keep int) error {
	var names, topics []string
	for _, f := range forms {
		names, topics = append(names, f.ID), append(topics, f.Topic())
	}
	known, err := b.Topics(ctx, topics)
	if err != nil && len(known) == 0 {
		return fmt.Errorf("ask the brokers for topics: %w", err)
	}
	partitions := make([]int, len(forms))
	for i, t := range topics {
		if partitions[i] = len(known[t].End); partitions[i] == 0 {
			partitions[i] = a.cfg.Topics.Partitions
		}
	}
	if use, limit := sheet.MetadataUse(names, partitions, keep); use > limit {
		return chassis.Wrong("forms", a.cfg.Forms, fmt.Sprintf(
			"the %d forms of spreadsheet %s may need %d characters of developer metadata, and Sheets allows %d: move some of them to another spreadsheet",
			len(forms), spreadsheet, use, limit))
	}
	return nil
}

func (a *App) resume(ctx context.Context, writers map[string]*Writer) error {
	i := slices.IndexFunc(a.forms, func(f *form.Form) bool { return f.ID == a.cfg.Resume })
	done, err := writers[a.forms[i].Sinks.Sheets.Spreadsheet].Resume(ctx, a.cfg.Resume)
	if err != nil {
		return err
	}
	a.log.Info("resumed", "form", a.cfg.Resume, "result", done)
	return nil
}

// loop runs every writer, once or on the interval, each at its own pace, so that a spreadsheet that is slow or busy holds up no other.
func (a *App) loop(ctx context.Context, writers map[string]*Writer) error {
	slots := make(chan struct{}, atOnce)
	ids := slices.Sorted(maps.Keys(writers))
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = a.turns(ctx, slots, id, writers[id]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// turns runs one writer, a bounded run at a time.
func (a *App) turns(ctx context.Context, slots chan struct{}, id string, w *Writer) error {
	for {
		began := time.Now()
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		more, err := a.run(ctx, id, w)
		<-slots
		switch {
		case more && ctx.Err() == nil:
			continue
		case a.cfg.Interval == 0:
			return err
		case err != nil:
			a.log.Warn("run failed, the next one tries again", "spreadsheet", id, "error", err)
		}
		pause := a.cfg.Interval
		if w.Stuck() {
			pause = max(pause, stuckEvery) // what nobody mends must not use up the reads of the others
		}
		if (wall{}).Sleep(ctx, pause-time.Since(began)) != nil {
			return nil
		}
	}
}

func (a *App) run(ctx context.Context, id string, w *Writer) (more bool, err error) {
	began := time.Now()
	r, err := w.Run(ctx)
	if err == nil {
		a.ran.Store(true)
	}
	if r.Flushes > 0 {
		a.log.Info("flushed", "spreadsheet", id, "flushes", r.Flushes, "rows", r.Rows, "parked", len(r.Parked), "duration_ms", time.Since(began).Milliseconds())
	}
	return r.More, err
}

// wall is the clock of production.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// nonce returns 96 random bits as 16 characters.
func nonce() string {
	var b [sheet.NonceLength * 3 / 4]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
