package submission_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/submission"
)

func sample() submission.Submission {
	return submission.Submission{
		ID:         "019a9c3e-7c1b-7d3a-9f00-0123456789ab",
		Form:       "student-data-form",
		ReceivedAt: time.Date(2026, 11, 21, 17, 34, 0, 120_000_000, time.UTC),
		Data:       []byte(`{"name":"Asha Kulkarni"}`),
	}
}

func TestHeaders_areCloudEventsInBinaryMode(t *testing.T) {
	var got []string
	for _, h := range sample().Headers() {
		got = append(got, h.Key+": "+string(h.Value))
	}
	require.Equal(t, []string{
		"ce_specversion: 1.0",
		"ce_id: 019a9c3e-7c1b-7d3a-9f00-0123456789ab",
		"ce_source: /forms/student-data-form",
		"ce_type: formstream.submission.v1",
		"ce_time: 2026-11-21T17:34:00.120Z",
		"content-type: application/json",
	}, got)
}

func TestHeaders_timeIsUTCInWholeMilliseconds(t *testing.T) {
	for _, row := range []struct {
		name string
		at   time.Time
		want string
	}{
		{name: "whole second", at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), want: "2026-01-02T03:04:05.000Z"},
		{name: "microseconds", at: time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC), want: "2026-01-02T03:04:05.999Z"},
		{name: "another zone", at: time.Date(2026, 1, 2, 8, 34, 5, 0, time.FixedZone("IST", 19_800)), want: "2026-01-02T03:04:05.000Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := sample()
			s.ReceivedAt = row.at
			require.Equal(t, row.want, string(s.Headers()[4].Value))
		})
	}
}

func TestHeaders_valuesDoNotRunIntoEachOther(t *testing.T) {
	headers := sample().Headers()
	for i := range headers {
		_ = append(headers[i].Value, "overwritten?"...)
	}
	require.Equal(t, sample().Headers(), headers)
}

func TestParse_whatHeadersWrote_isTheSameSubmission(t *testing.T) {
	want := sample()
	headers := append(want.Headers(), submission.Header{Key: "traceparent", Value: []byte("00-1-2-01")}, submission.Header{Key: "ce_partitionkey"})
	got, err := submission.Parse([]byte(want.ID), headers, want.Data)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestParse_whatOthersMayWrite(t *testing.T) {
	for _, row := range []struct {
		name, header, value string
		check               func(*testing.T, submission.Submission)
	}{
		{name: "a time in another zone", header: "ce_time", value: "2026-11-21T23:04:00.1209999+05:30",
			check: func(t *testing.T, s submission.Submission) { require.Equal(t, sample().ReceivedAt, s.ReceivedAt) }},
		{name: "a content type with a parameter", header: "content-type", value: "application/json; charset=utf-8",
			check: func(t *testing.T, s submission.Submission) { require.Equal(t, sample(), s) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := submission.Parse([]byte(sample().ID), with(row.header, row.value), sample().Data)
			require.NoError(t, err)
			row.check(t, s)
		})
	}
}

// with returns the sample's headers with one of them changed.
func with(key, value string) []submission.Header {
	headers := sample().Headers()
	for i := range headers {
		if headers[i].Key == key {
			headers[i].Value = []byte(value)
		}
	}
	return headers
}

func without(key string) []submission.Header {
	var headers []submission.Header
	for _, h := range sample().Headers() {
		if h.Key != key {
			headers = append(headers, h)
		}
	}
	return headers
}

func TestParse_wrongRecord_namesThePartForGood(t *testing.T) {
	s := sample()
	for _, row := range []struct {
		name       string
		key        string
		headers    []submission.Header
		value      string
		part, says string
	}{
		{name: "no headers", headers: []submission.Header{}, part: "ce_specversion", says: "is missing"},
		{name: "no id", headers: without("ce_id"), part: "ce_id", says: "is missing"},
		{name: "no source", headers: without("ce_source"), part: "ce_source", says: "is missing"},
		{name: "no type", headers: without("ce_type"), part: "ce_type", says: "is missing"},
		{name: "no time", headers: without("ce_time"), part: "ce_time", says: "is missing"},
		{name: "no content type", headers: without("content-type"), part: "content-type", says: "is missing"},
		{name: "an empty id", headers: with("ce_id", ""), part: "ce_id", says: "is missing"},
		{name: "a header twice", headers: append(s.Headers(), s.Headers()[3]), part: "ce_type", says: "is there twice"},
		{name: "another version of CloudEvents", headers: with("ce_specversion", "0.3"), part: "ce_specversion", says: "is not 1.0"},
		{name: "another type", headers: with("ce_type", "formstream.submission.v2"), part: "ce_type", says: "is not formstream.submission.v1"},
		{name: "another content type", headers: with("content-type", "text/plain"), part: "content-type", says: "is not application/json"},
		{name: "structured mode", headers: with("content-type", "application/cloudevents+json"), part: "content-type", says: "is not application/json"},
		{name: "an id with a space", key: "a b", headers: with("ce_id", "a b"), part: "ce_id", says: "is not 1 to 64 printable"},
		{name: "an id too long", key: strings.Repeat("a", 65), headers: with("ce_id", strings.Repeat("a", 65)), part: "ce_id", says: "is not 1 to 64 printable"},
		{name: "a key that is not the id", key: "other", part: "key", says: "is not the same as ce_id"},
		{name: "a source that is no form", headers: with("ce_source", "/other/a"), part: "ce_source", says: "is not /forms/{form}"},
		{name: "a form that cannot be", headers: with("ce_source", "/forms/A b"), part: "ce_source", says: "is not /forms/{form}"},
		{name: "a time in words", headers: with("ce_time", "today"), part: "ce_time", says: "is not an RFC 3339 time"},
		{name: "a time before time", headers: with("ce_time", "1969-12-31T23:59:59Z"), part: "ce_time", says: "is not between"},
		{name: "a time after time", headers: with("ce_time", "9999-12-31T23:59:59-01:00"), part: "ce_time", says: "is not between"},
		{name: "a tombstone", value: "-", part: "value", says: "is empty"},
		{name: "a list", value: "[]", part: "value", says: "is not one JSON object"},
		{name: "broken JSON", value: `{"a":`, part: "value", says: "is not one JSON object"},
		{name: "two objects", value: `{}{}`, part: "value", says: "is not one JSON object"},
	} {
		t.Run(row.name, func(t *testing.T) {
			key, headers, value := s.ID, s.Headers(), string(s.Data)
			if row.key != "" {
				key = row.key
			}
			if row.headers != nil {
				headers = row.headers
			}
			if row.value != "" {
				value = strings.TrimPrefix(row.value, "-")
			}
			_, err := submission.Parse([]byte(key), headers, []byte(value))
			var wrong *submission.ParseError
			require.True(t, errors.As(err, &wrong))
			require.Equal(t, row.part, wrong.Part)
			require.ErrorContains(t, err, "not a submission: "+row.part+": "+row.says)
			require.True(t, wrong.Permanent())
		})
	}
}

func TestNewID_unkeyedAndDifferent(t *testing.T) {
	first, second := submission.NewID(), submission.NewID()
	require.NotEqual(t, first, second)
	require.Less(t, first, second, "a later one sorts behind")
	require.Len(t, first, 36)
	require.Equal(t, byte('7'), first[14])
	require.False(t, submission.Keyed(first))
}

func TestKeyedID_sameForTheSameAndOnlyForThat(t *testing.T) {
	const known = "1d5eb966-8f22-8b64-af69-59b7264aefdd" // must never change: ids in the logs depend on it
	id := submission.KeyedID("form", "key", []byte(`{"a":"b"}`))
	require.Equal(t, known, id)
	require.True(t, submission.Keyed(id))

	seen := map[string]bool{id: true}
	for _, other := range [][3]string{{"form", "key", `{"a":"c"}`}, {"form", "kex", `{"a":"b"}`}, {"forn", "key", `{"a":"b"}`}, {"formk", "ey", `{"a":"b"}`}, {"form", "key{", `"a":"b"}`}, {"", "", ""}} {
		id := submission.KeyedID(other[0], other[1], []byte(other[2]))
		require.True(t, submission.Keyed(id))
		require.NotContains(t, seen, id)
		seen[id] = true
	}
}

func TestKeyed_onlyUUIDsOfVersion8(t *testing.T) {
	for id, want := range map[string]bool{
		"": false, "8": false, "a-foreign-id-8": false,
		"019a9c3e-7c1b-7d3a-9f00-0123456789ab": false,
		"019a9c3e-7c1b-8d3a-9f00-0123456789ab": true,
		"zzzzzzzz-zzzz-8zzz-zzzz-zzzzzzzzzzzz": false,
	} {
		require.Equal(t, want, submission.Keyed(id), id)
	}
}

func TestPartition_isFNV1aOfTheID(t *testing.T) {
	// The hashes of the FNV authors' own test vectors: 0x811c9dc5, 0xe40c292c, 0xbf9cf968.
	require.Equal(t, int32(0x811c9dc5%1000), submission.Partition("", 1000))
	require.Equal(t, int32(0xe40c292c%1000), submission.Partition("a", 1000))
	require.Equal(t, int32(0xbf9cf968%1000), submission.Partition("foobar", 1000))
	for _, partitions := range []int32{math.MinInt32, -1, 0, 1} {
		require.Zero(t, submission.Partition("a", partitions))
	}
	require.Equal(t, int32(0xe40c292c%math.MaxInt32), submission.Partition("a", math.MaxInt32))
}

func TestPartition_spreadsIDs(t *testing.T) {
	const partitions, ids = 6, 6000
	counts := make([]int, partitions)
	for range ids {
		counts[submission.Partition(submission.NewID(), partitions)]++
	}
	for _, n := range counts {
		require.InDelta(t, ids/partitions, n, 250) // more than eight standard deviations
	}
}

func TestValidForm(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "0": true, "demo-form": true, "a-": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "A": false, "a_b": false, "a/b": false, "ä": false, strings.Repeat("a", 64): false,
	} {
		require.Equal(t, want, submission.ValidForm(id), id)
	}
}

func BenchmarkHeaders(b *testing.B) {
	s := sample()
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Headers()) != 6 {
			b.Fatal("not six headers")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	s := sample()
	key, headers := []byte(s.ID), s.Headers()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := submission.Parse(key, headers, s.Data); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzSubmissionParse(f *testing.F) {
	s := sample()
	add := func(key string, headers []submission.Header, value []byte) {
		var text bytes.Buffer
		for _, h := range headers {
			text.WriteString(h.Key + "\x00" + string(h.Value) + "\x00")
		}
		f.Add([]byte(key), text.Bytes(), value)
	}
	add(s.ID, s.Headers(), s.Data)
	add("foreign", with("ce_id", "foreign"), []byte(" {} "))
	add("", nil, nil)
	f.Fuzz(func(t *testing.T, key, text, value []byte) {
		parts := bytes.Split(text, []byte{0})
		var headers []submission.Header
		for i := 0; i+1 < len(parts); i += 2 {
			headers = append(headers, submission.Header{Key: string(parts[i]), Value: parts[i+1]})
		}
		s, err := submission.Parse(key, headers, value)
		if err != nil {
			var wrong *submission.ParseError
			require.True(t, errors.As(err, &wrong))
			require.Zero(t, s)
			return
		}
		again, err := submission.Parse([]byte(s.ID), s.Headers(), s.Data)
		require.NoError(t, err, "what was read can be written and read again")
		require.Equal(t, s, again)
	})
}
