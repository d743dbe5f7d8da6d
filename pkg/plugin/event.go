package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/submission"
)

const (
	// MaxEvents bounds what a handler may return for one submission.
	MaxEvents = 100

	maxTypeLength = 128
	timeLayout    = "2006-01-02T15:04:05.000Z07:00" // as in a submission's headers
)

// Topic returns the topic that events about the form's submissions go to, whichever plug-in they are from.
func Topic(f *form.Form) string { return topicOf(f.ID) }

func topicOf(formID string) string { return "processed." + formID }

// record is an event as it is written.
type record struct {
	headers []submission.Header
	value   []byte
}

// encode turns a handler's events into records. Whatever is wrong with them is the plug-in's fault and stays wrong.
func encode(plugin string, s submission.Submission, events []Event) ([]record, error) {
	if len(events) > MaxEvents {
		return nil, Permanent(fmt.Errorf("handler returned %d events, more than %d", len(events), MaxEvents))
	}
	records := make([]record, 0, len(events))
	for i, e := range events {
		if !validType(e.Type) {
			return nil, Permanent(fmt.Errorf("type of event %d is not 1 to %d printable ASCII characters without spaces", i, maxTypeLength))
		}
		value, err := json.Marshal(e.Data)
		if err != nil {
			return nil, Permanent(fmt.Errorf("encode event %d: %w", i, err))
		}
		records = append(records, record{value: value, headers: []submission.Header{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte(eventID(plugin, s, i))},
			{Key: "ce_source", Value: []byte("/plugins/" + plugin)},
			{Key: "ce_type", Value: []byte(e.Type)},
			{Key: "ce_subject", Value: []byte(s.ID)},
			{Key: "ce_time", Value: s.ReceivedAt.AppendFormat(nil, timeLayout)},
			{Key: "content-type", Value: []byte("application/json")},
		}})
	}
	return records, nil
}

// eventID is a UUIDv8 of SHA-256 over plug-in, form, submission and position, each preceded by its length: the same
// submission handled again gives its events the same ids.
func eventID(plugin string, s submission.Submission, position int) string {
	hash := sha256.New()
	number := func(n int) { hash.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) } //nolint:gosec // lengths and positions
	for _, part := range []string{plugin, s.Form, s.ID} {
		number(len(part))
		hash.Write([]byte(part))
	}
	number(position)
	id := uuid.UUID(hash.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id.String()
}

func validType(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= maxTypeLength
}
