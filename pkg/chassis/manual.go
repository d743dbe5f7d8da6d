package chassis

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// headings returns the manual's headings in their order.
func headings(service string) []string {
	return []string{service, "Common settings", "Kafka", "Topics", "Redis", "Logs", "Traces", "Ending", "Instead of running"}
}

// heading returns the one that a flag stands under. The service's own flags are
// those that neither Config nor controls registers.
func heading(service, name string, common map[string]bool) string {
	switch {
	case isControl(name):
		return "Instead of running"
	case !common[name]:
		return service
	case name == "brokers" || strings.HasPrefix(name, "kafka-"):
		return "Kafka"
	case strings.HasPrefix(name, "topics-"):
		return "Topics"
	case strings.HasPrefix(name, "redis"):
		return "Redis"
	case strings.HasPrefix(name, "log-"):
		return "Logs"
	case strings.HasPrefix(name, "otlp-"):
		return "Traces"
	case strings.HasPrefix(name, "shutdown-"):
		return "Ending"
	default:
		return "Common settings"
	}
}

// writeManual prints what -help shows.
func (l *loader) writeManual(out io.Writer, service string) error {
	w := bufio.NewWriter(out)
	if m, ok := l.cfg.(interface{ Manual() string }); ok {
		_, _ = fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(m.Manual()))
	}
	_, _ = fmt.Fprintf(w, `Usage: %s [flags]

A setting is a flag, an environment variable or a line of the YAML file that
-config names. -kafka-linger is FORMSTREAM_KAFKA_LINGER in the environment and
"kafka-linger: 1ms" in the file. Flags win over the environment, the environment
over the file, the file over the defaults. All services accept the same common
settings; each uses those that it needs.
`, service)
	common := commonFlags()
	below := map[string][]*flag.Flag{}
	l.fs.VisitAll(func(f *flag.Flag) {
		h := heading(service, f.Name, common)
		below[h] = append(below[h], f)
	})
	for _, h := range headings(service) {
		if len(below[h]) > 0 {
			_, _ = fmt.Fprintf(w, "\n%s\n", h)
		}
		for _, f := range below[h] {
			writeFlag(w, f)
		}
	}
	return w.Flush()
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
