package formapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

const (
	loadClients = 60
	loadPace    = 50 * time.Millisecond // of one client: 1,200 submissions a second where none has to wait
	loadPath    = "/forms/demo"
)

// sent is one submission as its client knows it.
type sent struct {
	mark   string // its name field: no other submission has it
	at     time.Time
	took   time.Duration
	stood  time.Duration // of it, the whole process stood still: the machine had no time for it
	err    error         // no answer
	status int
	retry  string // Retry-After
	id     string
	stored string
	code   Code
}

func (s sent) accepted() bool { return s.status == http.StatusAccepted }

// load posts submissions from many clients, each of them once, whatever becomes of it.
type load struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	group  sync.WaitGroup
	marks  string // what every mark begins with
	next   atomic.Int64

	mu    sync.Mutex
	all   []sent
	stood time.Duration // since the start
}

// startLoad begins at once; the test ends it with stop.
func startLoad(t testing.TB, url string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{url: url + loadPath, marks: fmt.Sprintf("%x-", time.Now().UnixNano()), client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: loadClients}}, cancel: cancel}
	l.group.Go(func() { l.watch(ctx) })
	for range loadClients {
		l.group.Go(func() { l.run(ctx) })
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// run is one client: it posts at its pace, later where it has to wait for an answer.
func (l *load) run(ctx context.Context) {
	pace := time.NewTicker(loadPace)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			before := l.standstill()
			s := l.post()
			s.stood = l.standstill() - before
			l.mu.Lock()
			l.all = append(l.all, s)
			l.mu.Unlock()
		}
	}
}

// watch adds up how long the process stood still: a clock that asks to be woken every 10 ms tells by how much it was late.
// What a starved machine takes is not what form-api takes.
func (l *load) watch(ctx context.Context) {
	const tick, notable = 10 * time.Millisecond, 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		<-time.After(tick)
		if late := time.Since(began) - tick; late > notable {
			l.mu.Lock()
			l.stood += late
			l.mu.Unlock()
		}
	}
}

func (l *load) standstill() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stood
}

func (l *load) post() sent {
	s := sent{mark: fmt.Sprint(l.marks, l.next.Add(1)), at: time.Now()}
	resp, err := l.client.Post(l.url, "application/json", strings.NewReader(`{"name":"`+s.mark+`"}`))
	if err != nil {
		s.took, s.err = time.Since(s.at), err
		return s
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	s.took = time.Since(s.at)
	var answer struct {
		ID, Stored string
		Code       Code
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	s.err, s.status, s.retry = err, resp.StatusCode, resp.Header.Get("Retry-After")
	s.id, s.stored, s.code = answer.ID, answer.Stored, answer.Code
	return s
}

// stop waits for the last answers and returns all of them in the order of sending. It may be called again.
func (l *load) stop() []sent {
	l.cancel()
	l.group.Wait()
	l.client.CloseIdleConnections()
	slices.SortFunc(l.all, func(a, b sent) int { return a.at.Compare(b.at) })
	return l.all
}

// awaitAccepted waits until some load was sent after the moment and accepted.
func (l *load) awaitAccepted(t testing.TB, since time.Time, patience time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(patience); l.acceptedSince(since) < someLoad; <-time.After(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "waited %s for accepted submissions", patience)
	}
}

func (l *load) acceptedSince(moment time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if s.accepted() && s.at.After(moment) {
			n++
		}
	}
	return n
}

// during returns those that were sent in a span of time.
func during(all []sent, from, to time.Time) (some []sent) {
	for _, s := range all {
		if !s.at.Before(from) && s.at.Before(to) {
			some = append(some, s)
		}
	}
	return some
}

// within returns the share of submissions that were accepted in so long a time.
func within(all []sent, limit time.Duration) float64 {
	n := 0
	for _, s := range all {
		if s.accepted() && s.took <= limit {
			n++
		}
	}
	return float64(n) / float64(max(1, len(all)))
}

// firstAccepted is how long after the moment a submission that was sent after it was accepted.
func firstAccepted(t testing.TB, all []sent, moment time.Time) time.Duration {
	t.Helper()
	var first time.Duration
	for _, s := range all {
		if answered := s.at.Add(s.took).Sub(moment); s.accepted() && s.at.After(moment) && (first == 0 || answered < first) {
			first = answered
		}
	}
	require.Positive(t, first, "none was accepted")
	return first
}

func longest(all []sent) (took time.Duration) {
	for _, s := range all {
		took = max(took, s.took)
	}
	return took
}

// requireAnswers holds every answer against the promise: 202, or 503 that says when to come again, by the deadline. Time in
// which the machine did not let the process run does not count.
func requireAnswers(t testing.TB, all []sent, deadline time.Duration) {
	t.Helper()
	for _, s := range all {
		require.NoError(t, s.err, s.mark)
		require.Contains(t, []int{http.StatusAccepted, http.StatusServiceUnavailable}, s.status, "%+v", s)
		if s.took-s.stood > deadline {
			require.Fail(t, "answered too late", "%+v\n%s", s, history(all, s.at))
		}
		if !s.accepted() {
			require.NotEmpty(t, s.retry, "%+v", s)
			require.Contains(t, []string{storedNo, storedMaybe}, s.stored, "%+v", s)
		}
	}
}

// requireExact holds every answer against the log: what was accepted is there once, what was refused is not, and of the
// rest nothing is there twice. It returns how many there are that nobody was told of.
func requireExact(t testing.TB, all []sent, brokers []string) (unconfirmed int) {
	t.Helper()
	ids, marks := map[string]int{}, map[string]int{}
	records := kafkatest.Records(t, brokers, "forms.demo")
	for _, r := range records {
		ids[string(r.Key)]++
		var values struct{ Name string }
		require.NoError(t, json.Unmarshal(r.Value, &values))
		marks[values.Name]++
	}
	known := 0
	for _, s := range all {
		known += marks[s.mark]
		switch {
		case s.accepted():
			require.Equal(t, 1, ids[s.id], "202: %+v", s)
			require.Equal(t, 1, marks[s.mark], "202: %+v", s)
		case s.stored == storedNo:
			require.Zero(t, marks[s.mark], "not stored: %+v", s)
		default:
			require.LessOrEqual(t, marks[s.mark], 1, "at most once: %+v", s)
			unconfirmed += marks[s.mark]
		}
	}
	require.Equal(t, len(records), known, "records that nobody sent")
	return unconfirmed
}

// tally counts answers by what they say.
func tally(all []sent) string {
	counts := map[string]int{}
	for _, s := range all {
		if s.accepted() {
			counts["accepted"]++
		} else {
			counts[string(s.code)]++
		}
	}
	return fmt.Sprintf("submissions=%d accepted=%d unavailable=%d unconfirmed=%d busy=%d",
		len(all), counts["accepted"], counts[string(CodeUnavailable)], counts[string(CodeUnconfirmed)], counts[string(CodeBusy)])
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// history is one line per half second: for whoever wants to know where the time went.
func history(all []sent, zero time.Time) string {
	const step = 500 * time.Millisecond
	var b strings.Builder
	for from, end := all[0].at, all[len(all)-1].at; from.Before(end); from = from.Add(step) {
		some := during(all, from, from.Add(step))
		fmt.Fprintf(&b, "%6.1f s: %s longest=%d ms\n", from.Sub(zero).Seconds(), tally(some), longest(some).Milliseconds())
	}
	return b.String()
}

// report prints a line that `make test` shows: go test hides what a passing test prints.
func report(t testing.TB, format string, args ...any) {
	t.Helper()
	line := "form-api, " + fmt.Sprintf(format, args...) + "\n"
	fmt.Print(line)
	path, ok := os.LookupEnv("FORMSTREAM_TEST_REPORT")
	if !ok {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // named by whoever runs the tests
	require.NoError(t, err)
	_, err = file.WriteString(line)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}
