package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/submission"
)

// EncodeData is what Record.Data holds of a submission: "received_at id json", received_at in Unix milliseconds. Rows are
// sorted by it: an entry's score says only when the buffer lets it go. The form is in the key.
func EncodeData(s submission.Submission) []byte {
	b := make([]byte, 0, 20+1+len(s.ID)+1+len(s.Data))
	b = append(strconv.AppendInt(b, s.ReceivedAt.UnixMilli(), 10), ' ')
	b = append(append(b, s.ID...), ' ')
	return append(b, s.Data...)
}

// DecodeData is the inverse of EncodeData. The submission's Data shares b. An error names what is wrong, but no value.
func DecodeData(form string, b []byte) (submission.Submission, error) {
	received, rest, _ := bytes.Cut(b, []byte(" "))
	id, data, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(id) == 0 {
		return submission.Submission{}, fmt.Errorf("decode buffered submission of form %s: not a time, an id and the data", form)
	}
	ms, err := strconv.ParseInt(string(received), 10, 64)
	if err != nil {
		return submission.Submission{}, fmt.Errorf("decode buffered submission of form %s: received_at is not a number", form)
	}
	return submission.Submission{ID: string(id), Form: form, ReceivedAt: time.UnixMilli(ms).UTC(), Data: data}, nil
}

// Metadata travels in the commit of a partition's group offset: what the consumer needs to begin again when the buffer is
// gone, and what a receipt is answered from.
type Metadata struct {
	TopicID   string // without spaces
	Delivered int64
	KeysFrom  int64
}

const metadataVersion = "v1"

// String writes "v1 topic-id delivered keys-from".
func (m Metadata) String() string {
	return fmt.Sprintf("%s %s %d %d", metadataVersion, m.TopicID, m.Delivered, m.KeysFrom)
}

// ParseMetadata is the inverse of String. An empty text, or one of a later version, is an error.
func ParseMetadata(text string) (Metadata, error) {
	words := strings.Split(text, " ")
	if len(words) != 4 || words[0] != metadataVersion || words[1] == "" {
		return Metadata{}, fmt.Errorf("commit metadata %.100q is not %q", text, metadataVersion+" topic-id delivered keys-from")
	}
	delivered, err := parseOffset(words[2])
	if err != nil {
		return Metadata{}, fmt.Errorf("commit metadata %.100q: delivered: %w", text, err)
	}
	keysFrom, err := parseOffset(words[3])
	if err != nil {
		return Metadata{}, fmt.Errorf("commit metadata %.100q: keys-from: %w", text, err)
	}
	if keysFrom > delivered {
		return Metadata{}, fmt.Errorf("commit metadata %.100q: keys-from is above delivered", text)
	}
	return Metadata{words[1], delivered, keysFrom}, nil
}

var errOffset = errors.New("not an offset")

func parseOffset(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > MaxOffset {
		return 0, errOffset
	}
	return n, nil
}
