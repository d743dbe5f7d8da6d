package sheetsflusher

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// Config of the service.
type Config struct {
	chassis.Config

	Interval    time.Duration // between runs; 0: one run and exit, for a CronJob
	Settle      time.Duration // how long an entry waits, so that the clocks of form-api's replicas may differ by as much
	Resume      string        // a form whose park an operator ends
	Credentials string        // service-account file; empty: Application Default Credentials
}

// RegisterFlags implements chassis.Configurer.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	fs.DurationVar(&c.Interval, "interval", 0, "run again and again, this long after the last run began; 0: once, then exit")
	fs.DurationVar(&c.Settle, "settle", 2*time.Second, "youngest age at which a submission is written")
	fs.StringVar(&c.Resume, "resume", "", "end the park of this `form`, then exit")
	fs.StringVar(&c.Credentials, "credentials", "", "service-account `file`; without one, Application Default Credentials are used")
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
	if c.Interval < 0 || c.Interval > time.Hour {
		errs = append(errs, chassis.Wrong("interval", c.Interval, "must be from 0s to 1h"))
	}
	if c.Settle < 0 || c.Settle > time.Minute {
		errs = append(errs, chassis.Wrong("settle", c.Settle, "must be from 0s to 1m"))
	}
	if c.Endpoint != "" && c.Credentials != "" {
		errs = append(errs, chassis.Wrong("credentials", c.Credentials, "are for Google: leave them out, or leave out -endpoint"))
	}
	return errors.Join(errs...)
}
