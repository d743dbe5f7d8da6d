package burst

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// answer is what became of one request.
type answer struct {
	latency time.Duration // from when it was due
	kind    string        // the status, such as 202, or how the connection broke
	status  int           // 0: no answer
	body    []byte        // of a 202 or 503, to be looked at after the round
}

const accepted = http.StatusAccepted

// unexpected reports whether the answer is neither a yes nor a server's trouble: the generator sends what is valid.
func (a answer) unexpected() bool {
	return a.status != 0 && a.status != accepted && a.status < http.StatusInternalServerError
}

func statusKind(status int) string { return strconv.Itoa(status) }

// brokenKind names how a request without an answer ended.
func brokenKind(err error) string {
	var unresolved *net.DNSError
	var badCertificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files here"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no free port here"
	case errors.As(err, &unresolved):
		return "unknown host"
	case errors.As(err, &badCertificate):
		return "wrong certificate"
	}
	return "other error"
}
