package chassis

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecretFile bounds a mounted secret, in bytes.
const maxSecretFile = 64 << 10

// ListVar adds a flag that holds a comma-separated list. Blanks around items and
// empty items are dropped; given again, the last one counts.
func ListVar(fs *flag.FlagSet, p *[]string, name string, value []string, usage string) {
	*p = value
	fs.Var((*list)(p), name, usage)
}

type list []string

func (l *list) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(*l, ",")
}

func (l *list) Set(text string) error {
	*l = splitList(text)
	return nil
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// SecretVar adds the flag -name for a secret, and -name-file for a file that
// holds it (at most 64 KiB; one line end after the text is dropped). Giving both
// in the same layer is an error; otherwise the higher layer counts.
func SecretVar(fs *flag.FlagSet, p *Secret, name, usage string) {
	*p = ""
	fs.Var(p, name, usage)
	fs.Var(&secretFile{secret: p}, name+"-file", "`file` that holds -"+name)
}

// secretFile is the twin of a secret flag.
type secretFile struct {
	path   string
	secret *Secret
}

func (f *secretFile) String() string { return f.path }

func (f *secretFile) Set(path string) error {
	if path == "" {
		return nil
	}
	text, err := readBounded(path, maxSecretFile)
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return fmt.Errorf("read secret: %s is empty", path)
	}
	f.path, *f.secret = path, Secret(secret)
	return nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return text, nil
}

// SetDefault changes the default of a flag that is registered already: a service
// calls it after the embedded RegisterFlags, to serve on another port than
// others. It panics on an unknown flag or a wrong value, which only a programmer
// can bring about.
func SetDefault(fs *flag.FlagSet, name, value string) {
	f := fs.Lookup(name)
	if f == nil {
		panic("chassis: SetDefault: no flag -" + name)
	}
	if err := f.Value.Set(value); err != nil {
		panic(fmt.Sprintf("chassis: SetDefault: -%s %q: %v", name, value, err))
	}
	f.DefValue = f.Value.String()
}

// Defaults fills cfg with the defaults of all its flags, for tests and for
// processes that build another service's configuration themselves.
func Defaults(cfg Configurer) {
	cfg.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError))
}
