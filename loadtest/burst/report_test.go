package burst

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func upTo(n int) []time.Duration {
	var all []time.Duration
	for i := range n {
		all = append(all, time.Duration(n-i)*time.Millisecond) // the largest first: order must not matter
	}
	return all
}

func TestLatencyOf_knownInputs_givesNearestRanks(t *testing.T) {
	for _, row := range []struct {
		name string
		in   []time.Duration
		want Latency
	}{
		{"none", nil, Latency{}},
		{"one", upTo(1), Latency{1, 1, 1, 1, 1, 1, 1}},
		{"two", upTo(2), Latency{Min: 1, Mean: 1.5, P50: 1, P90: 2, P95: 2, P99: 2, Max: 2}},
		{"a hundred", upTo(100), Latency{Min: 1, Mean: 50.5, P50: 50, P90: 90, P95: 95, P99: 99, Max: 100}},
		{"a thousand", upTo(1000), Latency{Min: 1, Mean: 500.5, P50: 500, P90: 900, P95: 950, P99: 990, Max: 1000}},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, latencyOf(row.in)) })
	}
}

func TestRatioOf_disturbedRounds_takesTheMedian(t *testing.T) {
	base := []Marks{{100, 10, 10, 20}, {100, 10, 10, 20}, {100, 10, 10, 20}, {0, 0, 0, 0}, {100, 10, 10, 20}}
	rounds := []Marks{{50, 20, 20, 30}, {1, 900, 900, 999}, {60, 22, 18, 40}, {50, 20, 20, 30}}
	require.Equal(t, &Marks{0.5, 2.2, 2, 2}, ratioOf(rounds, base), "the fourth round of base accepted nothing, its fifth has no partner")
	require.Equal(t, &Marks{0.55, 2.1, 1.9, 1.75}, ratioOf([]Marks{rounds[0], rounds[2]}, base), "of two the mean")
	require.Nil(t, ratioOf(nil, base))
}

func TestBrokenKind_eachError_isNamed(t *testing.T) {
	wrapped := func(err error) error {
		return &url.Error{Op: "Post", URL: "http://a", Err: &net.OpError{Op: "read", Err: os.NewSyscallError("read", err)}}
	}
	for want, err := range map[string]error{
		"timeout":                  wrapped(context.DeadlineExceeded),
		"interrupted":              wrapped(context.Canceled),
		"connection refused":       wrapped(syscall.ECONNREFUSED),
		"connection reset":         wrapped(syscall.ECONNRESET),
		"connection closed":        wrapped(io.EOF),
		"too many open files here": wrapped(syscall.EMFILE),
		"no free port here":        wrapped(syscall.EADDRNOTAVAIL),
		"unknown host":             wrapped(&net.DNSError{}),
		"wrong certificate":        wrapped(&tls.CertificateVerificationError{}),
		"other error":              errors.New("x"),
	} {
		require.Equal(t, want, brokenKind(err))
	}
}

// scripted is the report of a run with known answers.
func scripted(t *testing.T) *Report {
	t.Helper()
	c := Config{Users: 1000, Requests: 5, Rounds: 2, Ramp: 100 * time.Millisecond, Warmup: 5 * time.Second, Seed: 1, Form: []string{"demo-form"}, Against: "floor"}
	played := func(took time.Duration, yes int, others ...string) *figures {
		r := round{took: took}
		for _, latency := range upTo(yes) {
			r.answers = append(r.answers, answer{kind: "202", status: 202, latency: latency})
		}
		for i, kind := range others {
			a := answer{kind: kind, latency: time.Duration(i+1) * time.Second}
			_, _ = fmt.Sscan(kind, &a.status)
			r.answers = append(r.answers, a)
		}
		f := newFigures()
		f.add(r)
		f.add(r)
		return f
	}
	target := func(name string) Target { return Target{Name: name, URL: mustURL(t, "http://me:secret@"+name)} }
	r := c.newReport()
	r.add(target("suite"), played(2*time.Second, 4000, "503", "503", "422", "timeout", "connection reset"),
		&InSheet{Accepted: 12000, InSheet: 11998, Lost: 2, Doubled: 1, Unconfirmed: 2, Confirmed: 1, LostIDs: []string{"id-1", "id-2"}, DoubledIDs: []string{"id-3"}})
	r.add(target("floor"), played(time.Second, 2000), nil)
	r.add(target("gone"), played(time.Second, 0, "connection refused"), nil)
	r.judge()
	return r
}

func TestReport_tables_areGolden(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, scripted(t).print(&b, false))
	golden(t, "tables.golden", b.String())
}

func TestReport_json_isGolden(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, scripted(t).print(&b, true))
	require.NotContains(t, b.String(), "secret")
	golden(t, "report.golden", b.String())
}

func TestReport_oneTarget_hasNoTableThatSaysNothing(t *testing.T) {
	c := Config{Users: 1, Requests: 1, Rounds: 1, Form: []string{"demo-form"}}
	r := c.newReport()
	f := newFigures()
	f.add(round{took: time.Second, answers: []answer{{kind: "202", status: 202, latency: time.Millisecond}}})
	r.add(Target{Name: "a", URL: &url.URL{}}, f, nil)
	r.judge()
	var b bytes.Buffer
	r.write(&b)
	require.NotContains(t, b.String(), "multiple")
	require.NotContains(t, b.String(), "in sheet")
	require.NotContains(t, b.String(), "WRONG")
}

func TestProgress_terminal_redrawsOneLine(t *testing.T) {
	var b strings.Builder
	p := &progress{w: &b, terminal: true}
	p.show(time.Now(), "one")
	p.show(time.Now(), "two")
	p.clear()
	require.Equal(t, "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K", b.String())
}

func TestProgress_file_writesALineNowAndThen(t *testing.T) {
	var b strings.Builder
	start := time.Now()
	p := &progress{w: &b, shown: start}
	for _, at := range []time.Duration{time.Second, plainEvery, plainEvery + time.Second, 2 * plainEvery} {
		p.show(start.Add(at), at.String())
	}
	p.clear()
	require.Equal(t, "5s\n10s\n", b.String())
}

func TestWatch_stopped_showsNothingMore(t *testing.T) {
	var b strings.Builder
	p := &progress{w: &b, terminal: true}
	shown := make(chan struct{}, 1000)
	stop := p.watch(func() string { shown <- struct{}{}; return "x" })
	<-shown
	stop()
	require.True(t, strings.HasSuffix(b.String(), "x\r\x1b[K"))
}
