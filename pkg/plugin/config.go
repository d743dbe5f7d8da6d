package plugin

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Config is what an operator sets. A plug-in with flags of its own embeds it, and calls its RegisterFlags and Validate in
// its own.
type Config struct {
	chassis.Config

	// HandlerTimeout is how long one call of the handler may take. Default 30 s. What takes longer is tried again.
	HandlerTimeout time.Duration
}

// Configurer is the configuration of a plug-in: a [Config], or a struct that embeds it.
type Configurer interface {
	chassis.Configurer
	// Plugin returns the embedded Config.
	Plugin() *Config
}

const (
	minHandlerTimeout = 10 * time.Millisecond
	maxHandlerTimeout = time.Hour
)

// Plugin implements Configurer for the struct that embeds c.
func (c *Config) Plugin() *Config { return c }

// RegisterFlags adds the flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	chassis.SetDefault(fs, "topics-create", "true") // without it the first event about a new form would block the form
	fs.DurationVar(&c.HandlerTimeout, "handler-timeout", 30*time.Second, "how long the plug-in may take for one submission, which is then tried again")
}

// Validate joins everything that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if len(c.Kafka.Brokers) == 0 {
		errs = append(errs, chassis.Missing("brokers", "give the addresses of Kafka's brokers, host:port, separated by commas"))
	}
	if c.HandlerTimeout < minHandlerTimeout || c.HandlerTimeout > maxHandlerTimeout {
		errs = append(errs, chassis.Wrong("handler-timeout", c.HandlerTimeout, "must be from 10ms to 1h"))
	}
	return errors.Join(errs...)
}
