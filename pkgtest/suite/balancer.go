package suite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often the balancer asks each replica whether it is ready.
const lookEvery = 100 * time.Millisecond

// Balancer spreads requests over the replicas that are ready, in turn; where none is, over all of them, so that callers get
// form-api's own 503, which says when to try again and what is known. It repeats nothing: a request whose replica dies is
// answered 502, as most balancers do with a POST. It stands for whatever balancer an operator has.
type Balancer struct {
	URL string // http://host:port

	server *http.Server
	stop   context.CancelFunc
	done   sync.WaitGroup
	next   atomic.Uint64
	behind []*backend
}

type backend struct {
	admin string
	proxy *httputil.ReverseProxy
	ready atomic.Bool
}

// StartBalancer serves on the address, "" takes a free port.
func StartBalancer(ctx context.Context, address string, replicas []*Service) (*Balancer, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start the balancer: %w", err)
	}
	b := &Balancer{URL: "http://" + l.Addr().String()}
	for _, replica := range replicas {
		one, err := newBackend(replica)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		b.behind = append(b.behind, one)
	}
	looking, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for _, one := range b.behind {
		one.ready.Store(ready(looking, one.admin) == nil)
		b.done.Go(func() { one.look(looking) })
	}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	b.done.Go(func() { _ = b.server.Serve(l) })
	return b, nil
}

func newBackend(replica *Service) (*backend, error) {
	to, err := url.Parse(replica.URL)
	if err != nil {
		return nil, fmt.Errorf("start the balancer: %w", err)
	}
	one := &backend{admin: replica.Admin}
	one.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	return one, nil
}

// look keeps ready up to date.
func (b *backend) look(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
			b.ready.Store(ready(ctx, b.admin) == nil)
		}
	}
}

// ServeHTTP implements [http.Handler].
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first := b.next.Add(1)
	for i := range uint64(len(b.behind)) {
		if one := b.behind[(first+i)%uint64(len(b.behind))]; one.ready.Load() {
			one.proxy.ServeHTTP(w, r)
			return
		}
	}
	b.behind[first%uint64(len(b.behind))].proxy.ServeHTTP(w, r)
}

// Close ends it; requests in flight are cut off.
func (b *Balancer) Close() error {
	b.stop()
	err := b.server.Close()
	b.done.Wait()
	for _, one := range b.behind {
		one.proxy.Transport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // made so above
	}
	if err != nil {
		return fmt.Errorf("end the balancer: %w", err)
	}
	return nil
}
