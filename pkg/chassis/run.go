package chassis

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/formstream/formstream/pkg/trace"
)

// What a process exits with.
const (
	exitOK     = 0
	exitFailed = 1   // it could not start, or it ended on an error
	exitUsage  = 2   // the command line or the configuration is wrong
	exitKilled = 130 // a second signal ended it before it had drained
)

// ErrSignal is the cause of a context that ended because the process was told to end.
var ErrSignal = errors.New("told to end by a signal")

// Deps is what every service is handed by the process that it runs in.
type Deps struct {
	Log     *slog.Logger         // carries service and version
	Metrics *prometheus.Registry // has the Go and process collectors
	Health  *Health
	Tracer  *trace.Tracer // nil: off, which it works with just the same
	Version string
	Stdout  io.Writer // for what a person at the terminal is meant to read; logs go to stderr
}

// process is one run of a service's command.
type process struct {
	service        string
	stdout, stderr io.Writer
	loader         *loader
	cfg            Configurer
	run            func(context.Context, Deps) error
}

// Run is all of main but os.Exit. It loads cfg, answers -help, -version, -health,
// -config-print and -config-verify, or else runs the service until it returns,
// with logger, metrics and, if -admin is set, the admin server. SIGINT and
// SIGTERM end ctx with ErrSignal as its cause; a second one makes Run return at
// once. It returns what to exit with: 0; 1 for an error; 2 for a wrong command
// line or configuration; 130 after a second signal.
func Run(ctx context.Context, service string, args []string, getenv func(string) (string, bool),
	stdout, stderr io.Writer, cfg Configurer, run func(context.Context, Deps) error,
) int {
	p := &process{service: service, stdout: stdout, stderr: stderr, loader: newLoader(cfg), cfg: cfg, run: run}
	given, err := p.loader.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return p.done(p.loader.writeManual(stdout, service))
	case err != nil:
		return p.refuse(err)
	case p.loader.controls.version:
		_, err := fmt.Fprintln(stdout, service, Version(), runtime.Version())
		return p.done(err)
	}
	if err := p.loader.apply(given, getenv); err != nil {
		return p.refuse(p.loader.validate(err))
	}
	return p.obey(ctx)
}

// obey does what the control flags say.
func (p *process) obey(ctx context.Context) int {
	controls := p.loader.controls
	if controls.print {
		if err := p.loader.writeConfig(p.stdout); err != nil {
			return p.done(err)
		}
	}
	if err := p.loader.validate(nil); err != nil {
		return p.refuse(err)
	}
	switch {
	case controls.health:
		return p.done(askHealth(ctx, p.cfg.Base().Admin))
	case controls.print:
		return exitOK
	case controls.verify:
		for _, warning := range p.warnings() {
			_, _ = fmt.Fprintf(p.stderr, "%s: warning: %v\n", p.service, warning)
		}
		_, err := fmt.Fprintln(p.stdout, p.service+": the configuration is valid")
		return p.done(err)
	}
	return p.live(ctx)
}

// live runs the service until it ends, or a second signal does.
func (p *process) live(ctx context.Context) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	log := newLogger(p.stderr, p.cfg.Base().Log).With("service", p.service, "version", Version())
	for _, warning := range p.warnings() {
		log.Warn("dubious setting", "error", warning)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.serve(ctx, log) }()
	asked := false
	for {
		select {
		case s := <-signals:
			if asked {
				log.Error("ended by a second signal before it had drained", "signal", s.String())
				return exitKilled
			}
			asked = true
			log.Info("draining", "signal", s.String())
			cancel(fmt.Errorf("%w: %s", ErrSignal, s))
		case err := <-ended:
			toldToEnd := errors.Is(err, context.Canceled) && ctx.Err() != nil
			if wrong := problems(err); allSettings(wrong) {
				p.tell(wrong) // found out later, but the same to whoever has to put it right
				return exitFailed
			}
			if err != nil && !toldToEnd {
				log.Error("ended by an error", "error", err)
				return exitFailed
			}
			log.Info("ended")
			return exitOK
		}
	}
}

// serve runs the service beside the admin server, which outlives it: what a
// draining process reports is worth reading.
func (p *process) serve(ctx context.Context, log *slog.Logger) error {
	deps := Deps{Log: log, Metrics: newRegistry(p.service), Health: NewHealth(), Version: Version(), Stdout: p.stdout}
	defer context.AfterFunc(ctx, deps.Health.Drain)()
	tracer, err := p.cfg.Base().Tracing.start(ctx, p.service, deps)
	if err != nil {
		return err
	}
	deps.Tracer = tracer
	defer closeTracer(ctx, tracer, log)
	admin := p.cfg.Base().Admin
	if admin == "" {
		return p.run(ctx, deps)
	}
	listener, err := Listen(ctx, "admin", admin)
	if err != nil {
		return err
	}
	log.Info("admin server started", "address", listener.Addr().String())
	adminCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() {
		stopped <- Serve(adminCtx, listener, adminHandler(deps.Health, deps.Metrics), ServeSettings{Log: log})
	}()
	err = p.run(ctx, deps)
	stop()
	if adminErr := <-stopped; adminErr != nil {
		log.Warn("admin server ended by an error", "error", adminErr)
	}
	return err
}

// refuse reports a wrong command line or configuration.
func (p *process) refuse(err error) int {
	p.tell(problems(err))
	return exitUsage
}

// allSettings tells whether there are errors, and all of them are about settings:
// a port in use, for one, is known only when it is listened on.
func allSettings(wrong []error) bool {
	for _, e := range wrong {
		var setting *Problem
		if !errors.As(e, &setting) {
			return false
		}
	}
	return len(wrong) > 0
}

// tell writes what is wrong: one line for one thing, a list for several.
func (p *process) tell(wrong []error) {
	if len(wrong) == 1 {
		_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", p.service, wrong[0])
		return
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: the configuration is wrong in %d places:\n", p.service, len(wrong))
	for _, e := range wrong {
		_, _ = fmt.Fprintf(p.stderr, "  %v\n", e)
	}
}

// done turns the outcome of a control flag into an exit code.
func (p *process) done(err error) int {
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", p.service, err)
	return exitFailed
}

func (p *process) warnings() []error {
	if w, ok := p.cfg.(interface{ Warnings() []error }); ok {
		return w.Warnings()
	}
	return nil
}

func newLogger(w io.Writer, c Log) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func newRegistry(service string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "formstream_build_info",
		Help:        "1; its labels say what runs.",
		ConstLabels: prometheus.Labels{"service": service, "version": Version(), "go_version": runtime.Version()},
	})
	info.Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info)
	return registry
}
