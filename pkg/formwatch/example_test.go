package formwatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/formwatch"
)

func ExampleWatch() {
	dir, err := os.MkdirTemp("", "forms")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing depends on it
	write := func(definition string) {
		if err := os.WriteFile(filepath.Join(dir, "contact.yaml"), []byte(definition), 0o600); err != nil {
			panic(err)
		}
	}
	write("{id: contact, fields: [{name: email, type: email}]}")

	seen, err := formwatch.FingerprintOf(dir)
	if err != nil {
		panic(err)
	}
	forms, err := form.LoadDir(dir, os.LookupEnv)
	if err != nil {
		panic(err)
	}
	fmt.Println("in use:", forms.All()[0].ID)

	write("{id: contact-us, fields: [{name: email, type: email}]}")
	ctx, stop := context.WithCancel(context.Background())
	formwatch.Watch(ctx, formwatch.Options{
		Dir:  dir,
		Seen: seen,
		Load: func() (*form.Set, error) { return form.LoadDir(dir, os.LookupEnv) },
		Changed: func(forms *form.Set) {
			fmt.Println("in use:", forms.All()[0].ID)
			stop()
		},
		Failed: func(err error) { fmt.Println("the old forms stay in use:", err) },
		Log:    slog.New(slog.DiscardHandler),
	})
	// Output:
	// in use: contact
	// in use: contact-us
}
