package schematest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/formstream/formstream/pkgtest/servers"
)

// The versions of ajv and ajv-formats.
const (
	ajvVersion     = "8.20.0"
	formatsVersion = "3.0.1"
)

const remedy = "install node (18 or later) and npm, and let npm reach its registry"

//go:embed check.mjs
var script string

// Install returns the folder of ajv, after installing it from the npm registry where it is not in the cache. Without node
// or npm, or without the registry, the error is a [servers.MissingError].
func Install(ctx context.Context) (string, error) {
	for _, command := range []string{"node", "npm"} {
		if _, err := exec.LookPath(command); err != nil {
			return "", &servers.MissingError{Server: "ajv", Remedy: remedy, Err: err}
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("install ajv: %w", err)
	}
	folder := filepath.Join(cache, "formstream", "ajv-"+ajvVersion+"-"+formatsVersion)
	if installed(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o750); err != nil {
		return "", fmt.Errorf("install ajv: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), "ajv-")
	if err != nil {
		return "", fmt.Errorf("install ajv: %w", err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // it is in the cache, and after the renaming no more
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", fresh, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent",
		"ajv@"+ajvVersion, "ajv-formats@"+formatsVersion)
	if output, err := npm.CombinedOutput(); err != nil {
		return "", &servers.MissingError{Server: "ajv", Remedy: remedy, Err: fmt.Errorf("npm: %w: %s", err, bytes.TrimSpace(output))}
	}
	if err := os.Rename(fresh, folder); err != nil && !installed(folder) { // another process may have been first
		return "", fmt.Errorf("install ajv: %w", err)
	}
	return folder, nil
}

func installed(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "node_modules", "ajv-formats", "package.json"))
	return err == nil
}

// Verdicts returns what ajv, installed in a folder, says of values under a schema, in one run of node: "" of one that is
// valid, or else its first errors. Each value is JSON in one line.
func Verdicts(ctx context.Context, folder string, schema []byte, values [][]byte) ([]string, error) {
	var in, out, problems bytes.Buffer
	in.Write(schema)
	for _, value := range values {
		in.WriteByte('\n')
		in.Write(value)
	}
	file, err := os.CreateTemp("", "formstream-ajv-*.mjs")
	if err != nil {
		return nil, fmt.Errorf("run ajv: %w", err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a file in the folder for temporary ones
	_, err = file.WriteString(script)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("run ajv: %w", err)
	}
	node := exec.CommandContext(ctx, "node", file.Name(), folder)
	node.Stdin, node.Stdout, node.Stderr = &in, &out, &problems
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("run ajv: %w: %s", err, bytes.TrimSpace(problems.Bytes()))
	}
	verdicts := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(verdicts) != len(values) {
		return nil, fmt.Errorf("run ajv: %d verdicts on %d values", len(verdicts), len(values))
	}
	for i, verdict := range verdicts {
		if verdict == "valid" {
			verdicts[i] = ""
		}
	}
	return verdicts, nil
}
