package democonsumer

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/submission"
)

// newJudge knows three words.
func newJudge(t testing.TB, log *slog.Logger) *judge {
	t.Helper()
	words, err := parse(strings.NewReader("# a comment\nblast\n\nCunt\n  fluß \n"))
	require.NoError(t, err)
	return &judge{words: words, log: log}
}

func TestFlagsText_table(t *testing.T) {
	j := newJudge(t, nil)
	for _, row := range []struct {
		name, text string
		want       bool
	}{
		{"nothing", "", false},
		{"clean", "a kind word", false},
		{"the word", "blast", true},
		{"among others", "oh blast it", true},
		{"upper case", "BLAST", true},
		{"mixed case", "bLaSt", true},
		{"punctuation behind", "blast!", true},
		{"punctuation before", "…blast", true},
		{"quotes", `"blast"`, true},
		{"hyphen", "well-blast-it", true},
		{"slash", "this/blast", true},
		{"line break", "oh\nblast\r\n", true},
		{"no-break space", "oh\u00a0blast", true},
		{"part of a word", "Scunthorpe", false},
		{"beginning of a word", "blastoff", false},
		{"end of a word", "sandblast", false},
		{"plural is another word", "blasts", false},
		{"digits beside it are part of a word", "blast99", false},
		{"composed mark", "blást", true},
		{"decomposed mark", "bla\u0301st", true},
		{"marks upon marks", "b\u0334l\u0334a\u0334s\u0334t\u0334", true},
		{"mark in upper case", "BLÁST", true},
		{"wide letters", "ｂｌａｓｔ", true},
		{"wide capitals", "ＢＬＡＳＴ", true},
		{"a word that is not ASCII", "der Fluß", true},
		{"the same in other letters", "der Fluss", false},
		{"Cyrillic letters that look alike are others", "blаst", false},
		{"digits for letters", "bl4st", true},
		{"several digits", "8 bl457", true},
		{"signs for letters", "bl@$t", true},
		{"sign at the end of a sentence", "blast! again", true},
		{"sign between two words", "blast@example.org", true},
		{"a number alone", "81457", false},
		{"an address", "blanche@example.org", false},
		{"broken UTF-8", "\xffblast\xff", true},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, j.flagsText(row.text)) })
	}
}

func TestFold_eachMarkedLetterHasItsPlainOne(t *testing.T) {
	require.Len(t, marked, 2*len(unmarked), "two bytes each")
	require.Equal(t, unmarked, fold(marked))
	require.Equal(t, unmarked, fold(strings.ToUpper(marked)))
}

func TestHandle_verdictNamesTheFieldsAndNothingElse(t *testing.T) {
	var log strings.Builder
	j := newJudge(t, slog.New(slog.NewJSONHandler(&log, nil)))
	for _, row := range []struct {
		name, data string
		want       Verdict
	}{
		{"clean", `{"name":"Ada","age":36,"ok":true,"none":null}`, Verdict{Fields: []string{}}},
		{"two fields", `{"b":"oh blast","a":"BLAST","c":"fine"}`, Verdict{Flagged: true, Fields: []string{"a", "b"}}},
		{"one of several choices", `{"topics":["fine","blast"]}`, Verdict{Flagged: true, Fields: []string{"topics"}}},
		{"the name of a field is no answer", `{"blast":"fine"}`, Verdict{Fields: []string{}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			log.Reset()
			events, err := j.handle(t.Context(), submission.Submission{ID: "an-id", Form: "demo", ReceivedAt: time.Now(), Data: []byte(row.data)})
			require.NoError(t, err)
			require.Len(t, events, 1)
			require.Equal(t, Type, events[0].Type)
			require.Equal(t, row.want, events[0].Data)
			require.Contains(t, log.String(), "an-id")
			require.NotContains(t, strings.ToLower(log.String()), "blast")
			require.NotContains(t, log.String(), "fine")
		})
	}
}

func TestLoad_ownWords_areThere(t *testing.T) {
	words, err := load("")
	require.NoError(t, err)
	require.True(t, words["darn"])
	require.False(t, words["# -words names a file of your own instead."])
}

func TestLoad_wrongFile_saysWhatToDo(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"two words in a line", "one\ntwo words\n", "line 2 is not one word"},
		{"empty", "", "holds no word"},
		{"comments only", "# nothing\n", "holds no word"},
		{"a line without end", strings.Repeat("a", 100_000), "cannot be read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "words.txt")
			require.NoError(t, os.WriteFile(path, []byte(row.text), 0o600))
			_, err := (&Config{Words: path}).Handler(chassis.Deps{})
			require.ErrorContains(t, err, "-words")
			require.ErrorContains(t, err, row.want)
		})
	}
	_, err := load(filepath.Join(t.TempDir(), "none.txt"))
	require.ErrorContains(t, err, "cannot be read")
}

func FuzzFlagsText(f *testing.F) {
	for _, seed := range []string{"", "blast", "Scunthorpe", "bl@$t", "ｂｌａｓｔ", "\xff\xfe", "a\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		j := newJudge(t, nil)
		if j.flagsText(text) {
			require.True(t, j.flagsText("a "+text+" b"), "a neighbour takes nothing away")
		}
		require.True(t, j.flagsText(text+" blast "+text), "text around it hides no word")
	})
}

func BenchmarkHandle(b *testing.B) {
	j := newJudge(b, slog.New(slog.DiscardHandler))
	s := submission.Submission{ID: submission.NewID(), Form: "demo", ReceivedAt: time.Now(),
		Data: []byte(`{"name":"Ada Lovelace","email":"ada@example.org","message":"` + strings.Repeat("Hello from Formstream. ", 20) + `"}`)}
	for b.Loop() {
		_, err := j.handle(b.Context(), s)
		require.NoError(b, err)
	}
}
