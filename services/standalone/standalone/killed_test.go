package standalone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	submissions = 20_000
	clients     = 64
	kills       = 3
	invalidOf   = 20 // one in so many is refused with 422
)

// fate is what a client knows of a submission.
type fate int

const (
	accepted   fate = iota // 202
	unanswered             // the connection broke
	unstored               // 503
	invalid                // 4xx
	fates
)

// sent is one submission, as its client knows it.
type sent struct {
	form, mark string // mark: a value that no other submission has
	fate       fate
	id         string
}

// server is where clients find the process that runs at present.
type server struct {
	mu         sync.Mutex
	url        string
	generation int
	changed    chan struct{}
}

// moved publishes a new process.
func (s *server) moved(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url, s.generation = url, s.generation+1
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

// after returns a process younger than the given generation, once there is one.
func (s *server) after(ctx context.Context, generation int) (string, int, error) {
	for {
		s.mu.Lock()
		url, now, changed := s.url, s.generation, s.changed
		s.mu.Unlock()
		if now > generation {
			return url, now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
}

// load posts submissions, each once, whatever becomes of it.
type load struct {
	seed     int64
	server   *server
	http     *http.Client
	next     atomic.Int64
	answered atomic.Int64
}

// client posts until the load is used up. A submission without an answer is not sent again.
func (l *load) client(ctx context.Context) (all []sent, err error) {
	url, generation, err := l.server.after(ctx, 0)
	for err == nil {
		n := l.next.Add(1) - 1
		if n >= submissions {
			break
		}
		s := l.post(ctx, url, n)
		all = append(all, s)
		if s.fate == unanswered {
			url, generation, err = l.server.after(ctx, generation)
			continue
		}
		l.answered.Add(1)
	}
	return all, err
}

func (l *load) post(ctx context.Context, url string, n int64) sent {
	s := sent{form: "demo-form", mark: fmt.Sprintf("s%d-%d", l.seed, n), fate: unanswered}
	body := demo(s.mark)
	if n%2 == 1 {
		s.form, body = "student-data-form", student(s.mark)
	}
	if n%invalidOf < 2 { // both forms
		body = strings.Replace(body, "example.org", "example..org", 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/forms/"+s.form, strings.NewReader(body))
	if err != nil {
		return s
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.http.Do(req)
	if err != nil {
		return s
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	var answer struct{ ID string }
	if err != nil || json.Unmarshal(text, &answer) != nil {
		return s // the status alone is no answer: the id is in the body
	}
	switch {
	case resp.StatusCode == http.StatusAccepted:
		s.fate, s.id = accepted, answer.ID
	case resp.StatusCode == http.StatusServiceUnavailable:
		s.fate, s.id = unstored, answer.ID
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		s.fate = invalid
	}
	return s
}

// Three times the process is killed at a moment that the seed chooses; whoever was answered 202 finds the row, once.
func TestStandalone_killedThreeTimes_everyAcceptedSubmissionIsInTheSheetOnce(t *testing.T) {
	seed := time.Now().UnixNano() % 1_000_000
	if text, ok := os.LookupEnv("FORMSTREAM_TEST_SEED"); ok {
		var err error
		seed, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	args := []string{"-forms=" + formsDir, "-data=" + filepath.Join(t.TempDir(), "data"), "-http=127.0.0.1:0", "-endpoint-http=127.0.0.1:0"}
	binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	c := spawn(t, args...)
	l := &load{seed: seed, server: &server{}, http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	defer l.http.CloseIdleConnections()
	l.server.moved(c.forms)
	results := start(ctx, l)
	for _, moment := range moments(seed) {
		eventually(t, "load", func() bool { return l.answered.Load() >= moment.answered })
		<-time.After(moment.later)
		c.kill()
		c = spawn(t, args...)
		l.server.moved(c.forms)
	}
	all := collect(t, results)
	posted := time.Since(began)
	byFate := count(all)
	require.Less(t, byFate[unanswered], kills*clients+1, "connections break only when the process is killed")
	eventually(t, "all accepted in the sheet", func() bool {
		return len(rows(t, c.sheets, "Demo"))+len(rows(t, c.sheets, "Students")) >= byFate[accepted]
	})
	c.interrupt(t) // drains: what was not answered is in the sheet by now, or never will be
	require.NotContains(t, c.err.text(), "not all that was accepted")
	c = spawn(t, args...)

	extra := compare(t, all, map[string][][]any{"demo-form": rows(t, c.sheets, "Demo"), "student-data-form": rows(t, c.sheets, "Students")})
	flushes, inJournal := orderly(t, c.sheets)
	require.Equal(t, byFate[accepted]+extra, inJournal, "the journal wrote what the sheet shows")
	report(t, fmt.Sprintf("killed three times: seed=%d submissions=%d accepted=%d unanswered=%d answered503=%d refused=%d rows=%d (%d of them unanswered or 503) flushes=%d "+
		"lost=0 doubled=0 misordered=0; posted in %.1f s, shown in %.1f s\n", seed, len(all), byFate[accepted], byFate[unanswered], byFate[unstored], byFate[invalid],
		inJournal, extra, flushes, posted.Seconds(), time.Since(began).Seconds()))
	c.interrupt(t)
}

// moment is when to kill: so long after so many answers.
type moment struct {
	answered int64
	later    time.Duration
}

func moments(seed int64) []moment {
	r := rand.New(rand.NewPCG(uint64(seed), 0)) //nolint:gosec // a test chooses moments
	var all []moment
	for i := range int64(kills) {
		span := int64(submissions) / kills
		all = append(all, moment{answered: i*span + span/8 + r.Int64N(span*5/8), later: time.Duration(r.Int64N(int64(50 * time.Millisecond)))})
	}
	return all
}

type result struct {
	all []sent
	err error
}

func start(ctx context.Context, l *load) chan result {
	results := make(chan result, clients)
	for range clients {
		go func() {
			all, err := l.client(ctx)
			results <- result{all, err}
		}()
	}
	return results
}

func collect(t *testing.T, results chan result) (all []sent) {
	t.Helper()
	for range clients {
		r := <-results
		require.NoError(t, r.err)
		all = append(all, r.all...)
	}
	require.Len(t, all, submissions)
	return all
}

func count(all []sent) (byFate [fates]int) {
	for _, s := range all {
		byFate[s.fate]++
	}
	return byFate
}

// compare holds what the clients know against the sheet, and returns how many rows nobody was told of.
func compare(t *testing.T, all []sent, shown map[string][][]any) (extra int) {
	t.Helper()
	markIn := map[string]int{"demo-form": 4, "student-data-form": 7}
	ids, marks, total := map[string]int{}, map[string]int{}, 0
	for form, rows := range shown {
		for _, row := range rows {
			ids[fmt.Sprint(row[1])]++
			marks[fmt.Sprint(row[markIn[form]])]++
			total++
		}
	}
	var lost, doubled, refused []sent
	known := 0
	for _, s := range all {
		known += marks[s.mark]
		switch {
		case s.fate == accepted && (ids[s.id] == 0 || marks[s.mark] == 0):
			lost = append(lost, s)
		case ids[s.id] > 1 || marks[s.mark] > 1:
			doubled = append(doubled, s)
		case s.fate == invalid && marks[s.mark] > 0:
			refused = append(refused, s)
		case s.fate != accepted:
			extra += marks[s.mark]
		}
	}
	require.Empty(t, lost, "answered 202 and not in the sheet")
	require.Empty(t, doubled, "in the sheet more than once")
	require.Empty(t, refused, "answered 4xx and in the sheet")
	require.Equal(t, total, known, "rows that nobody sent")
	return extra
}

// orderly checks that the rows of each flush are in order of received_at, and counts both.
func orderly(t *testing.T, endpoint string) (flushes, rows int) {
	t.Helper()
	for after, more := int64(0), true; more; {
		resp, err := http.Get(fmt.Sprintf("%s/api/journal?spreadsheet=%s&after=%d", endpoint, spreadsheet, after)) //nolint:noctx // the server is ours
		require.NoError(t, err)
		var page struct {
			Entries []struct {
				Writes []struct {
					Title string
					Rows  [][]string
				}
			}
			Next int64
			More bool
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		_ = resp.Body.Close()
		require.NoError(t, err)
		for _, entry := range page.Entries {
			byTab := map[string][]string{}
			for _, w := range entry.Writes {
				for _, row := range w.Rows {
					if row[0] != "Received at" {
						byTab[w.Title] = append(byTab[w.Title], row[0])
					}
				}
			}
			for tab, times := range byTab {
				require.True(t, slices.IsSorted(times), "rows of one flush, tab %s", tab)
				rows += len(times)
			}
			if len(byTab) > 0 {
				flushes++
			}
		}
		after, more = page.Next, page.More
	}
	return flushes, rows
}

// report prints a line that `make test` shows: go test hides what a passing test prints.
func report(t *testing.T, line string) {
	t.Helper()
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
