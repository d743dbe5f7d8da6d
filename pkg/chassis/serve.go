package chassis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second   // a client that sends its headers slower holds a connection for nothing
	idleTimeout       = 120 * time.Second // longer than balancers keep theirs (60 s), so that the balancer closes first
	maxHeaderBytes    = 32 << 10          // cookies of other applications on the same host fit
)

// Listen opens a TCP listener on the address of the flag -name. Its error names
// the flag and what to do.
func Listen(ctx context.Context, name, address string) (net.Listener, error) {
	if address == "" {
		return nil, Missing(name, "give the address to serve on, such as 127.0.0.1:3000")
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, Wrong(name, address, "the address is in use by another process; end that one, or choose another port (port 0 takes a free one)")
	case errors.Is(err, syscall.EACCES):
		return nil, Wrong(name, address, "this user may not serve on that port; choose one above 1023")
	case err != nil:
		return nil, Wrong(name, address, "cannot be served on: "+err.Error())
	}
	return l, nil
}

// ServeSettings are what Serve needs besides a listener and a handler.
type ServeSettings struct {
	Log    *slog.Logger
	Health *Health // made not ready when the server drains; nil if the server has no say in that

	ReadTimeout  time.Duration // of a whole request; 0 is none
	WriteTimeout time.Duration // of a whole answer; 0 is none, as pages with live refresh need

	ShutdownDelay   time.Duration // from not ready to not accepting
	ShutdownTimeout time.Duration // for the requests in flight; 0 is 20 s
}

// ServeSettings returns the settings for an HTTP server of a service.
func (c *Config) ServeSettings(deps Deps) ServeSettings {
	return ServeSettings{
		Log:             deps.Log,
		Health:          deps.Health,
		ShutdownDelay:   c.ShutdownDelay,
		ShutdownTimeout: c.ShutdownTimeout,
	}
}

// Serve answers requests until ctx ends, then drains and returns nil:
//
//	readiness off ─► ShutdownDelay ─► stop accepting ─► requests in flight, at most ShutdownTimeout
//
// The requests' own contexts do not end with ctx. While it drains, every answer
// asks for its connection to be closed, so that clients move on by themselves.
// Requests that are still in flight at the end are cut off and reported as an
// error. The listener is closed on return.
func Serve(ctx context.Context, l net.Listener, h http.Handler, s ServeSettings) error {
	draining := make(chan struct{})
	srv := &http.Server{
		Handler:           closeWhileDraining(h, draining),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	close(draining)
	if s.Health != nil {
		s.Health.Drain()
	}
	return s.shutdown(ctx, srv, failed)
}

func (s ServeSettings) shutdown(ctx context.Context, srv *http.Server, failed <-chan error) error {
	delay := time.NewTimer(s.ShutdownDelay)
	defer delay.Stop()
	select {
	case err := <-failed:
		return fmt.Errorf("serve while draining: %w", err)
	case <-delay.C:
	}
	timeout := s.ShutdownTimeout
	if timeout <= 0 {
		timeout = 20 * time.Second
	}
	// ctx has ended already: what is in flight gets a time of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests were still in flight after %s and have been cut off; a longer -shutdown-timeout waits for them", timeout)
	}
	_ = srv.Close() // a no-op, unless Shutdown left connections behind
	if broken := <-failed; !errors.Is(broken, http.ErrServerClosed) {
		err = errors.Join(err, broken)
	}
	return err
}

// closeWhileDraining asks for the connection's end with every answer that is
// begun while the server drains. SetKeepAlivesEnabled(false) would also close the
// idle connections at once, and a request just then on its way would be lost.
func closeWhileDraining(h http.Handler, draining <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-draining:
			w.Header().Set("Connection", "close")
		default:
		}
		h.ServeHTTP(w, r)
	})
}
