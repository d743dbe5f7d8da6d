package form

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxForms bounds a folder.
const MaxForms = 10_000

// Set is an immutable collection of forms, sorted by id.
type Set struct {
	forms []*Form
	byID  map[string]*Form
}

// Lookup returns the form with this id.
func (s *Set) Lookup(id string) (*Form, bool) {
	f, ok := s.byID[id]
	return f, ok
}

// All returns the forms, sorted by id. The slice is the caller's.
func (s *Set) All() []*Form { return slices.Clone(s.forms) }

// NewSet returns the set of forms. It fails when two of them have the same id, or the same tab of one spreadsheet; the
// error joins a [*Problem] for each.
func NewSet(forms ...*Form) (*Set, error) {
	if err := join(sortProblems(collisions(forms))); err != nil {
		return nil, err
	}
	s := &Set{forms: slices.Clone(forms), byID: make(map[string]*Form, len(forms))}
	slices.SortFunc(s.forms, func(a, b *Form) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range s.forms {
		s.byID[f.ID] = f
	}
	return s, nil
}

// LoadDir compiles the definitions in a folder: each *.yaml and *.yml file holds one form; other files, folders and names
// that begin with a dot are left alone. lookup finds the value of ${NAME}. The error joins a [*Problem] for everything
// that is wrong in any of the files, so that all of it can be put right at once. A folder without definitions is an error.
func LoadDir(dir string, lookup func(string) (string, bool)) (*Set, error) {
	files, err := definitionFiles(dir)
	if err != nil {
		return nil, err
	}
	c := newCompiler(lookup)
	var forms []*Form
	var problems []*Problem
	for _, file := range files {
		src, err := readBounded(file)
		if err != nil {
			problems = append(problems, &Problem{File: file, Message: fmt.Sprintf("cannot be read (%v): make it readable, or remove it", err)})
			continue
		}
		f, wrong := c.parse(file, src)
		problems = append(problems, wrong...)
		forms = append(forms, f)
	}
	problems = append(problems, collisions(forms)...)
	if len(problems) > 0 {
		return nil, join(sortProblems(problems))
	}
	return NewSet(forms...)
}

func definitionFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of forms: %w", err)
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		ext := strings.ToLower(filepath.Ext(name))
		if ext != ".yaml" && ext != ".yml" || strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(dir, name)
		// Kubernetes mounts each file of a ConfigMap as a link: follow it, to tell a file from a folder.
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		files = append(files, path)
	}
	switch {
	case len(files) == 0:
		return nil, fmt.Errorf("the folder of forms %s holds no definition: put a *.yaml file into it", dir)
	case len(files) > MaxForms:
		return nil, fmt.Errorf("the folder of forms %s holds %d definitions: at most %d are allowed", dir, len(files), MaxForms)
	}
	return files, nil
}

// readBounded reads one byte more than a definition may have, so that the parser can tell that it has too many.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path: the problem names it
	}
	defer file.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(file, MaxDefinitionSize+1))
}

// collisions finds what two forms cannot share.
func collisions(forms []*Form) []*Problem {
	var problems []*Problem
	ids, tabs := map[string]*Form{}, map[string]*Form{}
	for _, f := range forms {
		if f.ID != "" {
			if first, taken := ids[f.ID]; taken {
				problems = append(problems, f.problem("id", "%q is also the id of %s: give each form its own", f.ID, first.File))
				continue
			}
			ids[f.ID] = f
		}
		sink := f.Sinks.Sheets
		if sink == nil || sink.Spreadsheet == "" || sink.Tab == "" {
			continue
		}
		tab := sink.Spreadsheet + "\n" + strings.ToLower(sink.Tab) // Sheets takes names that differ in case for one
		if first, taken := tabs[tab]; taken {
			problems = append(problems, f.problem("sinks.sheets.tab", "%q of spreadsheet %q is also the tab of form %q in %s: give each form its own",
				sink.Tab, sink.Spreadsheet, first.ID, first.File))
			continue
		}
		tabs[tab] = f
	}
	return problems
}

func (f *Form) problem(key, format string, args ...any) *Problem {
	var at position
	if f.compiled != nil {
		at = f.compiled.at.find(key)
	}
	return &Problem{File: f.File, Line: at.line, Column: at.column, Key: key, Message: fmt.Sprintf(format, args...)}
}

func sortProblems(problems []*Problem) []*Problem {
	slices.SortStableFunc(problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}
