package suite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/ledger"
	"github.com/formstream/formstream/pkgtest/need"
	"github.com/formstream/formstream/pkgtest/suite"
)

// bin is the folder of the services' commands, built once for all tests of the package.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "formstream-bin")
	if err == nil {
		bin, err = dir, suite.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, append(kafkatest.Leftovers(), goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(dir)
		os.Exit(status)
	}))...)
}

// formsDir is the folder of the example forms.
func formsDir(t testing.TB) string {
	t.Helper()
	return filepath.Join("..", "..", "forms")
}

// start starts the suite, on the run's real broker unless others are named. What the services printed last is logged if the test fails.
func start(t *testing.T, opts suite.Options) *suite.Suite {
	t.Helper()
	opts.Dir, opts.Bin = t.TempDir(), bin
	if opts.Forms == "" {
		opts.Forms = formsDir(t)
	}
	if opts.Brokers == nil {
		opts.Brokers = kafkatest.Real(t).Brokers()
	}
	s, err := suite.Start(t.Context(), opts)
	need.Started(t, err)
	t.Cleanup(func() {
		err := s.Close(context.Background())
		for _, replicas := range s.Services {
			for _, one := range replicas {
				if t.Failed() {
					t.Logf("%s:\n%s", one.Name, lastLines(one.Log(), 15))
				}
			}
		}
		require.NoError(t, err)
	})
	return s
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// eventually polls until the condition holds.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); <-time.After(50 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not in time: %s", what)
	}
}

// settle waits until every accepted submission is in the spreadsheet, lets what was not told come too, checks that the
// plug-in has seen the same, and returns what came of the comparison.
func settle(t *testing.T, s *suite.Suite, all ledger.Ledger) ledger.Verdict {
	t.Helper()
	rows := map[string][][]any{}
	eventually(t, 2*time.Minute, "all accepted in the spreadsheet", func() bool {
		var err error
		rows, err = ledger.Rows(t.Context(), s.Emulator.URL)
		require.NoError(t, err)
		return len(rows["demo-form"])+len(rows["student-data-form"]) >= all.Count(ledger.Accepted)
	})
	eventually(t, 2*time.Minute, "everything in the log delivered", func() bool { return delivered(t, s) })
	rows, err := ledger.Rows(t.Context(), s.Emulator.URL)
	require.NoError(t, err)
	verdict := all.Compare(rows)
	eventually(t, 2*time.Minute, "a verdict of the plug-in on each row", func() bool { return judged(t, s) >= verdict.Rows })
	require.Equal(t, verdict.Rows, judged(t, s), "events of the plug-in, repeats left out")
	return verdict
}

// judged counts the submissions that the plug-in has produced an event for. It produces at least one for each; repeats
// have the same id.
func judged(t *testing.T, s *suite.Suite) int {
	t.Helper()
	events := map[string]bool{}
	for _, form := range []string{"demo-form", "student-data-form"} {
		for _, record := range kafkatest.Records(t, s.Brokers(), "processed."+form) {
			for _, header := range record.Headers {
				if header.Key == "ce_id" {
					events[string(header.Value)] = true
				}
			}
		}
	}
	return len(events)
}
