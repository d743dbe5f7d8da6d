package burst

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

var small = []string{"-users=4", "-requests=3", "-ramp=0s", "-watch=0s", "-json"}

func TestRun_allAccepted_countsEachRowAndEndsWell(t *testing.T) {
	e := startEmulator(t, nil)
	s := startSuite(t, &suite{stored: func(_ int, form, id string) {
		e.write(map[string]string{"demo-form": "Demo", "student-data-form": "Students"}[form], id)
	}})
	code, stdout, stderr := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url, "-form", "demo-form,student-data-form")...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr, "a run this short shows no progress where lines stay")
	target := report(t, stdout).Targets[0]
	require.Equal(t, 12, target.Requests)
	require.Equal(t, 12, target.Accepted)
	require.Positive(t, target.Rate)
	require.LessOrEqual(t, target.Latency.Min, target.Latency.P50)
	require.Equal(t, &InSheet{Accepted: 12, InSheet: 12}, target.Sheet)
	require.Len(t, s.bodies, 12)
}

func TestRun_rowsLostAndDoubled_namesThem(t *testing.T) {
	e := startEmulator(t, nil)
	s := startSuite(t, &suite{stored: func(n int, _, id string) {
		switch n {
		case 3: // lost
		case 5:
			e.write("Demo", id, id)
		default:
			e.write("Demo", id)
		}
	}})
	code, stdout, _ := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url, "-wait=300ms")...)
	require.Equal(t, 1, code)
	r := report(t, stdout)
	require.Equal(t, &InSheet{Accepted: 12, InSheet: 11, Lost: 1, Doubled: 1, LostIDs: []string{"id-3"}, DoubledIDs: []string{"id-5"}}, r.Targets[0].Sheet)
	require.Len(t, r.Problems, 2)
	require.Contains(t, r.Problems[0], "lost 1: [id-3]")
	require.Contains(t, r.Problems[1], "doubled 1: [id-5]")
}

func TestRun_rowsComeLate_waitsForThem(t *testing.T) {
	var looks atomic.Int64
	var e *emulator
	var mu sync.Mutex
	var ids []string
	e = startEmulator(t, func(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method == "spreadsheets.get" && looks.Add(1) == 3 { // the first is before the load
			mu.Lock()
			defer mu.Unlock()
			e.write("Demo", ids...)
		}
		return sheetsemulator.Fault{}
	})
	s := startSuite(t, &suite{stored: func(_ int, _, id string) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, id)
	}})
	code, stdout, stderr := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url)...)
	require.Zero(t, code, stdout+stderr)
	require.Equal(t, 12, report(t, stdout).Targets[0].Sheet.InSheet)
}

func TestRun_spreadsheetFailsForAWhile_looksAgain(t *testing.T) {
	var looks atomic.Int64
	e := startEmulator(t, func(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method != "spreadsheets.get" {
			return sheetsemulator.Fault{}
		}
		switch looks.Add(1) { // the first is before the load
		case 2:
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: http.StatusTooManyRequests}
		case 3:
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: http.StatusServiceUnavailable}
		case 4:
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Cut: true}
		}
		return sheetsemulator.Fault{}
	})
	s := startSuite(t, &suite{stored: func(_ int, _, id string) { e.write("Demo", id) }})
	code, stdout, stderr := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url)...)
	require.Zero(t, code, stdout+stderr)
	require.EqualValues(t, 6, looks.Load(), "four of the round, the last one after all rounds")
}

func TestRun_spreadsheetDeniedAfterTheLoad_keepsTheFiguresAndSaysSo(t *testing.T) {
	var denied atomic.Bool
	e := startEmulator(t, func(context.Context, sheetsemulator.Call) sheetsemulator.Fault {
		if denied.Load() {
			return sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: http.StatusForbidden}
		}
		return sheetsemulator.Fault{}
	})
	s := startSuite(t, &suite{stored: func(int, string, string) { denied.Store(true) }})
	code, stdout, _ := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url)...)
	require.Equal(t, 1, code)
	r := report(t, stdout)
	require.Equal(t, 12, r.Targets[0].Accepted)
	require.Contains(t, strings.Join(r.Problems, "\n"), "rows could not be counted")
}

func TestRun_answersOfEachKind_countsThemAndFailsOnlyForWhatIsWrong(t *testing.T) {
	status := func(code int) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				w.WriteHeader(code)
			}
			return n == 2
		}
	}
	for _, row := range []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request) bool
		kind   string
		code   int
	}{
		{"503 is an honest no", status(503), "503", exitFine},
		{"500 is a server's trouble", status(500), "500", exitFine},
		{"422 to a valid body", status(422), "422", exitWrong},
		{"429", status(429), "429", exitWrong},
		{"200 promises nothing", status(200), "200", exitWrong},
		{"303 is not followed", func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 2 {
				http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
			}
			return n == 2
		}, "303", exitWrong},
		{"cut", func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, "connection closed", exitFine},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := startSuite(t, &suite{answer: row.answer})
			code, stdout, stderr := runBurst(t, append(small, "-url", s.url, "-count=none")...)
			require.Equal(t, row.code, code, stdout+stderr)
			target := report(t, stdout).Targets[0]
			require.Equal(t, 11, target.Accepted)
			require.Len(t, target.Answers, 2)
			require.Equal(t, "202", target.Answers[0].Answer)
			require.Equal(t, row.kind, target.Answers[1].Answer)
			require.Equal(t, 1, target.Answers[1].Requests)
		})
	}
}

func TestRun_nobodyListens_isWrong(t *testing.T) {
	s := startSuite(t, &suite{})
	gone := s.url[:strings.LastIndexByte(s.url, ':')] + ":1" // a port that nobody is given
	code, stdout, _ := runBurst(t, append(small, "-url", gone, "-count=none")...)
	require.Equal(t, 1, code)
	r := report(t, stdout)
	require.Equal(t, "connection refused", r.Targets[0].Answers[0].Answer)
	require.Equal(t, 12, r.Targets[0].Answers[0].Requests)
	require.Len(t, r.Problems, 1)
	require.Contains(t, r.Problems[0], "accepted nothing")
}

func TestRun_unconfirmed_mayBeThereOnceAndNotTwice(t *testing.T) {
	for _, row := range []struct {
		name   string
		copies int
		code   int
		want   InSheet
	}{
		{"not there", 0, exitFine, InSheet{Accepted: 11, InSheet: 11, Unconfirmed: 1}},
		{"there", 1, exitFine, InSheet{Accepted: 11, InSheet: 11, Unconfirmed: 1, Confirmed: 1}},
		{"there twice", 2, exitWrong, InSheet{Accepted: 11, InSheet: 11, Unconfirmed: 1, Confirmed: 1, Doubled: 1, DoubledIDs: []string{"maybe"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := startEmulator(t, nil)
			s := startSuite(t, &suite{
				stored: func(_ int, _, id string) { e.write("Demo", id) },
				answer: func(n int, w http.ResponseWriter, _ *http.Request) bool {
					if n != 4 {
						return false
					}
					for range row.copies {
						e.write("Demo", "maybe")
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					fmt.Fprint(w, `{"code":"unconfirmed","id":"maybe"}`)
					return true
				},
			})
			code, stdout, _ := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url)...)
			require.Equal(t, row.code, code)
			require.Equal(t, &row.want, report(t, stdout).Targets[0].Sheet)
		})
	}
}

func TestRun_acceptedWithoutAnID_isWrong(t *testing.T) {
	e := startEmulator(t, nil)
	s := startSuite(t, &suite{answer: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusAccepted)
		return true
	}})
	code, stdout, _ := runBurst(t, append(small, "-url", s.url, "-endpoint", e.url)...)
	require.Equal(t, 1, code)
	require.Contains(t, report(t, stdout).Problems[0], "without an id 12 times")
}

func TestRun_severalTargets_takeTurnsAndAreCompared(t *testing.T) {
	e := startEmulator(t, nil)
	var mu sync.Mutex
	var turns []string
	served := func(name string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(int, http.ResponseWriter, *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if len(turns) == 0 || turns[len(turns)-1] != name {
				turns = append(turns, name)
			}
			return false
		}
	}
	counted := startSuite(t, &suite{answer: served("suite"), stored: func(_ int, _, id string) { e.write("Demo", id) }})
	floor := startSuite(t, &suite{answer: served("floor")})
	code, stdout, stderr := runBurst(t, append(small, "-url", "suite="+counted.url, "-url", "floor="+floor.url,
		"-endpoint", e.url, "-count=suite", "-against=floor", "-rounds=4", "-warmup=1ns")...)
	require.Zero(t, code, stdout+stderr)
	// A round each of warm-up; then who was last begins the next time, so that two turns in a row look like one here.
	require.Equal(t, []string{"suite", "floor", "suite", "floor", "suite", "floor", "suite"}, turns)
	r := report(t, stdout)
	require.Len(t, r.Targets, 2)
	require.Equal(t, 48, r.Targets[0].Requests, "the warm-up is not measured")
	require.Equal(t, 60, r.Targets[0].Sheet.InSheet, "the warm-up is counted")
	require.Nil(t, r.Targets[1].Sheet)
	require.Len(t, r.Targets[0].Rounds, 4)
	require.Equal(t, ratioOf(r.Targets[0].Rounds, r.Targets[1].Rounds), r.Targets[0].Ratio)
	require.Equal(t, &Marks{1, 1, 1, 1}, r.Targets[1].Ratio)
}

func TestRun_sameSeed_sendsTheSame(t *testing.T) {
	sent := func(seed string) []map[string]any {
		s := startSuite(t, &suite{})
		code, _, stderr := runBurst(t, "-users=1", "-requests=20", "-url", s.url, "-count=none", "-form=student-data-form,demo-form", "-seed", seed)
		require.Zero(t, code, stderr)
		return s.bodies
	}
	first := sent("7")
	require.Equal(t, first, sent("7"))
	require.NotEqual(t, first, sent("8"))
}

func TestRun_interrupted_saysSo(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := startSuite(t, &suite{answer: func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		cancel(errors.New("interrupt"))
		<-r.Context().Done()
		return true
	}})
	var stdout, stderr strings.Builder
	code := Run(ctx, []string{"-forms=" + formsDir, "-users=2", "-url", s.url, "-count=none"}, noEnvironment, &stdout, &stderr)
	require.Equal(t, 2, code)
	require.Equal(t, "burst: interrupt\n", stderr.String())
	require.Empty(t, stdout.String())
}
