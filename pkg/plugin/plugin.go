package plugin

import (
	"context"
	"errors"

	"github.com/formstream/formstream/pkg/submission"
)

// Handler does a plug-in's work for one submission and returns the events to produce; none is fine. The runtime produces
// them, and calls the handler for the next submission without waiting for that.
//
// Calls for the same submission id are made one after the other, in the log's order; calls for different ids may be made side
// by side, so a handler must be safe for concurrent use. (Today the calls of one partition are made one after the other; do
// not rely on it.) The same submission can come again: after an error, a crash or a rebalance, and when its sender repeated
// the request. ctx ends after -handler-timeout, and some seconds after the partition was given to another instance or the
// process was told to end; heed it: a handler that goes on holds up its partition, then is left behind, and what it returns
// is thrown away. s.Data must not be changed.
//
// Any error, and a panic, brings the same submission again, after a pause; none is ever skipped. [Permanent] marks errors
// for which that is known to be in vain. What an error says is logged, so it must not quote what was submitted.
type Handler func(ctx context.Context, s submission.Submission) ([]Event, error)

// Event is what a handler has to tell about a submission. It goes to the topic processed.{form}.
type Event struct {
	Type string // of CloudEvents, such as "acme.language.v1"; printable ASCII without spaces, at most 128 bytes
	Data any    // becomes JSON
}

// Permanent marks an error that the same submission will meet every time. Until there are dead letters it is tried again
// like any other, every 30 s, so that nothing is lost in silence; it is logged as an error and counted by itself.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error   { return e.error }
func (e *permanentError) Permanent() bool { return true }

// isPermanent reports whether err is, or wraps, an error that says so of itself.
func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
