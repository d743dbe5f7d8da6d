package burst

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newUser(s *suite, requests int, timeout time.Duration) *user {
	u := &user{url: s.url + "/forms/demo-form", answers: make([]answer, requests), timeout: timeout, tally: &tally{}}
	for range requests {
		u.bodies = append(u.bodies, []byte("{}"))
	}
	return u
}

func TestUser_generatorIsLate_countsTheDelay(t *testing.T) {
	u := newUser(startSuite(t, &suite{}), 2, 10*time.Hour)
	u.run(t.Context(), time.Now().Add(-time.Hour))
	require.GreaterOrEqual(t, u.answers[0].latency, time.Hour, "it was due an hour ago")
	require.Less(t, u.answers[1].latency, time.Hour, "it was due at the first one's answer")
}

func TestUser_timeoutIsOverWhenItIsSent_givesUp(t *testing.T) {
	s := startSuite(t, &suite{})
	u := newUser(s, 2, time.Minute)
	u.run(t.Context(), time.Now().Add(-time.Hour))
	require.Equal(t, "timeout", u.answers[0].kind)
	require.Equal(t, "202", u.answers[1].kind)
	require.Len(t, s.bodies, 1)
}

func TestUser_noAnswerInTime_givesUp(t *testing.T) {
	u := newUser(startSuite(t, &suite{answer: func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done() // until the user hangs up
		return true
	}}), 1, 200*time.Millisecond)
	u.run(t.Context(), time.Now())
	require.Equal(t, "timeout", u.answers[0].kind)
	require.GreaterOrEqual(t, u.answers[0].latency, u.timeout)
}

func TestUser_startsLater_isDueThen(t *testing.T) {
	u := newUser(startSuite(t, &suite{}), 1, time.Hour)
	u.starts = time.Hour
	u.run(t.Context(), time.Now().Add(-90*time.Minute))
	require.GreaterOrEqual(t, u.answers[0].latency, 30*time.Minute)
	require.Less(t, u.answers[0].latency, time.Hour)
}

func TestUsers_ramp_isSpreadEvenly(t *testing.T) {
	forms := exampleForms(t).All()
	c := Config{Targets: []Target{{}}, Users: 4, Requests: 1, Ramp: 100 * time.Millisecond}
	c.Targets[0].URL = mustURL(t, "http://host/base")
	users, err := c.users(c.Targets[0], forms, newBodies(forms, 1), &tally{})
	require.NoError(t, err)
	for i, want := range []time.Duration{0, 25, 50, 75} {
		require.Equal(t, want*time.Millisecond, users[i].starts)
	}
	require.Equal(t, "http://host/base/forms/demo-form", users[0].url)
	require.Equal(t, "http://host/base/forms/event-registration", users[1].url)
	require.Equal(t, "http://host/base/forms/student-data-form", users[2].url)
	require.Equal(t, "http://host/base/forms/demo-form", users[3].url)
}

func TestRun_eachUser_hasOneConnectionOfItsOwn(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(&suite{})
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	code, _, stderr := runBurst(t, append(small, "-url", server.URL, "-count=none")...)
	require.Zero(t, code, stderr)
	require.EqualValues(t, 4, opened.Load())
}
