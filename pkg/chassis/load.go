package chassis

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// Lookup finds an environment variable; os.LookupEnv is one.
type Lookup func(name string) (string, bool)

// controls are the flags that ask a process for something else than to run. Only
// -config may also stand in the environment: FORMSTREAM_VERSION is too likely to
// be somebody's image tag.
type controls struct {
	config  string
	verify  bool
	print   bool
	version bool
	health  bool
}

func (c *controls) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.config, "config", "", "YAML `file` of settings; its keys are the names of these flags")
	fs.BoolVar(&c.verify, "config-verify", false, "check the configuration, say what is wrong, and exit")
	fs.BoolVar(&c.print, "config-print", false, "print the configuration, where each value comes from, secrets redacted, and exit")
	fs.BoolVar(&c.version, "version", false, "print the version and exit")
	fs.BoolVar(&c.health, "health", false, "ask the running process at -admin whether it is ready, and exit: 0 yes, 1 no")
}

// isControl tells whether the flag belongs to controls.
func isControl(name string) bool {
	switch name {
	case "config", "config-verify", "config-print", "version", "health":
		return true
	}
	return false
}

// loader brings the layers of one configuration together.
type loader struct {
	fs       *flag.FlagSet
	cfg      Configurer
	controls controls
	origin   map[string]string // flag → where its value came from; defaults are absent
}

// setting is one value of a layer.
type setting struct {
	text   string
	origin string
	layer  int // 1 file, 2 environment, 3 flags
}

func newLoader(cfg Configurer) *loader {
	l := &loader{fs: flag.NewFlagSet("", flag.ContinueOnError), cfg: cfg, origin: map[string]string{}}
	cfg.RegisterFlags(l.fs)
	l.controls.registerFlags(l.fs)
	return l
}

// Load fills cfg: defaults, then the file of -config, the environment, the flags
// of args (without the program's name), each over the one before; then validates
// it. The error joins everything that is wrong.
func Load(cfg Configurer, args []string, getenv Lookup) error {
	l := newLoader(cfg)
	given, err := l.parse(args)
	if err != nil {
		return err
	}
	return l.validate(l.apply(given, getenv))
}

// parse reads the command line without setting anything but the controls, so
// that one message can name every wrong value of every layer.
func (l *loader) parse(args []string) (map[string]setting, error) {
	given := map[string]setting{}
	shadow := flag.NewFlagSet("", flag.ContinueOnError)
	shadow.SetOutput(io.Discard)
	l.fs.VisitAll(func(f *flag.Flag) {
		shadow.Var(recorder{name: f.Name, bool: isBool(f), into: given}, f.Name, "")
	})
	if err := shadow.Parse(args); err != nil {
		if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
			return nil, fmt.Errorf("unknown flag -%s%s; -help lists all flags", name, l.suggest(name, "-"))
		}
		return nil, err
	}
	if shadow.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: every setting is a flag; -help lists them", shadow.Arg(0))
	}
	for name, s := range given {
		if isControl(name) {
			if err := l.fs.Set(name, s.text); err != nil {
				return nil, l.wrongValue(name, s, err)
			}
			delete(given, name)
		}
	}
	return given, nil
}

// apply sets the flags from all layers.
func (l *loader) apply(given map[string]setting, getenv Lookup) error {
	var errs []error
	if path, ok := getenv(EnvName("config")); ok && l.controls.config == "" {
		l.controls.config = path
	}
	chosen := map[string]setting{}
	if l.controls.config != "" {
		settings, err := l.readFile(l.controls.config)
		errs = append(errs, err)
		maps.Copy(chosen, settings)
	}
	maps.Copy(chosen, l.environment(getenv))
	maps.Copy(chosen, given)
	errs = append(errs, chooseSecrets(l.fs, chosen))
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		s := chosen[name]
		if err := l.fs.Set(name, s.text); err != nil {
			errs = append(errs, l.wrongValue(name, s, err))
			continue
		}
		l.origin[name] = s.origin
	}
	return errors.Join(errs...)
}

// validate adds what the service's own validation finds to what is wrong already,
// with the places that the values came from. A setting that could not be read has
// been reported; that it is missing follows from that.
func (l *loader) validate(unread error) error {
	reported := map[string]bool{}
	for _, e := range problems(unread) {
		var p *Problem
		if errors.As(e, &p) {
			reported[strings.TrimSuffix(p.Key, "-file")] = true
		}
	}
	all := []error{unread}
	for _, e := range problems(l.cfg.Validate()) {
		var p *Problem
		if !errors.As(e, &p) {
			all = append(all, e)
			continue
		}
		if reported[p.Key] {
			continue
		}
		known := *p
		known.Origin = cmp.Or(p.Origin, l.origin[p.Key], l.origin[p.Key+"-file"])
		all = append(all, &known)
	}
	return errors.Join(all...)
}

func (l *loader) environment(getenv Lookup) map[string]setting {
	found := map[string]setting{}
	l.fs.VisitAll(func(f *flag.Flag) {
		if isControl(f.Name) {
			return
		}
		variable := EnvName(f.Name)
		if text, ok := getenv(variable); ok && text != "" {
			found[f.Name] = setting{text: text, origin: "environment " + variable, layer: 2}
		}
	})
	return found
}

// EnvName returns the environment variable of a flag: FORMSTREAM_KAFKA_LINGER for
// kafka-linger.
func EnvName(name string) string {
	return "FORMSTREAM_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// chooseSecrets decides between a secret and the file that holds it: the higher
// layer counts, and one layer must not give both.
func chooseSecrets(fs *flag.FlagSet, chosen map[string]setting) error {
	var errs []error
	fs.VisitAll(func(f *flag.Flag) {
		if _, ok := f.Value.(*secretFile); !ok {
			return
		}
		file := f.Name
		direct := strings.TrimSuffix(file, "-file")
		a, okA := chosen[direct]
		b, okB := chosen[file]
		switch {
		case !okA || !okB:
		case a.layer > b.layer:
			delete(chosen, file)
		case b.layer > a.layer:
			delete(chosen, direct)
		default:
			errs = append(errs, &Problem{Key: direct, Origin: a.origin, Remedy: "is given together with -" + file + "; keep one of them"})
		}
	})
	return errors.Join(errs...)
}

// wrongValue explains why a flag refused its value.
func (l *loader) wrongValue(name string, s setting, err error) error {
	f := l.fs.Lookup(name)
	p := &Problem{Key: name, Value: s.text, Origin: s.origin, Remedy: err.Error()}
	if _, ok := f.Value.(*Secret); ok {
		p.Value = nil
	}
	if getter, ok := f.Value.(flag.Getter); ok {
		switch getter.Get().(type) {
		case bool:
			p.Remedy = "must be true or false"
		case time.Duration:
			p.Remedy = "must be a duration with its unit, such as 500ms, 2s or 1h30m"
		case int, int64:
			p.Remedy = "must be a whole number that fits"
		case uint, uint64:
			p.Remedy = "must be a whole number that fits, not negative"
		case *slog.Level:
			p.Remedy = "must be DEBUG, INFO, WARN or ERROR"
		case float64:
			p.Remedy = "must be a number"
		}
	}
	return p
}

// recorder remembers what the command line says about one flag.
type recorder struct {
	name string
	bool bool
	into map[string]setting
}

func (r recorder) String() string   { return "" }
func (r recorder) IsBoolFlag() bool { return r.bool }
func (r recorder) Set(text string) error {
	r.into[r.name] = setting{text: text, origin: "flag", layer: 3}
	return nil
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// suggest names the known flag that a wrong name may have meant.
func (l *loader) suggest(name, dash string) string {
	best, least := "", 3 // more than two slips apart is another word
	l.fs.VisitAll(func(f *flag.Flag) {
		if d := distance(name, f.Name); d < least {
			best, least = f.Name, d
		}
	})
	if best == "" {
		return ""
	}
	return " (did you mean " + dash + best + "?)"
}

// distance counts the insertions, deletions and replacements between two words,
// up to a length that no flag has.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
