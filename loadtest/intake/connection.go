package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	answerTime = 10 * time.Second // a server that has not answered by then has failed
	accepted   = 202

	samples = 1000 // bodies, sent in turn
)

// sender makes requests. No two have the same Idempotency-Key.
type sender struct {
	run    uint64 // tells the keys of this run from those of others
	made   atomic.Uint64
	bodies [][]byte
}

func newSender(run uint64) *sender {
	s := &sender{run: run}
	for n := range samples {
		s.bodies = append(s.bodies, fmt.Appendf(nil,
			`{"name":"Ada Lovelace","email":"ada-%d@example.org","message":"The engine weaves algebraic patterns, number %d, just as the loom weaves flowers and leaves."}`, n, n))
	}
	return s
}

// next appends a request to to.
func (s *sender) next(to []byte) []byte {
	n := s.made.Add(1)
	body := s.bodies[n%samples]
	to = append(to, "POST /forms/demo-form HTTP/1.1\r\nHost: forms.example.org\r\nUser-Agent: loadtest\r\nAccept: application/json\r\n"+
		"Content-Type: application/json\r\nIdempotency-Key: "...)
	to = strconv.AppendUint(to, s.run, 16)
	to = append(to, '-')
	to = strconv.AppendUint(to, n, 16)
	to = append(to, "\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(len(body)), 10)
	to = append(to, "\r\n\r\n"...)
	return append(to, body...)
}

// connection posts submissions one after another. net/http's client would take as much CPU as the servers that it measures,
// from the same cores.
type connection struct {
	address string
	sender  *sender
	net     net.Conn
	reader  *bufio.Reader
	request []byte
}

func dial(ctx context.Context, address string, s *sender) (*connection, error) {
	c := &connection{address: address, sender: s}
	return c, c.open(ctx)
}

func (c *connection) open(ctx context.Context) error {
	raw, err := (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	c.net, c.reader = raw, bufio.NewReaderSize(raw, 4<<10)
	return nil
}

func (c *connection) close() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// post sends one submission and returns the answer's status. After an error the next post connects anew.
func (c *connection) post(ctx context.Context) (status int, err error) {
	if c.net == nil {
		if err := c.open(ctx); err != nil {
			return 0, err
		}
	}
	c.request = c.sender.next(c.request[:0])
	if err = c.net.SetDeadline(time.Now().Add(answerTime)); err == nil {
		_, err = c.net.Write(c.request)
	}
	if err == nil {
		status, err = readAnswer(c.reader)
	}
	if err != nil {
		c.close()
	}
	return status, err
}

// readAnswer reads an answer of HTTP/1.1 whose length is given, as all short ones of net/http are.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, errors.New("the answer is not HTTP/1.1")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, errors.New("the answer has no status")
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, errors.New("the answer's length is no number")
			}
		}
	}
	if length < 0 {
		return 0, errors.New("the answer's length is not given")
	}
	if _, err := r.Discard(length); err != nil {
		return 0, err
	}
	return status, nil
}
