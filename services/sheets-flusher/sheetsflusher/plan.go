package sheetsflusher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
)

// candidate is a form that the buffer has something of.
type candidate struct {
	form  *form.Form
	topic kafka.Topic
	peek  buffer.Peek
}

// otherTopic reports whether the buffer belongs to an older topic of the form's name.
func (c candidate) otherTopic() bool { return c.peek.TopicID != "" && c.peek.TopicID != c.topic.ID }

// active peeks at all forms that are not parked and keeps those with work, with a reason to be parked, or with a park to be
// looked at again: of that, even if nothing is left to write, somebody must find the end.
func (w *Writer) active(ctx context.Context) ([]candidate, error) {
	var found []candidate
	var names []string
	var partitions []int
	for _, f := range w.forms {
		t, exists := w.topics[f.Topic()]
		if _, parked := w.parked[f.ID]; parked || !exists {
			continue // without a topic there is nothing to deliver yet
		}
		found = append(found, candidate{form: f, topic: t})
		names, partitions = append(names, f.ID), append(partitions, len(t.End))
	}
	if len(names) == 0 {
		return nil, nil
	}
	peeks, err := w.Buffer.Peek(ctx, names, partitions)
	if err != nil {
		return nil, fmt.Errorf("peek at the buffer: %w", err)
	}
	n := 0
	for i := range found {
		found[i].peek = peeks[i]
		if peeks[i].Park == "" {
			w.Metrics.unpark(names[i]) // another flusher may have found the end of it
		}
		if !peeks[i].Empty() || found[i].otherTopic() || peeks[i].Park != "" {
			found[n] = found[i]
			n++
		}
	}
	return found[:n], nil
}

// draft is what one form could contribute to a flush.
type draft struct {
	form    *form.Form
	topicID string
	offsets []int64 // of the vector before
	headed  bool    // its tab has our header, though the form has no vector yet
	lines   []line
}

// line is one entry, and the row that it becomes unless it is a placeholder or a gap.
type line struct {
	entry      buffer.Entry
	receivedAt int64
	row        sheet.Row
}

// plan asks the buffer for each form's oldest entries. Forms that do not add up are parked. It asks for another try when the
// spreadsheet or the brokers must be read again first.
func (w *Writer) plan(ctx context.Context, active []candidate) (drafts []draft, retry bool, err error) {
	// Asked for after the peek and after the read: neither can then rightly be ahead of the log.
	if err := w.askBrokers(ctx); err != nil {
		return nil, false, err
	}
	for _, c := range active {
		topic, answered := w.topics[c.form.Topic()]
		if !answered {
			continue
		}
		c.topic = topic
		if healed, err := w.heal(ctx, c); healed || err != nil {
			if err != nil {
				return nil, false, err
			}
			continue
		}
		park, headed := w.check(c), false
		if park == "" && w.needsHead(c) {
			if park, headed, err = w.checkHead(ctx, c); err != nil {
				return nil, false, err
			}
		}
		if park != "" {
			w.park(ctx, c.form.ID, park)
			continue
		}
		d, stale, err := w.planForm(ctx, c, headed)
		if err != nil {
			return nil, false, err
		}
		retry = retry || stale
		if d != nil {
			drafts = append(drafts, *d)
		}
	}
	if retry {
		w.state = nil
		return nil, true, nil
	}
	return drafts, false, nil
}

// verify asks the brokers once more, now that the entries are in hand. A consumer that has not yet heard that its topic was made
// anew reads the new one and takes it for the old; whatever it has stored, the new topic is older than that.
func (w *Writer) verify(ctx context.Context, drafts []draft) (same []draft, err error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	if err := w.askBrokers(ctx); err != nil {
		return nil, err
	}
	for _, d := range drafts {
		topic, answered := w.topics[d.form.Topic()]
		if !answered {
			continue
		}
		if topic.ID != d.topicID {
			w.park(ctx, d.form.ID, reasonTopic)
			continue
		}
		same = append(same, d)
	}
	return same, nil
}

func (w *Writer) planForm(ctx context.Context, c candidate, headed bool) (_ *draft, stale bool, _ error) {
	item := w.state.Items[c.form.ID]
	offsets := item.Vector.Grown(len(c.topic.End))
	answer, err := w.Buffer.Plan(ctx, buffer.PlanRequest{
		Form: c.form.ID, TopicID: c.topic.ID, Vector: offsets, Settle: w.set.Settle.Milliseconds(), Limit: w.set.Rows,
	})
	var damaged *buffer.DamagedError
	if errors.As(err, &damaged) {
		w.park(ctx, c.form.ID, reasonDamaged+": "+damaged.Error())
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("plan form %s: %w", c.form.ID, err)
	}
	switch answer.Status {
	case buffer.PlanOtherTopic:
		w.park(ctx, c.form.ID, reasonBufferTopic)
	case buffer.PlanStale:
		// Another flusher may have written since the read. If the vector is still the same after a new read, it was not that.
		if before, twice := w.stale[c.form.ID]; twice && before == item.Value {
			w.park(ctx, c.form.ID, reasonOlderSheet)
			return nil, false, nil
		}
		w.stale[c.form.ID] = item.Value
		return nil, true, nil
	case buffer.PlanBooks:
		w.Metrics.rebuilds.WithLabelValues(c.form.ID).Inc()
		w.Logger.Warn("buffer had lost entries, the consumer reads them again", "form", c.form.ID)
	case buffer.PlanNothing:
		w.unpark(ctx, c)
	case buffer.PlanOK:
		lines, err := w.lines(c.form, answer.Entries)
		if err != nil {
			w.park(ctx, c.form.ID, reasonUnreadable+": "+err.Error())
			return nil, false, nil
		}
		w.unpark(ctx, c)
		return &draft{form: c.form, topicID: c.topic.ID, offsets: offsets, headed: headed, lines: lines}, false, nil
	}
	return nil, false, nil
}

// lines makes the rows of entries.
func (w *Writer) lines(f *form.Form, entries []buffer.Entry) ([]line, error) {
	lines := make([]line, len(entries))
	for i, e := range entries {
		lines[i].entry = e
		if e.Kind != buffer.KindData {
			continue
		}
		s, err := buffer.DecodeData(f.ID, e.Data)
		if err != nil {
			return nil, fmt.Errorf("partition %d, offset %d: %w", e.Partition, e.Offset, err)
		}
		cells, cut, err := f.Row(s.Data)
		if err != nil {
			return nil, fmt.Errorf("partition %d, offset %d: %w", e.Partition, e.Offset, err)
		}
		if cut > 0 {
			w.Metrics.cut.WithLabelValues(f.ID).Add(float64(cut))
			w.Logger.Warn("values were too long for a cell and have been cut", "form", f.ID, "partition", e.Partition, "offset", e.Offset)
		}
		lines[i].receivedAt = s.ReceivedAt.UnixMilli()
		lines[i].row, err = sheet.NewRow(append([]string{s.ReceivedAt.Format(timeLayout), s.ID}, cells...))
		if err != nil {
			return nil, fmt.Errorf("partition %d, offset %d: %w", e.Partition, e.Offset, err)
		}
	}
	return lines, nil
}

// timeLayout is how received times stand in a cell: UTC, sortable as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Header is the first row of a form's tab.
func Header(f *form.Form) []string { return append([]string{"Received at", "Id"}, f.Header()...) }

// compose shares the bytes of one request between the drafts, an entry of each in turn. Any prefix of a draft is closed, so it
// may be cut anywhere; the first entry is always taken. rest reports whether anything was left.
func compose(drafts []draft, bytes int) (parts []sheet.Part, rest bool) {
	taken := make([]int, len(drafts))
	for left, some := bytes, true; some; {
		some = false
		for i, d := range drafts {
			if taken[i] == len(d.lines) {
				continue
			}
			size := d.lines[taken[i]].row.Size
			if size > left && left < bytes {
				continue
			}
			left -= size
			taken[i]++
			some = true
		}
	}
	for i, d := range drafts {
		if taken[i] > 0 {
			parts = append(parts, d.part(taken[i]))
		}
		rest = rest || taken[i] < len(d.lines)
	}
	return parts, rest
}

// part is the draft's first n entries: where they take the vector, and their rows by (received_at, partition, offset).
func (d draft) part(n int) sheet.Part {
	p := sheet.Part{Form: d.form.ID, Title: d.form.Sinks.Sheets.Tab, Header: Header(d.form), Headed: d.headed, TopicID: d.topicID, Offsets: slices.Clone(d.offsets)}
	lines := slices.Clone(d.lines[:n])
	for _, l := range lines {
		p.Offsets[l.entry.Partition] = l.entry.End()
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.receivedAt, b.receivedAt), cmp.Compare(a.entry.Partition, b.entry.Partition), cmp.Compare(a.entry.Offset, b.entry.Offset))
	})
	for _, l := range lines {
		if l.entry.Kind == buffer.KindData {
			p.Rows = append(p.Rows, l.row)
		}
	}
	return p
}
