package page

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"

	"github.com/formstream/formstream/pkg/form"
)

//go:embed texts/*.yaml
var textFiles embed.FS

const fallback = "en"

// texts is what the pages say beside a form's own words: a file of texts/.
type texts struct {
	Required string `yaml:"required"`
	Mark     string `yaml:"mark"`
	Choose   string `yaml:"choose"`
	Yes      string `yaml:"yes"`
	No       string `yaml:"no"`
	Submit   string `yaml:"submit"`
	Sending  string `yaml:"sending"`
	Retrying string `yaml:"retrying"`
	Unsent   string `yaml:"unsent"`
	Summary  string `yaml:"summary"`
	Error    string `yaml:"error"`
	NoScript string `yaml:"no_script"`
	Honeypot string `yaml:"honeypot"`
	Open     string `yaml:"open"`

	Thanks struct {
		Title   string `yaml:"title"`
		Text    string `yaml:"text"`
		Receipt string `yaml:"receipt"`
		Again   string `yaml:"again"`
	} `yaml:"thanks"`

	Receipt struct {
		Title     string `yaml:"title"`
		Received  string `yaml:"received"`
		ID        string `yaml:"id"`
		State     string `yaml:"state"`
		Accepted  string `yaml:"accepted"`
		Buffered  string `yaml:"buffered"`
		Delivered string `yaml:"delivered"`
		Done      string `yaml:"done"`
		Current   string `yaml:"current"`
		Waiting   string `yaml:"waiting"`
		Refresh   string `yaml:"refresh"`
	} `yaml:"receipt"`

	Problems struct {
		Default said            `yaml:"default"`
		Retry   string          `yaml:"retry"`  // %d: seconds
		Back    string          `yaml:"back"`   // to the form
		Status  string          `yaml:"status"` // %d: of HTTP
		Codes   map[string]said `yaml:"codes"`
	} `yaml:"problems"`
}

// said is a title and what to do.
type said struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

// problem returns what is said of a problem; a code without words of its own is something that went wrong.
func (t *texts) problem(code string) said {
	if s, ok := t.Problems.Codes[code]; ok {
		return s
	}
	return t.Problems.Default
}

// loadTexts reads every language, English where one says nothing.
func loadTexts() (map[string]*texts, error) {
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil, err
	}
	var english texts
	if err := english.read(fallback); err != nil {
		return nil, err
	}
	all := map[string]*texts{}
	for _, file := range files {
		lang := strings.TrimSuffix(file.Name(), path.Ext(file.Name()))
		t := english
		t.Problems.Codes = nil
		if err := t.read(lang); err != nil {
			return nil, err
		}
		codes := maps.Clone(english.Problems.Codes)
		maps.Copy(codes, t.Problems.Codes)
		t.Problems.Codes = codes
		all[lang] = &t
	}
	return all, nil
}

// read lays a language's file over t.
func (t *texts) read(lang string) error {
	data, err := textFiles.ReadFile("texts/" + lang + ".yaml")
	if err == nil {
		err = yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(t)
	}
	if err != nil {
		return fmt.Errorf("read the texts of language %s: %w", lang, err)
	}
	return nil
}

// languages matches visitors to the languages that there are.
type languages struct {
	names   []string // by the matcher's index; the first is the fall-back
	matcher language.Matcher
}

func newLanguages(all map[string]*texts) (*languages, error) {
	names := slices.Sorted(maps.Keys(all))
	names = slices.DeleteFunc(names, func(name string) bool { return name == fallback })
	l := &languages{names: append([]string{fallback}, names...)}
	tags := make([]language.Tag, len(l.names))
	for i, name := range l.names {
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("a file of texts is named %q, which is no language: %w", name, err)
		}
		tags[i] = tag
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// match returns the best language for the given preferences, or "" when there is none.
func (l *languages) match(preferred ...language.Tag) string {
	if _, i, confidence := l.matcher.Match(preferred...); confidence > language.Low {
		return l.names[i]
	}
	return ""
}

// maxAcceptLanguage bounds what is parsed of a header; browsers send a tenth of it.
const maxAcceptLanguage = 500

// Match returns the language that a page speaks to a visitor: the best for the Accept-Language header, or else the form's
// own, or else English. f may be nil.
func (p *Pages) Match(acceptLanguage string, f *form.Form) string {
	if len(acceptLanguage) <= maxAcceptLanguage {
		if preferred, _, err := language.ParseAcceptLanguage(acceptLanguage); err == nil && len(preferred) > 0 {
			if lang := p.languages.match(preferred...); lang != "" {
				return lang
			}
		}
	}
	if f != nil {
		if tag, err := language.Parse(f.Language); err == nil {
			if lang := p.languages.match(tag); lang != "" {
				return lang
			}
		}
	}
	return fallback
}
