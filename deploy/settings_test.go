package deploy_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// settings are what a service made of its environment: for each flag the value, and where it came from.
type settings map[string]struct{ value, origin string }

var settingLine = regexp.MustCompile(`^([a-z0-9-]+): (.*) # (.*)$`)

// accepted asks the service's program whether it accepts the environment, and returns what it understood.
// A variable that no flag has would go unnoticed at run time; here it is a failure.
func accepted(t *testing.T, service string, env map[string]string) settings {
	t.Helper()
	program := inBin(t, service)
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, name+"="+env[name])
	}
	verified := run(t, pairs, program, "-config-verify")
	require.NoError(t, verified.err, "%s refuses its configuration:\n%s", service, verified.stderr)
	require.Empty(t, verified.stderr, "warnings of %s", service)

	printed := run(t, pairs, program, "-config-print")
	require.NoError(t, printed.err, printed.stderr)
	understood := settings{}
	origins := map[string]bool{}
	for line := range strings.Lines(printed.stdout) {
		fields := settingLine.FindStringSubmatch(strings.TrimSpace(line))
		require.NotNil(t, fields, line)
		understood[fields[1]] = struct{ value, origin string }{strings.Trim(fields[2], `"`), fields[3]}
		origins[fields[3]] = true
	}
	for name, value := range env {
		if strings.HasPrefix(name, "FORMSTREAM_") && name != "FORMSTREAM_CONFIG" && value != "" {
			require.True(t, origins["environment "+name], "%s has no setting of the name %s", service, name)
		}
	}
	return understood
}

// duration returns a setting that is one.
func (s settings) duration(t *testing.T, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s[name].value)
	require.NoError(t, err, name)
	return d
}

// drain is the longest that a service takes to end: its own time-outs, and 5 s that form-api gives to what the brokers owe.
func (s settings) drain(t *testing.T) time.Duration {
	t.Helper()
	return s.duration(t, "shutdown-delay") + s.duration(t, "shutdown-timeout") + 5*time.Second
}
