package sheetsflusher

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/formstream/formstream/pkg/sheet"
)

// Park is a form that is not delivered, and why.
type Park struct{ Form, Reason string }

// The reasons for a park: a word for the metric, what is the matter, the remedy. Each run finds them anew.
const (
	reasonDoubled       = "vector_twice: two metadata items claim to be the form's vector: somebody copied one; delete the wrong one"
	reasonVector        = "vector_unreadable: the form's vector cannot be read: its metadata was edited; restore its value"
	reasonTopic         = "topic_anew: the topic was deleted and made anew since the spreadsheet was written: run sheets-flusher with -resume to deliver the new topic from its beginning"
	reasonBufferTopic   = "buffer_of_other_topic: the buffer belongs to another topic of this name: the topic was deleted and made anew; run sheets-flusher with -resume to deliver the new topic from its beginning"
	reasonBeyondEnd     = "beyond_log: more is delivered or buffered than the log holds: the log has lost records, or -brokers names another cluster; point it at the right one, or restore the log"
	reasonNoVector      = "no_vector: submissions have been delivered, but this spreadsheet does not know of them: if sinks.sheets.spreadsheet was changed, change it back; if the spreadsheet was replaced by a copy, restore the original"
	reasonOldRows       = "rows_without_vector: the tab has our header and rows, but the spreadsheet does not know how far they go: give the form a new tab (sinks.sheets.tab)"
	reasonTabGone       = "tab_gone: the form's tab is gone: if it was renamed, give it its old name again; if it was deleted, undo that, or copy the tab back from the spreadsheet's version history under its old name"
	reasonTabUnreadable = "tab_unreadable: Sheets does not show the first rows of the form's tab: see that it is an ordinary sheet with cells, or give the form another tab (sinks.sheets.tab)"
	reasonUnreadable    = "unreadable: a submission in the log is not a form's answers, so something other than form-api has written to the topic: give the form a new id, so that it begins a new topic"
	reasonOlderSheet    = "older_sheet: the spreadsheet is older than what was delivered: it was restored from an older version; restore the newest one"
	reasonDamaged       = "buffer_damaged: the buffer's entries do not follow from the vector: something else has written to Redis; delete the form's keys there, they are filled again from Kafka"
	reasonRefused       = "refused: Sheets refuses this form's rows: see the log for its answer; often the tab is protected from our account, or the spreadsheet is full"
)

func reasonUnmatched(fence int64) string {
	return fmt.Sprintf("unmatched: another flusher wrote while flush %d was frozen: its rows may stand twice; compare the Id column, then run sheets-flusher with -resume", fence)
}

// check compares log, buffer and spreadsheet, and says what does not add up.
func (w *Writer) check(c candidate) (reason string) {
	id := c.form.ID
	item, known := w.state.Items[id]
	if fence, held := w.state.Held(id); held {
		return reasonUnmatched(fence.ID)
	}
	switch {
	case w.state.Doubled[id]:
		return reasonDoubled
	case known && item.Err != nil:
		return reasonVector
	case known && item.Vector.TopicID != c.topic.ID:
		return reasonTopic
	case c.otherTopic():
		return reasonBufferTopic
	case c.beyondEnd(item.Vector):
		return reasonBeyondEnd
	case !known && c.peek.Delivered():
		return reasonNoVector
	case known:
		if _, exists := w.state.Tab(id, c.form.Sinks.Sheets.Tab); !exists {
			return reasonTabGone // it was made together with the vector
		}
	}
	return ""
}

// beyondEnd reports whether something stands at an offset that the log has not reached.
func (c candidate) beyondEnd(v sheet.Vector) bool {
	if len(v.Offsets) > len(c.topic.End) {
		return true
	}
	for p, o := range v.Offsets {
		if o > c.topic.End[p] {
			return true
		}
	}
	for p, s := range c.peek.Partitions {
		if s.Known && (p >= len(c.topic.End) || s.Next > c.topic.End[p]) {
			return true
		}
	}
	return false
}

// needsHead reports whether the form is to be written for the first time into a tab that exists.
func (w *Writer) needsHead(c candidate) bool {
	_, known := w.state.Items[c.form.ID]
	_, exists := w.state.Tab(c.form.ID, c.form.Sinks.Sheets.Tab)
	return !known && exists
}

// checkHead refuses a tab that has rows below a header of ours, though no vector says how far they go.
func (w *Writer) checkHead(ctx context.Context, c candidate) (reason string, headed bool, err error) {
	tab, _ := w.state.Tab(c.form.ID, c.form.Sinks.Sheets.Tab)
	head, err := retry(ctx, w, w.Quota.Read, func() ([][]string, error) { return w.Sheets.Head(ctx, w.spreadsheet, tab.Title) })
	if sheet.OutcomeOf(err) == sheet.Refused {
		return reasonTabUnreadable, false, nil // renamed a moment ago, or no grid; the other forms need not wait for it
	}
	if err != nil {
		return "", false, fmt.Errorf("read the head of tab %s: %w", tab.Title, err)
	}
	headed = len(head) > 0 && slices.Equal(head[0], Header(c.form))
	if headed && len(head) > 1 {
		return reasonOldRows, true, nil
	}
	return "", headed, nil
}

// park leaves the form out of the rest of this run, and says why wherever an operator looks.
func (w *Writer) park(ctx context.Context, form, reason string) {
	w.parked[form] = Park{Form: form, Reason: reason}
	w.Metrics.park(form, reason)
	if w.told[form] != reason { // a loop finds it again in each run
		w.told[form] = reason
		w.Logger.Error("form parked", "form", form, "spreadsheet", w.spreadsheet, "reason", reason)
	}
	if err := w.Buffer.Park(ctx, form, reason); err != nil {
		w.Logger.Warn("park not noted in the buffer", "form", form, "error", err)
	}
}

// unpark clears what the buffer shows of a park that is over.
func (w *Writer) unpark(ctx context.Context, c candidate) {
	delete(w.told, c.form.ID)
	if c.peek.Park == "" {
		return
	}
	w.Metrics.unpark(c.form.ID)
	if err := w.Buffer.Park(ctx, c.form.ID, ""); err != nil {
		w.Logger.Warn("end of a park not noted in the buffer", "form", c.form.ID, "error", err)
	}
}

// deny parks all forms of a spreadsheet that cannot be reached.
func (w *Writer) deny(ctx context.Context, err error) {
	reason := "denied: Sheets does not let us in"
	var e *sheet.Error
	if errors.As(err, &e) {
		switch e.Status {
		case 401:
			reason = "credentials: Sheets does not accept the credentials (401): check the service-account file and the clock of this machine"
		case 403:
			reason = "no_access: no access to the spreadsheet (403): share it with the service account's e-mail address as Editor, and enable the Google Sheets API in its project"
		case 404:
			reason = "no_spreadsheet: there is no such spreadsheet (404): check sinks.sheets.spreadsheet, the id in its address"
		}
	}
	w.Logger.Error("spreadsheet cannot be reached", "spreadsheet", w.spreadsheet, "error", err)
	for _, f := range w.forms {
		if _, already := w.parked[f.ID]; !already {
			w.park(ctx, f.ID, reason)
		}
	}
}
