package kafkatest

import (
	"net"
	"sync"
)

// gate lets bytes pass while it is open. A server behind a shut gate looks like a stopped process: the kernel accepts
// connections and takes what is sent, and no answer comes.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		g.open = make(chan struct{})
	default:
	}
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// wait returns when the gate is open, or when closed is.
func (g *gate) wait(closed <-chan struct{}) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-closed:
	}
}

// gates are what stands between the clients and the brokers of a cluster.
type gates struct{ in, out *gate }

func (g gates) listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &gatedListener{Listener: ln, gates: g}, nil
}

type gatedListener struct {
	net.Listener
	gates gates
}

func (l *gatedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatedConn{Conn: conn, gates: l.gates, closed: make(chan struct{})}, nil
}

type gatedConn struct {
	net.Conn
	gates  gates
	closed chan struct{}
	once   sync.Once
}

// Read waits after reading: a read that was under way when the gate was shut must not bring anything through either.
func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gates.in.wait(c.closed)
	return n, err
}

func (c *gatedConn) Write(b []byte) (int, error) {
	c.gates.out.wait(c.closed)
	return c.Conn.Write(b)
}

func (c *gatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
