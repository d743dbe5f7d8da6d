package sheet

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/api/googleapi"
)

// Outcome says what is known after a request was answered with an error.
type Outcome int

// The outcomes of a failed request. It is decided by the status, never by a message's text: messages are localised.
const (
	Unknown   Outcome = iota // 5xx, time-out, connection cut, unreadable answer: it may have been applied, or may still be
	Throttled                // 429: not applied; later
	Refused                  // 400: not applied as it is
	Denied                   // 401, 403, 404: the spreadsheet cannot be reached with these credentials
)

func (o Outcome) String() string {
	return [...]string{"unknown", "throttled", "refused", "denied"}[o]
}

// Error is a failed request to Sheets.
type Error struct {
	Outcome Outcome
	Status  int           // HTTP status; 0: none was received
	After   time.Duration // how long the server asked to wait; 0: it did not say
	Err     error
}

func (e *Error) Error() string {
	return fmt.Sprintf("sheets: %s (status %d): %v", e.Outcome, e.Status, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf returns the outcome that err stands for: Unknown, unless an Error in its chain says otherwise.
func OutcomeOf(err error) Outcome {
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return Unknown
}

// classify sorts an error of the official client.
func classify(err error) error {
	var g *googleapi.Error
	if !errors.As(err, &g) {
		return &Error{Outcome: Unknown, Err: err}
	}
	e := &Error{Status: g.Code, Err: err}
	switch {
	case g.Code == http.StatusTooManyRequests || rateLimited(g):
		e.Outcome = Throttled
		if s, err := strconv.Atoi(g.Header.Get("Retry-After")); err == nil {
			e.After = time.Duration(s) * time.Second
		}
	case g.Code == http.StatusUnauthorized, g.Code == http.StatusForbidden, g.Code == http.StatusNotFound:
		e.Outcome = Denied
	case g.Code == http.StatusConflict, g.Code == http.StatusRequestTimeout, g.Code >= 500:
		e.Outcome = Unknown
	default:
		e.Outcome = Refused
	}
	return e
}

// rateLimited recognises the older form in which Google APIs say 429: a 403 with this reason.
func rateLimited(g *googleapi.Error) bool {
	for _, item := range g.Errors {
		if item.Reason == "rateLimitExceeded" || item.Reason == "userRateLimitExceeded" {
			return true
		}
	}
	return false
}
