package form_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

var update = flag.Bool("update", false, "write the golden files anew")

// environment is a lookup function of these variables alone.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

func TestLoadDir_wrongDefinitions_reportsAllOfThemAtOnce(t *testing.T) {
	set, err := form.LoadDir("testdata/wrong", environment(nil))
	require.Nil(t, set)
	require.Error(t, err)
	const golden = "testdata/wrong.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600))
	}
	want, readErr := os.ReadFile(golden)
	require.NoError(t, readErr)
	require.Equal(t, string(want), filepath.ToSlash(err.Error())+"\n")
}

func TestLoadDir_rightDefinitions_sortedByID(t *testing.T) {
	set, err := form.LoadDir("testdata/right", environment(map[string]string{"TITLE": "Hello: [world]", "WHO": "${TITLE}", "REQUIRED": "true"}))
	require.NoError(t, err)
	require.Len(t, set.All(), 2)
	require.Equal(t, "alpha", set.All()[0].ID)
	require.Equal(t, "beta", set.All()[1].ID)

	_, ok := set.Lookup("gamma")
	require.False(t, ok)
	f, ok := set.Lookup("alpha")
	require.True(t, ok)
	require.Equal(t, "forms.alpha", f.Topic())
	require.Equal(t, "Hello: [world]", f.Title, "a variable's value is no YAML")
	require.Equal(t, "Costs ${5}, for ${TITLE}.\n", f.Description, "nor is it expanded again")
	require.Equal(t, form.Sinks{Sheets: &form.SheetsSink{Spreadsheet: "book", Tab: "Alpha"}}, f.Sinks)
	require.Equal(t, []form.Field{{
		Name: "a", Label: "Hello: [world] & more", Type: "choice", Required: true,
		Options: []form.Option{{"1.0", "1.0"}, {"007", "007"}, {"yes", "Yes!"}, {"${TITLE}", "${TITLE}"}},
	}}, f.Fields)

	beta, _ := set.Lookup("beta")
	require.Equal(t, "beta", beta.Title, "the id, when there is none")
	require.Equal(t, []string{"a"}, beta.Header(), "the name, when there is no label")
	require.Nil(t, beta.Sinks.Sheets)
}

func TestLoadDir_linkedFiles_asKubernetesMountsThem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..data", "a.yaml"), []byte("id: a\nfields: [{name: a, type: text}]"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")))
	set, err := form.LoadDir(dir, nil)
	require.NoError(t, err)
	require.Len(t, set.All(), 1)
}

func TestLoadDir_folders(t *testing.T) {
	_, err := form.LoadDir(filepath.Join(t.TempDir(), "away"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)

	_, err = form.LoadDir(t.TempDir(), nil)
	require.ErrorContains(t, err, "holds no definition: put a *.yaml file into it")

	dir := t.TempDir()
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "a.yaml")))
	_, err = form.LoadDir(dir, nil)
	require.ErrorContains(t, err, "a.yaml: cannot be read (no such file or directory)")
}

func TestNewSet_collisions(t *testing.T) {
	a := parse(t, "id: a\nfields: [{name: a, type: text}]\nsinks: {sheets: {spreadsheet: s, tab: T}}")
	b := parse(t, "id: b\nfields: [{name: a, type: text}]\nsinks: {sheets: {spreadsheet: s, tab: t}}")
	_, err := form.NewSet(a, b)
	require.EqualError(t, err, `test.yaml:3:39: sinks.sheets.tab: "t" of spreadsheet "s" is also the tab of form "a" in test.yaml: give each form its own`)
	_, err = form.NewSet(a, a)
	require.EqualError(t, err, `test.yaml:1:5: id: "a" is also the id of test.yaml: give each form its own`)
	set, err := form.NewSet(a)
	require.NoError(t, err)
	require.Equal(t, []*form.Form{a}, set.All())
}

func TestParse_wrongDefinitions(t *testing.T) {
	const head = "id: test\nfields:\n  - "
	for _, row := range []struct{ name, definition, want string }{
		{name: "empty", definition: "# nothing\n", want: "t.yaml:1:1: is empty: a form needs id and fields"},
		{name: "no mapping", definition: "- a", want: "t.yaml:1:1: must hold keys and values: api-keys, description, fields, id, language, limits, origins, redirect, region, sinks, spam, title, unknown"},
		{name: "no id", definition: "fields: [{name: a, type: text}]", want: "t.yaml:1:1: id: is missing: give the form one, such as contact-us"},
		{name: "no fields", definition: "id: a", want: "t.yaml:1:1: fields: is missing: a form needs at least one field"},
		{name: "no list of fields", definition: "id: a\nfields: b", want: "t.yaml:2:9: fields: must be a list, each element begun with a dash, or the word any"},
		{name: "an empty field", definition: head + "\n  - {name: a, type: text}", want: "fields[0]: must hold keys and values"},
		{name: "two documents", definition: "id: a\n---\nid: b", want: "t.yaml:3:1: holds a second document"},
		{name: "a key twice", definition: "id: a\nid: b", want: `t.yaml:2:1: is not YAML: mapping key "id" already defined at [1:1]`},
		{name: "tabs", definition: "id: a\nfields:\n\t- b", want: "t.yaml:3:1: is not YAML: found character"},
		{name: "not UTF-8", definition: "id: \xff", want: "t.yaml: is not UTF-8: save it in that encoding"},
		{name: "an anchor", definition: "id: &x a\nfields: [{name: a, type: text}]", want: "t.yaml:1:5: id: must be text on its own"},
		{name: "a YAML tag", definition: "id: !!str a\nfields: [{name: a, type: text}]", want: "t.yaml:1:5: id: must be text on its own"},
		{name: "too large", definition: "#" + strings.Repeat("x", form.MaxDefinitionSize), want: "t.yaml: is larger than 262144 bytes"},
		{name: "too many brackets", definition: strings.Repeat("[", 100_000), want: "t.yaml: is nested more than 50 deep"},
		{name: "too many dashes", definition: strings.Repeat("- ", 100_000), want: "t.yaml: is nested more than 50 deep"},
		{name: "too many fields", definition: "id: a\nfields:\n" + strings.Repeat("  - {}\n", 201), want: "t.yaml:3:3: fields: has 201 elements: at most 200 are allowed"},
		{name: "too long a label", definition: head + "{name: a, type: text, label: " + strings.Repeat("x", 201) + "}", want: "fields[0].label: has 201 characters: at most 200 are allowed"},
		{name: "a label of two lines", definition: head + "{name: a, type: text, label: \"a\\nb\"}", want: "t.yaml:3:34: fields[0].label: must be one line"},
		{name: "a missing variable", definition: "id: a\ntitle: ${AWAY}\nfields: [{name: a, type: text}]", want: "t.yaml:2:8: title: the environment has no variable AWAY: set it, or write the value itself"},
		{name: "a broken variable", definition: "id: a\ntitle: ${A WAY}\nfields: [{name: a, type: text}]", want: "t.yaml:2:8: title: ${ must be followed by a variable's name and }"},
		{name: "an open variable", definition: "id: a\ntitle: ${AWAY\nfields: [{name: a, type: text}]", want: "t.yaml:2:8: title: ${ must be followed by a variable's name and }"},
		{name: "no name", definition: head + "{type: text}", want: "fields[0].name: is missing: give the field one, such as email"},
		{name: "a reserved name", definition: head + "{name: _next, type: text}", want: `fields[0].name: "_next" must be 1 to 63 of`},
		{name: "no type", definition: head + "{name: a}", want: "fields[0].type: is missing: use one of boolean, choice, choices, consent, date, datetime, email, hidden, integer, multiline, number, phone, text, time, url"},
		{name: "a near type", definition: head + "{name: a, type: emial}", want: `t.yaml:3:21: fields[0].type: unknown type "emial" (did you mean "email"?): use one of boolean, choice,`},
		{name: "required in other words", definition: head + "{name: a, type: text, required: sure}", want: "fields[0].required: must be true or false"},
		{name: "a choice of nothing", definition: head + "{name: a, type: choice}", want: "fields[0].options: is missing: a choice needs at least one"},
		{name: "options of a text", definition: head + "{name: a, type: text, options: [b]}", want: "fields[0].options: belongs to types choice and choices only"},
		{name: "an option twice", definition: head + "{name: a, type: choice, options: [b, c, b]}", want: `fields[0].options[2]: "b" is also options[0]`},
		{name: "an empty option", definition: head + "{name: a, type: choice, options: ['']}", want: "fields[0].options[0]: is empty: give it a value"},
		{name: "an option that is not stored so", definition: head + "{name: a, type: choice, options: ['<b>x</b>']}", want: `fields[0].options[0]: "<b>x</b>" could never be chosen, since answers are stored tidied: write it as "x"`},
		{name: "a region of a text", definition: head + "{name: a, type: text, region: IN}", want: "fields[0].region: belongs to type phone only"},
		{name: "a region in words", definition: head + "{name: a, type: phone, region: India}", want: `fields[0].region: unknown region "India": use a country's two capital letters, such as IN`},
		{name: "required with a default", definition: head + "{name: a, type: text, required: true, default: b}", want: "fields[0].default: a field with a default is never without an answer: remove it, or required"},
		{name: "an empty default", definition: head + "{name: a, type: text, default: ' '}", want: "fields[0].default: is empty"},
		{name: "a default of another type", definition: head + "{name: a, type: integer, default: few}", want: `fields[0].default: "few" cannot be an answer: it must be a whole number, such as 42`},
		{name: "a default against its rule", definition: head + "{name: a, type: text, default: b, rules: min=5}", want: `fields[0].default: "b" cannot be an answer: it must be at least 5 characters long`},
		{name: "no tab", definition: head + "{name: a, type: text}\nsinks: {sheets: {spreadsheet: b}}", want: "sinks.sheets.tab: is missing"},
		{name: "no spreadsheet", definition: head + "{name: a, type: text}\nsinks: {sheets: {tab: b}}", want: "sinks.sheets.spreadsheet: is missing"},
		{name: "an unknown sink", definition: head + "{name: a, type: text}\nsinks: {sheet: {tab: b}}", want: `sinks.sheet: unknown key (did you mean "sheets"?): use one of sheets`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := form.Parse("t.yaml", []byte(row.definition), nil)
			require.Nil(t, f)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "\n", "one problem, not its consequences as well")
			var problem *form.Problem
			require.True(t, errors.As(err, &problem))
			require.Equal(t, "t.yaml", problem.File)
		})
	}
}

func TestParse_wrongRules(t *testing.T) {
	for _, row := range []struct{ name, typ, rules, want string }{
		{name: "an unknown rule", typ: "text", rules: "mni=5", want: `unknown rule "mni" (did you mean "min"?)`},
		{name: "unlike any rule", typ: "text", rules: "frobnicate", want: `unknown rule "frobnicate": use the tags of validator/v10`},
		{name: "an unknown alternative", typ: "text", rules: "hexcolor|rbg", want: `unknown rule "rbg"`},
		{name: "a wrong parameter", typ: "text", rules: "min=five", want: `rule "min=five" does not work on type text: correct its parameter or take another rule`},
		{name: "a missing parameter", typ: "integer", rules: "min", want: `rule "min" does not work on type integer`},
		{name: "a rule of another type", typ: "number", rules: "oneof=1 2", want: `rule "oneof=1 2" does not work on type number`},
		{name: "a length of a date", typ: "date", rules: "contains=2026", want: `rule "contains=2026" does not work on type date: use one of min, max,`},
		{name: "a rule of no date", typ: "date", rules: "min=5", want: `rule "min=5": 5 is not a date: write it as it is stored, such as 2026-05-31`},
		{name: "a rule without a date", typ: "datetime", rules: "gt", want: `rule "gt" needs a datetime, as in gt=2026-05-31T14:30`},
		{name: "a date beside a number", typ: "date", rules: "gtefield=other", want: `rule "gtefield=other" compares type date with type integer: name a field of the same type`},
		{name: "a number beside a date", typ: "integer", rules: "gtefield=day", want: `rule "gtefield=day" compares type integer with type date`},
		{name: "a value that is no date", typ: "text", rules: "required_if=day today", want: `rule "required_if=day today": today is not a date`},
		{name: "a value of several", typ: "text", rules: "required_if=several b", want: `field "several" has type choices, which holds several answers: use required_with`},
		{name: "text beside a list", typ: "text", rules: "eqfield=several", want: `compares type text with type choices`},
		{name: "an empty rule", typ: "text", rules: "min=5,", want: "there is an empty rule in"},
		{name: "an unknown field", typ: "text", rules: "eqfield=othr", want: `rule "eqfield=othr": the form has no field "othr" (did you mean "other"?)`},
		{name: "no field", typ: "text", rules: "eqfield", want: `rule "eqfield" needs the name of another field, as in eqfield=other`},
		{name: "half a pair", typ: "text", rules: "required_if=other", want: `rule "required_if=other" needs pairs of a field and a value`},
		{name: "a pair twice", typ: "text", rules: "required_if=other a other b", want: `rule "required_if=other a other b" does not work on type text`},
		{name: "files", typ: "text", rules: "file", want: `rule "file" cannot be used: it looks at this machine's files`},
		{name: "structures", typ: "text", rules: "dive", want: `rule "dive" cannot be used: it is for nested structures`},
		{name: "presence as an alternative", typ: "text", rules: "required_with=other|email", want: `rule "required_with=other" cannot stand beside others with |`},
	} {
		t.Run(row.name, func(t *testing.T) {
			definition := "id: test\nfields:\n  - {name: other, type: integer}\n  - {name: day, type: date}\n  - {name: several, type: choices, options: [b, c]}\n  - name: a\n    type: " + row.typ + "\n    rules: \"" + row.rules + "\"\n"
			_, err := form.Parse("t.yaml", []byte(definition), nil)
			require.ErrorContains(t, err, "t.yaml:8:12: fields[3].rules: ")
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestParse_everyRuleAndFieldThatIsWrong_isNamed(t *testing.T) {
	_, err := form.Parse("t.yaml", []byte("id: test\nfields:\n  - {name: a, type: text, rules: 'mni=5,xam=9'}\n  - {name: b, type: txt, rules: fle}\n"), nil)
	require.Len(t, strings.Split(err.Error(), "\n"), 4)
	for _, want := range []string{`"mni"`, `"xam"`, `"txt"`, `"fle"`} {
		require.ErrorContains(t, err, want)
	}
}

func TestParse_byteOrderMarkAndWindowsLines(t *testing.T) {
	f, err := form.Parse("t.yaml", []byte("\ufeffid: test\r\nfields:\r\n  - name: a\r\n    type: text\r\n    rules: min=5\r\n"), nil)
	require.NoError(t, err)
	require.Equal(t, "test", f.ID)
	require.Equal(t, "min=5", f.Fields[0].Rules)
}

func TestTypes_areTheOnesThatADefinitionMayUse(t *testing.T) {
	for _, typ := range form.Types() {
		keys := []string{"type: " + typ}
		if strings.HasPrefix(typ, "choice") {
			keys = append(keys, "options: [b]")
		}
		require.Equal(t, typ, withField(t, keys...).Fields[0].Type)
	}
}
