package standalone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/services/demo-consumer/democonsumer"
	"github.com/formstream/formstream/services/form-api/formapi"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
	"github.com/formstream/formstream/services/sheets-flusher/sheetsflusher"
)

// pluginLinger is how long the events of plug-ins wait for company: nobody waits for them, and each write of the embedded
// log costs an fsync that submitters do wait for.
const pluginLinger = 20 * time.Millisecond

// App is the suite in one process.
type App struct {
	cfg    Config // of the parts: embedded addresses are filled in
	deps   chassis.Deps
	forms  *form.Set
	folder *folder
	found  sizes // at start

	broker *kfake.Cluster       // nil: -brokers
	redis  *miniredis.Miniredis // nil: -redis
	sheets *sheetsemulator.App  // nil: -endpoint or Google

	api      *formapi.App
	consumer *sheetsconsumer.App
	flusher  *sheetsflusher.App
	demo     *plugin.App
}

// New locks the data folder, starts the embedded broker and Redis, and listens. An App that is not Run must be Closed.
func New(cfg Config, forms *form.Set, deps chassis.Deps) (_ *App, err error) {
	a := &App{cfg: cfg, deps: deps, forms: forms}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.folder, err = openFolder(cfg.Data); err != nil {
		return nil, err
	}
	a.found = a.folder.sizes()
	if cfg.ReceiptKey == "" {
		if a.cfg.ReceiptKey, err = a.folder.receiptKey(); err != nil {
			return nil, err
		}
	}
	if err := a.embed(); err != nil {
		return nil, err
	}
	return a, a.wire()
}

// embed starts what no flag points elsewhere.
func (a *App) embed() (err error) {
	if a.cfg.ownSheets() {
		if a.sheets, err = sheetsemulator.New(a.emulatorConfig(), a.deps); err != nil {
			return renamed(err, "http", "endpoint-http")
		}
		a.cfg.Endpoint = "http://" + a.sheets.Addr()
	}
	if a.cfg.ownRedis() {
		if a.redis, err = startRedis(); err != nil {
			return err
		}
		a.cfg.Redis = chassis.Redis{Addrs: []string{a.redis.Addr()}, Prefix: a.cfg.Redis.Prefix}
	}
	if a.cfg.ownBroker() {
		if a.broker, err = startBroker(a.folder.in(kafkaDir), a.cfg.Fsync, a.deps.Log); err != nil {
			return err
		}
		a.cfg.Kafka = chassis.Kafka{Brokers: a.broker.ListenAddrs(), ClientID: a.cfg.Kafka.ClientID, Linger: a.cfg.Kafka.Linger}
	}
	return nil
}

// wire makes the services, form-api last: it listens, and must be closed if it does not run.
func (a *App) wire() (err error) {
	if a.consumer, err = sheetsconsumer.New(a.consumerConfig(), a.forms, a.part("consumer")); err != nil {
		return err
	}
	if a.flusher, err = sheetsflusher.New(a.flusherConfig(), a.forms, a.part("flusher")); err != nil {
		return err
	}
	if a.demo, err = democonsumer.New(a.demoConfig(), a.forms, a.part(democonsumer.Name)); err != nil {
		return err
	}
	a.api, err = formapi.New(a.apiConfig(), a.forms, a.deps)
	return err
}

// part is deps with a logger that says which part speaks. Metrics are shared: each service has names of its own.
func (a *App) part(component string) chassis.Deps {
	deps := a.deps
	deps.Log = deps.Log.With("component", component)
	return deps
}

// common is the configuration that all parts have.
func (a *App) common() chassis.Config {
	c := a.cfg.Config
	c.Admin, c.Data = "", "" // standalone has the one admin server and the one data folder
	return c
}

func (a *App) apiConfig() formapi.Config {
	var c formapi.Config
	chassis.Defaults(&c)
	c.Config, c.Front = a.common(), a.cfg.Front
	return c
}

func (a *App) consumerConfig() sheetsconsumer.Config {
	var c sheetsconsumer.Config
	chassis.Defaults(&c)
	c.Config = a.common()
	return c
}

func (a *App) flusherConfig() sheetsflusher.Config {
	var c sheetsflusher.Config
	chassis.Defaults(&c)
	c.Config = a.common()
	c.Interval, c.Settle, c.Credentials = a.cfg.Interval, a.cfg.Settle, a.cfg.Credentials
	return c
}

func (a *App) demoConfig() democonsumer.Config {
	var c democonsumer.Config
	chassis.Defaults(&c)
	c.Config.Config = a.common()
	if a.broker != nil {
		c.Kafka.Linger = pluginLinger
	}
	return c
}

func (a *App) emulatorConfig() sheetsemulator.Config {
	var c sheetsemulator.Config
	chassis.Defaults(&c)
	c.Config = a.common()
	c.HTTP, c.Data, c.Create = a.cfg.EndpointHTTP, a.folder.in(sheetsDir), a.spreadsheets()
	c.ShutdownDelay = 0 // it ends last, when nobody comes any more
	return c
}

// spreadsheets lists the ids that the forms name, sorted.
func (a *App) spreadsheets() []string {
	var ids []string
	for _, f := range a.forms.All() {
		if f.Sinks.Sheets != nil {
			ids = append(ids, f.Sinks.Sheets.Spreadsheet)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// renamed makes a part's problem with a flag one of ours.
func renamed(err error, flag, ours string) error {
	var p *chassis.Problem
	if !errors.As(err, &p) || p.Key != flag {
		return err
	}
	named := *p
	named.Key = ours
	return &named
}

// Addr is the address that takes submissions, host:port.
func (a *App) Addr() string { return a.api.Addr() }

// Endpoint is the base URL of the Sheets API that is written to; "" is Google's.
func (a *App) Endpoint() string { return a.cfg.Endpoint }

// Run serves until ctx ends, or a part fails; then it drains, as the package's documentation says, and closes everything.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	failed := make(chan error, 6) // one for each part
	launch := func(name string, run func(context.Context) error) *part { return launch(ctx, name, run, failed) }
	if a.sheets != nil {
		emulator := launch("sheets-emulator", a.sheets.Run)
		defer func() { err = errors.Join(err, emulator.end()) }()
	}
	if a.broker != nil {
		if err := a.prepare(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	consumer, flusher, demo := launch("sheets-consumer", a.consumer.Run), launch("sheets-flusher", a.flusher.Run), launch(democonsumer.Name, a.demo.Run)
	defer func() { err = errors.Join(err, consumer.end(), flusher.end(), demo.end()) }()
	api := launch("form-api", a.api.Run)
	greeter := launch("greeting", a.greet)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	a.say("\nEnding: what was accepted is written first. Ctrl-C again ends at once, and loses nothing either.\n")
	err = errors.Join(err, greeter.end(), api.end())
	if err == nil {
		a.deliver(ctx)
	}
	return err
}

// Close gives everything free that New took. It may be called again.
func (a *App) Close() error {
	var errs []error
	if a.api != nil {
		errs = append(errs, a.api.Close())
	}
	if a.sheets != nil {
		errs = append(errs, a.sheets.Close())
	}
	if a.redis != nil {
		a.redis.Close()
	}
	if a.broker != nil {
		a.broker.Close() // writes what makes the next start quick
	}
	if a.folder != nil {
		errs = append(errs, a.folder.Close())
		a.folder = nil
	}
	return errors.Join(errs...)
}

// part is a service that runs.
type part struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // once done
}

// launch runs a service until end is called; the end of ctx alone does not end it. An error before that goes to failed.
func launch(ctx context.Context, name string, run func(context.Context) error, failed chan<- error) *part {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &part{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		err := run(ctx)
		switch {
		case err == nil:
		case ctx.Err() == nil:
			failed <- fmt.Errorf("%s: %w", name, err)
		default:
			p.err = fmt.Errorf("end %s: %w", name, err)
		}
	}()
	return p
}

// end tells the service to end and waits until it has.
func (p *part) end() error {
	p.stop()
	<-p.done
	return p.err
}
