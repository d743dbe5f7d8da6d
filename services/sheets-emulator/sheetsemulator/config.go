package sheetsemulator

import (
	"errors"
	"flag"

	"github.com/formstream/formstream/pkg/chassis"
)

// Config is what an operator sets.
type Config struct {
	chassis.Config
	Create      []string // -create: ids of spreadsheets that are made at start, unless they exist
	NoMatch     NoMatch  // -no-match: what a metadata update that matches nothing answers
	JournalKeep int      // -journal-keep: newest journal entries to keep
}

// RegisterFlags adds the flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	chassis.SetDefault(fs, "http", "127.0.0.1:3001")
	chassis.SetDefault(fs, "data", "sheets-data")
	chassis.ListVar(fs, &c.Create, "create", nil, "`ids` of spreadsheets to make at start, comma-separated; those that exist stay as they are")
	fs.StringVar((*string)(&c.NoMatch), "no-match", string(NoMatchOK), "what updateDeveloperMetadata and deleteDeveloperMetadata answer when nothing matches: ok (200) or error (400)")
	fs.IntVar(&c.JournalKeep, "journal-keep", defaultJournalKeep, "newest `entries` of the journal to keep; older ones are dropped")
}

// Validate joins everything that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.HTTP == "" {
		errs = append(errs, chassis.Missing("http", "give the address to serve on, such as 127.0.0.1:3001"))
	}
	if c.Data == "" {
		errs = append(errs, chassis.Missing("data", "give the folder to keep the spreadsheets in"))
	}
	for _, id := range c.Create {
		if !isSpreadsheetID(id) {
			errs = append(errs, chassis.Wrong("create", id, "an id has 1 to 128 letters, digits, - and _"))
		}
	}
	if c.NoMatch != NoMatchOK && c.NoMatch != NoMatchError {
		errs = append(errs, chassis.Wrong("no-match", string(c.NoMatch), "must be ok or error"))
	}
	if c.JournalKeep < 1 || c.JournalKeep > maxJournalKeep {
		errs = append(errs, chassis.Wrong("journal-keep", c.JournalKeep, "must be from 1 to 1000000"))
	}
	return errors.Join(errs...)
}
