package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documented returns the one command of docs/deploy.md that begins so, with all its lines.
func documented(t *testing.T, begin string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "deploy.md"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^    `+regexp.QuoteMeta(begin)+`(?:.*[\\|]\n)*.*\n`).FindAllString(string(text), -1)
	require.Len(t, found, 1, begin)
	return strings.TrimSpace(found[0])
}

// shell runs a command in the repository's root.
func shell(t *testing.T, command string) outcome {
	t.Helper()
	home := t.TempDir()
	return run(t, []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}, "sh", "-c", "cd "+root+" && "+command)
}

func TestDocs_helmInstall_isAccepted(t *testing.T) {
	_ = inBin(t, "helm")
	command := strings.Replace(documented(t, "helm install"), "helm install", "bin/helm template", 1)
	for _, google := range []bool{false, true} {
		if google {
			require.Contains(t, command, "--set sheetsEmulator.enabled=true")
			command = strings.Replace(command, "--set sheetsEmulator.enabled=true", "--set google.secret=formstream-google", 1)
		}
		got := shell(t, command)
		require.NoError(t, got.err, got.stderr)
		all := objects(t, got.stdout)
		require.Contains(t, find(t, all, "ConfigMap", "forms").Data, "demo-form.yaml")
		require.Equal(t, !google, pods(t, all)["sheets-emulator"] != nil)
	}
}

func TestDocs_checkOfOwnValues_works(t *testing.T) {
	_, _, _ = inBin(t, "helm"), inBin(t, "kubeconform"), inBin(t, "kubernetes-schemas")
	command := strings.Replace(documented(t, "bin/helm template"), "my-values.yaml", "deploy/"+chart+"/ci/google-values.yaml", 1)
	got := shell(t, command)
	require.NoError(t, got.err, got.stderr)
	require.Contains(t, got.stdout, "Invalid: 0, Errors: 0, Skipped: 0")
}

func TestDocs_imagesOfAllServices_areBuilt(t *testing.T) {
	loop := regexp.MustCompile(`for service in (.*); do`).FindStringSubmatch(documented(t, "for service in"))
	require.Len(t, loop, 2)
	require.ElementsMatch(t, services, strings.Fields(loop[1]))
}
