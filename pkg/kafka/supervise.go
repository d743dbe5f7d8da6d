package kafka

import "time"

// supervise connects, and replaces a session that has become the obstacle itself, until Close.
func (p *Producer) supervise() {
	defer p.finish()
	for first := true; ; first = false {
		next := p.connect(first)
		if next == nil {
			return
		}
		since := time.Now()
		old := p.install(&link{session: next})
		if old.session != nil {
			p.retire(old.session)
		}
		if !p.watch(next, since) {
			return
		}
	}
}

// connect tries until it has a session; nil: the producer is closing. While it tries, the old session stays in use.
func (p *Producer) connect(first bool) *session {
	for attempt := 0; ; attempt++ {
		s, err := newSession(p.brokers, p.cfg, p.settle)
		if err == nil {
			p.log.Info("connected to Kafka", "attempt", attempt+1)
			return s
		}
		if first {
			p.install(&link{err: err})
		}
		if attempt == 0 {
			p.log.Warn("Kafka is not reachable; trying on", "error", err)
		}
		if !p.pause(reconnectDelay(attempt)) {
			return nil
		}
	}
}

// watch returns true when the session must be replaced, false when the producer is closing.
func (p *Producer) watch(s *session, since time.Time) bool {
	for {
		select {
		case <-p.closing:
			return false
		case suspected := <-s.suspects:
			if !s.blocks(suspected) {
				if !p.pause(suspectInterval) {
					return false
				}
				continue
			}
			p.log.Warn("replacing the Kafka producer", "topic", suspected.topic, "error", suspected.err)
			return p.pause(replaceInterval - time.Since(since))
		}
	}
}

// pause waits for d; false: the producer is closing.
func (p *Producer) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.closing:
		return false
	}
}

// install makes l the present link and wakes those who wait for it.
func (p *Producer) install(l *link) (old *link) {
	l.changed = make(chan struct{})
	old = p.link.Swap(l)
	close(old.changed)
	return old
}

// retire lets a session that is no longer used settle what it holds.
func (p *Producer) retire(s *session) {
	s.retire()
	p.retired.Go(func() { s.drain(p.cut) })
}

// finish ends the last session and waits for all of them.
func (p *Producer) finish() {
	if s := p.link.Load().session; s != nil {
		p.retire(s)
	}
	p.retired.Wait()
	close(p.drained)
}
