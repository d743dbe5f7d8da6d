package chassis_test

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
)

// demoConfig is a service's configuration as every service writes it.
type demoConfig struct {
	chassis.Config
	Deadline time.Duration
	Token    chassis.Secret
	Ratio    float64
	Batch    int
}

func (c *demoConfig) Manual() string {
	return "demo does nothing, in the way of all services."
}

func (c *demoConfig) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	chassis.SetDefault(fs, "http", "127.0.0.1:3000")
	fs.DurationVar(&c.Deadline, "deadline", 3*time.Second, "how long a caller waits")
	chassis.SecretVar(fs, &c.Token, "token", "`text` that opens the door")
	fs.Float64Var(&c.Ratio, "ratio", 0.5, "share of something")
	fs.IntVar(&c.Batch, "batch", 100, "`rows` at a time")
}

func (c *demoConfig) Validate() error {
	errs := []error{c.Config.Validate()}
	if len(c.Kafka.Brokers) == 0 {
		errs = append(errs, chassis.Missing("brokers", "give the Kafka brokers as host:port[,host:port]"))
	}
	if c.Deadline <= 0 {
		errs = append(errs, chassis.Wrong("deadline", c.Deadline, "must be above 0s"))
	}
	return errors.Join(errs...)
}
