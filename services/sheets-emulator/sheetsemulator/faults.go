package sheetsemulator

import (
	"context"
	"net/http"
)

// Faults decides what goes wrong with each call to the API, for tests. It is asked before the call's body is read,
// from many goroutines at once, and may block: that delays the call. Web pages know no faults.
type Faults func(ctx context.Context, c Call) Fault

// Call is one call to the API.
type Call struct {
	Method      string // as Google names it: spreadsheets.batchUpdate, spreadsheets.values.get, …
	Spreadsheet string // its id
}

// Fault is what goes wrong with one call. The zero value is: nothing.
type Fault struct {
	Apply  Apply           // whether and when the call takes effect
	Until  <-chan struct{} // with ApplyLate: when this is closed
	Status int             // answered instead of the true answer; 0 is the true one, or 503 where there is none yet
	Cut    bool            // the connection is cut instead of any answer
}

// Apply says whether a call with a fault takes effect.
type Apply int

// What becomes of a call.
const (
	ApplyNow   Apply = iota // it takes effect before it is answered
	ApplyNever              // it never does
	ApplyLate               // it does after it was answered, as a request may whose client has given up
)

// faulty handles a call with a fault. true tells that the call has had its answer; otherwise it is to be handled
// as usual.
func (h *Handler) faulty(w http.ResponseWriter, r *http.Request, f Fault, apply func(http.ResponseWriter, *http.Request)) (answered bool) {
	switch {
	case f.Apply == ApplyNow && f.Status == 0 && !f.Cut:
		return false
	case f.Apply == ApplyNow:
		apply(&unseen{header: http.Header{}}, r)
	case f.Apply == ApplyNever:
		_, _ = readBody(r) // unread, a large one would reset the connection before the client has seen the answer
	case f.Apply == ApplyLate:
		late, err := detach(r)
		if err != nil {
			writeError(w, err)
			return true
		}
		h.late.Go(func() {
			select {
			case <-f.Until:
				apply(&unseen{header: http.Header{}}, late)
			case <-h.store.closed:
			}
		})
	}
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	writeFault(w, f.Status)
	return true
}

// writeFault answers as Google does when it is not well: a 502 is a page of HTML, the rest is the usual envelope.
func writeFault(w http.ResponseWriter, status int) {
	texts := map[int]string{
		http.StatusUnauthorized:        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		http.StatusForbidden:           "The caller does not have permission",
		http.StatusNotFound:            "Requested entity was not found.",
		http.StatusTooManyRequests:     "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:0'.",
		http.StatusInternalServerError: "Internal error encountered.",
		http.StatusServiceUnavailable:  "The service is currently unavailable.",
	}
	switch status {
	case 0:
		status = http.StatusServiceUnavailable
	case http.StatusBadGateway:
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Error 502 (Server Error)</title><p>Please try again in 30 seconds.\n"))
		return
	}
	text, known := texts[status]
	if !known {
		text = http.StatusText(status)
	}
	writeError(w, &apiError{code: status, message: text})
}

// unseen is the answer of a call that nobody reads.
type unseen struct {
	header http.Header
}

func (u *unseen) Header() http.Header         { return u.header }
func (u *unseen) Write(p []byte) (int, error) { return len(p), nil }
func (u *unseen) WriteHeader(int)             {}
