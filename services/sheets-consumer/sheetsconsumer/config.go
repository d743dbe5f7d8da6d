package sheetsconsumer

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Config of the service.
type Config struct {
	chassis.Config

	// RepeatWindow is for how long a keyed submission is remembered, so that a repeat of it does not become a second row.
	// Longer costs memory in Redis: about 150 bytes an id, at most 100,000 ids a partition.
	RepeatWindow time.Duration
}

// RegisterFlags implements chassis.Configurer.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	fs.DurationVar(&c.RepeatWindow, "repeat-window", time.Hour, "for how long a submission with an Idempotency-Key is remembered")
}

// Validate implements chassis.Configurer.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if len(c.Kafka.Brokers) == 0 {
		errs = append(errs, chassis.Missing("brokers", "give the addresses of Kafka's brokers, host:port, separated by commas"))
	}
	if len(c.Redis.Addrs) == 0 {
		errs = append(errs, chassis.Missing("redis", "give the address of Redis, host:port"))
	}
	if c.RepeatWindow < time.Second || c.RepeatWindow > 7*24*time.Hour {
		errs = append(errs, chassis.Wrong("repeat-window", c.RepeatWindow, "must be from 1s to 168h"))
	}
	return errors.Join(errs...)
}
