package sheetsemulator

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// schema knows the fields of every wire struct. It is built once and then only read.
type schema struct {
	messages map[reflect.Type]*message
}

// message is one wire struct. A struct tag `json:"name"` makes a field; `json:"name,always"` is sent even when zero;
// `enum:"Type A B"` lists an enum's values, `oneof:"union"` puts it into a union. A blank field of type unsupported
// lists in its `names` what Google knows and this server does not.
type message struct {
	name   string
	fields []field
	byName map[string]*field
}

type field struct {
	name        string
	proto       string // the name in errors: sheet_id
	index       int
	always      bool
	enumName    string
	enumValues  []string
	union       string
	unsupported bool
}

// unsupported marks the fields that are documented by Google and answered 501 here.
type unsupported struct{}

// streamed is a repeated field whose elements are read from the disk while they are sent.
type streamed interface {
	elem() reflect.Type
	each(emit func(any) error) error
}

// stream is the streamed of messages or values of type T.
type stream[T any] func(emit func(T) error) error

func (stream[T]) elem() reflect.Type { return reflect.TypeFor[T]() }

func (s stream[T]) each(emit func(any) error) error {
	return s(func(v T) error { return emit(v) })
}

func newSchema(roots ...any) *schema {
	s := &schema{messages: map[reflect.Type]*message{}}
	for _, root := range roots {
		s.add(reflect.TypeOf(root))
	}
	return s
}

// messageType strips pointers, lists and streams: what is left is a struct for a message, or a scalar.
func messageType(t reflect.Type) reflect.Type {
	for {
		switch {
		case t.Implements(reflect.TypeFor[streamed]()):
			t = reflect.Zero(t).Interface().(streamed).elem()
		case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice:
			t = t.Elem()
		default:
			return t
		}
	}
}

func isMessage(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[mask]()
}

func (s *schema) add(t reflect.Type) {
	t = messageType(t)
	if !isMessage(t) || s.messages[t] != nil {
		return
	}
	m := &message{name: strings.ToUpper(t.Name()[:1]) + t.Name()[1:], byName: map[string]*field{}}
	s.messages[t] = m
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Type == reflect.TypeFor[unsupported]() {
			for _, name := range strings.Fields(sf.Tag.Get("names")) {
				m.fields = append(m.fields, field{name: name, proto: snake(name), index: -1, unsupported: true})
			}
			continue
		}
		name, option, _ := strings.Cut(sf.Tag.Get("json"), ",")
		f := field{name: name, proto: snake(name), index: i, always: option == "always", union: sf.Tag.Get("oneof")}
		if values := strings.Fields(sf.Tag.Get("enum")); len(values) > 0 {
			f.enumName, f.enumValues = values[0], values[1:]
		}
		m.fields = append(m.fields, f)
		s.add(sf.Type)
	}
	for i := range m.fields {
		m.byName[m.fields[i].name] = &m.fields[i]
	}
}

func (s *schema) message(t reflect.Type) *message {
	m := s.messages[t]
	if m == nil {
		panic(fmt.Sprintf("sheetsemulator: %s is not part of the schema", t)) // a programmer's mistake
	}
	return m
}

// camel turns a proto name (sheet_id) into the JSON one (sheetId): Google takes both.
func camel(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	var b strings.Builder
	up := false
	for _, r := range name {
		if r == '_' {
			up = true
			continue
		}
		if up {
			r, up = unicode.ToUpper(r), false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// snake turns a JSON name into the proto one, which is how Google names fields in its errors.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
