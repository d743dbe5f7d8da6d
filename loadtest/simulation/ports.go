package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
)

var errAway = errors.New("away")

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// port is one process's view of the world. Every call is a point at which others may go on.
type port struct {
	*world
	a       *actor
	flusher int

	nonce  string // of the last flush
	peeked bool   // the last peek hid something
	asked  bool   // the spreadsheet was read since
}

// fails says that a call is not answered: before it does anything, or after.
func (p *port) fails() (before, after bool) {
	p.a.pause()
	if p.calm {
		return false, false
	}
	x := p.rng.Float64()
	return x < .01, x > .99
}

// The log.

func (p *port) Topics(_ context.Context, names []string) (map[string]kafka.Topic, error) {
	if before, after := p.fails(); before || after {
		return nil, errAway
	}
	out := map[string]kafka.Topic{}
	for _, name := range names {
		t := p.logs[name]
		k := kafka.Topic{ID: t.id}
		if p.off[TopicID] {
			k.ID = "topic"
		}
		for i := range t.parts {
			k.Start, k.End = append(k.Start, t.starts[i]), append(k.End, int64(len(t.parts[i])))
		}
		out[name] = k
	}
	return out, nil
}

func (p *port) Committed(_ context.Context, _ string, topics map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
	if before, after := p.fails(); before || after {
		return nil, errAway
	}
	out := map[string]map[int32]kafka.Commit{}
	for t, ps := range topics {
		out[t] = map[int32]kafka.Commit{}
		for _, q := range ps {
			if c, ok := p.commits[place{t, q}]; ok {
				out[t][q] = c
			}
		}
	}
	return out, nil
}

// The buffer.

func (p *port) Add(ctx context.Context, reqs ...buffer.AddRequest) ([]buffer.AddAnswer, error) {
	before, after := p.fails()
	if before {
		return nil, errAway
	}
	for _, r := range reqs {
		if p.off[Together] && len(r.Records) > 0 && p.chance(.2) {
			p.twin.MoveNext(r.Form, r.Partition, r.Records[len(r.Records)-1].End())
			return nil, errAway // killed between the two
		}
	}
	answers, err := p.twin.Add(ctx, reqs...)
	if after {
		return nil, errAway
	}
	for i := range answers {
		if p.off[KeysFrom] {
			answers[i].KeysFrom = min(answers[i].Delivered, answers[i].Next)
		}
	}
	return answers, err
}

func (p *port) Peek(ctx context.Context, forms []string, parts []int) ([]buffer.Peek, error) {
	if before, after := p.fails(); before || after {
		return nil, errAway
	}
	peeks, err := p.twin.Peek(ctx, forms, parts)
	p.peeked, p.asked = false, false
	for i := range peeks {
		p.peeked = p.peeked || peeks[i].Empty() && p.twin.Behind(forms[i])
	}
	return peeks, err
}

func (p *port) Plan(ctx context.Context, r buffer.PlanRequest) (buffer.PlanAnswer, error) {
	before, after := p.fails()
	if before {
		return buffer.PlanAnswer{}, errAway
	}
	answer, err := p.twin.Plan(ctx, r)
	if after {
		return buffer.PlanAnswer{}, errAway
	}
	return answer, err
}

func (p *port) Release(ctx context.Context, form, topicID string, vector []int64, spreadsheet string) error {
	before, after := p.fails()
	if before {
		return errAway
	}
	err := p.twin.Release(ctx, form, topicID, vector, spreadsheet)
	if after {
		return errAway
	}
	return err
}

func (p *port) Park(ctx context.Context, form, reason string) error {
	return p.twin.Park(ctx, form, reason)
}

func (p *port) Adopt(ctx context.Context, form string, n int, topicID string) error {
	if before, after := p.fails(); before || after {
		return errAway
	}
	return p.twin.Adopt(ctx, form, n, topicID)
}

// The spreadsheet.

func failed(o sheet.Outcome) error { return &sheet.Error{Outcome: o, Err: errAway} }

func (p *port) Read(context.Context, string) (*sheet.State, error) {
	if before, after := p.fails(); before || after {
		return nil, failed(sheet.Unknown)
	}
	p.asked = true
	return p.state(), nil
}

func (p *port) Fence(_ context.Context, _ string, id int64) (sheet.Fence, bool, error) {
	if before, after := p.fails(); before || after {
		return sheet.Fence{}, false, failed(sheet.Unknown)
	}
	for _, f := range p.state().Fences {
		if f.ID == id {
			if p.off[Nonce] {
				f.Nonce = p.nonce
			}
			return f, true, nil
		}
	}
	return sheet.Fence{}, false, nil
}

func (p *port) Head(_ context.Context, _ string, title string) ([][]string, error) {
	if before, after := p.fails(); before || after {
		return nil, failed(sheet.Unknown)
	}
	var out [][]string
	for _, t := range p.sheet.tabs {
		if t.title == title {
			for _, r := range t.rows[:min(2, len(t.rows))] {
				out = append(out, r[:])
			}
		}
	}
	return out, nil
}

// Apply answers, or loses the request, or its answer, or lets it be applied later.
func (p *port) Apply(ctx context.Context, _ string, r *sheets.BatchUpdateSpreadsheetRequest) (*sheets.BatchUpdateSpreadsheetResponse, error) {
	if p.off[AfterSheet] {
		p.releaseBefore(ctx, r)
	}
	if p.kind == Frozen {
		p.freeze()
	}
	p.a.pause()
	x := p.rng.Float64()
	if p.calm {
		x /= 2
	}
	switch {
	case x < .60:
		resp, err := p.sheet.apply(ctx, r)
		if err != nil {
			return nil, failed(sheet.Refused)
		}
		return resp, nil
	case x < .70:
		_, _ = p.sheet.apply(ctx, r)
		return nil, failed(sheet.Unknown)
	case x < .80:
		p.late = append(p.late, lateRequest{p.step + 1 + int64(p.rng.IntN(lateness)), func() { _, _ = p.sheet.apply(ctx, r) }})
		return nil, failed(sheet.Unknown)
	case x < .90:
		return nil, failed(sheet.Unknown)
	case x < .95:
		return nil, failed(sheet.Throttled)
	default:
		return nil, failed(sheet.Refused)
	}
}

// freeze stops the flusher for longer than fences last, now and then.
func (p *port) freeze() {
	if !p.calm && p.chance(.03) {
		p.a.until = p.step + int64(p.rng.IntN(1500))
		p.a.pause()
	}
}

// releaseBefore is the mistake of moving delivered before the spreadsheet has the rows.
func (p *port) releaseBefore(ctx context.Context, r *sheets.BatchUpdateSpreadsheetRequest) {
	for _, f := range p.forms {
		for _, q := range r.Requests {
			var value string
			if c := q.CreateDeveloperMetadata; c != nil && c.DeveloperMetadata.MetadataKey == sheet.VectorKey(f.ID) {
				value = c.DeveloperMetadata.MetadataValue
			}
			if u := q.UpdateDeveloperMetadata; u != nil && u.DataFilters[0].DeveloperMetadataLookup.MetadataId == p.state().Items[f.ID].ID {
				value = u.DeveloperMetadata.MetadataValue
			}
			if v, err := sheet.ParseVector(value); err == nil {
				_ = p.twin.Release(ctx, f.ID, v.TopicID, v.Offsets, "S")
			}
		}
	}
}

// The rest.

// quota never makes anybody wait, but flushers may freeze here, before they look at their plan's age.
type quota struct{ *port }

func (q quota) Read(context.Context) error { return nil }

func (q quota) Write(context.Context) error {
	if q.kind == FrozenLenient {
		q.freeze()
	}
	return nil
}

type clock struct{ *port }

func (c clock) Now() time.Time { return timeOf(c.now) }

func (c clock) Sleep(_ context.Context, d time.Duration) error {
	for until := c.now + d.Milliseconds(); c.now < until; {
		c.a.pause()
	}
	return nil
}

func (p *port) newNonce() string {
	p.nonce = fmt.Sprintf("%016x", p.rng.Uint64())
	return p.nonce
}

// session takes a consumer's marks as Sarama does.
type session struct {
	*world
	marked map[place]kafka.Commit
}

func (s *session) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	at := place{topic, partition}
	if c, ok := s.marked[at]; !ok || offset > c.Offset {
		s.marked[at] = kafka.Commit{Offset: offset, Metadata: metadata}
	}
}

func (s *session) ResetOffset(topic string, partition int32, offset int64, metadata string) {
	at := place{topic, partition}
	if c, ok := s.marked[at]; ok && offset <= c.Offset {
		s.marked[at] = kafka.Commit{Offset: offset, Metadata: metadata}
	}
}

// commit makes the marks the group's. A session that is long over may still do it.
func (s *session) commit() { maps.Copy(s.commits, s.marked) }

// fetch returns up to five records from an offset on; ok is false when the log no longer has it.
func (w *world) fetch(topic string, partition int32, from int64) (msgs []sheetsconsumer.Message, ok bool) {
	t := w.logs[topic]
	if from < t.starts[partition] || from > int64(len(t.parts[partition])) {
		return nil, false
	}
	rest := t.parts[partition][from:]
	for _, r := range rest[:min(len(rest), w.rng.IntN(6))] {
		msgs = append(msgs, r.msg)
	}
	return slices.Clip(msgs), true
}
