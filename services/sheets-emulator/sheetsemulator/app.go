package sheetsemulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/formstream/formstream/pkg/chassis"
)

// Time-outs of the server. A request may carry 10 MB over a slow line; an answer may be a whole tab.
const (
	readTimeout  = time.Minute
	writeTimeout = 5 * time.Minute
)

// HandlerOptions are the settings of a Handler; the zero value is usable.
type HandlerOptions struct {
	NoMatch NoMatch               // "" is NoMatchOK
	Faults  Faults                // nil: nothing goes wrong
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: nothing is counted
	Now     func() time.Time      // nil is time.Now
}

// NewHandler makes the handler of the Sheets API (/v4/…), the web pages (/) and the journal (/api/journal) over store.
// The store outlives it. Close waits for what Faults made late.
func NewHandler(store *Store, opts HandlerOptions) (*Handler, error) {
	h := &Handler{
		store: store, schema: wireSchema(), noMatch: opts.NoMatch, faults: opts.Faults, log: opts.Log, now: opts.Now,
		slots: make(chan struct{}, bodySlots),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.api = h.methods()
	var err error
	if h.metrics, err = newMetrics(opts.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	pages, err := newWeb(store, h.fail)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v4/", h.serveAPI)
	mux.HandleFunc("/batch", func(w http.ResponseWriter, _ *http.Request) { writeError(w, notImplemented("method batch")) })
	pages.routes(mux)
	// A page of another site in the operator's browser must not write into the spreadsheets.
	h.mux = http.NewCrossOriginProtection().Handler(mux)
	return h, nil
}

// Close waits for what Faults made late; what is not released yet ends with the store.
func (h *Handler) Close() error {
	h.late.Wait()
	return nil
}

// ServeHTTP answers the API, the pages and the journal.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// App is the emulator as a service: a Store, its Handler, and a server.
type App struct {
	cfg      Config
	deps     chassis.Deps
	store    *Store
	handler  *Handler
	listener net.Listener
}

// Option sets what is not for an operator to set.
type Option func(*HandlerOptions)

// WithFaults makes calls go wrong, for tests.
func WithFaults(f Faults) Option { return func(o *HandlerOptions) { o.Faults = f } }

// WithClock replaces the clock that stamps the journal.
func WithClock(now func() time.Time) Option { return func(o *HandlerOptions) { o.Now = now } }

// New opens the data folder, makes the spreadsheets of cfg.Create and listens. An App that is not Run must be Closed.
func New(cfg Config, deps chassis.Deps, opts ...Option) (_ *App, err error) {
	ctx := context.Background() // start-up is synchronous and bounded by SQLite's own time-outs
	a := &App{cfg: cfg, deps: deps}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.store, err = OpenStore(ctx, cfg.Data, StoreOptions{JournalKeep: cfg.JournalKeep}); err != nil {
		return nil, err
	}
	for _, id := range cfg.Create {
		if err := a.store.CreateSpreadsheet(ctx, id); err != nil {
			return nil, err
		}
	}
	settings := HandlerOptions{NoMatch: cfg.NoMatch, Log: deps.Log}
	if deps.Metrics != nil {
		settings.Metrics = deps.Metrics
	}
	for _, set := range opts {
		set(&settings)
	}
	if a.handler, err = NewHandler(a.store, settings); err != nil {
		return nil, err
	}
	deps.Health.Register("sheets_data", a.store.Ping)
	a.listener, err = chassis.Listen(ctx, "http", cfg.HTTP)
	return a, err
}

// Addr is the address that is served, host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// CreateSpreadsheet makes a spreadsheet, unless it is there already: see Store.
func (a *App) CreateSpreadsheet(ctx context.Context, id string) error {
	return a.store.CreateSpreadsheet(ctx, id)
}

// Run serves until ctx is done, drains, and closes the data file.
func (a *App) Run(ctx context.Context) error {
	a.deps.Log.Info("sheets emulator started", "component", "emulator", "address", a.Addr())
	settings := a.cfg.ServeSettings(a.deps)
	settings.ReadTimeout, settings.WriteTimeout = readTimeout, writeTimeout
	err := chassis.Serve(ctx, a.listener, a.handler, settings)
	return errors.Join(err, a.Close())
}

// Close gives everything free that New took. It may be called again.
func (a *App) Close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.handler != nil {
		errs = append(errs, a.handler.Close())
	}
	return errors.Join(errs...)
}
