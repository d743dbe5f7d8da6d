package guard

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is one that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.UnixMilli(1_795_282_440_120)} }

func tokens(t testing.TB, c *clock, secrets ...string) *Tokens {
	t.Helper()
	var raw [][]byte
	for _, s := range secrets {
		raw = append(raw, []byte(s))
	}
	tokens, err := NewTokens(raw, c.now)
	require.NoError(t, err)
	return tokens
}

func TestTokens_startedIsWhenItWasMade(t *testing.T) {
	c := newClock()
	tk := tokens(t, c, testKey)
	token := tk.Start("demo")
	require.Regexp(t, `^[A-Za-z0-9_-]{32}$`, token)
	made := c.at
	c.at = c.at.Add(time.Hour)
	got, ok := tk.Started("demo", token)
	require.True(t, ok)
	require.True(t, made.Equal(got), got)
}

func TestTokens_keysAreReplacedOneByOne(t *testing.T) {
	c := newClock()
	old := tokens(t, c, testKey).Start("demo")
	both := tokens(t, c, "a new key, a new key, a new key!", testKey)
	_, ok := both.Started("demo", old)
	require.True(t, ok, "the old key still verifies")
	_, ok = both.Started("demo", both.Start("demo"))
	require.True(t, ok, "and so does the new one, which signs")
	_, ok = tokens(t, c, "a new key, a new key, a new key!").Started("demo", old)
	require.False(t, ok, "until it is gone")
}

func TestTokens_forgeries(t *testing.T) {
	c := newClock()
	tk := tokens(t, c, testKey)
	token := tk.Start("demo")
	for i := range token {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		_, ok := tk.Started("demo", token[:i]+string(other)+token[i+1:])
		require.False(t, ok, "character %d is another", i)
	}
	for name, forged := range map[string]string{
		"empty": "", "short": token[:31], "long": token + "A", "line break": token[:31] + "\n", "not base64": strings.Repeat("*", 32),
		"another key's": tokens(t, c, strings.Repeat("k", 32)).Start("demo"),
		"zeros":         base64.RawURLEncoding.EncodeToString(make([]byte, 24)),
	} {
		_, ok := tk.Started("demo", forged)
		require.False(t, ok, name)
	}
	_, ok := tk.Started("demo2", token)
	require.False(t, ok, "another form's")
}

func TestNewTokens_withoutKey_fails(t *testing.T) {
	_, err := NewTokens(nil, time.Now)
	require.EqualError(t, err, "at least one secret key is needed")
}

func TestJudge_fillTime(t *testing.T) {
	c := newClock()
	g := setup(t, func(o *Options) { o.Now = c.now })
	f := testForm(t, "spam: {min-fill: 2s}\n")
	made := c.at
	token := g.Start("demo")
	for _, row := range []struct {
		name, form, token string
		after             time.Duration
		page              bool
		want              string
	}{
		{name: "at once", token: token, want: TooFast},
		{name: "a moment too early", token: token, after: 2*time.Second - time.Millisecond, want: TooFast},
		{name: "made by a replica whose clock is ahead", token: token, after: -time.Second, want: TooFast},
		{name: "just in time", token: token, after: 2 * time.Second},
		{name: "sent again", token: token, after: 2 * time.Second},
		{name: "the last moment", token: token, after: MaxFill},
		{name: "the next day", token: token, after: MaxFill + time.Millisecond, want: StartStale},
		{name: "forged", token: token[:31] + "A", after: time.Minute, want: StartForged},
		{name: "another form's", token: g.Start("other"), after: time.Minute, want: StartForged},
		{name: "the hosted page without", page: true, want: StartMissing},
		{name: "the hosted page with", page: true, token: token, after: time.Minute},
		{name: "another page, or a program", want: ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c.at = made.Add(row.after)
			p := Post{Form: f, Page: row.page, Steering: map[string]string{"_started": row.token}}
			require.Equal(t, Verdict{Quarantine: row.want}, g.Judge(t.Context(), post(visitor), p))
		})
	}
	t.Run("off", func(t *testing.T) {
		c.at = made
		off := testForm(t, "spam: {min-fill: 0s}\n")
		for _, token := range []string{token, "forged", ""} {
			p := Post{Form: off, Page: true, Steering: map[string]string{"_started": token}}
			require.Equal(t, Verdict{}, g.Judge(t.Context(), post(visitor), p))
		}
	})
}

// FuzzTokens holds that only what Start has made is taken.
func FuzzTokens(f *testing.F) {
	c := newClock()
	f.Add("demo", tokens(f, c, testKey).Start("demo"))
	f.Add("demo", "")
	f.Add("", strings.Repeat("A", 32))
	f.Add("demo", strings.Repeat("A", 31)+"\n")
	f.Fuzz(func(t *testing.T, formID, token string) {
		at := newClock()
		tk := tokens(t, at, testKey)
		if started, ok := tk.Started(formID, token); ok {
			at.at = started
			require.Equal(t, tk.Start(formID), token)
		}
	})
}
