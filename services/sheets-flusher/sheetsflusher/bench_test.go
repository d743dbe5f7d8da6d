package sheetsflusher

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/pkg/submission"
)

const planned = 4000 // entries, about what one request carries

// benchWriter is a writer whose buffer answers with the same entries each time, and a candidate to plan.
func benchWriter(b *testing.B) (*Writer, candidate) {
	b.Helper()
	f := newForm(b, "demo", "Demo")
	entries := make([]buffer.Entry, planned)
	for i := range entries {
		at := start.Add(time.Duration(i) * time.Millisecond)
		data := fmt.Sprintf(`{"name":"Ada Lovelace %d","note":"The Analytical Engine weaves algebraic patterns, just as the Jacquard loom weaves flowers and leaves."}`, i)
		entries[i] = buffer.Entry{Partition: int32(i % 6), Offset: int64(i / 6), Score: at.UnixMilli(), Kind: buffer.KindData, Width: 1,
			Data: buffer.EncodeData(submission.Submission{ID: submission.NewID(), Form: "demo", ReceivedAt: at, Data: []byte(data)})}
	}
	p := Ports{
		Buffer: plans{nil, func() (buffer.PlanAnswer, error) {
			return buffer.PlanAnswer{Status: buffer.PlanOK, Entries: entries}, nil
		}},
		Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil), Clock: newClock(), Nonce: nonce,
	}
	w := NewWriter(p, DefaultSettings(), book, []*form.Form{f})
	w.state = sheet.ParseState(&sheets.Spreadsheet{SpreadsheetId: book})
	w.parked, w.stale = map[string]Park{}, map[string]string{}
	return w, candidate{form: f, topic: kafka.Topic{ID: topic, Start: make([]int64, 6), End: make([]int64, 6)}}
}

// BenchmarkPlan is a form's entries made into the part of one flush: decoded, rows encoded, shared and sorted.
func BenchmarkPlan(b *testing.B) {
	w, c := benchWriter(b)
	b.ReportAllocs()
	for b.Loop() {
		d, _, err := w.planForm(context.Background(), c, false)
		require.NoError(b, err)
		parts, _ := compose([]draft{*d}, w.set.Bytes)
		require.Len(b, parts, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/planned, "ns/entry")
}

// BenchmarkFlushRequest is the request of one flush made of a part, and its JSON.
func BenchmarkFlushRequest(b *testing.B) {
	w, c := benchWriter(b)
	d, _, err := w.planForm(context.Background(), c, false)
	require.NoError(b, err)
	parts, _ := compose([]draft{*d}, w.set.Bytes)
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		body, err := json.Marshal(w.state.Flush("0123456789abcdef", sheet.KeepFences, start, parts).Request)
		require.NoError(b, err)
		size = len(body)
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(len(parts[0].Rows)), "rows")
}
