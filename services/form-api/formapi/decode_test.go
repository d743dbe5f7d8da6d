package formapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecode_object(t *testing.T) {
	tests := map[string]struct {
		body string
		want map[string]any
	}{
		"empty":              {`{}`, map[string]any{}},
		"space around":       {" \r\n\t{ } \n", map[string]any{}},
		"space inside":       {" { \"a\" : [ ] , \"b\" : [ 1 , 2 ] } ", map[string]any{"a": []any{}, "b": []any{json.Number("1"), json.Number("2")}}},
		"every kind":         {`{"s":"x","n":12.50,"b":true,"f":false,"z":null,"l":["a",1]}`, map[string]any{"s": "x", "n": json.Number("12.50"), "b": true, "f": false, "z": nil, "l": []any{"a", json.Number("1")}}},
		"large number kept":  {`{"n":12345678901234567890123}`, map[string]any{"n": json.Number("12345678901234567890123")}},
		"numbers":            {`{"a":[0,-0,-1.5e+10,1E5,0.0e-0]}`, map[string]any{"a": []any{json.Number("0"), json.Number("-0"), json.Number("-1.5e+10"), json.Number("1E5"), json.Number("0.0e-0")}}},
		"name escaped":       {`{"a\u0041":"x"}`, map[string]any{"aA": "x"}},
		"all escapes":        {`{"a":"\"\\\/\b\f\n\r\t"}`, map[string]any{"a": "\"\\/\b\f\n\r\t"}},
		"pair of halves":     {`{"a":"\ud83d\ude00\u00e9"}`, map[string]any{"a": "😀é"}},
		"half alone":         {`{"a":"\ud83dx\ude00\ud83d"}`, map[string]any{"a": "\uFFFDx\uFFFD\uFFFD"}},
		"half, then another": {`{"a":"\ud83d\u0041"}`, map[string]any{"a": "\uFFFDA"}},
		"replacement rune":   {"{\"a\":\"\uFFFD\"}", map[string]any{"a": "\uFFFD"}},
		"nested":             {`{"a":{"b":[{}]}}`, map[string]any{"a": map[string]any{"b": []any{map[string]any{}}}}},
		"same name deeper":   {`{"a":{"a":1}}`, map[string]any{"a": map[string]any{"a": json.Number("1")}}},
		"as deep as it may":  {strings.Repeat(`{"a":`, maxDepth-1) + `{}` + strings.Repeat(`}`, maxDepth-1), nil},
		"as many as it may":  {`{"a":[` + strings.Repeat(`0,`, maxValues-2) + `0]}`, nil},
		"empty name":         {`{"":1}`, map[string]any{"": json.Number("1")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeJSON([]byte(test.body))
			require.NoError(t, err)
			if test.want != nil {
				require.Equal(t, test.want, got)
			}
		})
	}
}

func TestDecode_refused_saysWhyAndWhere(t *testing.T) {
	tests := map[string]struct {
		body         string
		line, column int
		offset       int
		reason       string
	}{
		"nothing":             {"", 1, 1, 0, "not complete"},
		"only space":          {" \n ", 2, 2, 3, "not complete"},
		"not closed":          {"{\"a\":\n \"b\"", 2, 5, 10, "not complete"},
		"brace alone":         {"{", 1, 2, 1, "not complete"},
		"after a comma":       {`{"a":1,`, 1, 8, 7, "not complete"},
		"after a name":        {`{"a"`, 1, 5, 4, "not complete"},
		"after a colon":       {`{"a":`, 1, 6, 5, "not complete"},
		"list cut":            {`{"a":[1`, 1, 8, 7, "not complete"},
		"text cut":            {`{"a":"b`, 1, 8, 7, "not complete"},
		"escape cut":          {`{"a":"\`, 1, 8, 7, "not complete"},
		"unicode cut":         {`{"a":"\u00`, 1, 11, 10, "not complete"},
		"escaped text cut":    {`{"a":"\nb`, 1, 10, 9, "not complete"},
		"literal cut":         {`{"a":nul`, 1, 9, 8, "not complete"},
		"minus cut":           {`{"a":-`, 1, 7, 6, "not complete"},
		"exponent cut":        {`{"a":1e`, 1, 8, 7, "not complete"},
		"text":                {"hello", 1, 1, 0, "one JSON object"},
		"list":                {"\n [1]", 2, 2, 2, "one JSON object"},
		"string":              {`"a"`, 1, 1, 0, "one JSON object"},
		"null":                {`null`, 1, 1, 0, "one JSON object"},
		"byte order mark":     {"\ufeff{}", 1, 1, 0, "one JSON object"},
		"comma at the end":    {`{"a":1,}`, 1, 8, 7, "name of a field"},
		"comma alone":         {`{,}`, 1, 2, 1, "name of a field"},
		"comma in a list":     {`{"a":[1,]}`, 1, 9, 8, "a value must come here"},
		"comma missing":       {"{\"a\":1\n\"b\":2}", 2, 1, 7, "a comma"},
		"item comma missing":  {`{"a":[1 2]}`, 1, 9, 8, "a comma"},
		"colon missing":       {`{"a" 1}`, 1, 6, 5, "a colon"},
		"name without quotes": {`{a:1}`, 1, 2, 1, "double quotes"},
		"single quotes":       {`{'a':1}`, 1, 2, 1, "double quotes"},
		"comment":             {`{"a":1 /* x */}`, 1, 8, 7, "a comma"},
		"wrong literal":       {`{"a":tru}`, 1, 6, 5, "a value must come here"},
		"capital literal":     {`{"a":True}`, 1, 6, 5, "a value must come here"},
		"literal too long":    {`{"a":nullx}`, 1, 10, 9, "a comma"},
		"leading zero":        {`{"a":01}`, 1, 7, 6, "a comma"},
		"plus":                {`{"a":+1}`, 1, 6, 5, "a value must come here"},
		"point without digit": {`{"a":1.}`, 1, 8, 7, "a digit"},
		"digit after point":   {`{"a":.5}`, 1, 6, 5, "a value must come here"},
		"exponent empty":      {`{"a":1e+}`, 1, 9, 8, "a digit"},
		"two signs":           {`{"a":1e+-1}`, 1, 9, 8, "a digit"},
		"minus alone":         {`{"a":-}`, 1, 7, 6, "a digit"},
		"wrong escape":        {`{"a":"\q"}`, 1, 7, 6, "escape"},
		"wrong unicode":       {`{"a":"\u00_0"}`, 1, 7, 6, "four hexadecimal digits"},
		"line break in text":  {"{\"ä\":\"x\ny\"}", 1, 8, 8, "line break"},
		"tab after escape":    {"{\"a\":\"\\n\t\"}", 1, 9, 8, "control character"},
		"after the end":       {"{\"a\":1}\n\n  {}", 3, 3, 11, "after the end"},
		"brace after the end": {`{"a":1}}`, 1, 8, 7, "after the end"},
		"there twice":         {"{\"name\":1,\n\"name\":2}", 2, 1, 11, `"name" is there twice`},
		"twice, escaped":      {`{"a":1,"\u0061":2}`, 1, 8, 7, `"a" is there twice`},
		"twice, deeper":       {`{"a":{"b":1,"b":2}}`, 1, 13, 12, `"b" is there twice`},
		"not UTF-8":           {"{\"ä\uFFFD\":\"\xff\"}", 1, 8, 10, "not UTF-8"},
		"UTF-16":              {"\xff\xfe{\x00}\x00", 1, 1, 0, "not UTF-8"},
		"too deep":            {strings.Repeat(`{"a":`, maxDepth) + `[]` + strings.Repeat(`}`, maxDepth), 1, 41, 40, "nested more than 8 deep"},
		"too many":            {`{"a":[` + strings.Repeat(`0,`, maxValues) + `0]}`, 1, 20005, 20004, "more than 10000 values"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := decodeJSON([]byte(test.body))
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Reason, test.reason)
			require.Equal(t, Position{test.line, test.column, test.offset}, syntax.Position)
		})
	}
}

func TestDecode_longNameTwice_isShortened(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	_, err := decodeJSON(fmt.Appendf(nil, `{"%s":1,"%s":2}`, long, long))
	require.ErrorContains(t, err, strings.Repeat("ä", maxEcho)+`…" is there twice`)
	require.Less(t, len(err.Error()), 250)
}

func TestDecode_bodyReused_resultStays(t *testing.T) {
	body := []byte(`{"name":"value"}`)
	got, err := decodeJSON(body)
	require.NoError(t, err)
	copy(body, `{"xxxx":"yyyyy"}`)
	require.Equal(t, map[string]any{"name": "value"}, got)
}

// FuzzDecode holds the decoder against encoding/json: what it takes is what encoding/json reads; what it refuses is wrong
// JSON, or one of the things that it says it refuses.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":[1,"b",null,true,{}]}`, `{"a":1,"a":2}`, `[1]`, `{"a":01}`, `{"a":nul`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}",
		`{"a":1}x`, ` {"a" : "b" , "c" : {"d":[[[[[[[]]]]]]]}}`, `{"a":-1.5e+99}`, "\ufeff{}", `{"":{"":{"":""}}}`, `{"a":"\ud83d\ude00\n"}`,
		studentBody,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]any
		reader := json.NewDecoder(bytes.NewReader(body))
		reader.UseNumber()
		readable := json.Valid(body) && reader.Decode(&want) == nil && want != nil

		got, err := decodeJSON(body)

		if err == nil {
			require.True(t, readable, "taken, but it is no JSON object")
			require.Equal(t, want, got)
			return
		}
		var syntax *SyntaxError
		require.True(t, errors.As(err, &syntax))
		at := syntax.Position
		require.True(t, at.Line >= 1 && at.Column >= 1 && at.Offset >= 0 && at.Offset <= len(body), "%+v", at)
		require.Equal(t, 1+bytes.Count(body[:at.Offset], []byte("\n")), at.Line)
		if readable {
			stricter := []string{"is there twice", "not UTF-8", "nested more than", "more than"}
			require.True(t, containsAny(syntax.Reason, stricter), "refused without a reason: %s", syntax.Reason)
		}
	})
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// BenchmarkDecode measures the decoder beside encoding/json, which does not look for members that are there twice.
func BenchmarkDecode(b *testing.B) {
	bodies := map[string][]byte{
		"student": []byte(studentBody),
		"64kB":    fmt.Appendf(nil, `{"message":"%s"}`, strings.Repeat("word ", 13_000)),
	}
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := decodeJSON(body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				reader := json.NewDecoder(bytes.NewReader(body))
				reader.UseNumber()
				var object map[string]any
				if err := reader.Decode(&object); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const studentBody = `{"name":"Ada Lovelace","email":"Ada@Example.org","university":"London","cgpa":"3.9","tech":"analytical engine",` +
	`"roll":"1815","gender":"F","age":36,"mobile":"+44 20 7946 0958"}`
