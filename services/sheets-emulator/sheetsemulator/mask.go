package sheetsemulator

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// maxMaskDepth is more than any message of Sheets is deep.
const maxMaskDepth = 32

// mask selects fields of a message: all of them, or the named ones and of each what its own mask selects.
type mask struct {
	all    bool
	fields map[string]*mask
}

// parseMask reads Google's field masks: a.b,c(d,e/f),g.* with dots and slashes alike. Like Google's, it takes no
// spaces. Which names exist is not known here: see schema.checkMask.
func parseMask(text string) (*mask, error) {
	p := &maskParser{rest: text}
	m := &mask{}
	if err := p.list(m, 0); err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, p.fail()
	}
	return m, nil
}

type maskParser struct {
	rest string
}

func (p *maskParser) fail() error {
	return badMask("Error expanding 'fields' parameter. Unexpected '" + p.rest + "'.")
}

// list reads item {"," item} into m.
func (p *maskParser) list(m *mask, depth int) error {
	for {
		if err := p.item(m, depth); err != nil {
			return err
		}
		if !p.take(",") {
			return nil
		}
	}
}

// item reads name {("."|"/") name} ["(" list ")"] into m.
func (p *maskParser) item(m *mask, depth int) error {
	for {
		end := strings.IndexAny(p.rest, ",./()")
		if end < 0 {
			end = len(p.rest)
		}
		if depth++; end == 0 || depth > maxMaskDepth {
			return p.fail()
		}
		m = m.child(camel(p.rest[:end]))
		p.rest = p.rest[end:]
		if !p.take(".") && !p.take("/") {
			break
		}
	}
	if !p.take("(") {
		m.all = true
		return nil
	}
	if err := p.list(m, depth); err != nil {
		return err
	}
	if !p.take(")") {
		return p.fail()
	}
	return nil
}

func (p *maskParser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (m *mask) child(name string) *mask {
	if m.fields[name] == nil {
		if m.fields == nil {
			m.fields = map[string]*mask{}
		}
		m.fields[name] = &mask{}
	}
	return m.fields[name]
}

// of is what m selects of the field name: nil for nothing. A nil mask selects everything.
func (m *mask) of(name string) (sub *mask, selected bool) {
	if m == nil || m.all {
		return nil, true
	}
	sub, selected = m.fields[name]
	if sub != nil && sub.all {
		return nil, true
	}
	return sub, selected
}

// has tells whether the path of names, or anything below it, is selected.
func (m *mask) has(path ...string) bool {
	for _, name := range path {
		sub, ok := m.of(name)
		if !ok {
			return false
		}
		m = sub
	}
	return true
}

// checkMask refuses names that t has not, as Google does, and writes "*" out. Fields that are known but not
// supported are given to onUnsupported, with their path.
func (s *schema) checkMask(m *mask, t reflect.Type, onUnsupported func(path string) error) error {
	return s.checkMaskAt(m, messageType(t), "", onUnsupported)
}

func (s *schema) checkMaskAt(m *mask, t reflect.Type, path string, onUnsupported func(path string) error) error {
	if m.all {
		return nil
	}
	if !isMessage(t) {
		return noSuchPath(path + slices.Min(slices.Collect(maps.Keys(m.fields))))
	}
	msg := s.message(t)
	if star := m.fields["*"]; star != nil && star.all {
		m.all, m.fields = true, nil
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.fields)) {
		f, sub := msg.byName[name], m.fields[name]
		switch {
		case f == nil:
			return noSuchPath(path + name)
		case f.unsupported:
			if err := onUnsupported(path + name); err != nil {
				return err
			}
			delete(m.fields, name)
		default:
			if err := s.checkMaskAt(sub, messageType(t.Field(f.index).Type), path+name+".", onUnsupported); err != nil {
				return err
			}
		}
	}
	return nil
}

func noSuchPath(path string) error {
	return badMask("Error expanding 'fields' parameter. Cannot find matching fields for path '" + path + "'.")
}

// assign copies the fields that m selects from src to dst, two structs of one type; a field that src lacks is
// cleared in dst, as Google's update requests do.
func (s *schema) assign(dst, src reflect.Value, m *mask) {
	msg := s.message(dst.Type())
	for i := range msg.fields {
		f := &msg.fields[i]
		sub, selected := m.of(f.name)
		if f.unsupported || !selected {
			continue
		}
		to, from := dst.Field(f.index), src.Field(f.index)
		if sub == nil || from.Kind() != reflect.Pointer {
			to.Set(from)
			continue
		}
		s.assignBelow(to, from, sub)
	}
}

// assignBelow assigns within the sub-messages to and from, either of which may be absent. It never writes
// through the old pointer of to: several cells may share a message.
func (s *schema) assignBelow(to, from reflect.Value, m *mask) {
	made := reflect.New(to.Type().Elem())
	if !to.IsNil() {
		made.Elem().Set(to.Elem())
	}
	source := reflect.New(to.Type().Elem())
	if !from.IsNil() {
		source = from
	}
	s.assign(made.Elem(), source.Elem(), m)
	if made.Elem().IsZero() {
		made = reflect.Zero(to.Type())
	}
	to.Set(made)
}
