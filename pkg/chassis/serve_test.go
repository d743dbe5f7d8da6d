package chassis_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

// server is an HTTP server under test, on a free port.
type server struct {
	url   string
	drain context.CancelFunc
	ended chan error
}

func startServer(t *testing.T, h http.HandlerFunc, s chassis.ServeSettings) server {
	t.Helper()
	l, err := chassis.Listen(t.Context(), "http", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s.Log = slog.New(slog.DiscardHandler)
	srv := server{url: "http://" + l.Addr().String(), drain: cancel, ended: make(chan error, 1)}
	go func() { srv.ended <- chassis.Serve(ctx, l, h, s) }()
	return srv
}

// newClient returns a client of its own, whose connections end with the test.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// fetched is the outcome of one request.
type fetched struct {
	status int
	body   string
	closes bool // the server asked for the connection's end
	err    error
}

func fetch(ctx context.Context, client *http.Client, url string) fetched {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fetched{err: err}
	}
	resp, err := client.Do(req)
	if err != nil {
		return fetched{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return fetched{status: resp.StatusCode, body: string(body), closes: resp.Close, err: err}
}

func TestListen_addressInUse_namesFlagAndRemedy(t *testing.T) {
	l, err := chassis.Listen(t.Context(), "http", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	address := l.Addr().String()
	_, err = chassis.Listen(t.Context(), "http", address)
	require.EqualError(t, err, `-http "`+address+`": the address is in use by another process; end that one, or choose another port (port 0 takes a free one)`)
}

func TestListen_noAddress_isMissing(t *testing.T) {
	_, err := chassis.Listen(t.Context(), "admin", "")
	require.ErrorContains(t, err, "-admin: is not set")
}

func TestListen_foreignAddress_isRefused(t *testing.T) {
	_, err := chassis.Listen(t.Context(), "http", "192.0.2.1:0") // reserved for documentation
	require.ErrorContains(t, err, `-http "192.0.2.1:0": cannot be served on`)
}

func TestServe_drain_finishesWhatIsInFlight(t *testing.T) {
	health := chassis.NewHealth()
	entered, release := make(chan struct{}), make(chan struct{})
	srv := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		if r.Context().Err() != nil {
			http.Error(w, "the request's context ended with the server's", http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "done")
	}, chassis.ServeSettings{Health: health, ShutdownTimeout: time.Minute})
	client := newClient(t)
	answer := make(chan fetched, 1)
	go func() { answer <- fetch(t.Context(), client, srv.url) }()
	<-entered
	srv.drain()
	<-health.Draining()
	requireRefused(t, srv.url)
	close(release)
	got := <-answer
	require.NoError(t, got.err)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, "done", got.body)
	require.NoError(t, <-srv.ended)
}

func TestServe_shutdownDelay_stillServesButIsNotReady(t *testing.T) {
	health := chassis.NewHealth()
	srv := startServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") },
		chassis.ServeSettings{Health: health, ShutdownDelay: 200 * time.Millisecond, ShutdownTimeout: time.Minute})
	client := newClient(t)
	before := fetch(t.Context(), client, srv.url)
	require.NoError(t, before.err)
	require.False(t, before.closes)
	srv.drain()
	<-health.Draining()
	during := fetch(t.Context(), client, srv.url)
	require.NoError(t, during.err)
	require.Equal(t, "served", during.body)
	require.True(t, during.closes, "clients are asked to move on")
	require.NoError(t, <-srv.ended)
	requireRefused(t, srv.url)
}

func TestServe_requestOutlastsTheTimeout_isCutOffAndReported(t *testing.T) {
	entered := make(chan struct{})
	srv := startServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}, chassis.ServeSettings{ShutdownTimeout: 20 * time.Millisecond})
	client := newClient(t)
	answer := make(chan fetched, 1)
	go func() { answer <- fetch(t.Context(), client, srv.url) }()
	<-entered
	srv.drain()
	err := <-srv.ended
	require.ErrorContains(t, err, "still in flight after 20ms")
	require.ErrorContains(t, err, "-shutdown-timeout")
	require.Error(t, (<-answer).err)
}

func TestServe_listenerBreaks_isAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	err = chassis.Serve(t.Context(), l, http.NotFoundHandler(), chassis.ServeSettings{Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "serve on 127.0.0.1:")
}

func TestServe_headersTooLarge_areRefused(t *testing.T) {
	srv := startServer(t, func(http.ResponseWriter, *http.Request) {}, chassis.ServeSettings{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	require.NoError(t, err)
	status, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, status, "431")
	srv.drain()
	require.NoError(t, <-srv.ended)
}

// The leak check of TestMain looks at what is left of them.
func TestServe_startedAndStoppedManyTimes_endsEachTime(t *testing.T) {
	for range 20 {
		srv := startServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
			chassis.ServeSettings{ShutdownTimeout: time.Minute})
		client := newClient(t)
		require.Equal(t, "ok", fetch(t.Context(), client, srv.url).body)
		srv.drain()
		require.NoError(t, <-srv.ended)
	}
}

// requireRefused waits until nothing accepts connections there.
func requireRefused(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return true
		}
		_ = conn.Close()
		return false
	}, 10*time.Second, time.Millisecond)
}
