// Command kubeschema writes a JSON schema for every kind of Kubernetes, for kubeconform, which would otherwise download
// them from a place that is not a package registry:
//
//	go run ./kubeschema -out ../bin/kubernetes-schemas
//	kubeconform -strict -schema-location '../bin/kubernetes-schemas/{{.ResourceKind}}{{.KindSuffix}}.json' manifest.yaml
//
// They are made from the API description in Kubernetes' own Go module, which `go mod download` fetches and checks.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// The release whose kinds are described, and the checksum of its module as the checksum database has it.
const (
	module = "k8s.io/kubernetes@v1.34.4"
	sum    = "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk="
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kubeschema:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kubeschema", flag.ContinueOnError)
	out := fs.String("out", "", "`folder` to write the schemas to")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return fmt.Errorf("-out is missing: name the folder to write the schemas to")
	}
	swagger, err := download(ctx)
	if err != nil {
		return err
	}
	schemas, err := convert(swagger)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for name, schema := range schemas {
		if err := os.WriteFile(filepath.Join(*out, name), schema, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, "%d kinds of %s in %s\n", len(schemas), module, *out)
	return err
}

// download returns the API description, checked against sum also where the checksum database is off.
func download(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // outside of any module: Kubernetes' requirements are not ours
	output, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if parseErr := json.Unmarshal(output, &got); parseErr != nil && err == nil {
		err = parseErr
	}
	switch {
	case got.Error != "":
		return nil, fmt.Errorf("download %s: %s", module, got.Error)
	case err != nil:
		return nil, fmt.Errorf("download %s: %w", module, err)
	case got.Sum != sum:
		return nil, fmt.Errorf("download %s: its checksum is %s, and not %s", module, got.Sum, sum)
	}
	return os.ReadFile(filepath.Join(got.Dir, "api", "openapi-spec", "swagger.json"))
}
