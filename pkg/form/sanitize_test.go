package form_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

func TestCheck_text_storesWhatThePipelineLeaves(t *testing.T) {
	line, lines := withField(t, "type: text"), withField(t, "type: multiline")
	for _, row := range []struct{ name, in, line, lines string }{
		{name: "plain", in: "Asha Kulkarni", line: "Asha Kulkarni"},
		{name: "spaces at the ends and in runs", in: "  Asha   Kulkarni ", line: "Asha Kulkarni"},
		{name: "other spaces", in: "a\u00a0b\u2003\u3000c", line: "a b c"},
		{name: "line breaks and tabs", in: "a\r\nb\tc\rd\n", line: "a b c d", lines: "a\nb\tc\nd"},
		{name: "Unicode line separators", in: "a\u2028b\u0085c", line: "a b c", lines: "a\nb\nc"},
		{name: "broken UTF-8", in: "a\xff\xfeb", line: "a\ufffdb"},
		{name: "control characters", in: "a\x00\x01\x1b[0m\x7f\u009fb", line: "a[0mb"},
		{name: "zero-width characters", in: "a\u200bb\u200c\u200d\u2060\ufeffc", line: "abc"},
		{name: "bidi overrides", in: "\u202eevil\u202c \u2066x\u2069\u200f", line: "evil x"},
		{name: "characters that only fill", in: "a\u3164\u115f\u00adb", line: "ab"},
		{name: "decomposed accents", in: "Zoe\u0308", line: "Zoë"},
		{name: "an accent behind a zero-width space", in: "Zoe\u200b\u0308", line: "Zoë"},
		{name: "an accent behind a tag", in: "Zoe<b></b>\u0308", line: "Zoë"},
		{name: "visible Arabic signs", in: "\u0600\u0661", line: "\u0600\u0661"},
		{name: "Devanagari", in: "आशा कुलकर्णी", line: "आशा कुलकर्णी"},
		{name: "emoji", in: "👍🏽 ok", line: "👍🏽 ok"},
		{name: "ampersand", in: "AT&T & sons", line: "AT&T & sons"},
		{name: "less and greater", in: "a < b > c, 1<2, <3, 2>1", line: "a < b > c, 1<2, <3, 2>1"},
		{name: "quotes", in: `O'Brien said "no"`, line: `O'Brien said "no"`},
		{name: "entities are text", in: "&lt;b&gt; &amp; &#60;i&#62;", line: "&lt;b&gt; &amp; &#60;i&#62;"},
		{name: "elements", in: "<b>bold</b> and <a href='https://x.example?a=1&b=2'>link</a>", line: "bold and link"},
		{name: "script", in: "before<script>alert(1 < 2 && true)</script>after", line: "beforeafter"},
		{name: "style", in: "a<style>b{}</style>c", line: "ac"},
		{name: "comment", in: "a<!-- b -->c", line: "ac"},
		{name: "an element in an element's name", in: "<<b>script>alert(1)<</b>/script>", line: ""},
		{name: "a tag behind a zero-width space", in: "<\u200bscript>x</script>", line: ""},
		{name: "an open tag at the end", in: "1 <2 <img src=x onerror=alert(1)", line: "1 <2"},
		{name: "very many layers", in: strings.Repeat("<", 2000) + strings.Repeat("b>", 2000), line: strings.Repeat("b>", 1997)},
		{name: "nothing visible", in: " \u0301\ufe0f\u200b\t", line: ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.lines == "" {
				row.lines = row.line
			}
			requireStored(t, line, row.in, row.line)
			requireStored(t, lines, row.in, row.lines)
		})
	}
}

// requireStored checks what becomes of an answer, and that it would become the same again.
func requireStored(t *testing.T, f *form.Form, in, want string) {
	t.Helper()
	stored := accepted(t, f, map[string]any{"a": in})
	if want == "" {
		require.Empty(t, stored)
		return
	}
	require.Equal(t, form.Values{"a": want}, stored)
	require.Equal(t, stored, accepted(t, f, stored), "the second time")
}
