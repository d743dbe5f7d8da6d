// Package democonsumer is a plug-in that judges the language of submissions: the one to copy. This file is all of it; the
// group, retries, events and offsets are the runtime's, pkg/plugin.
package democonsumer

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/submission"
)

const (
	// Name is the plug-in's: of its command, its group formstream.demo-consumer and the source of its events.
	Name = "demo-consumer"
	// Type is the type of its events, whose data is a [Verdict].
	Type = "formstream.language.v1"

	maxWords = 100_000
)

// Config is what an operator sets.
type Config struct {
	plugin.Config

	Words string // -words: file of words, one to a line; "" is the list that comes with the plug-in
}

// Manual is the first paragraph of -help.
func (c *Config) Manual() string {
	return "demo-consumer reads the submissions of all forms, flags those that hold a word of a list, and produces its verdict\n" +
		"to processed.{form}. It is the plug-in to copy: see docs/plugins.md."
}

// RegisterFlags adds the flags to fs and sets every default.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.Config.RegisterFlags(fs)
	fs.StringVar(&c.Words, "words", "", "`file` of words to flag, one to a line, # begins a comment; a short English list if empty")
}

// Handler makes the handler, with its list of words.
func (c *Config) Handler(deps chassis.Deps) (plugin.Handler, error) {
	words, err := load(c.Words)
	if err != nil {
		return nil, err
	}
	j := &judge{words: words, log: deps.Log}
	return j.handle, nil
}

// New makes the plug-in for a process that runs others, too.
func New(cfg Config, forms *form.Set, deps chassis.Deps) (*plugin.App, error) {
	handler, err := cfg.Handler(deps)
	if err != nil {
		return nil, err
	}
	return plugin.New(Name, cfg.Config, forms, deps, handler)
}

// Verdict is the data of an event.
type Verdict struct {
	Flagged bool     `json:"flagged"`
	Fields  []string `json:"fields"` // the names of the fields that hold such a word, sorted
}

// judge is safe for concurrent use: its words never change.
type judge struct {
	words map[string]bool // folded
	log   *slog.Logger
}

// handle judges one submission. It logs the verdict, and never the text nor the word.
func (j *judge) handle(_ context.Context, s submission.Submission) ([]plugin.Event, error) {
	var answers map[string]any
	if err := json.Unmarshal(s.Data, &answers); err != nil {
		return nil, plugin.Permanent(fmt.Errorf("read answers: %w", err))
	}
	verdict := Verdict{Fields: []string{}}
	for name, answer := range answers {
		if j.flags(answer) {
			verdict.Fields = append(verdict.Fields, name)
		}
	}
	slices.Sort(verdict.Fields)
	verdict.Flagged = len(verdict.Fields) > 0
	j.log.Info("submission judged", "form", s.Form, "id", s.ID, "flagged", verdict.Flagged)
	return []plugin.Event{{Type: Type, Data: verdict}}, nil
}

// flags tells whether an answer holds a word of the list.
func (j *judge) flags(answer any) bool {
	switch v := answer.(type) {
	case string:
		return j.flagsText(v)
	case []any:
		return slices.ContainsFunc(v, j.flags)
	}
	return false // numbers and yes or no
}

// flagsText looks at whole words only, so that nobody from Scunthorpe is flagged: once with punctuation between words, and
// once with the digits and signs that stand for letters as part of them.
func (j *judge) flagsText(text string) bool {
	plain := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }
	for _, word := range strings.FieldsFunc(text, plain) {
		if j.words[fold(word)] {
			return true
		}
	}
	if !strings.ContainsAny(text, signs) {
		return false
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return plain(r) && !strings.ContainsRune(signs, r) }) {
		if strings.ContainsFunc(word, unicode.IsLetter) && j.words[fold(unleet(word))] {
			return true
		}
	}
	return false
}

// What is often written for a letter.
const (
	signs   = "@$!013457"
	letters = "asioieast"
)

func unleet(word string) string {
	return strings.Map(func(r rune) rune {
		if i := strings.IndexRune(signs, r); i >= 0 {
			return rune(letters[i])
		}
		return r
	}, word)
}

// Latin letters with a mark, two bytes each, and the same letters without.
const (
	marked   = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿāăąćčďđēėęěğġīįłńňōőœŕřśşšťūůűųźżž"
	unmarked = "aaaaaaceeeeiiiinoooooouuuuyyaaaccddeeeeggiilnnooorrssstuuuuzzz"
)

// fold makes what a reader takes for the same word the same: case, marks, and the wide letters of East Asian fonts.
// The standard library has no Unicode normal forms; a plug-in that needs all of them takes golang.org/x/text.
func fold(word string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		r = unicode.ToLower(r)
		if r < utf8.RuneSelf {
			return r
		}
		if unicode.IsMark(r) {
			return -1
		}
		if i := strings.IndexRune(marked, r); i >= 0 {
			return rune(unmarked[i/2])
		}
		return r
	}, word)
}

//go:embed words/*.txt
var ownWords embed.FS

// load reads a list of words. What is wrong with the file is a problem of the flag -words.
func load(path string) (map[string]bool, error) {
	var file fs.File
	var err error
	if path == "" {
		file, err = ownWords.Open("words/en.txt")
	} else {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, chassis.Wrong("words", path, "cannot be read: "+err.Error())
	}
	defer func() { _ = file.Close() }()
	words, err := parse(file)
	if err != nil {
		return nil, chassis.Wrong("words", path, err.Error())
	}
	return words, nil
}

// parse reads one word a line.
func parse(r io.Reader) (map[string]bool, error) {
	words, lines := map[string]bool{}, bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		word := strings.TrimSpace(lines.Text())
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) }) {
			return nil, fmt.Errorf("line %d is not one word of letters and digits: write one word to a line", n)
		}
		if words[fold(word)] = true; len(words) > maxWords {
			return nil, fmt.Errorf("has more than %d words", maxWords)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("holds no word: write one to a line")
	}
	return words, nil
}
