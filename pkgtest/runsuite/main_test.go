package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun_wrongStart_namesTheFlag(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"brokers", []string{"-brokers=2"}, "-brokers 2"},
		{"replicas", []string{"-form-api=0"}, "-form-api"},
		{"one address for two", []string{"-http=127.0.0.1:39017", "-sheets=127.0.0.1:39017"}, "in use"},
		{"no address", []string{"-http=nowhere"}, "-http nowhere"},
		{"no flag", []string{"three"}, `"three" is not a flag`},
		{"unknown flag", []string{"-no"}, "-help"},
		{"no forms", []string{"-forms=none", "-http=127.0.0.1:0", "-sheets=127.0.0.1:0"}, "form definitions"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := run(row.args, io.Discard, io.Discard)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestKeep_whatEnds_isStartedAgainUntilTheEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var p *process.Process
	started := make(chan struct{}, 10)
	start := func() (err error) {
		p, err = process.Start(nil, "sleep", "60")
		started <- struct{}{}
		return err
	}
	require.NoError(t, start())
	<-started
	first := p
	var said bytes.Buffer
	done := make(chan struct{})
	exited := func() <-chan struct{} { return p.Exited() }
	go func() {
		defer close(done)
		keep(ctx, []kept{{"sleeper", exited, start}}, &said)
	}()
	first.Kill()
	<-started
	cancel()
	<-done
	require.True(t, p.Running())
	require.NotEqual(t, first.PID, p.PID)
	p.Kill()
	require.Equal(t, "sleeper had ended: started again\n", strings.TrimLeft(said.String(), "\n"))
}
