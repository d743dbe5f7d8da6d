package suite_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/suite"
)

// under runs a load, and what is to happen meanwhile once a tenth of it has been answered. The load goes on until that is
// over, so that all of it happens under load.
func under(t *testing.T, s *suite.Suite, meanwhile func(ctx context.Context)) ledger.Ledger {
	t.Helper()
	load := &ledger.Load{Seed: ledger.Seed(t), Count: 1 << 40, Clients: 16, InvalidOf: 20, Reach: ledger.At(s.Balancer.URL)}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	type result struct {
		all ledger.Ledger
		err error
	}
	results := make(chan result, 1)
	go func() {
		all, err := load.Run(ctx)
		results <- result{all, err}
	}()
	more := func() {
		before := load.Accepted()
		eventually(t, time.Minute, "submissions are taken", func() bool { return load.Accepted() >= before+500 })
	}
	more()
	meanwhile(ctx)
	more()
	load.Stop()
	r := <-results
	require.NoError(t, r.err)
	return r.all
}

// unanswered requires that there is no request without an answer, and tells of the first there is.
func unanswered(t *testing.T, all ledger.Ledger) {
	t.Helper()
	for _, sent := range all {
		require.NotEqual(t, ledger.Unanswered, sent.Fate, "%d of %d: %+v", all.Count(ledger.Unanswered), len(all), sent)
	}
}

func noneFailed(t *testing.T, all ledger.Ledger) {
	t.Helper()
	unanswered(t, all)
	require.Zero(t, all.Count(ledger.Unstored), "503")
}

func TestSuite_rollingRestartUnderLoad_noRequestFails(t *testing.T) {
	s := start(t, suite.Options{Replicas: map[string]int{suite.Flusher: 2}})
	all := under(t, s, func(ctx context.Context) {
		for _, name := range []string{suite.API, suite.Consumer, suite.Flusher, suite.Demo} {
			for _, one := range s.Services[name] {
				require.NoError(t, one.Stop(ctx), "SIGTERM ends it well")
				require.NoError(t, one.Start(ctx))
			}
		}
	})
	noneFailed(t, all)
	verdict := settle(t, s, all)
	require.NoError(t, verdict.Err())
	ledger.Report(t, "suite, rolling restart of every replica: accepted=%d unanswered=%d answered503=%d rows=%d lost=%d doubled=%d", all.Count(ledger.Accepted),
		all.Count(ledger.Unanswered), all.Count(ledger.Unstored), verdict.Rows, len(verdict.Lost), len(verdict.Doubled))
}

func TestSuite_topicGrows_newPartitionsAreRead(t *testing.T) {
	s := start(t, suite.Options{})
	all := under(t, s, func(context.Context) {
		for _, topic := range topics() {
			kafkatest.AddPartitions(t, s.Brokers(), topic, 3)
		}
		grown := func() (n int) { // partitions beyond the first six with a record
			for _, topic := range topics() {
				states, err := kafkatest.NewAdmin(t, s.Brokers()).Topics(t.Context(), topics())
				require.NoError(t, err)
				for p, end := range states[topic].End {
					if p >= 6 && end > 0 {
						n++
					}
				}
			}
			return n
		}
		eventually(t, 2*time.Minute, "all new partitions are written to", func() bool { return grown() == 6 })
	})
	verdict := settle(t, s, all)
	require.NoError(t, verdict.Err())
}

// A form is added as a rolling deployment adds it: each replica is restarted with the new definition while the others
// still lack it, form-api first, since it makes the topic.
func TestSuite_formAdded_itsRowsAppearAndTheOthersGoOn(t *testing.T) {
	forms := t.TempDir()
	for _, name := range []string{"demo-form.yaml", "student-data-form.yaml"} {
		text, err := os.ReadFile(filepath.Join(formsDir(t), name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(forms, name), text, 0o600))
	}
	s := start(t, suite.Options{Forms: forms})
	const count = 50
	all := under(t, s, func(ctx context.Context) {
		definition := "id: added\ntitle: Added\nfields:\n  - {name: note, label: Note, type: text, required: true}\n" +
			"sinks:\n  sheets: {spreadsheet: " + ledger.Spreadsheet + ", tab: Added}\n"
		require.NoError(t, os.WriteFile(filepath.Join(forms, "added.yaml"), []byte(definition), 0o600))
		for _, name := range []string{suite.API, suite.Consumer, suite.Flusher, suite.Demo} {
			for _, one := range s.Services[name] {
				require.NoError(t, one.Stop(ctx))
				require.NoError(t, one.Start(ctx))
			}
		}
		for i := range count {
			require.Equal(t, http.StatusAccepted, post(t, s.Balancer.URL+"/forms/added", `{"note":"n`+strconv.Itoa(i)+`"}`))
		}
	})
	noneFailed(t, all)
	verdict := settle(t, s, all)
	require.NoError(t, verdict.Err())
	var notes map[string]int
	eventually(t, time.Minute, "rows of the new form", func() bool {
		notes = column(t, s.Emulator.URL, "Added", 2)
		return len(notes) >= count
	})
	for note, times := range notes {
		require.Equal(t, 1, times, note)
	}
}

func post(t *testing.T, url, body string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// column counts the values of one column, without its header.
func column(t *testing.T, endpoint, tab string, n int) map[string]int {
	t.Helper()
	values, err := ledger.Values(t.Context(), endpoint, tab)
	require.NoError(t, err)
	counts := map[string]int{}
	for _, row := range values {
		counts[row[n].(string)]++ //nolint:forcetypeassert // text
	}
	return counts
}
