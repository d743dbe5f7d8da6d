package chassis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxConfigFile bounds the file of -config, in bytes.
const maxConfigFile = 64 << 10

// readFile reads the file of -config: one flat YAML mapping of flag names to
// values. A list may stand where a flag takes a comma-separated one.
func (l *loader) readFile(path string) (map[string]setting, error) {
	src, err := readBounded(path, maxConfigFile)
	if err != nil {
		return nil, &Problem{Key: "config", Value: path, Remedy: "cannot be read: " + err.Error()}
	}
	return l.parseFile(path, src)
}

func (l *loader) parseFile(path string, src []byte) (map[string]setting, error) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, yamlError(path, err)
	}
	settings := map[string]setting{}
	var errs []error
	for i, doc := range file.Docs {
		if i > 0 {
			errs = append(errs, fmt.Errorf("%s: holds more than one YAML document; keep one", path))
			break
		}
		errs = append(errs, l.readMapping(path, doc.Body, settings))
	}
	return settings, errors.Join(errs...)
}

func (l *loader) readMapping(path string, body ast.Node, into map[string]setting) error {
	if body == nil || body.Type() == ast.NullType || body.Type() == ast.CommentType {
		return nil
	}
	var entries []*ast.MappingValueNode
	switch n := body.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		return fmt.Errorf("%s: must hold lines of the form \"name: value\"", at(path, body))
	}
	var errs []error
	for _, entry := range entries {
		errs = append(errs, l.readEntry(path, entry, into))
	}
	return errors.Join(errs...)
}

func (l *loader) readEntry(path string, entry *ast.MappingValueNode, into map[string]setting) error {
	place := at(path, entry.Key)
	key, ok := scalar(entry.Key)
	if !ok {
		return fmt.Errorf("%s: a key must be the name of a flag", place)
	}
	if isControl(key) {
		return fmt.Errorf("%s: %s cannot be set in the file; give it as a flag", place, key)
	}
	if l.fs.Lookup(key) == nil {
		return fmt.Errorf("%s: unknown key %q%s; keys are the names of flags, -help lists them", place, shorten(key), l.suggest(key, ""))
	}
	if _, twice := into[key]; twice {
		return fmt.Errorf("%s: %s is given twice; keep one", place, key)
	}
	text, ok := value(entry.Value)
	if !ok {
		return fmt.Errorf("%s: %s must have one plain value, or a list of them; write \"\" for the empty one", place, key)
	}
	into[key] = setting{text: text, origin: place, layer: 1}
	return nil
}

// value returns a scalar's text as it is written (so that a password of digits
// keeps its zeros), or a list's joined by commas.
func value(n ast.Node) (string, bool) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return scalar(n)
	}
	var items []string
	for _, item := range seq.Values {
		text, ok := scalar(item)
		if !ok {
			return "", false
		}
		items = append(items, text)
	}
	return strings.Join(items, ","), true
}

func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// at names the place of a node: file:line:column.
func at(path string, n ast.Node) string {
	if token := n.GetToken(); token != nil && token.Position != nil {
		return fmt.Sprintf("%s:%d:%d", path, token.Position.Line, token.Position.Column)
	}
	return path
}

// yamlError keeps the place and the reason of a syntax error, and leaves out the
// lines of the file that the library would quote: one may be a password.
func yamlError(path string, err error) error {
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		if token := syntax.GetToken(); token != nil && token.Position != nil {
			path = fmt.Sprintf("%s:%d:%d", path, token.Position.Line, token.Position.Column)
		}
		return fmt.Errorf("%s: is not YAML: %s", path, shorten(syntax.GetMessage()))
	}
	return fmt.Errorf("%s: is not YAML", path)
}
