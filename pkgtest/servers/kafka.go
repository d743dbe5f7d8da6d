package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/formstream/formstream/pkgtest/process"
)

// quickJVM favours a quick start in little memory over throughput.
const quickJVM = "-Xms256m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"

// KafkaOptions is what StartKafka takes. The zero value is a single broker.
type KafkaOptions struct {
	// Dir is an empty folder for configuration, logs and data.
	Dir string
	// Nodes is how many brokers there are, each of them a controller too. Three: replication 3, min.insync.replicas 2.
	// Default 1.
	Nodes int
	// Config is more lines for every server.properties.
	Config []string
	// JVM is the flags of every Java machine. Default: a quick start; for figures -Xmx1g -XX:+UseG1GC.
	JVM string
}

// Kafka is a cluster of real brokers. One goroutine at a time may call its methods.
type Kafka struct {
	opts KafkaOptions
	home string
	node []*kafkaNode
}

type kafkaNode struct {
	dir              string
	port, controller int
	process          *process.Process
}

// StartKafka fetches Kafka if need be, starts the brokers and waits until all of them serve, some 5 s for one and 12 s
// for three. The caller must Close it.
func StartKafka(ctx context.Context, opts KafkaOptions) (*Kafka, error) {
	if opts.Nodes == 0 {
		opts.Nodes = 1
	}
	if opts.JVM == "" {
		opts.JVM = quickJVM
	}
	home, err := FetchKafka(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	for i := range attempts {
		k := &Kafka{opts: opts, home: home}
		err := k.start(ctx, filepath.Join(opts.Dir, fmt.Sprintf("try%d", i+1)))
		if err == nil {
			return k, nil
		}
		failed = errors.Join(failed, err, k.Close())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start Kafka: %w", failed)
}

func (k *Kafka) start(ctx context.Context, dir string) error {
	ports, err := FreePorts(2 * k.opts.Nodes)
	if err != nil {
		return err
	}
	for i := range k.opts.Nodes {
		k.node = append(k.node, &kafkaNode{dir: filepath.Join(dir, strconv.Itoa(i+1)), port: ports[2*i], controller: ports[2*i+1]})
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	cluster := base64.RawURLEncoding.EncodeToString(id)
	if err := k.each(func(n int) error { return k.format(n, cluster) }); err != nil {
		return err
	}
	if err := k.each(k.Start); err != nil {
		return err
	}
	return k.Await(ctx)
}

// each does it for all nodes side by side.
func (k *Kafka) each(do func(n int) error) error {
	errs := make([]error, len(k.node))
	var all sync.WaitGroup
	for i := range k.node {
		all.Go(func() { errs[i] = do(i + 1) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// format writes the node's configuration and empty storage.
func (k *Kafka) format(n int, cluster string) error {
	node := k.node[n-1]
	if err := os.MkdirAll(node.dir, 0o750); err != nil {
		return fmt.Errorf("format broker %d: %w", n, err)
	}
	if err := os.WriteFile(node.properties(), []byte(k.properties(n)), 0o600); err != nil {
		return fmt.Errorf("format broker %d: %w", n, err)
	}
	p, err := process.Start(nil, "java", k.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", node.properties())...)
	if err != nil {
		return fmt.Errorf("format broker %d: %w", n, err)
	}
	err = p.Err()
	p.Kill()
	if err != nil {
		return fmt.Errorf("format broker %d: %w: %s", n, err, p.Log())
	}
	return nil
}

func (k *Kafka) properties(n int) string {
	var voters []string
	for i, node := range k.node {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, node.controller))
	}
	replicas, insync := len(k.node), min(2, len(k.node))
	node := k.node[n-1]
	return fmt.Sprintf(`process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d
advertised.listeners=PLAINTEXT://127.0.0.1:%d
controller.listener.names=CONTROLLER
log.dirs=%s
auto.create.topics.enable=false
num.partitions=3
default.replication.factor=%d
min.insync.replicas=%d
offsets.topic.replication.factor=%[7]d
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=%[7]d
transaction.state.log.min.isr=%[8]d
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=%[7]d
share.coordinator.state.topic.min.isr=%[8]d
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=4194304
%[9]s
`, n, strings.Join(voters, ","), node.port, node.controller, node.port, filepath.Join(node.dir, "data"), replicas, insync, strings.Join(k.opts.Config, "\n"))
}

func (n *kafkaNode) properties() string { return filepath.Join(n.dir, "server.properties") }

func (k *Kafka) java(class string, args ...string) []string {
	flags := append(strings.Fields(k.opts.JVM), "-cp", filepath.Join(k.home, "lib")+"/*",
		"-Dlog4j2.configurationFile="+filepath.Join(k.home, "log4j2.properties"), class)
	return append(flags, args...)
}

// Start starts broker n, the first one is 1, again after Kill or Stop. It does not wait: Await does.
func (k *Kafka) Start(n int) (err error) {
	node := k.node[n-1]
	if node.process, err = process.Start(nil, "java", k.java("kafka.Kafka", node.properties())...); err != nil {
		return fmt.Errorf("start broker %d: %w", n, err)
	}
	return nil
}

// Await waits until all brokers that have been started serve clients.
func (k *Kafka) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	return k.each(func(n int) error {
		node := k.node[n-1]
		err := node.process.Await(ctx, func(context.Context) error {
			if !strings.Contains(node.process.Log(), "Kafka Server started") {
				return errors.New("it has not said that it has started")
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("broker %d: %w", n, err)
		}
		return nil
	})
}

// Brokers returns the addresses, host:port; broker n's is the n-th.
func (k *Kafka) Brokers() (all []string) {
	for _, node := range k.node {
		all = append(all, net.JoinHostPort("127.0.0.1", strconv.Itoa(node.port)))
	}
	return all
}

// Kill is kill -9 of broker n. It returns when the broker is gone.
func (k *Kafka) Kill(n int) { k.node[n-1].process.Kill() }

// Stop ends broker n in good order; when ctx ends first, it is killed, and that is an error.
func (k *Kafka) Stop(ctx context.Context, n int) error {
	err := k.node[n-1].process.Stop(ctx)
	if ctx.Err() == nil {
		return nil // Java's status after SIGTERM is 143
	}
	return err
}

// PauseNode lets broker n hang (SIGSTOP), ResumeNode ends it (SIGCONT).
func (k *Kafka) PauseNode(n int) { k.node[n-1].process.Pause() }

// ResumeNode ends PauseNode.
func (k *Kafka) ResumeNode(n int) { k.node[n-1].process.Resume() }

// Pause lets all brokers hang: connections are accepted, nothing is answered, nothing is lost.
func (k *Kafka) Pause() {
	for i := range k.node {
		k.PauseNode(i + 1)
	}
}

// Resume ends it.
func (k *Kafka) Resume() {
	for i := range k.node {
		k.ResumeNode(i + 1)
	}
}

// Exited is closed when broker n has ended.
func (k *Kafka) Exited(n int) <-chan struct{} { return k.node[n-1].process.Exited() }

// Log returns the last of what broker n has printed since it was started last.
func (k *Kafka) Log(n int) string { return k.node[n-1].process.Log() }

// Close kills all brokers. It may be called again.
func (k *Kafka) Close() error {
	return k.each(func(n int) error {
		if p := k.node[n-1].process; p != nil {
			p.Kill()
		}
		return nil
	})
}

// PIDs are the brokers' process ids.
func (k *Kafka) PIDs() (all []int) {
	for _, node := range k.node {
		all = append(all, node.process.PID)
	}
	return all
}
