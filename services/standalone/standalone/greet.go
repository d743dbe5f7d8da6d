package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/form"
)

const (
	patience  = 15 * time.Second // then it says what it waits for
	maxListed = 8                // forms and spreadsheets in the greeting
)

// greet prints what to open and what to paste, once everything works.
func (a *App) greet(ctx context.Context) error {
	began, complained := time.Now(), false
	for {
		err := a.deps.Health.Ready(ctx)
		if err == nil {
			a.say(a.greeting())
			return nil
		}
		if !complained && time.Since(began) > patience {
			complained = true
			a.deps.Log.Warn("not ready yet, still trying", "error", oneLine(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAgain):
		}
	}
}

func oneLine(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// say writes to the person at the terminal; one that has gone is no reason to stop.
func (a *App) say(text string) { _, _ = fmt.Fprint(a.deps.Stdout, text) }

func (a *App) greeting() string {
	var b strings.Builder
	forms := "http://" + reachable(a.Addr()) + "/forms/"
	b.WriteString("\nFormstream is running.\n\n")
	for i, id := range a.spreadsheets() {
		if i == maxListed {
			b.WriteString("               … and others\n")
			break
		}
		fmt.Fprintf(&b, "  Spreadsheet  %s\n", a.page(id))
	}
	fmt.Fprintf(&b, "  Forms        %s…\n", forms)
	fmt.Fprintf(&b, "  Events       demo-consumer's, in the topics processed.… at %s\n", strings.Join(a.cfg.Kafka.Brokers, ","))
	fmt.Fprintf(&b, "  Data         %s (%s)\n", a.cfg.Data, a.found)
	fmt.Fprintf(&b, "  End          Ctrl-C; what was accepted is written first\n")
	b.WriteString("\nPost one, and see its row appear:\n")
	for i, f := range a.forms.All() {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  … and %d other forms\n", len(a.forms.All())-maxListed)
			break
		}
		fmt.Fprintf(&b, "\n  curl %s -H 'Content-Type: application/json' \\\n       -d %s\n", forms+f.ID, quoted(body(f)))
	}
	return b.String() + "\n"
}

// page is where a person looks at a spreadsheet.
func (a *App) page(id string) string {
	switch {
	case a.sheets != nil:
		return "http://" + reachable(a.sheets.Addr()) + "/spreadsheets/d/" + url.PathEscape(id)
	case a.cfg.Endpoint != "":
		return id + " at " + a.cfg.Endpoint
	}
	return "https://docs.google.com/spreadsheets/d/" + url.PathEscape(id)
}

// body is an example, or says that there is none.
func body(f *form.Form) string {
	if example, ok := Example(f); ok {
		return example
	}
	return "{…}"
}

// reachable turns the address of a listener into one to connect to.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// quoted is text as one word of a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// String tells how much is kept.
func (s sizes) String() string {
	if s.log+s.sheets == 0 {
		return "new"
	}
	return fmt.Sprintf("%s: log %s, spreadsheets %s", inUnits(s.log+s.sheets), inUnits(s.log), inUnits(s.sheets))
}

func inUnits(bytes int64) string {
	value, unit := float64(bytes)/1000, "kB"
	for _, next := range []string{"MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
