package sheetsflusher

import (
	"context"
	"fmt"
	"slices"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/sheet"
)

// Resume ends a park that only an operator can end: it lets go of a form that a fence holds, and it takes a topic that was
// made anew as the form's topic from now on, to be delivered from its beginning. It says what it has done.
func (w *Writer) Resume(ctx context.Context, id string) (string, error) {
	w.parked, w.stale, w.topics, w.state = map[string]Park{}, map[string]string{}, nil, nil
	if err := w.askBrokers(ctx); err != nil {
		return "", err
	}
	if err := w.read(ctx); err != nil {
		return "", err
	}
	if w.state == nil {
		return "", fmt.Errorf("form %s: %s", id, w.parked[id].Reason)
	}
	if fence, held := w.state.Held(id); held {
		rest := slices.DeleteFunc(slices.Clone(fence.Parked), func(f string) bool { return f == id })
		w.state = nil
		if err := w.rehold(ctx, fence, rest); err != nil {
			return "", fmt.Errorf("form %s: let go of it: %w", id, err)
		}
		return "the form is no longer held", nil
	}
	return w.resumeTopic(ctx, id)
}

// resumeTopic makes buffer and vector forget an older topic of the form's name.
func (w *Writer) resumeTopic(ctx context.Context, id string) (string, error) {
	i := slices.IndexFunc(w.forms, func(f *form.Form) bool { return f.ID == id })
	if i < 0 {
		return "", fmt.Errorf("form %s does not go into spreadsheet %s", id, w.spreadsheet)
	}
	f := w.forms[i]
	topic, exists := w.topics[f.Topic()]
	if !exists {
		return "", fmt.Errorf("form %s: its topic %s does not exist", id, f.Topic())
	}
	peeks, err := w.Buffer.Peek(ctx, []string{id}, []int{len(topic.End)})
	if err != nil {
		return "", fmt.Errorf("peek at the buffer: %w", err)
	}
	done := ""
	if t := peeks[0].TopicID; t != "" && t != topic.ID {
		if err := w.Buffer.Adopt(ctx, id, len(topic.End), topic.ID); err != nil {
			return "", fmt.Errorf("form %s: drop the old topic's buffer: %w", id, err)
		}
		done = "the old topic's buffer is dropped"
	}
	if item, known := w.state.Items[id]; known && item.Err == nil && item.Vector.TopicID != topic.ID {
		part := sheet.Part{Form: id, Title: f.Sinks.Sheets.Tab, Header: Header(f), TopicID: topic.ID, Offsets: make([]int64, len(topic.End))}
		s, err := w.send(ctx, w.state.Flush(w.Nonce(), w.set.Keep, w.Clock.Now(), []sheet.Part{part}))
		if err != nil {
			return "", err
		}
		if s.kind != flushed {
			return "", fmt.Errorf("form %s: the spreadsheet changed meanwhile: run -resume again", id)
		}
		done = "the new topic is delivered from its beginning"
	}
	if done == "" {
		return "", fmt.Errorf("form %s is not parked by anything that -resume ends: its reason and remedy are in the log of a run", id)
	}
	return done, nil
}

// heal gives a buffer that belongs to an older topic to the one that brokers and spreadsheet agree on. A consumer that had not
// yet heard of the new topic has brought the old one back to an empty buffer; the new one's submissions are all in the log.
func (w *Writer) heal(ctx context.Context, c candidate) (bool, error) {
	item, known := w.state.Items[c.form.ID]
	if !known || item.Err != nil || item.Vector.TopicID != c.topic.ID || !c.otherTopic() {
		return false, nil
	}
	if err := w.Buffer.Adopt(ctx, c.form.ID, len(c.topic.End), c.topic.ID); err != nil {
		return false, fmt.Errorf("form %s: take the older topic's buffer away: %w", c.form.ID, err)
	}
	w.Metrics.rebuilds.WithLabelValues(c.form.ID).Inc()
	w.Logger.Warn("buffer belonged to an older topic, the consumer reads the new one again", "form", c.form.ID)
	return true, nil
}
