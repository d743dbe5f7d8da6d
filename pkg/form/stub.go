package form

import "errors"

type compiled struct{}

// Set is an immutable collection of forms, sorted by id.
type Set struct {
	forms []*Form
	byID  map[string]*Form
}

// NewSet returns the set of forms.
func NewSet(forms ...*Form) (*Set, error) { return nil, errors.New("not yet") }

// Lookup returns the form with this id.
func (s *Set) Lookup(id string) (*Form, bool) { f, ok := s.byID[id]; return f, ok }

// All returns the forms, sorted by id.
func (s *Set) All() []*Form { return append([]*Form(nil), s.forms...) }

// LoadDir loads a folder of definitions.
func LoadDir(dir string, lookup func(string) (string, bool)) (*Set, error) {
	return nil, errors.New("not yet")
}

// Parse compiles one definition.
func Parse(file string, src []byte, lookup func(string) (string, bool)) (*Form, error) {
	return nil, errors.New("not yet")
}

// Check sanitises raw, then validates it.
func (f *Form) Check(raw map[string]any) (Values, []FieldError) { return nil, nil }

// Encode returns the event's JSON data.
func (f *Form) Encode(v Values) ([]byte, error) { return nil, errors.New("not yet") }

// Header returns the column labels.
func (f *Form) Header() []string { return nil }

// Row returns the cells of an event's data in the form's order; cut counts cells that were too long.
func (f *Form) Row(data []byte) (cells []string, cut int, err error) {
	return nil, 0, errors.New("not yet")
}
