package formapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/formwatch"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
	"github.com/formstream/formstream/services/form-api/formapi/page"
	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

const (
	readTimeout = 30 * time.Second // a whole request: 256 KiB at 70 kbit/s
	answerTime  = 10 * time.Second // for checking and writing, beside reading and waiting for the brokers

	// closeTimeout is for the records that still wait when every submitter has had an answer: nobody misses theirs.
	closeTimeout = 5 * time.Second
)

// App is the service. It serves between New and the end of Run.
type App struct {
	cfg      Config
	deps     chassis.Deps
	forms    atomic.Pointer[form.Set]
	intake   *intake
	topics   *topics
	producer *kafka.Producer
	redis    redis.UniversalClient // nil: none
	reloads  *prometheus.CounterVec
	load     func() (*form.Set, error) // nil: the definitions stay as they are
	seen     formwatch.Fingerprint     // of what the folder held when the process started
	listener net.Listener
	handler  http.Handler
}

// New wires the service for the forms and listens. It does not wait for the brokers. An App that is not Run must be Closed.
func New(cfg Config, forms *form.Set, deps chassis.Deps) (*App, error) {
	signingKeys, err := receiptKeys(cfg, deps)
	if err != nil {
		return nil, err
	}
	signer, err := submission.NewSigner(signingKeys...)
	if err != nil {
		return nil, err
	}
	settings, err := kafka.NewConfig(cfg.Kafka, "formstream-form-api")
	if err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, deps: deps}
	a.forms.Store(forms)
	a.topics = &topics{
		names: topicsOf(forms), kafka: cfg.Kafka, cfg: settings, spec: cfg.Topics, ensured: map[string]bool{}, wake: make(chan struct{}, 1),
		log: deps.Log, now: time.Now, looking: lookEvery,
	}
	a.topics.set(topicsOf(forms))
	if a.listener, err = chassis.Listen(context.Background(), "http", cfg.HTTP); err != nil {
		return nil, err
	}
	a.producer, err = kafka.NewProducer(cfg.Kafka.Brokers, settings, kafka.ProducerOptions{
		MaxWaiting: cfg.MaxInFlight, Log: deps.Log.With("component", "kafka"),
	})
	if err != nil {
		return nil, errors.Join(err, a.listener.Close())
	}
	if err := a.dialRedis(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	answers, err := a.rememberAnswers(signingKeys[0])
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	judge, err := a.newGuard(signingKeys)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	pages, err := page.New()
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.intake = &intake{
		guard: judge, pages: pages, log: deps.Log, tracer: deps.Tracer,
		forms: a.forms.Load, repeats: answers, producer: a.producer, missing: a.topics.missing, signer: signer,
		now: time.Now, newID: submission.NewID, timeout: cfg.ProduceTimeout,
		bodies: newBodies(bodyBudget), maxInFlight: int64(cfg.MaxInFlight),
	}
	a.intake.metrics, err = newMetrics(deps.Metrics, gauges{
		inFlight: func() float64 { return float64(a.intake.inFlight.Load()) },
		waiting:  func() float64 { return float64(a.producer.Waiting()) },
		missing:  func() float64 { return float64(a.topics.countMissing()) },
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("register metrics: %w", err), a.Close())
	}
	told := &receipts{signer: signer, fates: fate.New(a.topics.asked, fate.Options{}), log: deps.Log, page: a.intake.writeReceipt, problem: a.intake.writeProblem}
	if a.reloads, err = newReloads(deps.Metrics); err != nil {
		return nil, errors.Join(fmt.Errorf("register metrics: %w", err), a.Close())
	}
	a.handler = newHandler(a.intake, told, deps.Log)
	deps.Health.Register("kafka", a.stores)
	deps.Health.Register("topics", a.topics.ready)
	return a, nil
}

// stores is nil as long as submissions are stored; otherwise it tells all that is known of why they are not.
func (a *App) stores(context.Context) error {
	err := a.producer.Err()
	if trouble := a.topics.trouble(); errors.Is(err, kafka.ErrStalled) && trouble != nil {
		return fmt.Errorf("%w; %w", err, trouble)
	}
	return err
}

func topicsOf(forms *form.Set) []string {
	var names []string
	for _, f := range forms.All() {
		names = append(names, f.Topic(), guard.Quarantine(f.ID))
	}
	return names
}

// receiptKeys are the operator's keys, or one of our own. Without one, receipts are worth nothing after a restart, nor to
// another replica; that is no reason not to take submissions.
func receiptKeys(cfg Config, deps chassis.Deps) ([][]byte, error) {
	keys := cfg.ReceiptKeys()
	if len(keys) == 0 {
		deps.Log.Warn("no -receipt-key is set: receipts end with this process; make one with: openssl rand -hex 32")
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("make a receipt key: %w", err)
		}
		keys = [][]byte{key}
	}
	return keys, nil
}

// dialRedis connects to Redis, if the operator has named one. It is a help, and never needed: nothing is asked of it here.
func (a *App) dialRedis() (err error) {
	if len(a.cfg.Redis.Addrs) == 0 {
		return nil
	}
	a.redis, err = buffer.Dial(a.cfg.Redis)
	return err
}

func (a *App) newGuard(keys [][]byte) (*guard.Guard, error) {
	trusted, err := a.cfg.trusted()
	if err != nil {
		return nil, err
	}
	return guard.New(guard.Options{
		Redis: a.redis, Prefix: a.cfg.Redis.Prefix, Keys: keys, Trusted: trusted, NoLimits: !a.cfg.Limits,
		Log: a.deps.Log.With("component", "guard"), Registerer: a.deps.Metrics,
	})
}

func (a *App) rememberAnswers(secret []byte) (*replay.Store, error) {
	return replay.New(a.redis, replay.Options{
		Prefix: a.cfg.Redis.Prefix, Secret: secret, Window: a.cfg.KeyWindow, Lease: a.cfg.ProduceTimeout + answerTime,
		Wait: a.cfg.ProduceTimeout / 2, Log: a.deps.Log.With("component", "repeats"), Metrics: a.deps.Metrics,
	})
}

// Addr is the address that is served, host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Run serves until ctx ends. Then it drains: readiness off, wait for -shutdown-delay, take nothing more, answer what is in
// flight, close the producer.
func (a *App) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // until the last request has been answered
	var watched sync.WaitGroup
	watched.Go(func() { a.topics.run(watching) })
	watched.Go(func() { a.watch(watching) })
	a.deps.Log.Info("form-api started", "component", "http", "address", a.Addr())
	settings := a.cfg.ServeSettings(a.deps)
	settings.ReadTimeout, settings.WriteTimeout = readTimeout, readTimeout+a.cfg.ProduceTimeout+answerTime
	err := chassis.Serve(ctx, a.listener, a.handler, settings)
	stop()
	watched.Wait()
	return errors.Join(err, a.Close())
}

// Close gives everything free that New took. It may be called again.
func (a *App) Close() error {
	var errs []error
	if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, fmt.Errorf("close listener: %w", err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	errs = append(errs, a.producer.Close(ctx))
	if a.redis != nil {
		if err := a.redis.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			errs = append(errs, fmt.Errorf("close Redis: %w", err))
		}
	}
	return errors.Join(errs...)
}
