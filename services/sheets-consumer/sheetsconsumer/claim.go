package sheetsconsumer

import (
	"context"
	"fmt"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

// Message is one record of the log.
type Message struct {
	Offset  int64
	Time    int64 // Unix milliseconds: the record's timestamp
	Key     []byte
	Headers []submission.Header
	Value   []byte
}

// Verdict says what the reader of a partition does next.
type Verdict int

// The verdicts of Add.
const (
	Continue Verdict = iota
	Full             // nothing was stored: keep the messages, poll, try again
	Parked           // nothing can be stored: look again later
	Rejoin           // the place to read from has changed: commit and end the session
)

// Claim is one partition during one session. It is not safe for concurrent use.
type Claim struct {
	Topic     string
	Partition int32

	k          *Keeper
	form       string
	topicID    string
	start, end int64 // of the log, at set-up
	known      bool  // the form has been read before: what the log no longer has is a loss

	next, delivered, keysFrom int64
	parked                    string

	markedOffset int64
	markedMeta   string
}

// Position is the offset to read from: next, but never outside the log.
func (c *Claim) Position() int64 { return min(max(c.next, c.start), max(c.end, c.start)) }

// recall takes what the last commit says, unless it speaks of another topic.
func (c *Claim) recall(commit kafka.Commit) {
	m, err := buffer.ParseMetadata(commit.Metadata)
	if err != nil || m.TopicID != c.topicID {
		return
	}
	c.known, c.next, c.delivered, c.keysFrom = true, commit.Offset, m.Delivered, m.KeysFrom
}

func (c *Claim) request(expected int64, recs []buffer.Record) buffer.AddRequest {
	return buffer.AddRequest{
		Form: c.form, TopicID: c.topicID, Partition: c.Partition,
		Expected: expected, Start: c.keysFrom, Delivered: c.delivered, Records: recs,
	}
}

// begin takes the buffer's first answer. What it refuses stays where the last commit left it.
func (c *Claim) begin(a buffer.AddAnswer) {
	if a.Err != nil {
		c.park("the buffer refuses this form: " + a.Err.Error())
		return
	}
	c.known = c.known || !a.Fresh
	c.take(a)
	switch {
	case a.Status == buffer.AddOtherTopic:
		c.park("the buffer belongs to another topic of this name: the topic was deleted and made anew")
	case c.next > c.end:
		c.park(fmt.Sprintf("the buffer has read up to offset %d, but the log ends at %d: the log has lost records, or the buffer belongs to another cluster", c.next, c.end))
	}
}

func (c *Claim) park(reason string) {
	c.parked = reason
	c.k.Metrics.parked.WithLabelValues(c.form).Inc()
	c.k.Logger.Error("partition parked", "form", c.form, "topic", c.Topic, "partition", c.Partition, "error", reason)
}

// take keeps the watermarks of an answer; an answer about another topic has none.
func (c *Claim) take(a buffer.AddAnswer) {
	if a.Status == buffer.AddOtherTopic {
		return
	}
	c.next, c.delivered, c.keysFrom = a.Next, a.Delivered, a.KeysFrom
	if a.Dropped {
		c.k.Metrics.dropped.WithLabelValues(c.form).Inc()
		c.k.Logger.Warn("buffer had lost entries, partition is read again", "form", c.form, "topic", c.Topic, "partition", c.Partition, "offset", a.Next)
	}
}

// Add stores messages, in offset order, and marks the new place; without messages it is the poll that notices a loss on a
// quiet partition. An error is Redis's: the same call may be made again.
func (c *Claim) Add(ctx context.Context, marks Marks, msgs []Message) (Verdict, error) {
	if c.parked != "" {
		return c.look(ctx)
	}
	expected := c.next
	recs, tally := c.records(msgs)
	answers, err := c.k.Buffer.Add(ctx, c.request(expected, recs))
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		return Continue, fmt.Errorf("add to the buffer: %w", err)
	}
	a := answers[0]
	c.take(a)
	switch a.Status {
	case buffer.AddOtherTopic:
		c.park("the topic was deleted and made anew while it was read")
		return Parked, nil
	case buffer.AddFull:
		c.mark(marks) // what has been delivered since is still told
		return Full, nil
	case buffer.AddGap:
		c.k.Metrics.gaps.WithLabelValues(c.form).Inc()
		c.k.Logger.Warn("buffer is behind, partition is read again", "form", c.form, "topic", c.Topic, "partition", c.Partition, "offset", a.Next)
		c.mark(marks)
		return Rejoin, nil
	}
	c.mark(marks)
	if len(recs) > 0 {
		expected = recs[len(recs)-1].End()
	}
	if a.Next != expected {
		return Rejoin, nil
	}
	tally.repeats = a.Repeats
	c.count(tally)
	return Continue, nil
}

// look finds out whether a park is over.
func (c *Claim) look(ctx context.Context) (Verdict, error) {
	topics, err := c.k.Log.Topics(ctx, []string{c.Topic})
	if err != nil {
		return Parked, fmt.Errorf("read topic of a parked form: %w", err)
	}
	t, ok := topics[c.Topic]
	if !ok || int(c.Partition) >= len(t.End) {
		return Parked, nil
	}
	if t.ID != c.topicID {
		return c.unpark()
	}
	answers, err := c.k.Buffer.Add(ctx, c.request(-1, nil))
	if err != nil {
		return Parked, fmt.Errorf("ask the buffer about a parked form: %w", err)
	}
	if a := answers[0]; a.Err != nil || a.Status == buffer.AddOtherTopic || a.Next > t.End[c.Partition] {
		return Parked, nil
	}
	return c.unpark()
}

func (c *Claim) unpark() (Verdict, error) {
	c.Close()
	return Rejoin, nil
}

// Close ends the claim: what it showed in the metrics goes away.
func (c *Claim) Close() {
	if c.parked != "" {
		c.parked = ""
		c.k.Metrics.parked.WithLabelValues(c.form).Dec()
	}
}

// records turns messages into records without holes: whatever the log skips, and whatever is not a submission, becomes a gap.
func (c *Claim) records(msgs []Message) ([]buffer.Record, tally) {
	recs, t, next := make([]buffer.Record, 0, len(msgs)+1), tally{}, c.next
	gap := func(end int64) {
		if end > next {
			recs = append(recs, buffer.Record{Offset: next, Width: end - next})
			next = end
		}
	}
	if c.known && c.start > next {
		t.lost = c.start - max(next, min(c.delivered, c.start))
	}
	gap(c.start)
	for _, m := range msgs {
		if m.Offset < next {
			continue
		}
		gap(m.Offset)
		s, err := submission.Parse(m.Key, m.Headers, m.Value)
		if err == nil && s.Form != c.form {
			err = fmt.Errorf("submission is of form %q", s.Form)
		}
		if err != nil {
			t.unreadable = append(t.unreadable, unreadable{m.Offset, err})
			gap(m.Offset + 1)
			continue
		}
		r := buffer.Record{Offset: m.Offset, ReceivedAt: s.ReceivedAt.UnixMilli(), Time: m.Time, Data: buffer.EncodeData(s)}
		if submission.Keyed(s.ID) {
			r.ID = s.ID
		}
		recs, next = append(recs, r), m.Offset+1
		t.stored++
	}
	return recs, t
}

// tally is what a call of Add will have done, once it has succeeded: the same messages may be tried many times.
type tally struct {
	stored, repeats, lost int64
	unreadable            []unreadable
}

// unreadable is a record that is not a submission.
type unreadable struct {
	offset int64
	err    error
}

func (c *Claim) count(t tally) {
	records := c.k.Metrics.records
	records.WithLabelValues(c.form, "stored").Add(float64(t.stored - t.repeats))
	records.WithLabelValues(c.form, "repeat").Add(float64(t.repeats))
	records.WithLabelValues(c.form, "unreadable").Add(float64(len(t.unreadable)))
	records.WithLabelValues(c.form, "lost").Add(float64(t.lost))
	for _, u := range t.unreadable {
		c.k.Logger.Error("record is not a submission, skipped", "form", c.form, "topic", c.Topic, "partition", c.Partition, "offset", u.offset, "error", u.err)
	}
	if t.lost > 0 {
		c.k.Logger.Error("log no longer has records that were accepted and not delivered", "form", c.form, "topic", c.Topic, "partition", c.Partition, "offset", c.start, "lost", t.lost)
	}
}

// mark hands the place and its metadata over for the next commit, when either has changed.
func (c *Claim) mark(marks Marks) {
	meta := buffer.Metadata{TopicID: c.topicID, Delivered: c.delivered, KeysFrom: c.keysFrom}.String()
	offset := c.Position()
	if c.next > c.end && c.parked == "" {
		offset = c.next // the log has grown since set-up
	}
	if offset == c.markedOffset && meta == c.markedMeta {
		return
	}
	c.markedOffset, c.markedMeta = offset, meta
	marks.MarkOffset(c.Topic, c.Partition, offset, meta)
	marks.ResetOffset(c.Topic, c.Partition, offset, meta)
}
