package page

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

// leaves returns every text of a file by its key.
func leaves(t *testing.T, lang string) map[string]string {
	t.Helper()
	data, err := textFiles.ReadFile("texts/" + lang + ".yaml")
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(data, &tree))
	all := map[string]string{}
	var walk func(prefix string, node map[string]any)
	walk = func(prefix string, node map[string]any) {
		for key, value := range node {
			switch value := value.(type) {
			case map[string]any:
				walk(prefix+key+".", value)
			default:
				require.IsType(t, "", value, prefix+key)
				all[prefix+key] = reflect.ValueOf(value).String()
			}
		}
	}
	walk("", tree)
	return all
}

func TestTexts_everyLanguage_saysEverything(t *testing.T) {
	english := leaves(t, fallback)
	all, err := loadTexts()
	require.NoError(t, err)
	require.ElementsMatch(t, form.Languages(), slices.Collect(maps.Keys(all)), "pages and messages of fields speak the same languages")
	for lang := range all {
		t.Run(lang, func(t *testing.T) {
			texts := leaves(t, lang)
			require.ElementsMatch(t, slices.Collect(maps.Keys(english)), slices.Collect(maps.Keys(texts)))
			for key, text := range texts {
				require.NotEmpty(t, strings.TrimSpace(text), key)
				require.Equal(t, strings.Count(english[key], "%d"), strings.Count(text, "%d"), key)
				require.Equal(t, strings.Count(english[key], "%"), strings.Count(text, "%"), key)
			}
		})
	}
}

func TestTexts_whatALanguageLeavesOut_isSaidInEnglish(t *testing.T) {
	english := &texts{}
	require.NoError(t, english.read(fallback))
	partly := *english
	require.NoError(t, yaml.Unmarshal([]byte("submit: Versturen"), &partly))
	require.Equal(t, "Versturen", partly.Submit)
	require.Equal(t, english.Thanks, partly.Thanks)
	require.Equal(t, "Something went wrong", partly.problem("no such code").Title)
}

func TestMatch(t *testing.T) {
	pages, err := New()
	require.NoError(t, err)
	german := &form.Form{Language: "de-AT"}
	for _, row := range []struct {
		name, header string
		form         *form.Form
		want         string
	}{
		{"no header", "", nil, "en"},
		{"a language that there is", "es", nil, "es"},
		{"of a region", "de-CH", nil, "de"},
		{"the best of several", "fr;q=0.9, es;q=0.5, de;q=0.7", nil, "de"},
		{"none that there is", "fr, ja", nil, "en"},
		{"anything", "*", nil, "en"},
		{"no header, a German form", "", german, "de"},
		{"none that there is, a German form", "fr", german, "de"},
		{"English, a German form", "en-US,en;q=0.9", german, "en"},
		{"nonsense", "!!;;q=x", german, "de"},
		{"endless", strings.Repeat("es,", 10_000), german, "de"},
		{"a form in another language", "", &form.Form{Language: "fr"}, "en"},
		{"a form in no language", "", &form.Form{}, "en"},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, pages.Match(row.header, row.form)) })
	}
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "A", "must": "Must", "ü": "Ü", "Wie?": "Wie?", "\xff": "\uFFFD"} {
		require.Equal(t, want, sentence(in))
	}
}
