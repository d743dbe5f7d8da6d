package form_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

const everyType = `
id: test
fields:
  - {name: text, label: Some text, type: text}
  - {name: lines, type: multiline}
  - {name: count, label: Count, type: integer}
  - {name: ratio, type: number}
  - {name: flag, type: boolean}
`

func TestEncode_fieldsInTheFormsOrder(t *testing.T) {
	f := parse(t, everyType)
	for _, row := range []struct {
		name string
		in   form.Values
		want string
	}{
		{name: "nothing", want: `{}`},
		{name: "everything", in: form.Values{"flag": true, "ratio": 0.5, "count": int64(9007199254740993), "lines": "a\nb\tc", "text": `"O'Brien" \ <b> & é 😀`},
			want: `{"text":"\"O'Brien\" \\ <b> & é 😀","lines":"a\nb\tc","count":9007199254740993,"ratio":0.5,"flag":true}`},
		{name: "zeros", in: form.Values{"flag": false, "count": int64(0), "ratio": 0.0}, want: `{"count":0,"ratio":0,"flag":false}`},
		{name: "large and small", in: form.Values{"ratio": 1e20, "count": int64(math.MinInt64)}, want: `{"count":-9223372036854775808,"ratio":100000000000000000000}`},
		{name: "an exponent", in: form.Values{"ratio": 1e-7}, want: `{"ratio":1e-07}`},
		{name: "control characters", in: form.Values{"text": "\x00\x1f\r"}, want: `{"text":"\u0000\u001f\u000d"}`},
		{name: "several answers", in: form.Values{"text": []string{"a", `b"`}}, want: `{"text":["a","b\""]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 5 {
				data, err := f.Encode(row.in)
				require.NoError(t, err)
				require.Equal(t, row.want, string(data))
				require.True(t, json.Valid(data))
			}
		})
	}
}

func TestEncode_whatCheckNeverReturns_isAnError(t *testing.T) {
	f := parse(t, everyType)
	for name, values := range map[string]form.Values{
		`encode field "text": a value cannot have the Go type int32`: {"text": int32(1)},
		`encode field "ratio": JSON has no such number`:              {"ratio": math.NaN()},
		`encode: there are values that the form has no field for`:    {"other": "x"},
	} {
		_, err := f.Encode(values)
		require.EqualError(t, err, name)
	}
}

func TestRow_cellsInTheFormsOrder(t *testing.T) {
	f := parse(t, everyType)
	require.Equal(t, []string{"Some text", "lines", "Count", "ratio", "flag"}, f.Header())
	for _, row := range []struct {
		name, data string
		want       []string
	}{
		{name: "nothing", data: `{}`, want: []string{"", "", "", "", ""}},
		{name: "everything", data: `{"text":"a","lines":"b\nc","count":9007199254740993,"ratio":1.50,"flag":true}`, want: []string{"a", "b\nc", "9007199254740993", "1.50", "TRUE"}},
		{name: "of another order and with more fields", data: ` {"flag":false, "gone":{"x":[1]}, "text":"a"} `, want: []string{"a", "", "", "", "FALSE"}},
		{name: "nulls", data: `{"text":null}`, want: []string{"", "", "", "", ""}},
		{name: "of other types than now", data: `{"text":12345678901234567890,"lines":true,"count":"many","ratio":["a",1,null],"flag":{"x":"<"}}`,
			want: []string{"12345678901234567890", "TRUE", "many", "a, 1, ", `{"x":"<"}`}},
		{name: "what looks like a formula", data: `{"text":"=1+1"}`, want: []string{"=1+1", "", "", "", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cells, cut, err := f.Row([]byte(row.data))
			require.NoError(t, err)
			require.Zero(t, cut)
			require.Equal(t, row.want, cells)
		})
	}
}

func TestRow_whatIsNoObject_isAnErrorWithoutTheData(t *testing.T) {
	f := parse(t, everyType)
	for _, data := range []string{``, `s3cret`, `"s3cret"`, `null`, `[{"text":"s3cret"}]`, `{"text":"s3cret"`, `{"text":"s3cret"}{}`, `{"text":"s3cret"} s3cret`} {
		_, _, err := f.Row([]byte(data))
		require.ErrorContains(t, err, "decode a submission's data: it is not ")
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestRow_longCells_areCutBetweenCharacters(t *testing.T) {
	f := parse(t, everyType)
	const mark = "… [cut]" // 7 UTF-16 units
	for _, row := range []struct {
		name, in, want string
		cut            int
	}{
		{name: "at the limit", in: strings.Repeat("é", 50_000), want: strings.Repeat("é", 50_000)},
		{name: "one over", in: strings.Repeat("é", 50_001), want: strings.Repeat("é", 50_000-7) + mark, cut: 1},
		{name: "pairs at the limit", in: strings.Repeat("😀", 25_000), want: strings.Repeat("😀", 25_000)},
		{name: "pairs over it", in: strings.Repeat("😀", 25_001), want: strings.Repeat("😀", 24_996) + mark, cut: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			data, err := json.Marshal(map[string]any{"lines": row.in, "text": row.in})
			require.NoError(t, err)
			cells, cut, err := f.Row(data)
			require.NoError(t, err)
			require.Equal(t, 2*row.cut, cut)
			require.Equal(t, []string{row.want, row.want, "", "", ""}, cells)
		})
	}
}

func TestRow_ofWhatWasEncoded_isWhatWasAccepted(t *testing.T) {
	f := shipped(t, "student-data-form")
	data, err := f.Encode(accepted(t, f, student()))
	require.NoError(t, err)
	cells, cut, err := f.Row(data)
	require.NoError(t, err)
	require.Zero(t, cut)
	require.Equal(t, []string{"Name", "Email", "University", "CGPA", "Technologies", "Roll number", "Gender", "Age", "Mobile"}, f.Header())
	require.Equal(t, []string{"Asha Kulkarni", "asha.kulkarni@example.com", "Pune University", "N.A.", "N.A.", "CS-1042", "F", "21", "+919876543210"}, cells)
}
