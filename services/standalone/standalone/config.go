package standalone

import (
	"errors"
	"flag"
	"time"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/services/form-api/formapi"
)

// Config is what an operator sets.
type Config struct {
	chassis.Config
	formapi.Front

	EndpointHTTP string        // -endpoint-http: address of the embedded Sheets API and its page
	Google       bool          // -google: write to Google Sheets
	Credentials  string        // -credentials: service-account file for it; "" with Google: Application Default Credentials
	Fsync        bool          // -fsync: the embedded log is on the disk before a submission is answered
	Interval     time.Duration // -interval: from one look for something to write to the next
	Settle       time.Duration // -settle: youngest age at which a submission is written
}

// Manual is the first paragraph of -help.
func (c *Config) Manual() string {
	return "standalone runs all of Formstream in one process with no server installed: it takes submissions, keeps them in a\n" +
		"log on disk and writes them into spreadsheets that a web page shows. Ctrl-C writes what was accepted, then ends."
}

// RegisterFlags adds the flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	chassis.SetDefault(fs, "http", "127.0.0.1:3000")
	chassis.SetDefault(fs, "data", "formstream-data")
	chassis.SetDefault(fs, "topics-create", "true")
	chassis.SetDefault(fs, "kafka-linger", "0s") // the embedded broker acknowledges within a millisecond or one fsync
	chassis.SetDefault(fs, "log-format", "text") // a person reads it
	chassis.SetDefault(fs, "log-level", "WARN")  // whoever reads the banner need not read four services' start-up
	c.Front.RegisterFlags(fs)
	fs.StringVar(&c.EndpointHTTP, "endpoint-http", "127.0.0.1:3001", "`address` of the embedded Sheets API and its page, host:port; port 0 takes a free one")
	fs.BoolVar(&c.Google, "google", false, "write to Google Sheets, with Application Default Credentials unless -credentials is given")
	fs.StringVar(&c.Credentials, "credentials", "", "service-account `file`: write to Google Sheets with it")
	fs.BoolVar(&c.Fsync, "fsync", true, "answer a submission when it is on the disk; false: faster, but a power failure loses the last moments")
	fs.DurationVar(&c.Interval, "interval", 1500*time.Millisecond, "how often to look for something to write; at 1.5s that is 40 flushes a minute, below what Google allows one account")
	fs.DurationVar(&c.Settle, "settle", 0, "youngest age at which a submission is written; 2s where other form-api processes write to the same brokers")
}

// Validate joins everything that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate(), c.Front.Validate()}
	if c.HTTP == "" {
		errs = append(errs, chassis.Missing("http", "give the address to take submissions on, such as 127.0.0.1:3000"))
	}
	if c.Data == "" {
		errs = append(errs, chassis.Missing("data", "give the folder to keep everything in"))
	}
	if c.Interval < 100*time.Millisecond || c.Interval > time.Hour {
		errs = append(errs, chassis.Wrong("interval", c.Interval, "must be from 100ms to 1h"))
	}
	if c.Settle < 0 || c.Settle > time.Minute {
		errs = append(errs, chassis.Wrong("settle", c.Settle, "must be from 0s to 1m"))
	}
	errs = append(errs, c.checkSheets())
	if c.ownBroker() && c.Topics.Retention > 0 {
		errs = append(errs, chassis.Wrong("topics-retention", c.Topics.Retention,
			"the embedded log keeps everything: leave it out, or give -brokers"))
	}
	return errors.Join(errs...)
}

// checkSheets wants exactly one place to write to.
func (c *Config) checkSheets() error {
	switch {
	case c.Endpoint != "" && c.toGoogle():
		return chassis.Wrong("endpoint", c.Endpoint, "is another place to write to than -google and -credentials say: keep one of them")
	case c.ownSheets() && c.EndpointHTTP == "":
		return chassis.Missing("endpoint-http", "give the address of the embedded Sheets API, such as 127.0.0.1:3001")
	}
	return nil
}

func (c *Config) ownBroker() bool { return len(c.Kafka.Brokers) == 0 }
func (c *Config) ownRedis() bool  { return len(c.Redis.Addrs) == 0 }
func (c *Config) ownSheets() bool { return c.Endpoint == "" && !c.toGoogle() }
func (c *Config) toGoogle() bool  { return c.Google || c.Credentials != "" }
