package buffertest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

// Run is the conformance suite of a buffer: what each call answers, case by case.
func Run(t *testing.T, setup Setup) {
	for _, group := range [][]suiteCase{addCases(), booksCases(), repeatCases(), planCases(), releaseCases(), formCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				s := setup(t, c.limits)
				s.Clock.Set(suiteNow)
				c.run(&suite{t, s})
			})
		}
	}
}

type suiteCase struct {
	name   string
	limits buffer.Limits
	run    func(*suite)
}

const (
	suiteNow   = 1_763_750_000_123 // Unix milliseconds
	suiteForm  = "demo-form"
	suiteTopic = "topic-1"
)

// suite is one case's bundle. Its partitions are 0 and 1 of one form, unless the case says otherwise.
type suite struct {
	*testing.T
	Subject
}

func ctx() context.Context { return context.Background() }

// data is a record without an id, received and logged at the suite's time of start.
func data(offset int64) buffer.Record {
	return buffer.Record{Offset: offset, ReceivedAt: suiteNow, Time: suiteNow, Data: fmt.Appendf(nil, "data %d", offset)}
}

func dataAt(offset, receivedAt int64) buffer.Record {
	rec := data(offset)
	rec.ReceivedAt = receivedAt
	return rec
}

func keyed(offset int64, id string) buffer.Record {
	rec := data(offset)
	rec.ID = id
	return rec
}

func gap(offset, width int64) buffer.Record { return buffer.Record{Offset: offset, Width: width} }

// run of n records from an offset on.
func run(from int64, n int) []buffer.Record {
	out := make([]buffer.Record, n)
	for i := range out {
		out[i] = data(from + int64(i))
	}
	return out
}

func request(p int32, expected int64, recs ...buffer.Record) buffer.AddRequest {
	return buffer.AddRequest{Form: suiteForm, TopicID: suiteTopic, Partition: p, Expected: expected, Records: recs}
}

func (s *suite) send(r buffer.AddRequest) buffer.AddAnswer {
	s.Helper()
	answers, err := s.Buffer.Add(ctx(), r)
	require.NoError(s, err)
	require.Len(s, answers, 1)
	return answers[0]
}

func (s *suite) add(p int32, expected int64, recs ...buffer.Record) buffer.AddAnswer {
	s.Helper()
	return s.send(request(p, expected, recs...))
}

// fill adds records to a partition that takes them all.
func (s *suite) fill(p int32, recs ...buffer.Record) {
	s.Helper()
	a := s.add(p, recs[0].Offset, recs...)
	require.Equal(s, buffer.AddOK, a.Status)
	require.Equal(s, recs[len(recs)-1].End(), a.Next)
}

func (s *suite) ask(r buffer.PlanRequest) buffer.PlanAnswer {
	s.Helper()
	a, err := s.Buffer.Plan(ctx(), r)
	require.NoError(s, err)
	return a
}

func planRequest(limit int, vector ...int64) buffer.PlanRequest {
	return buffer.PlanRequest{Form: suiteForm, TopicID: suiteTopic, Vector: vector, Limit: limit}
}

// plan asks for everything.
func (s *suite) plan(vector ...int64) buffer.PlanAnswer {
	s.Helper()
	return s.ask(planRequest(100_000, vector...))
}

func (s *suite) release(vector ...int64) {
	s.Helper()
	require.NoError(s, s.Buffer.Release(ctx(), suiteForm, suiteTopic, vector, "sheet"))
}

func (s *suite) peek(partitions int) buffer.Peek {
	s.Helper()
	peeks, err := s.Buffer.Peek(ctx(), []string{suiteForm}, []int{partitions})
	require.NoError(s, err)
	require.Len(s, peeks, 1)
	return peeks[0]
}

// holds requires exactly these entries of two partitions, written by brief.
func (s *suite) holds(want ...string) {
	s.Helper()
	var vector []int64
	for _, q := range s.peek(2).Partitions {
		vector = append(vector, q.Delivered)
	}
	require.Equal(s, want, brief(s.plan(vector...).Entries))
}

// brief writes entries as partition:offset and kind, a gap with its width: "0:7d", "1:3g5".
func brief(entries []buffer.Entry) []string {
	var out []string
	for _, e := range entries {
		text := fmt.Sprintf("%d:%d%c", e.Partition, e.Offset, e.Kind)
		if e.Kind == buffer.KindGap {
			text += fmt.Sprint(e.Width)
		}
		out = append(out, text)
	}
	return out
}

func scores(entries []buffer.Entry) []int64 {
	var out []int64
	for _, e := range entries {
		out = append(out, e.Score)
	}
	return out
}

// unchanged requires that a call leaves all that is stored as it is.
func (s *suite) unchanged(call func()) {
	s.Helper()
	before := s.Faults.Dump(suiteForm)
	call()
	require.Equal(s, before, s.Faults.Dump(suiteForm))
}

func large(n int, seed byte) []byte {
	return append(bytes.Repeat([]byte{seed, 0, 0xff, '\r', '\n', ' '}, n/6), seed)
}
