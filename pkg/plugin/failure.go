package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/formstream/formstream/pkg/kafka"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 30 * time.Second

	maxErrorLength = 500 // bytes of an error in the log
	minScrubbed    = 3   // characters; shorter answers are not telling
	redacted       = "[REDACTED]"
)

var errHandlerTimeout = errors.New("handler took longer than -handler-timeout")

// panicError is what a handler panicked with.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.value) }

// deliveryError says that events were not produced, which is no fault of the handler.
type deliveryError struct{ error }

func (e *deliveryError) Unwrap() error { return e.error }

// failure is the class of a failed attempt.
type failure struct {
	reason  string // for the metric
	level   slog.Level
	details []any // for the log
}

func classify(err error) failure {
	var panicked *panicError
	var delivery *deliveryError
	var refused *kafka.ProduceError
	switch {
	case errors.As(err, &panicked):
		return failure{reason: "panic", level: slog.LevelError, details: []any{"stack", string(panicked.stack)}}
	case isPermanent(err), errors.As(err, &refused) && refused.Permanent:
		return failure{reason: "permanent", level: slog.LevelError}
	case errors.As(err, &delivery):
		return failure{reason: "produce", level: slog.LevelWarn}
	}
	return failure{reason: "error", level: slog.LevelWarn}
}

// pause is how long to wait after the nth failed attempt: 0.1 s, doubled each time up to 30 s, and 30 s at once where
// trying soon is in vain. Up to half of it is left off at random, so that what failed together does not come back together.
func (f failure) pause(attempt int) time.Duration {
	d := backoffMax
	if f.reason != "permanent" {
		d = min(backoffMin<<min(attempt-1, 16), backoffMax)
	}
	return d - rand.N(d/2) //nolint:gosec // nothing to guess
}

// scrub is the text of an error without what was submitted. Authors are told to keep it out; strconv and its like quote
// their input all the same, and a log is no place for it.
func scrub(err error, data []byte) string {
	var answers any
	_ = json.Unmarshal(data, &answers) // it has been parsed before
	var secrets []string
	collect(answers, &secrets)
	// The longest first: one answer may be part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	text := err.Error()
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	if len(text) > maxErrorLength {
		text = strings.ToValidUTF8(text[:maxErrorLength], "") + "…"
	}
	return text
}

// collect appends the answers in v as an error may show them: as they are, quoted by Go, and quoted by JSON.
func collect(v any, to *[]string) {
	switch v := v.(type) {
	case string:
		if len([]rune(v)) < minScrubbed {
			return
		}
		quoted := strconv.Quote(v)
		*to = append(*to, v, quoted[1:len(quoted)-1])
		if encoded, err := json.Marshal(v); err == nil {
			*to = append(*to, string(encoded[1:len(encoded)-1]))
		}
	case float64:
		if text := strconv.FormatFloat(v, 'f', -1, 64); len(text) >= minScrubbed {
			*to = append(*to, text)
		}
	case []any:
		for _, e := range v {
			collect(e, to)
		}
	case map[string]any:
		for _, e := range v {
			collect(e, to)
		}
	}
}
