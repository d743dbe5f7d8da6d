package chassis

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"
)

// group is one heading of the manual with the flags below it.
type group struct {
	title string
	has   func(name string) bool
}

// groups returns the headings in their order; a flag stands under the first that
// claims it, and the service's own flags under the one that claims everything.
func groups(service string, common map[string]bool) []group {
	prefix := func(p string) func(string) bool {
		return func(name string) bool { return common[name] && strings.HasPrefix(name, p) }
	}
	return []group{
		{"Instead of running", isControl},
		{"Kafka", func(name string) bool { return name == "brokers" || prefix("kafka-")(name) }},
		{"Topics", prefix("topics-")},
		{"Redis", prefix("redis")},
		{"Logs", prefix("log-")},
		{"Ending", prefix("shutdown-")},
		{"Common settings", func(name string) bool { return common[name] }},
		{service, func(string) bool { return true }},
	}
}

// writeManual prints what -help shows.
func (l *loader) writeManual(out io.Writer, service string) error {
	w := bufio.NewWriter(out)
	if m, ok := l.cfg.(interface{ Manual() string }); ok {
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(m.Manual()))
	}
	fmt.Fprintf(w, `Usage: %s [flags]

A setting is a flag, an environment variable or a line of the YAML file that
-config names. -kafka-linger is FORMSTREAM_KAFKA_LINGER in the environment and
"kafka-linger: 1ms" in the file. Flags win over the environment, the environment
over the file, the file over the defaults. All services accept the same common
settings; each uses those that it needs.
`, service)
	byGroup := l.grouped(service)
	titles := groups(service, nil)
	for i := len(titles) - 1; i >= 0; i-- { // the service's own flags first
		flags := byGroup[titles[i].title]
		if len(flags) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", titles[i].title)
		for _, f := range flags {
			writeFlag(w, f)
		}
	}
	return w.Flush()
}

func (l *loader) grouped(service string) map[string][]*flag.Flag {
	common := commonFlags()
	titles := groups(service, common)
	byGroup := map[string][]*flag.Flag{}
	l.fs.VisitAll(func(f *flag.Flag) {
		for _, g := range titles {
			if g.has(f.Name) {
				byGroup[g.title] = append(byGroup[g.title], f)
				return
			}
		}
	})
	for _, flags := range byGroup {
		sort.Slice(flags, func(i, j int) bool { return flags[i].Name < flags[j].Name })
	}
	return byGroup
}

// commonFlags returns the names that Config registers.
func commonFlags() map[string]bool {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(Config).RegisterFlags(fs)
	names := map[string]bool{}
	fs.VisitAll(func(f *flag.Flag) { names[f.Name] = true })
	return names
}

// writeFlag prints one flag as the flag package would, secrets without default.
func writeFlag(w io.Writer, f *flag.Flag) {
	kind, usage := flag.UnquoteUsage(f)
	line := "  -" + f.Name
	if kind != "" {
		line += " " + kind
	}
	_, secret := f.Value.(*Secret)
	if f.DefValue != "" && f.DefValue != "false" && !secret {
		usage += " (default " + f.DefValue + ")"
	}
	_, _ = fmt.Fprintf(w, "%s\n        %s\n", line, usage)
}

// writeConfig prints the configuration as a file that -config would read, with
// the place that each value came from. Secrets are redacted.
func (l *loader) writeConfig(out io.Writer) error {
	w := bufio.NewWriter(out)
	l.fs.VisitAll(func(f *flag.Flag) {
		if isControl(f.Name) {
			return
		}
		text := yamlText(f.Value)
		switch v := f.Value.(type) {
		case *secretFile:
			if v.path == "" {
				return
			}
		case *Secret:
			if l.origin[f.Name+"-file"] != "" {
				return
			}
			text = `""`
			if *v != "" {
				text = `"` + redacted + `"`
			}
		}
		origin := l.origin[f.Name]
		if origin == "" {
			origin = "default"
		}
		_, _ = fmt.Fprintf(w, "%s: %s # %s\n", f.Name, text, origin)
	})
	return w.Flush()
}

// yamlText returns a value as YAML: numbers, durations and switches as they are,
// everything else in double quotes.
func yamlText(v flag.Value) string {
	if getter, ok := v.(flag.Getter); ok {
		switch getter.Get().(type) {
		case bool, int, int64, uint, uint64, float64, time.Duration:
			return v.String()
		}
	}
	return strconv.Quote(v.String())
}
