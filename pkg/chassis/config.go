package chassis

import (
	"errors"
	"flag"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Configurer is the configuration of a service: a struct that embeds [Config],
// and whose RegisterFlags and Validate call the embedded ones.
//
// Two optional methods are found when they are there: Manual() string, a
// paragraph that -help prints first, and Warnings() []error, settings that are
// legal but dubious.
type Configurer interface {
	// Base returns the embedded Config.
	Base() *Config
	// RegisterFlags adds the flags to fs and sets every default.
	RegisterFlags(fs *flag.FlagSet)
	// Validate joins everything that is wrong, each made by Wrong or Missing.
	Validate() error
}

// Config holds the settings that every service accepts. A service that has no
// use for one ignores it.
type Config struct {
	HTTP     string // -http: address to serve on, host:port; port 0 takes a free one
	Admin    string // -admin: address of /livez, /readyz, /metrics and /debug/pprof; "" is off
	Forms    string // -forms: folder of form definitions
	Endpoint string // -endpoint: base URL of the Sheets API; "" is Google's
	Data     string // -data: folder of what the process itself keeps

	// ReceiptKey signs receipts: one key or two, comma-separated. The first one
	// signs and all verify, so that a key can be replaced without refusing the
	// receipts that the old one signed. ReceiptKeys splits it.
	ReceiptKey Secret

	Kafka   Kafka
	Redis   Redis
	Topics  Topics
	Log     Log
	Tracing Tracing

	// ShutdownDelay is how long a process that was told to end goes on accepting
	// work while it reports itself not ready, so that balancers look elsewhere
	// first. Default 0; in Kubernetes 5 s.
	ShutdownDelay time.Duration
	// ShutdownTimeout bounds the time for finishing what is in flight after that.
	ShutdownTimeout time.Duration
}

// Topics says how topics are made, where they are missing.
type Topics struct {
	Create      bool          // make missing topics at start-up; otherwise a missing one is an error
	Partitions  int           // of a new topic
	Replication int           // of a new topic; -1 is the broker's default
	MinInsync   int           // min.insync.replicas of a new topic; -1 is the broker's default
	Retention   time.Duration // retention.ms of a new topic; -1ms keeps everything
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // json or text
}

const (
	maxReceiptKeys = 2
	minReceiptKey  = 32 // characters; shorter ones can be guessed from a receipt
	maxPartitions  = 10_000
	maxReplication = 100
	minRetention   = time.Hour // less, and a consumer's short absence loses submissions
	maxShutdown    = time.Hour
)

// Base implements Configurer for the struct that embeds c.
func (c *Config) Base() *Config { return c }

// RegisterFlags adds the common flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.HTTP, "http", "", "`address` to serve on, host:port; port 0 takes a free one")
	fs.StringVar(&c.Admin, "admin", "", "`address` of /livez, /readyz, /metrics and /debug/pprof, host:port; not for the public; off if empty")
	fs.StringVar(&c.Forms, "forms", "forms", "`folder` of form definitions")
	fs.StringVar(&c.Endpoint, "endpoint", "", "base `URL` of the Sheets API, such as that of the emulator; Google's if empty")
	fs.StringVar(&c.Data, "data", "", "`folder` of what the process itself keeps")
	SecretVar(fs, &c.ReceiptKey, "receipt-key", "`key` that signs receipts, at least 32 characters; KEY,OLDKEY while replacing one")
	fs.DurationVar(&c.ShutdownDelay, "shutdown-delay", 0, "how long to report not ready, and still serve, before draining")
	fs.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 20*time.Second, "how long to finish what is in flight when draining")
	c.Kafka.registerFlags(fs)
	c.Redis.registerFlags(fs)
	c.Topics.registerFlags(fs)
	c.Log.registerFlags(fs)
	c.Tracing.registerFlags(fs)
}

func (t *Topics) registerFlags(fs *flag.FlagSet) {
	fs.BoolVar(&t.Create, "topics-create", false, "make missing topics at start-up; otherwise a missing one is an error")
	fs.IntVar(&t.Partitions, "topics-partitions", 6, "partitions of a new topic")
	fs.IntVar(&t.Replication, "topics-replication", -1, "replicas of a new topic; -1 for the broker's default")
	fs.IntVar(&t.MinInsync, "topics-min-insync", -1, "min.insync.replicas of a new topic, 2 where there are three brokers; -1 for the broker's default")
	fs.DurationVar(&t.Retention, "topics-retention", -time.Millisecond, "how long a new topic keeps submissions; -1ms for ever")
}

func (l *Log) registerFlags(fs *flag.FlagSet) {
	fs.TextVar(&l.Level, "log-level", slog.LevelInfo, "least `level` to log: DEBUG, INFO, WARN or ERROR")
	fs.StringVar(&l.Format, "log-format", "json", "`format` of the log: json or text")
}

// Validate joins every problem of the common settings.
func (c *Config) Validate() error {
	errs := []error{
		checkAddress("http", c.HTTP),
		checkAddress("admin", c.Admin),
		checkURL("endpoint", c.Endpoint),
		checkRange("shutdown-delay", c.ShutdownDelay, 0, maxShutdown),
		checkRange("shutdown-timeout", c.ShutdownTimeout, time.Millisecond, maxShutdown),
		c.checkReceiptKeys(),
		c.Kafka.validate(),
		c.Redis.validate(),
		c.Topics.validate(),
		c.Tracing.validate(),
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		errs = append(errs, Wrong("log-format", c.Log.Format, "must be json or text"))
	}
	return errors.Join(errs...)
}

// Warnings lists the settings that are legal, but are seldom meant.
func (c *Config) Warnings() []error { return c.Kafka.warnings() }

// ReceiptKeys returns the keys of ReceiptKey, the signing one first; none if none
// is set.
func (c *Config) ReceiptKeys() [][]byte {
	var keys [][]byte
	for _, key := range splitList(c.ReceiptKey.Reveal()) {
		keys = append(keys, []byte(key))
	}
	return keys
}

func (c *Config) checkReceiptKeys() error {
	keys := c.ReceiptKeys()
	if len(keys) > maxReceiptKeys {
		return Wrong("receipt-key", nil, "holds more than two keys; give the new one and the one that it replaces")
	}
	for _, key := range keys {
		if len(key) < minReceiptKey {
			return Wrong("receipt-key", nil, "holds a key of fewer than 32 characters; make one with: openssl rand -hex 32")
		}
	}
	return nil
}

func (t Topics) validate() error {
	errs := []error{
		checkRange("topics-partitions", t.Partitions, 1, maxPartitions),
		checkReplicas("topics-replication", t.Replication),
		checkReplicas("topics-min-insync", t.MinInsync),
	}
	if t.Replication > 0 && t.MinInsync > t.Replication {
		errs = append(errs, Wrong("topics-min-insync", t.MinInsync, "must not exceed -topics-replication, or no submission could ever be stored"))
	}
	if t.Retention != -time.Millisecond && t.Retention < minRetention {
		errs = append(errs, Wrong("topics-retention", t.Retention, "must be -1ms (for ever) or at least 1h"))
	}
	return errors.Join(errs...)
}

func checkReplicas(key string, n int) error {
	if n == -1 || n >= 1 && n <= maxReplication {
		return nil
	}
	return Wrong(key, n, "must be -1 (the broker's default) or from 1 to "+strconv.Itoa(maxReplication))
}

// checkAddress accepts "" and host:port, where the host may be empty.
func checkAddress(key, address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || !isPort(port, 0) {
		return Wrong(key, address, "must be host:port, such as 127.0.0.1:3000 or :3000")
	}
	return nil
}

// checkServers accepts a list of host:port, where neither may be empty.
func checkServers(key string, servers []string, example string) error {
	var errs []error
	for _, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil || host == "" || strings.ContainsAny(host, "/ @") || !isPort(port, 1) {
			errs = append(errs, Wrong(key, server, "must be host:port, such as "+example))
		}
	}
	return errors.Join(errs...)
}

func isPort(text string, least uint64) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port >= least
}
