package intake

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// phase is one way of loading a server.
type phase struct {
	name        string
	connections int
	rate        int // submissions a second; 0: as many as the server takes
}

// openConnections serve the open loop: enough that a submission waits for a connection only where the server is far behind.
const openConnections = 256

func phases(rate int) []phase {
	return []phase{
		{name: "128 connections", connections: 128},
		{name: "512 connections", connections: 512},
		{name: strconv.Itoa(rate) + "/s", connections: openConnections, rate: rate},
	}
}

// played is what became of the submissions of one phase.
type played struct {
	accepted  int
	other     map[string]int // by status, or by how the connection broke
	latencies []time.Duration
	took      time.Duration
}

func (p *played) add(status int, err error, latency time.Duration) {
	if err == nil && status == accepted {
		p.accepted++
		p.latencies = append(p.latencies, latency)
		return
	}
	kind := strconv.Itoa(status)
	if err != nil {
		kind = "no answer"
	}
	if p.other == nil {
		p.other = map[string]int{}
	}
	p.other[kind]++
}

func (p *played) merge(q played) {
	p.accepted += q.accepted
	p.latencies = append(p.latencies, q.latencies...)
	for kind, n := range q.other {
		if p.other == nil {
			p.other = map[string]int{}
		}
		p.other[kind] += n
	}
}

// line is what is driven over one connection, until it returns.
type line func(ctx context.Context, c *connection) played

// play loads the server for the given time. Connections are made first; before and after are called when they stand, and
// when all are answered.
func (ph phase) play(ctx context.Context, address string, s *sender, length time.Duration, before, after func() error) (played, error) {
	all, err := dialAll(ctx, address, s, ph.connections)
	defer func() {
		for _, c := range all {
			c.close()
		}
	}()
	if err != nil {
		return played{}, err
	}
	if err := before(); err != nil {
		return played{}, err
	}
	began := time.Now()
	drive := saturate(began.Add(length))
	if ph.rate > 0 {
		drive = ph.openLoop(ctx, began, length)
	}
	var mu sync.Mutex
	var total played
	var lines sync.WaitGroup
	for _, c := range all {
		lines.Go(func() {
			one := drive(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			total.merge(one)
		})
	}
	lines.Wait()
	total.took = time.Since(began)
	if ctx.Err() != nil {
		return total, context.Cause(ctx)
	}
	return total, after()
}

func dialAll(ctx context.Context, address string, s *sender, n int) (all []*connection, err error) {
	for range n {
		c, err := dial(ctx, address, s)
		if err != nil {
			return all, fmt.Errorf("connect to %s: %w", address, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// saturate sends the next submission as soon as the one before is answered.
func saturate(until time.Time) line {
	return func(ctx context.Context, c *connection) (p played) {
		for ctx.Err() == nil {
			began := time.Now()
			if began.After(until) {
				break
			}
			status, err := c.post(ctx)
			p.add(status, err, time.Since(began))
		}
		return p
	}
}

// openLoop hands out submissions when they are due; whichever connection is free takes the next.
func (ph phase) openLoop(ctx context.Context, began time.Time, length time.Duration) line {
	n := int(length.Seconds() * float64(ph.rate))
	due := make(chan time.Time, n) // has room for all: a slow server never holds up what comes next
	go func() {
		defer close(due)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for i := range n {
			at := began.Add(time.Duration(i) * time.Second / time.Duration(ph.rate))
			timer.Reset(time.Until(at))
			select {
			case <-timer.C:
				due <- at
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(ctx context.Context, c *connection) (p played) {
		for at := range due {
			status, err := c.post(ctx)
			p.add(status, err, time.Since(at))
		}
		return p
	}
}

// percentile returns the smallest of the sorted latencies that so many percent do not exceed, in milliseconds; 0 of none.
func percentile(sorted []time.Duration, percent float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := max(1, int(math.Ceil(percent/100*float64(len(sorted)))))
	return float64(sorted[rank-1].Microseconds()) / 1000
}

// median returns the middle one, or the mean of the two in the middle; 0 of none.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// kinds lists how submissions were answered otherwise.
func (p played) kinds() []string { return slices.Sorted(maps.Keys(p.other)) }
