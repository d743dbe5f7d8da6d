package intake

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/loadtest/bare"
	"github.com/formstream/formstream/pkg/form"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse_limits_areHeld(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string // "" for valid
	}{
		{name: "defaults"},
		{name: "short", args: []string{"-rounds=1", "-seconds=1", "-warmup=0s"}},
		{name: "no round", args: []string{"-rounds=0"}, want: `-rounds "0": must be 1 to 100`},
		{name: "long phase", args: []string{"-seconds=601"}, want: "must be 1 to 600"},
		{name: "long warm-up", args: []string{"-warmup=11m"}, want: "must be 0s to 10m0s"},
		{name: "no rate", args: []string{"-rate=0"}, want: "must be 1 to 50000"},
		{name: "several", args: []string{"-rounds=0", "-rate=0"}, want: "-rate"},
		{name: "no flag", args: []string{"rounds=1"}, want: "is not a flag"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parse(row.args, io.Discard)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestRun_wrongFlags_areOneLine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUnrun, Run(t.Context(), []string{"-rounds=0", "-rate=0"}, &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
	require.Equal(t, exitFine, Run(t.Context(), []string{"-help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "Usage: loadtest intake")
}

func TestReadAnswer_eachKind(t *testing.T) {
	const short = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
	for _, row := range []struct {
		name, text string
		status     int
		wrong      bool
	}{
		{name: "short", text: short, status: 202},
		{name: "followed by another", text: short + short, status: 202},
		{name: "name in lower case", text: "HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", status: 503},
		{name: "no length", text: "HTTP/1.1 202 Accepted\r\n\r\n", wrong: true},
		{name: "length is no number", text: "HTTP/1.1 202 Accepted\r\nContent-Length: x\r\n\r\n", wrong: true},
		{name: "other protocol", text: "SSH-2.0-OpenSSH\r\n", wrong: true},
		{name: "no status", text: "HTTP/1.1 OK!\r\n", wrong: true},
		{name: "cut in the head", text: short[:30], wrong: true},
		{name: "cut in the body", text: short[:len(short)-1], wrong: true},
		{name: "nothing", wrong: true},
		{name: "endless line", text: strings.Repeat("x", 10<<10), wrong: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, err := readAnswer(bufio.NewReader(strings.NewReader(row.text)))
			require.Equal(t, row.wrong, err != nil, "%v", err)
			require.Equal(t, row.status, status)
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if status, err := readAnswer(bufio.NewReader(strings.NewReader(text))); err == nil && status < -99 {
			t.Fatalf("status %d", status)
		}
	})
}

func TestNext_requests_areValidAndNoTwoTheSame(t *testing.T) {
	text, err := os.ReadFile("../../forms/demo-form.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo-form.yaml"), text, 0o600))
	folder, err := writeForm(dir, dir)
	require.NoError(t, err)
	set, err := form.LoadDir(folder, os.LookupEnv)
	require.NoError(t, err, "the raised limits are part of the definition")
	f, ok := set.Lookup("demo-form")
	require.True(t, ok)
	require.EqualValues(t, 1_000_000, f.Limits.Client.Count)

	s, keys := newSender(7), map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // one connection, so one at a time
		keys[r.Header.Get("Idempotency-Key")] = true
		bare.Ceiling().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := dial(t.Context(), server.Listener.Addr().String(), s)
	require.NoError(t, err)
	defer c.close()
	for range 3 {
		status, err := c.post(t.Context())
		require.NoError(t, err)
		require.Equal(t, accepted, status)
	}
	require.Len(t, keys, 3)
}

// loaded plays a phase against h.
func loaded(t *testing.T, ph phase, h http.HandlerFunc, length time.Duration) (p played, asked []string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	var mu sync.Mutex
	ask := func(what string) func() error {
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, what)
			return nil
		}
	}
	p, err := ph.play(t.Context(), server.Listener.Addr().String(), newSender(1), length, ask("before"), ask("after"))
	require.NoError(t, err)
	return p, asked
}

func TestPlay_saturation_countsWhatItGets(t *testing.T) {
	var n atomic.Int64
	p, asked := loaded(t, phase{connections: 3}, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	}, 100*time.Millisecond)
	require.Equal(t, []string{"before", "after"}, asked)
	require.Equal(t, map[string]int{"503": 1, "no answer": 1}, p.other)
	require.EqualValues(t, n.Load()-2, p.accepted)
	require.Len(t, p.latencies, p.accepted)
}

func TestPlay_openLoopAgainstASlowServer_countsFromWhenItWasDue(t *testing.T) {
	const busy = 20 * time.Millisecond // one connection: the n-th of ten, due after n ms, is answered n times that later
	p, _ := loaded(t, phase{connections: 1, rate: 1000}, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(busy) //nolint:forbidigo // the server is slow
		w.WriteHeader(http.StatusAccepted)
	}, 10*time.Millisecond)
	require.Equal(t, 10, p.accepted)
	require.GreaterOrEqual(t, p.latencies[9], 10*busy-10*time.Millisecond)
}

func TestParseUsage_eachCount_isRead(t *testing.T) {
	const text = "# HELP x y\ngo_memstats_mallocs_total 1.5e+06\ngo_memstats_alloc_bytes_total 7\nprocess_cpu_seconds_total 1.25\n"
	u, err := parseUsage(text)
	require.NoError(t, err)
	require.Equal(t, usage{cpu: 1.25, allocs: 1.5e6, bytes: 7}, u)
	require.Equal(t, usage{cpu: .25, allocs: .5e6, bytes: 4}, u.since(usage{cpu: 1, allocs: 1e6, bytes: 3}))
	_, err = parseUsage(strings.ReplaceAll(text, "process_cpu", "other"))
	require.ErrorContains(t, err, "the metric process_cpu_seconds_total is missing")
	_, err = parseUsage("process_cpu_seconds_total x\n")
	require.ErrorContains(t, err, "read the metric process_cpu_seconds_total")
}

func TestMedianAndPercentile(t *testing.T) {
	require.Zero(t, median(nil))
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 3, median([]float64{9, 1, 2, 4}), 0)
	require.Zero(t, percentile(nil, 99))
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i+1) * time.Millisecond
	}
	require.InDelta(t, 50, percentile(hundred, 50), 0)
	require.InDelta(t, 99, percentile(hundred, 99), 0)
}

// reported is a run of two rounds, the second of which was disturbed.
func reported(cpu float64) *Report {
	r := newReport(Config{Rounds: 2, Seconds: 1, Rate: 2000, Warmup: time.Second})
	r.Cores = 2
	for n := 1.0; n <= 2; n++ {
		for _, ph := range phases(2000) {
			for name, cost := range map[string]float64{subject: cpu, floor: 1, "ceiling": .5} {
				p := played{accepted: 100, took: time.Second}
				for i := range 100 {
					p.latencies = append(p.latencies, time.Duration(float64(i)*n*cost*float64(time.Millisecond)))
				}
				r.add(name, ph.name, p, usage{cpu: cost * n / 1000, allocs: 5000 * cost, bytes: 1e6 * cost})
			}
		}
	}
	r.conclude()
	return r
}

func TestReport_isATableWithVerdicts(t *testing.T) {
	var text bytes.Buffer
	r := reported(1.25)
	require.NoError(t, r.print(&text, false))
	if *update {
		require.NoError(t, os.WriteFile("testdata/report.md", text.Bytes(), 0o600))
	}
	want, err := os.ReadFile("testdata/report.md")
	require.NoError(t, err)
	require.Equal(t, string(want), text.String(), "if the change is meant: go test ./intake -update")
	for _, aim := range r.Aims {
		require.True(t, aim.Met, aim.What)
	}
}

func TestReport_beyondTheAim_saysMissed(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, reported(3).print(&text, false))
	require.Equal(t, 3, strings.Count(text.String(), ": MISSED\n"))
}

func TestReport_asJSON_hasEachRound(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, reported(1).print(&text, true))
	require.Equal(t, 9, strings.Count(text.String(), `"rounds": [`))
	require.Contains(t, text.String(), `"met": true`)
}

func TestReport_answeredOtherwise_isAProblem(t *testing.T) {
	r := newReport(Config{})
	var p played
	p.add(429, nil, 0)
	p.add(0, errors.New("reset"), 0)
	r.add(subject, "128 connections", p, usage{})
	require.Equal(t, []string{
		"form-api, 128 connections: 1 submissions ended with 429",
		"form-api, 128 connections: 1 submissions ended with no answer",
	}, r.Problems)
}
