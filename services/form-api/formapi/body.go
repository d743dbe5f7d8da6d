package formapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxBody = 256 << 10

	// bodyBudget bounds the memory of all bodies that are being read, in bytes: ten thousand slow clients could hold ten
	// times as much.
	bodyBudget = 256 << 20

	// readAwayBytes and readAwayTime bound what is read of a body after its answer. Closing a connection with unread
	// bytes resets it, and most clients then report the reset instead of the answer (tried: 30 of 30).
	readAwayBytes = 8 << 20
	readAwayTime  = 2 * time.Second

	// readAhead is what net/http itself reads away before it answers; below that nothing needs to be done.
	readAhead = 64 << 10

	// keepBuffer is the largest buffer that goes back to the pool: one huge body must not stay in memory for good.
	keepBuffer = 32 << 10
)

// Errors of reading a body.
var (
	errTooLarge = errors.New("body is too large")
	errTooSlow  = errors.New("body did not arrive in time")
	errBusy     = errors.New("too many bytes are being held")
	errBroken   = errors.New("body ended early")
)

// bodies reads request bodies within the budget of all of them.
type bodies struct {
	held   atomic.Int64 // bytes
	budget int64
	pool   sync.Pool
}

func newBodies(budget int64) *bodies {
	return &bodies{budget: budget, pool: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

// body is one request's body in memory, until release.
type body struct {
	bytes   []byte
	release func()
}

// read reads the whole body of r, at most maxBody bytes. After an error nothing is held.
func (b *bodies) read(r *http.Request) (body, error) {
	if r.ContentLength > maxBody {
		return body{}, errTooLarge
	}
	buffer := b.pool.Get().(*bytes.Buffer)
	held := int64(0)
	release := func() {
		b.held.Add(-held)
		if buffer.Cap() <= keepBuffer {
			buffer.Reset()
			b.pool.Put(buffer)
		}
	}
	for {
		if buffer.Available() == 0 {
			buffer.Grow(bytes.MinRead)
		}
		if grown := int64(buffer.Cap()) - held; grown > 0 {
			held += grown
			if b.held.Add(grown) > b.budget {
				release()
				return body{}, errBusy
			}
		}
		n, err := r.Body.Read(buffer.AvailableBuffer()[:buffer.Available()])
		buffer.Write(buffer.AvailableBuffer()[:n])
		switch {
		case buffer.Len() > maxBody:
			release()
			return body{}, errTooLarge
		case errors.Is(err, io.EOF):
			return body{buffer.Bytes(), release}, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			release()
			return body{}, errTooSlow
		case err != nil:
			release()
			return body{}, errBroken
		}
	}
}

// answerFirst sends the answer to a request whose body has not been read, and then reads the body away, so that a client
// which sends all before it listens gets to see the answer.
func answerFirst(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter)) {
	if r.ContentLength >= 0 && r.ContentLength <= readAhead {
		answer(w)
		return
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // otherwise net/http reads 256 KB before it lets the answer go
	w.Header().Set("Connection", "close")
	answer(w)
	if err := control.Flush(); err != nil {
		return
	}
	if r.Header.Get("Expect") != "" {
		return // the client waits to be told before it sends, and has been told
	}
	_ = control.SetReadDeadline(time.Now().Add(readAwayTime))
	_, _ = io.CopyN(io.Discard, r.Body, readAwayBytes)
}
