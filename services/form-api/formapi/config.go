package formapi

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Config is what an operator sets.
type Config struct {
	chassis.Config
	Front

	// ProduceTimeout is how long a submitter waits for the brokers. Default 3 s. Shorter turns a slow moment into 503s,
	// longer lets browsers and balancers give up first, and those know less than our answer says.
	ProduceTimeout time.Duration
	// MaxInFlight is how many submissions may be under way at a time: being read, checked, or waiting for the brokers, also
	// after their submitters have had their 503. Default 10,000: at 1 ms each, ten million a second would not reach it, so
	// whoever reaches it has slow brokers. More costs memory, about 20 kB each.
	MaxInFlight int
	// KeyWindow is how long the answer to a submission with an Idempotency-Key is remembered, where there is a Redis.
	// Default 1 h. A repeat after that, or without Redis, is stored again under the same id, and still becomes one row.
	KeyWindow time.Duration
}

const (
	minProduceTimeout = 10 * time.Millisecond
	maxProduceTimeout = time.Minute
	maxMaxInFlight    = 1_000_000
	minKeyWindow      = time.Second
	maxKeyWindow      = 24 * time.Hour
)

// Manual is the first paragraph of -help.
func (c *Config) Manual() string {
	return "form-api takes submissions over HTTP, POST /forms/{form}, and answers 202 when Kafka has them."
}

// RegisterFlags adds the flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	chassis.SetDefault(fs, "http", "127.0.0.1:3000")
	chassis.SetDefault(fs, "topics-create", "true") // without it the first start of a new form would be a failure
	fs.DurationVar(&c.ProduceTimeout, "produce-timeout", 3*time.Second, "how long a submitter waits for the brokers before the answer is 503")
	c.Front.RegisterFlags(fs)
	fs.DurationVar(&c.KeyWindow, "key-window", time.Hour, "how long the answer to a submission with an Idempotency-Key is repeated, where -redis is given")
	fs.IntVar(&c.MaxInFlight, "max-in-flight", 10_000, "`submissions` under way at a time; more are answered 503 at once")
}

// Validate joins everything that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate(), c.Front.Validate()}
	if c.HTTP == "" {
		errs = append(errs, chassis.Missing("http", "give the address to serve on, such as 127.0.0.1:3000"))
	}
	if len(c.Kafka.Brokers) == 0 {
		errs = append(errs, chassis.Missing("brokers", "give the Kafka brokers as host:port[,host:port]"))
	}
	if c.ProduceTimeout < minProduceTimeout || c.ProduceTimeout > maxProduceTimeout {
		errs = append(errs, chassis.Wrong("produce-timeout", c.ProduceTimeout, "must be from 10ms to 1m"))
	}
	if c.MaxInFlight < 1 || c.MaxInFlight > maxMaxInFlight {
		errs = append(errs, chassis.Wrong("max-in-flight", c.MaxInFlight, "must be from 1 to 1000000"))
	}
	if c.KeyWindow < minKeyWindow || c.KeyWindow > maxKeyWindow {
		errs = append(errs, chassis.Wrong("key-window", c.KeyWindow, "must be from 1s to 24h"))
	}
	return errors.Join(errs...)
}
