package formapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

const (
	probeEvery = 20 * time.Millisecond
	drainDelay = 500 * time.Millisecond // -shutdown-delay: some probes long, also on a busy machine
)

// balancer sends requests in turn to the replicas that were ready when it last asked, as an ingress does.
type balancer struct {
	replicas []*appBundle
	stop     context.CancelFunc
	stopped  chan struct{}

	mu    sync.Mutex
	ready []*url.URL
	next  int
}

// startBalancer returns a balancer and its address.
func startBalancer(t *testing.T, replicas ...*appBundle) (*balancer, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &balancer{replicas: slices.Clone(replicas), stop: cancel, stopped: make(chan struct{})}
	b.probe()
	go b.run(ctx)
	transport := &http.Transport{MaxIdleConnsPerHost: loadClients}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(b.choose()) },
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // its 502s are counted
	})
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
		cancel()
		<-b.stopped
	})
	return b, server.URL
}

func (b *balancer) run(ctx context.Context) {
	defer close(b.stopped)
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.probe()
		}
	}
}

func (b *balancer) probe() {
	b.mu.Lock()
	replicas := slices.Clone(b.replicas)
	b.mu.Unlock()
	var ready []*url.URL
	for _, replica := range replicas {
		if replica.ready() == nil {
			ready = append(ready, &url.URL{Scheme: "http", Host: replica.app.Addr()})
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = ready
}

func (b *balancer) choose() *url.URL {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // nobody: 502
	}
	b.next++
	return b.ready[b.next%len(b.ready)]
}

// replace puts another replica in the place of the n-th.
func (b *balancer) replace(n int, replica *appBundle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas[n] = replica
}

func TestRollingRestart_bothReplicas_noSubmissionFails(t *testing.T) {
	log := kafkatest.Real(t)
	start := func() *appBundle {
		b := setupApp(t, log.Brokers(), func(cfg *Config) { cfg.ShutdownDelay = drainDelay })
		b.waitReady()
		return b
	}
	replicas := []*appBundle{start(), start()}
	between, address := startBalancer(t, replicas...)
	l := startLoad(t, address)
	l.awaitAccepted(t, time.Now(), electTime)

	for i, old := range replicas {
		require.NoError(t, old.end())
		between.replace(i, start())
		l.awaitAccepted(t, time.Now(), electTime)
	}

	all := l.stop()
	for _, s := range all {
		require.NoError(t, s.err)
		require.Equal(t, http.StatusAccepted, s.status, "%+v", s)
	}
	require.Zero(t, requireExact(t, all, log.Brokers()))
	report(t, "rolling restart of two replicas under %d clients: %s; none lost or doubled (checked id by id); longest answer %s", loadClients, tally(all), seconds(longest(all)))
}
