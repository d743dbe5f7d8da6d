package form

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// MaxDefinitionSize bounds a definition file, in bytes.
	MaxDefinitionSize = 256 << 10

	// maxNesting bounds how deep flow collections and dashes may stand in each other. The parser's time and memory grow
	// with the square of it, and a definition needs four.
	maxNesting = 50
)

// Problem is one thing that is wrong with a definition, where it stands, and what to do about it.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Key          string // fields[2].type; "" for the file as a whole
	Message      string
}

func (p *Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	if p.Key != "" {
		where += ": " + p.Key
	}
	return where + ": " + p.Message
}

type position struct{ line, column int }

// positions tell where each key of a definition stands.
type positions map[string]position

// find returns where key stands, or else the nearest part around it that does.
func (p positions) find(key string) position {
	for {
		if at, ok := p[key]; ok {
			return at
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return p[""]
		}
		key = key[:cut]
	}
}

// reader walks a YAML document and collects what is wrong with it.
type reader struct {
	file     string
	lookup   func(string) (string, bool)
	at       positions
	problems []*Problem
	settled  map[string]bool
}

// settle ends the reading: of a key that is wrong by now, or of what stands in it, nothing more is said.
func (r *reader) settle() {
	r.settled = map[string]bool{}
	for _, p := range r.problems {
		r.settled[p.Key] = true
	}
}

func (r *reader) isSettled(key string) bool {
	for ; key != ""; key = key[:max(0, strings.LastIndexAny(key, ".["))] {
		if r.settled[key] {
			return true
		}
	}
	return r.settled[""]
}

func (r *reader) fail(key, format string, args ...any) {
	if r.isSettled(key) {
		return
	}
	at := r.at.find(key)
	r.problems = append(r.problems, &Problem{File: r.file, Line: at.line, Column: at.column, Key: key, Message: fmt.Sprintf(format, args...)})
}

// read returns what a key holds to its place. A reader of a kind is a function, so that a definition's shape is a table.
type read func(n ast.Node, key string)

// document parses src and reads its one document with root.
func (r *reader) document(src []byte, root read) {
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // an editor's mark
	switch {
	case len(src) > MaxDefinitionSize:
		r.fail("", "is larger than %d bytes: split the form", MaxDefinitionSize)
		return
	case !utf8.Valid(src):
		r.fail("", "is not UTF-8: save it in that encoding")
		return
	case tooDeep(src):
		r.fail("", "is nested more than %d deep: write it flatter", maxNesting)
		return
	}
	file, err := parse(src)
	if err != nil {
		r.syntax(err)
		return
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			r.note("", doc.Body)
			r.fail("", "holds a second document: write one form per file, without ---")
			return
		}
		body = doc.Body
	}
	r.at[""] = position{1, 1}
	if body == nil {
		r.fail("", "is empty: a form needs id and fields")
		return
	}
	root(body, "")
}

// parse keeps a parser's panic from ending the process: a definition may arrive while all is running.
func parse(src []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML cannot be read (%v)", p)
		}
	}()
	return parser.ParseBytes(src, 0)
}

func (r *reader) syntax(err error) {
	var detailed yaml.Error
	if !errors.As(err, &detailed) {
		r.fail("", "is not YAML: %v", err)
		return
	}
	if token := detailed.GetToken(); token != nil && token.Position != nil {
		r.at[""] = position{token.Position.Line, token.Position.Column}
	}
	r.fail("", "is not YAML: %s", detailed.GetMessage())
}

// tooDeep counts what can nest on few characters: open brackets, whatever they stand in, and dashes in one line.
// Nesting by indentation needs a longer line for each level, so the file's size bounds it.
func tooDeep(src []byte) bool {
	open, dashes, start := 0, 0, true
	for _, c := range src {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case '-', '?':
			if start {
				dashes++
			}
		case '\n':
			dashes, start = 0, true
			continue
		case ' ':
			continue
		}
		start = start && (c == '-' || c == '?')
		if open > maxNesting || dashes > maxNesting {
			return true
		}
	}
	return false
}

// note remembers where n stands.
func (r *reader) note(key string, n ast.Node) {
	if mapping, ok := n.(*ast.MappingNode); ok && len(mapping.Values) > 0 && !mapping.IsFlowStyle {
		n = mapping.Values[0].Key // a block's own token is its first colon
	}
	if n == nil {
		return
	}
	if token := n.GetToken(); token != nil && token.Position != nil {
		r.at[key] = position{token.Position.Line, token.Position.Column}
	}
}

// object reads a mapping whose keys are those of shape.
func (r *reader) object(shape map[string]read) read {
	return func(n ast.Node, key string) {
		r.note(key, n)
		pairs, ok := r.pairs(n)
		if !ok {
			r.fail(key, "must hold keys and values: %s", strings.Join(sortedKeys(shape), ", "))
			return
		}
		for _, pair := range pairs {
			name := pair.Key.GetToken().Value
			inner := strings.TrimPrefix(key+"."+name, ".")
			into, ok := shape[name]
			if !ok {
				r.note(inner, pair.Key)
				r.fail(inner, "unknown key%s: use one of %s", suggest(name, shape), strings.Join(sortedKeys(shape), ", "))
				continue
			}
			if _, none := pair.Value.(*ast.NullNode); none || pair.Value == nil {
				continue // as if the key were not there
			}
			r.note(inner, pair.Value)
			into(pair.Value, inner)
		}
	}
}

func (r *reader) pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch mapping := n.(type) {
	case *ast.MappingNode:
		return mapping.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{mapping}, true
	}
	return nil, false
}

// list reads a sequence, at most limit elements of it.
func (r *reader) list(limit int, element read) read {
	return func(n ast.Node, key string) {
		sequence, ok := n.(*ast.SequenceNode)
		if !ok {
			r.fail(key, "must be a list: begin each element with a dash")
			return
		}
		if len(sequence.Values) > limit {
			r.fail(key, "has %d elements: at most %d are allowed", len(sequence.Values), limit)
			return
		}
		for i, value := range sequence.Values {
			inner := fmt.Sprintf("%s[%d]", key, i)
			r.note(inner, value)
			element(value, inner)
		}
	}
}

// text reads a scalar, whatever YAML takes it for, with ${NAME} replaced. It may have at most limit characters.
func (r *reader) text(limit int, into *string) read {
	return func(n ast.Node, key string) {
		raw, ok := scalar(n)
		if !ok {
			r.fail(key, "must be text on its own: lists, mappings, anchors, aliases and tags do not belong here")
			return
		}
		value, err := expand(raw, r.lookup)
		if err != nil {
			r.fail(key, "%v", err)
			return
		}
		if length := utf8.RuneCountInString(value); length > limit {
			r.fail(key, "has %d characters: at most %d are allowed", length, limit)
			return
		}
		*into = value
	}
}

// oneOf reads one of some words.
func (r *reader) oneOf(words []string, into *string) read {
	return func(n ast.Node, key string) {
		var value string
		r.text(MaxLength, &value)(n, key)
		if !slices.Contains(words, value) {
			r.fail(key, "must be one of %s", strings.Join(words, ", "))
			return
		}
		*into = value
	}
}

// texts reads a mapping of names of the writer's own, at most most of them.
func (r *reader) texts(most, limit int, into *map[string]string) read {
	return func(n ast.Node, key string) {
		pairs, ok := r.pairs(n)
		if !ok || len(pairs) > most {
			r.fail(key, "must hold keys and values, at most %d", most)
			return
		}
		*into = make(map[string]string, len(pairs))
		for _, pair := range pairs {
			name := pair.Key.GetToken().Value
			inner := key + "." + name
			r.note(inner, pair.Value)
			text := ""
			r.text(limit, &text)(pair.Value, inner)
			(*into)[name] = text
		}
	}
}

func (r *reader) flag(into *bool) read {
	return func(n ast.Node, key string) {
		var value string
		r.text(MaxLength, &value)(n, key)
		switch value {
		case "true":
			*into = true
		case "false", "":
		default:
			r.fail(key, "must be true or false, without quotes")
		}
	}
}

// scalar returns a scalar's text as the file has it: 007 stays 007.
func scalar(n ast.Node) (string, bool) {
	switch value := n.(type) {
	case *ast.StringNode:
		return value.Value, true
	case *ast.LiteralNode:
		return value.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// expand puts the environment's values in place of ${NAME}; $${ stands for ${ itself. A value is not expanded again.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return b.String() + before, nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + "${")
			text = rest
			continue
		}
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !environmentName(name) {
			return "", errors.New("${ must be followed by a variable's name and }: for the text ${ itself write $${")
		}
		value, ok := "", false
		if lookup != nil {
			value, ok = lookup(name)
		}
		if !ok {
			return "", fmt.Errorf("the environment has no variable %s: set it, or write the value itself", name)
		}
		b.WriteString(value)
		text = after
	}
}

func environmentName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 200
}
