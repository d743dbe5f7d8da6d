package deploy_test

import (
	"bytes"
	"debug/elf"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

// services are those that have an image in compose and chart.
var services = []string{"demo-consumer", "form-api", "sheets-consumer", "sheets-emulator", "sheets-flusher"}

// stages parses the Dockerfile as BuildKit does, and wants nothing that its linter warns of.
func stages(t *testing.T) (build, final instructions.Stage) {
	t.Helper()
	source, err := os.ReadFile("docker/Dockerfile")
	require.NoError(t, err)
	parsed, err := parser.Parse(bytes.NewReader(source))
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, place []parser.Range) {
		t.Errorf("docker/Dockerfile:%d: %s: %s (%s)", place[0].Start.Line, rule, message, description)
	}})
	all, _, err := instructions.Parse(parsed.AST, lint)
	require.NoError(t, err)
	require.Len(t, all, 2)
	return all[0], all[1]
}

// commands returns those of one type.
func commands[C instructions.Command](stage instructions.Stage) []C {
	var found []C
	for _, command := range stage.Commands {
		if c, ok := command.(C); ok {
			found = append(found, c)
		}
	}
	return found
}

var allImages = flag.Bool("all-images", false, "build the program of every image; of form-api's alone if not given")

// prepare runs the build stage up to its RUN, and returns the folder that stands for the stage's file system.
func prepare(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build, _ := stages(t)
	build.Commands = slices.DeleteFunc(build.Commands, func(c instructions.Command) bool { return c.Name() == "RUN" })
	require.NoError(t, runStage(t, build, dir, nil))
	return dir
}

// buildService runs the whole build stage for a service.
func buildService(t *testing.T, service string) string {
	t.Helper()
	dir := t.TempDir()
	build, _ := stages(t)
	require.NoError(t, runStage(t, build, dir, map[string]string{"SERVICE": service, "VERSION": "v9.8.7"}))
	return dir
}

// runStage does what the stage's instructions say, with dir in the place of /, over the context that .dockerignore leaves. The
// module and build caches are the caller's own, where the image's build mounts others.
func runStage(t *testing.T, stage instructions.Stage, dir string, args map[string]string) error {
	env := append(os.Environ(), "TARGETOS=", "TARGETARCH=") // empty: of this machine
	work := "/"
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.WorkdirCommand:
			work = c.Path
		case *instructions.ArgCommand:
			for _, arg := range c.Args {
				if value, ok := args[arg.Key]; ok {
					env = append(env, arg.Key+"="+value)
				}
			}
		case *instructions.CopyCommand:
			for _, source := range c.SourcePaths {
				copyContext(t, source, filepath.Join(dir, work, c.DestPath))
			}
		case *instructions.RunCommand:
			script := strings.ReplaceAll(c.CmdLine[0], "/out", filepath.Join(dir, "out"))
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
			cmd.Dir, cmd.Env = filepath.Join(dir, work), env
			if output, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("RUN %s: %w\n%s", c.CmdLine[0], err, output)
			}
		default:
			return fmt.Errorf("this test does not know the instruction %s", command.Name())
		}
	}
	return nil
}

// copyContext copies what the context has below source, a file or a folder.
func copyContext(t *testing.T, source, destination string) {
	t.Helper()
	copied := 0
	for _, file := range context(t) {
		rest, below := strings.CutPrefix(file, strings.TrimSuffix(source, "/"))
		if !below || rest != "" && rest[0] != '/' {
			continue
		}
		if rest == "" {
			rest = path.Base(source)
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		target := filepath.Join(destination, rest)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, text, 0o644))
		copied++
	}
	require.NotZero(t, copied, "COPY %s: .dockerignore leaves nothing of it", source)
}

// context lists the files that .dockerignore leaves.
func context(t *testing.T) []string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	patterns, err := ignorefile.ReadAll(file)
	require.NoError(t, err)
	ignored, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || entry.IsDir() {
			if rel == ".git" {
				return fs.SkipDir
			}
			return err
		}
		skip, err := ignored.MatchesOrParentMatches(rel)
		if !skip {
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	}))
	return files
}

// imageEnv returns the environment that the image gives.
func imageEnv(t *testing.T) map[string]string {
	t.Helper()
	_, final := stages(t)
	env := map[string]string{}
	for _, command := range commands[*instructions.EnvCommand](final) {
		for _, pair := range command.Env {
			env[pair.Key] = pair.Value
		}
	}
	return env
}

func TestContext_holdsOnlyWhatTheBuildReads(t *testing.T) {
	for _, file := range context(t) {
		require.True(t, file == "pkgtest/go.mod" || strings.HasPrefix(file, "pkg/") || strings.HasPrefix(file, "services/"), file)
		require.False(t, strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/"), file)
	}
}

func TestContext_holdsAllThatEachServiceIsMadeOf(t *testing.T) {
	dir := prepare(t)
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			// Lists what would be compiled and embedded, and fails where a module, a package or a file is missing.
			cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", ".")
			cmd.Dir, cmd.Env = filepath.Join(dir, "src", "services", service), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.NotContains(t, string(output), "/pkgtest", "the context has nothing of the test kit")
		})
	}
}

func TestBuildStage_makesAStaticProgramOfItsVersion(t *testing.T) {
	for _, service := range services {
		if service != "form-api" && !*allImages {
			continue
		}
		t.Run(service, func(t *testing.T) {
			program := filepath.Join(buildService(t, service), "out", "service")
			file, err := elf.Open(program)
			require.NoError(t, err)
			defer func() { _ = file.Close() }()
			for _, part := range file.Progs {
				require.NotEqual(t, elf.PT_INTERP, part.Type, "needs a dynamic linker, which the image has not")
			}
			got := run(t, nil, program, "-version")
			require.NoError(t, got.err)
			require.Contains(t, got.stdout, service+" v9.8.7 ")
		})
	}
}

func TestBuildStage_withoutService_saysWhatToGive(t *testing.T) {
	build, _ := stages(t)
	err := runStage(t, build, t.TempDir(), nil)
	require.ErrorContains(t, err, "--build-arg SERVICE=form-api")
}

func TestFinalStage_isTheProgramAloneWithoutRoot(t *testing.T) {
	build, final := stages(t)
	require.Equal(t, "scratch", final.BaseName)
	made := commands[*instructions.RunCommand](build)[0].CmdLine[0]
	targets := map[string]string{}
	for _, copied := range commands[*instructions.CopyCommand](final) {
		require.Equal(t, build.Name, copied.From)
		for _, source := range copied.SourcePaths {
			targets[copied.DestPath] = copied.Chown
			if strings.HasPrefix(source, "/out/") { // the rest is the base image's
				require.Contains(t, made, source)
			}
		}
	}
	require.Equal(t, []string{"/data", "/etc/ssl/certs/", "/service"}, slices.Sorted(maps.Keys(targets)))

	users := commands[*instructions.UserCommand](final)
	require.Len(t, users, 1)
	require.Equal(t, "65532:65532", users[0].User, "Kubernetes can tell that a user is not root only by its number")
	require.Equal(t, users[0].User, targets["/data"], "who runs the emulator must own its data")

	entry := commands[*instructions.EntrypointCommand](final)
	require.Len(t, entry, 1)
	require.Equal(t, []string{"/service"}, []string(entry[0].CmdLine))
	require.False(t, entry[0].PrependShell, "there is no shell in the image")
}

func TestFinalStage_health_asksTheProgramInTime(t *testing.T) {
	_, final := stages(t)
	checks := commands[*instructions.HealthCheckCommand](final)
	require.Len(t, checks, 1)
	require.Equal(t, []string{"CMD", "/service", "-health"}, checks[0].Health.Test)
	require.GreaterOrEqual(t, checks[0].Health.Timeout, 5*time.Second, "-health itself waits for up to 3 s")
	require.Equal(t, ":9100", imageEnv(t)["FORMSTREAM_ADMIN"], "-health asks there")

	var exposed []string
	for _, command := range commands[*instructions.ExposeCommand](final) {
		exposed = append(exposed, command.Ports...)
	}
	require.Equal(t, []string{"3000", "9100"}, exposed)
	require.Equal(t, ":3000", imageEnv(t)["FORMSTREAM_HTTP"])
}
