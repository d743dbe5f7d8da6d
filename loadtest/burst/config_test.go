package burst

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRun_wrongStart_isOneLineThatNamesTheRemedy(t *testing.T) {
	const url = "-url=http://127.0.0.1:1"
	e := startEmulator(t, nil)
	for _, row := range []struct {
		name string
		args []string
		want []string
	}{
		{"no url", nil, []string{"-url", "not set", "http://127.0.0.1:3000"}},
		{"no address", []string{"-url=127.0.0.1:3000"}, []string{"-url", "such as http://127.0.0.1:3000"}},
		{"a target called none", []string{"-url=none=http://a"}, []string{"none", "another name"}},
		{"a name twice", []string{"-url=a=http://a", "-url=a=http://b"}, []string{"-url \"a\"", "two targets"}},
		{"no users", []string{url, "-users=0"}, []string{"-users \"0\"", "1 to 20000"}},
		{"not a number", []string{url, "-users=many"}, []string{"-users", "many"}},
		{"too many in all", []string{url, "-users=20000", "-requests=10000"}, []string{"200000000 requests", "at most 5000000"}},
		{"no timeout", []string{url, "-timeout=0s"}, []string{"-timeout"}},
		{"negative ramp", []string{url, "-ramp=-1s"}, []string{"-ramp"}},
		{"two wrong at once", []string{url, "-rounds=0", "-requests=0"}, []string{"-rounds", "-requests"}},
		{"unknown baseline", []string{url, "-against=floor"}, []string{"-against \"floor\"", "not the name of a target"}},
		{"unknown count", []string{url, "-count=suite"}, []string{"-count \"suite\"", "not the name of a target"}},
		{"empty name", []string{url, "-form=demo-form,"}, []string{"-form", "empty name"}},
		{"unknown form", []string{url, "-form=demo"}, []string{"-form", "\"demo\"", "demo-form, event-registration, student-data-form"}},
		{"no forms", []string{url, "-forms=testdata"}, []string{"-forms", "testdata"}},
		{"two ways to the sheets", []string{url, "-endpoint=http://a", "-credentials=file"}, []string{"-credentials", "-endpoint"}},
		{"no emulator there", []string{url, "-endpoint=http://127.0.0.1:1"}, []string{"cannot be counted", "-count none"}},
		{"no credentials there", []string{url, "-credentials=testdata/none.json"}, []string{"cannot be counted", "testdata/none.json"}},
		{"not a flag", []string{url, "-endpoint", e.url, "burst"}, []string{"\"burst\" is not a flag"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, stdout, stderr := runBurst(t, row.args...)
			require.Equal(t, 2, code)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: "+stderr)
			for _, want := range row.want {
				require.Contains(t, stderr, want)
			}
		})
	}
}

func TestParse_defaults_areThoseOfThePrototypesTest(t *testing.T) {
	c, err := parse([]string{"-url=http://127.0.0.1:3000"}, nil)
	require.NoError(t, err)
	require.Equal(t, []int{1000, 5, 1}, []int{c.Users, c.Requests, c.Rounds})
	require.Equal(t, 100*time.Millisecond, c.Ramp)
	require.Zero(t, c.Warmup)
	require.Equal(t, "127.0.0.1:3000", c.Targets[0].Name)
	require.Equal(t, []string{"127.0.0.1:3000"}, c.Count)
}

func TestParse_severalTargets_warmsUpAndCountsWhatIsNamed(t *testing.T) {
	for _, row := range []struct {
		name   string
		args   []string
		warmup time.Duration
		count  []string
	}{
		{"nothing said", nil, comparedWarmup, nil},
		{"said", []string{"-warmup=1m", "-count=b"}, time.Minute, []string{"b"}},
		{"said no", []string{"-warmup=0s", "-count=none"}, 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := parse(append([]string{"-url=a=http://a?x=1", "-url=b=http://b"}, row.args...), nil)
			require.NoError(t, err)
			require.Equal(t, "a", c.Targets[0].Name)
			require.Equal(t, row.warmup, c.Warmup)
			require.Equal(t, row.count, c.Count)
		})
	}
}

func TestParse_addressWithAnEqualsSign_isNoName(t *testing.T) {
	c, err := parse([]string{"-url=http://a/path?x=1"}, nil)
	require.NoError(t, err)
	require.Equal(t, "http://a/path?x=1", c.Targets[0].URL.String())
}

func TestRun_help_isGolden(t *testing.T) {
	code, stdout, stderr := runBurst(t, "-help")
	require.Zero(t, code)
	require.Empty(t, stderr)
	golden(t, "help.golden", stdout)
}
