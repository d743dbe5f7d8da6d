package standalone_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/standalone/standalone"
)

const everyType = `id: a
title: A
fields:
  - {name: who, label: Who, type: text, required: true}
  - {name: nickname, label: Nickname, type: text, required: true, rules: max=12}
  - {name: site, label: Site, type: text, required: true, rules: url}
  - {name: mail, label: Mail, type: email, required: true}
  - {name: phone, label: Phone, type: phone, required: true, region: DE}
  - {name: count, label: Count, type: integer, required: true, rules: "gt=0,lte=5"}
  - {name: share, label: Share, type: number, required: true, rules: "gt=0,lt=1"}
  - {name: agreed, label: Agreed, type: boolean, required: true}
  - {name: size, label: Size, type: choice, required: true, options: [it's small, large]}
  - {name: notes, label: Notes, type: multiline}
sinks:
  sheets: {spreadsheet: s, tab: A}
`

func ExampleExample() {
	f, err := form.Parse("a.yaml", []byte(everyType), func(string) (string, bool) { return "", false })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(standalone.Example(f))
	// Output: {"who":"Hello","nickname":"Ada Lovelace","site":"https://example.org/","mail":"ada@example.org","phone":"+91 98765 43210","count":1,"share":0.5,"agreed":true,"size":"it's small"} true
}

func TestExample_rulesThatNothingTriedSatisfies_saysSo(t *testing.T) {
	f, err := form.Parse("a.yaml", []byte("id: a\ntitle: A\nfields:\n  - {name: x, label: X, type: text, required: true, rules: len=33}\n"), none)
	require.NoError(t, err)
	_, ok := standalone.Example(f)
	require.False(t, ok)
}

func TestExample_formsOfTheRepository_acceptTheirs(t *testing.T) {
	forms, err := form.LoadDir(formsDir, none)
	require.NoError(t, err)
	for _, f := range forms.All() {
		example, ok := standalone.Example(f)
		require.True(t, ok, f.ID)
		var raw map[string]any
		require.NoError(t, json.Unmarshal([]byte(example), &raw))
		_, wrong := f.Check(raw)
		require.Empty(t, wrong)
	}
}
