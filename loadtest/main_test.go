package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun_subcommand_isFoundOrExplained(t *testing.T) {
	for _, row := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"none", nil, 2, "", usage},
		{"help", []string{"-help"}, 0, usage, ""},
		{"unknown", []string{"soak"}, 2, "", "loadtest: there is no subcommand \"soak\": use burst or intake; loadtest help lists what there is\n"},
		{"burst", []string{"burst"}, 2, "", "burst: -url: is not set; give the address of form-api, such as http://127.0.0.1:3000\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), row.args, func(string) (string, bool) { return "", false }, &stdout, &stderr)
			require.Equal(t, row.code, code)
			require.Equal(t, row.stdout, stdout.String())
			require.Equal(t, row.stderr, stderr.String())
		})
	}
}
