package decode_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/decode"
)

const definition = `
id: survey
spam: {honeypot: website}
fields:
  - {name: name, type: text}
  - {name: age, type: integer}
  - {name: agree, type: boolean}
  - {name: topics, type: choices, options: [a, b, c]}
`

func survey(tb testing.TB) *form.Form {
	tb.Helper()
	f, err := form.Parse("survey.yaml", []byte(definition), nil)
	require.NoError(tb, err)
	return f
}

func TestURLEncoded(t *testing.T) {
	for _, row := range []struct {
		name, body string
		raw        map[string]any
		steering   map[string]string
	}{
		{name: "nothing", body: ""},
		{name: "one field", body: "name=Ada", raw: map[string]any{"name": "Ada"}},
		{name: "spaces and escapes", body: "name=Ada+Love%6cace%2B%26", raw: map[string]any{"name": "Ada Lovelace+&"}},
		{name: "not ASCII", body: "name=Zo%C3%AB+λ", raw: map[string]any{"name": "Zoë λ"}},
		{name: "an escaped name", body: "n%61me=x", raw: map[string]any{"name": "x"}},
		{name: "an empty answer", body: "name=&age=", raw: map[string]any{"name": "", "age": ""}},
		{name: "no equals sign", body: "name", raw: map[string]any{"name": ""}},
		{name: "empty pairs", body: "&&name=x&", raw: map[string]any{"name": "x"}},
		{name: "an equals sign in the answer", body: "name=a=b", raw: map[string]any{"name": "a=b"}},
		{name: "a semicolon does not separate", body: "name=a;age=1", raw: map[string]any{"name": "a;age=1"}},
		{name: "a ticked checkbox", body: "agree=on", raw: map[string]any{"agree": "on"}},
		{name: "one choice of several", body: "topics=a", raw: map[string]any{"topics": []any{"a"}}},
		{name: "several choices, in their order", body: "topics=c&name=x&topics=a", raw: map[string]any{"topics": []any{"c", "a"}, "name": "x"}},
		{name: "an undeclared field", body: "other=1", raw: map[string]any{"other": "1"}},
		{name: "an undeclared field again and again", body: "other=1&other=2&other=3", raw: map[string]any{"other": []any{"1", "2", "3"}}},
		{name: "steering", body: "_key=k&name=x&_started=s", raw: map[string]any{"name": "x"}, steering: map[string]string{"_key": "k", "_started": "s"}},
		{name: "CAPTCHA widgets", body: "cf-turnstile-response=1&h-captcha-response=2&g-recaptcha-response=3",
			steering: map[string]string{"cf-turnstile-response": "1", "h-captcha-response": "2", "g-recaptcha-response": "3"}},
		{name: "a honeypot by another name", body: "website=spam&name=x", raw: map[string]any{"name": "x"}, steering: map[string]string{"website": "spam"}},
		{name: "steering twice", body: "_key=&_key=a&_key=b", steering: map[string]string{"_key": "a"}},
		{name: "the browser's charset", body: "_charset_=UTF-8", steering: map[string]string{"_charset_": "UTF-8"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw, steering, err := decode.URLEncoded([]byte(row.body), survey(t))
			require.NoError(t, err)
			require.Equal(t, orEmpty(row.raw), raw)
			require.Equal(t, orEmpty(row.steering), steering)
		})
	}
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func TestURLEncoded_refused_saysWhyAndWhere(t *testing.T) {
	for _, row := range []struct {
		name, body string
		offset     int
		reason     string
	}{
		{"percent at the end", "name=a%", 6, "two hexadecimal digits"},
		{"one digit", "name=a%4", 6, "two hexadecimal digits"},
		{"not a digit", "name=%4g", 5, "two hexadecimal digits"},
		{"not a digit before a pair", "name=%4&age=1", 5, "two hexadecimal digits"},
		{"percent in a name", "age=1&na%me=x", 8, "two hexadecimal digits"},
		{"latin 1", "age=1&name=Zo%EB", 6, `"name" is not in UTF-8`},
		{"latin 1, not escaped", "name=Zo\xeb", 0, `"name" is not in UTF-8`},
		{"latin 1 in a name", "n%EBme=x", 0, "name is not in UTF-8"},
		{"another charset", "_charset_=windows-1252", 0, "another encoding"},
		{"no name", "age=1&=x", 6, "no name"},
		{"long name", "age=1&" + strings.Repeat("n", decode.MaxName+1) + "=", 6, "longer than 256 bytes"},
		{"one answer twice", "name=a&age=1&name=b", 13, `"name" was sent more than once`},
		{"a pair too many", strings.Repeat("topics=a&", decode.MaxPairs) + "x", 9 * decode.MaxPairs, "more than 400 fields"},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw, steering, err := decode.URLEncoded([]byte(row.body), survey(t))
			require.Nil(t, raw)
			require.Nil(t, steering)
			var syntax *decode.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Reason, row.reason)
			require.Equal(t, row.offset, syntax.Offset)
		})
	}
}

func TestURLEncoded_bounds(t *testing.T) {
	f := survey(t)
	raw, _, err := decode.URLEncoded([]byte("name="+strings.Repeat("x", decode.MaxBody-5)), f)
	require.NoError(t, err)
	require.Len(t, raw["name"], decode.MaxBody-5)
	_, _, err = decode.URLEncoded([]byte("name="+strings.Repeat("x", decode.MaxBody-4)), f)
	require.ErrorIs(t, err, decode.ErrTooLarge)

	raw, _, err = decode.URLEncoded([]byte(strings.Repeat("topics=a&", decode.MaxPairs)), f)
	require.NoError(t, err)
	require.Len(t, raw["topics"], decode.MaxPairs)
}

func TestURLEncoded_keepsNothingOfTheBody(t *testing.T) {
	body := []byte("name=Ada&_key=abc")
	raw, steering, err := decode.URLEncoded(body, survey(t))
	require.NoError(t, err)
	for i := range body {
		body[i] = '!'
	}
	require.Equal(t, map[string]any{"name": "Ada"}, raw)
	require.Equal(t, map[string]string{"_key": "abc"}, steering)
}

const boundary = "b0undary"

// parts writes a multipart body; each part is its header and its content.
func parts(ps ...[2]string) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n\r\n%s\r\n", boundary, p[0], p[1])
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func named(name string) string { return `Content-Disposition: form-data; name="` + name + `"` }

func TestMultipart(t *testing.T) {
	for _, row := range []struct {
		name, body string
		raw        map[string]any
		steering   map[string]string
	}{
		{name: "nothing", body: parts()},
		{name: "text", body: parts([2]string{named("name"), "Zoë\r\nλ"}), raw: map[string]any{"name": "Zoë\r\nλ"}},
		{name: "an empty answer", body: parts([2]string{named("name"), ""}), raw: map[string]any{"name": ""}},
		{name: "a charset", body: parts([2]string{named("name") + "\r\nContent-Type: text/plain; charset=UTF-8", "x"}), raw: map[string]any{"name": "x"}},
		{name: "quoted printable", body: parts([2]string{named("name") + "\r\nContent-Transfer-Encoding: quoted-printable", "Zo=C3=AB"}), raw: map[string]any{"name": "Zoë"}},
		{name: "choices", body: parts([2]string{named("topics"), "b"}, [2]string{named("topics"), "a"}), raw: map[string]any{"topics": []any{"b", "a"}}},
		{name: "a file input without a file", body: parts([2]string{named("cv") + `; filename=""` + "\r\nContent-Type: application/octet-stream", ""}, [2]string{named("age"), "1"}), raw: map[string]any{"age": "1"}},
		{name: "steering", body: parts([2]string{named("_started"), "s"}), steering: map[string]string{"_started": "s"}},
		{name: "something before and after", body: "before\r\n" + parts([2]string{named("age"), "1"}) + "after", raw: map[string]any{"age": "1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw, steering, err := decode.Multipart(strings.NewReader(row.body), boundary, survey(t))
			require.NoError(t, err)
			require.Equal(t, orEmpty(row.raw), raw)
			require.Equal(t, orEmpty(row.steering), steering)
		})
	}
}

func TestMultipart_refused_saysWhy(t *testing.T) {
	whole := parts([2]string{named("name"), "Ada"})
	for _, row := range []struct{ name, body, reason string }{
		{"empty", "", "ends before its last boundary"},
		{"cut in a header", whole[:30], "cannot be read"},
		{"cut in an answer", whole[:strings.Index(whole, "Ada")+2], "ends before its last boundary"},
		{"cut before the last boundary", whole[:strings.LastIndex(whole, "--"+boundary)], "ends before its last boundary"},
		{"cut within the last boundary", whole[:strings.LastIndex(whole, "--\r\n")], "ends before its last boundary"},
		{"another boundary", strings.ReplaceAll(whole, boundary, "other"), "ends before its last boundary"},
		{"a header without a colon", parts([2]string{"nonsense", ""}), "cannot be read"},
		{"no disposition", parts([2]string{"A: b", ""}), "part 1 has no Content-Disposition"},
		{"no name", parts([2]string{named("age"), "1"}, [2]string{"Content-Disposition: form-data", ""}), "part 2 has no Content-Disposition"},
		{"an attachment", parts([2]string{`Content-Disposition: attachment; name="name"`, ""}), "part 1 has no Content-Disposition"},
		{"latin 1", parts([2]string{named("name"), "Zo\xeb"}), `"name" is not in UTF-8`},
		{"latin 1 said so", parts([2]string{named("name") + "\r\nContent-Type: text/plain; charset=iso-8859-1", "Zo\xeb"}), `"name" has another charset`},
		{"no media type", parts([2]string{named("name") + "\r\nContent-Type: ;", "x"}), `"name" has a Content-Type that cannot be read`},
		{"base64", parts([2]string{named("name") + "\r\nContent-Transfer-Encoding: base64", "QWRh"}), `"name" has a Content-Transfer-Encoding`},
		{"one answer twice", parts([2]string{named("age"), "1"}, [2]string{named("age"), "2"}), `"age" was sent more than once`},
		{"a part too many", parts(slicesOf(decode.MaxPairs+1, [2]string{named("topics"), "a"})...), "more than 400 fields"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := decode.Multipart(strings.NewReader(row.body), boundary, survey(t))
			var syntax *decode.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Reason, row.reason)
			require.Equal(t, -1, syntax.Offset)
		})
	}
}

func slicesOf(n int, p [2]string) [][2]string {
	all := make([][2]string, n)
	for i := range all {
		all[i] = p
	}
	return all
}

func TestMultipart_file_isRefusedByName(t *testing.T) {
	for _, row := range []struct{ name, header, content string }{
		{"a file", named("cv") + `; filename="cv.pdf"`, "%PDF"},
		{"an empty file", named("cv") + `; filename="cv.pdf"`, ""},
		{"a file whose name is a path", named("cv") + `; filename="C:\cv\a.txt"`, "x"},
		{"a file without a name", named("cv") + `; filename=""`, "x"},
		{"a file by its extended name", named("cv") + `; filename*=UTF-8''%C3%AB.txt`, "x"},
		{"not text", named("cv") + "\r\nContent-Type: application/json", "{}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := decode.Multipart(strings.NewReader(parts([2]string{row.header, row.content})), boundary, survey(t))
			var file *decode.FilePartError
			require.ErrorAs(t, err, &file)
			require.Equal(t, "cv", file.Field)
			require.Equal(t, `"cv" holds a file: files are not taken, remove the file input`, err.Error())
		})
	}
}

func TestMultipart_bounds(t *testing.T) {
	f := survey(t)
	frame := len(parts([2]string{named("name"), ""}))
	body := parts([2]string{named("name"), strings.Repeat("x", decode.MaxBody-frame)})
	require.Len(t, body, decode.MaxBody)
	for name, reader := range map[string]io.Reader{"whole": strings.NewReader(body), "byte by byte": iotest.OneByteReader(strings.NewReader(body))} {
		raw, _, err := decode.Multipart(reader, boundary, f)
		require.NoError(t, err, name)
		require.Len(t, raw["name"], decode.MaxBody-frame, name)
	}
	for _, body := range []string{
		parts([2]string{named("name"), strings.Repeat("x", decode.MaxBody-frame+1)}),
		parts([2]string{named("name") + "\r\nA: " + strings.Repeat("x", decode.MaxBody), ""}),
		strings.Repeat("x\r\n", decode.MaxBody/3+1),
	} {
		_, _, err := decode.Multipart(strings.NewReader(body), boundary, f)
		require.ErrorIs(t, err, decode.ErrTooLarge)
	}
	for _, wrong := range []string{"", strings.Repeat("b", 71)} {
		_, _, err := decode.Multipart(strings.NewReader(body), wrong, f)
		require.ErrorContains(t, err, "boundary of 1 to 70 characters")
	}
}

func TestMultipart_bodyFails_saysWithWhat(t *testing.T) {
	gone := errors.New("connection reset")
	whole := parts([2]string{named("name"), "Ada"})
	for at := range len(whole) - len("--\r\n") {
		_, _, err := decode.Multipart(io.MultiReader(strings.NewReader(whole[:at]), iotest.ErrReader(gone)), boundary, survey(t))
		require.ErrorIs(t, err, gone, at)
	}
}

func FuzzURLEncoded(f *testing.F) {
	for _, seed := range []string{"", "name=Ada&topics=a&topics=b&_key=k", "name=%zz", "a=%C3%AB+&a=2&=", "name=a&name=b", "_charset_=latin1", "%00=%00&&&==="} {
		f.Add([]byte(seed))
	}
	survey := survey(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		raw, steering, err := decode.URLEncoded(body, survey)
		checkResult(t, survey, raw, steering, err)
		if err != nil {
			return
		}
		// The standard library, which splits at & alike, must have read the same.
		want, err := url.ParseQuery(strings.ReplaceAll(string(body), ";", "%3B"))
		require.NoError(t, err)
		want.Del("")
		for name, values := range want {
			switch got := raw[name].(type) {
			case nil:
				require.Contains(t, steering, name)
			case string:
				require.Equal(t, values, []string{got})
			case []any:
				require.Len(t, got, len(values))
				for i := range values {
					require.Equal(t, values[i], got[i])
				}
			}
		}
		require.Len(t, want, len(raw)+len(steering))
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add([]byte(parts([2]string{named("name"), "Ada"}, [2]string{named("topics"), "a"}, [2]string{named("_key"), "k"})))
	f.Add([]byte(parts([2]string{named("cv") + `; filename="x"`, "y"})))
	f.Add([]byte(parts([2]string{named("name") + "\r\nContent-Type: text/plain; charset=latin1", "\xeb"})))
	f.Add([]byte("--" + boundary + "--"))
	survey := survey(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		raw, steering, err := decode.Multipart(bytes.NewReader(body), boundary, survey)
		checkResult(t, survey, raw, steering, err)
		if err != nil {
			return
		}
		// What was read, written anew, reads the same.
		var again bytes.Buffer
		w := multipart.NewWriter(&again)
		require.NoError(t, w.SetBoundary(boundary))
		for name, value := range steering {
			require.NoError(t, w.WriteField(name, value))
		}
		for name, value := range raw {
			list, ok := value.([]any)
			if !ok {
				list = []any{value}
			}
			for _, item := range list {
				text, _ := item.(string)
				if strings.Contains(text, "--"+boundary) || strings.ContainsAny(name, "\r\n\"\\") {
					t.Skip("cannot be written with this boundary, or in one way only")
				}
				require.NoError(t, w.WriteField(name, text))
			}
		}
		require.NoError(t, w.Close())
		if again.Len() > decode.MaxBody {
			t.Skip("written anew it is too large")
		}
		rawAgain, steeringAgain, err := decode.Multipart(&again, boundary, survey)
		require.NoError(t, err)
		require.Equal(t, raw, rawAgain)
		require.Equal(t, steering, steeringAgain)
	})
}

// checkResult holds what every result promises.
func checkResult(t *testing.T, f *form.Form, raw map[string]any, steering map[string]string, err error) {
	t.Helper()
	var syntax *decode.SyntaxError
	var file *decode.FilePartError
	switch {
	case err == nil:
	case errors.As(err, &syntax):
		require.NotEmpty(t, syntax.Reason)
		return
	default:
		require.True(t, errors.As(err, &file) || errors.Is(err, decode.ErrTooLarge), err)
		return
	}
	require.LessOrEqual(t, len(raw)+len(steering), decode.MaxPairs)
	for name := range raw {
		require.False(t, f.Steers(name))
	}
	for name := range steering {
		require.True(t, f.Steers(name))
	}
	f.Check(raw) // takes whatever comes out
}
