package form

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	// maxUndeclared bounds how many undeclared fields are named; the rest is counted.
	maxUndeclared = 20

	// maxName bounds the name of an undeclared field, in characters: how much of it is repeated, and what is kept.
	maxName = 64
)

// undeclared returns the names in raw that are no fields of f, sorted; those that steer the submission are left out.
func (f *Form) undeclared(raw map[string]any) []string {
	names := slices.Sorted(maps.Keys(raw))
	return slices.DeleteFunc(names, func(name string) bool {
		_, declared := f.compiled.index[name]
		return declared || f.Steers(name)
	})
}

// reject reports undeclared fields.
func (f *Form) reject(names []string) (report []FieldError) {
	for i, name := range names {
		if i == maxUndeclared {
			return append(report, f.formError("", fault{RuleUndeclared, strconv.Itoa(len(names) - i)}))
		}
		report = append(report, f.formError(f.echo(name), fault{rule: RuleUndeclared}))
	}
	return report
}

// keep adds undeclared fields to values, within bounds.
func (f *Form) keep(raw map[string]any, names []string, values Values) (report []FieldError) {
	kept := Values{}
	for _, name := range names {
		value, bad := f.readAny(raw[name])
		if !f.storable(name) {
			bad = &fault{rule: RuleName}
		}
		switch {
		case bad != nil && len(report) == maxUndeclared:
			return report
		case bad != nil:
			report = append(report, f.formError(f.echo(name), *bad))
		case value != nil:
			kept[name] = value
		}
	}
	cell, err := appendExtras(nil, kept)
	switch {
	case len(values)+len(kept) > MaxFields:
		report = append(report, f.formError("", fault{rule: RuleCount}))
	case err != nil: // not reached: all that is kept can be encoded
		return append(report, f.formError("", fault{rule: RuleUnusable}))
	case len(cell) > MaxLength && utf16Length(string(cell)) > MaxLength:
		report = append(report, f.formError("", fault{rule: RuleMaxLength}))
	}
	maps.Copy(values, kept)
	return report
}

// storable reports whether an undeclared field can have this name: whatever HTML authors write, but short and tidy.
func (f *Form) storable(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= maxName && f.compiled.clean.text(name, false) == name
}

// readAny returns the answer to a field of which nothing is known. Numbers are kept as whole ones where they are.
func (f *Form) readAny(raw any) (any, *fault) {
	a := answerer{clean: f.compiled.clean, multiline: true}
	switch raw := raw.(type) {
	case nil:
		return nil, nil
	case bool:
		return raw, nil
	case string:
		return readText(&a, raw)
	}
	if _, number := numberText(raw); number {
		if value, bad := readInteger(&a, raw); bad == nil {
			return value, nil
		}
		return readNumber(&a, raw)
	}
	list, ok := textList(raw)
	if !ok || len(list) > MaxOptions {
		return nil, &fault{rule: RuleType}
	}
	var texts []string
	for _, element := range list {
		s, bad := a.text(element)
		if bad != nil {
			return nil, bad
		}
		if s != "" {
			texts = append(texts, s)
		}
	}
	if texts == nil {
		return nil, nil
	}
	return texts, nil
}

// echo returns a name from outside as it may be repeated: without markup or control characters, and short.
func (f *Form) echo(name string) string {
	const longest = 4 * maxName // bytes; cut first, so that cleaning is cheap too
	cut := len(name) > longest
	if cut {
		name = name[:longest]
	}
	name = f.compiled.clean.text(name, false)
	if utf8.RuneCountInString(name) > maxName {
		cut = true
		name = string([]rune(name)[:maxName])
	}
	if cut {
		name += "…"
	}
	return name
}

// formError is for what is wrong outside the form's fields.
func (f *Form) formError(field string, bad fault) FieldError {
	return FieldError{Field: field, Rule: bad.rule, Param: bad.param, Message: sayForm(f.compiled.words.in(defaultLanguage), field, bad)}
}
