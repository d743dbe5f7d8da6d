package fate

import (
	"time"

	"github.com/formstream/formstream/pkg/submission"
)

// View is the answer to GET /receipts/{receipt}. It has nothing that was submitted.
type View struct {
	Form       string `json:"form"`
	ID         string `json:"id"`
	ReceivedAt string `json:"received_at"`     // RFC 3339, UTC, milliseconds: when it was accepted
	State      State  `json:"state"`           // accepted, buffered or delivered
	Stale      bool   `json:"stale,omitempty"` // it may have come further: the log could not be asked
}

// receivedAt is the layout that the answer to the submission had.
const receivedAt = "2006-01-02T15:04:05.000Z"

// NewView returns what the holder of the receipt may know.
func NewView(r submission.Receipt, f Fate) View {
	return View{
		Form: r.Form, ID: r.ID, ReceivedAt: r.ReceivedAt.UTC().Truncate(time.Millisecond).Format(receivedAt),
		State: f.State, Stale: f.Stale,
	}
}
