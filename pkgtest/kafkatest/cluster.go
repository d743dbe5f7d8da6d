package kafkatest

import (
	"crypto/tls"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Log is what the suite needs of a Kafka, in process or real.
type Log interface {
	// Brokers returns the addresses, host:port.
	Brokers() []string
	// Pause lets every broker hang: connections are accepted, nothing is answered.
	Pause()
	// Resume ends it; what was sent meanwhile is done then.
	Resume()
}

// Cluster is an in-process Kafka. Its methods are for the test's own goroutine.
type Cluster struct {
	t     testing.TB
	opts  []kfake.Opt
	gates gates

	fake  *kfake.Cluster
	addrs []string
}

// Option changes what Start starts.
type Option func(*Cluster)

// Nodes sets the number of brokers. Default 1.
func Nodes(n int) Option { return add(kfake.NumBrokers(n)) }

// Topics creates topics with this many partitions.
func Topics(partitions int32, names ...string) Option {
	return add(kfake.SeedTopics(partitions, names...))
}

// Durable keeps the log in a folder of the test, so that Restart finds it again.
func Durable() Option {
	return func(c *Cluster) { c.opts = append(c.opts, kfake.DataDir(c.t.TempDir())) }
}

// Blackhole accepts records and throws them away, for benchmarks of producers.
func Blackhole() Option { return add(kfake.BlackholeProduce()) }

// SASL asks for a login. Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
func SASL(mechanism, user, password string) Option {
	return func(c *Cluster) {
		c.opts = append(c.opts, kfake.EnableSASL(), kfake.Superuser(mechanism, user, password))
	}
}

// TLS encrypts the connections.
func TLS(config *tls.Config) Option { return add(kfake.TLS(config)) }

func add(opt kfake.Opt) Option { return func(c *Cluster) { c.opts = append(c.opts, opt) } }

// Start starts an in-process Kafka on free loopback ports; it ends with the test.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, gates: gates{in: newGate(), out: newGate()}}
	c.opts = []kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(c.gates.listen)}
	for _, opt := range opts {
		opt(c)
	}
	c.start()
	t.Cleanup(c.Stop)
	return c
}

func (c *Cluster) start(extra ...kfake.Opt) {
	c.t.Helper()
	fake, err := kfake.NewCluster(append(c.opts[:len(c.opts):len(c.opts)], extra...)...)
	require.NoError(c.t, err)
	c.fake = fake
	c.addrs = fake.ListenAddrs()
}

// Brokers implements [Log].
func (c *Cluster) Brokers() []string { return c.addrs }

// Fake returns the broker itself, for faults that only it has.
func (c *Cluster) Fake() *kfake.Cluster { return c.fake }

// Pause implements [Log].
func (c *Cluster) Pause() {
	c.gates.in.shut()
	c.gates.out.shut()
}

// Resume implements [Log].
func (c *Cluster) Resume() {
	c.gates.in.reopen()
	c.gates.out.reopen()
}

// HoldAnswers lets requests in and keeps the answers: what clients send is done, and they do not know.
func (c *Cluster) HoldAnswers() { c.gates.out.shut() }

// ReleaseAnswers lets them go.
func (c *Cluster) ReleaseAnswers() { c.gates.out.reopen() }

// Stop ends all brokers: connections are cut and new ones refused.
func (c *Cluster) Stop() {
	c.Resume() // a broker cannot end while it hangs
	if c.fake != nil {
		c.fake.Close()
		c.fake = nil
	}
}

// Restart starts all brokers again at their addresses. Without Durable they have forgotten everything.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.Stop()
	var ports []int
	for _, addr := range c.addrs {
		_, port, err := net.SplitHostPort(addr)
		require.NoError(c.t, err)
		n, err := strconv.Atoi(port)
		require.NoError(c.t, err)
		ports = append(ports, n)
	}
	c.start(kfake.Ports(ports...))
}
