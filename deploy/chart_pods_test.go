package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChart_eachService_acceptsItsConfiguration(t *testing.T) {
	forEachValues(t, func(t *testing.T, values string) {
		all := objects(t, template(t, "--values", values))
		for service, p := range pods(t, all) {
			t.Run(service, func(t *testing.T) {
				dir := mounted(t, all, p)
				env := map[string]string{}
				for _, variable := range p.Spec.Containers[0].Env {
					env[variable.Name] = variable.Value
				}
				require.Empty(t, p.Spec.Containers[0].Args)
				env["FORMSTREAM_CONFIG"] = filepath.Join(dir, env["FORMSTREAM_CONFIG"])
				got := accepted(t, service, env)

				grace := time.Duration(p.Spec.TerminationGracePeriodSeconds) * time.Second
				require.GreaterOrEqual(t, grace, got.drain(t), "it would be killed while it drains")
				require.Equal(t, ":9100", got["admin"].value, "the probes ask there")
			})
		}
	})
}

// mounted makes the files that the pod's container would find, below a folder, and points its -config file to them.
func mounted(t *testing.T, all []object, p *pod) string {
	t.Helper()
	dir := t.TempDir()
	config := ""
	replace := []string{}
	for _, mount := range p.Spec.Containers[0].VolumeMounts {
		target := filepath.Join(dir, mount.MountPath)
		require.NoError(t, os.MkdirAll(target, 0o755))
		for name, text := range contents(t, all, p, mount.Name) {
			require.NoError(t, os.WriteFile(filepath.Join(target, name), text, 0o600))
		}
		if mount.MountPath == "/etc/formstream" {
			config = target
		}
		replace = append(replace, `"`+mount.MountPath+`"`, `"`+target+`"`, `"`+mount.MountPath+`/`, `"`+target+`/`)
	}
	require.NotEmpty(t, config)
	files, err := os.ReadDir(config)
	require.NoError(t, err)
	for _, entry := range files {
		file := filepath.Join(config, entry.Name())
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600))
	}
	return dir
}

// contents are the files of a volume. What only the cluster has is made up.
func contents(t *testing.T, all []object, p *pod, name string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, v := range p.Spec.Volumes {
		switch {
		case v.Name != name:
		case v.ConfigMap != nil:
			for _, o := range all {
				if o.Kind == "ConfigMap" && o.Metadata.Name == v.ConfigMap.Name {
					for key, text := range o.Data {
						files[key] = []byte(text)
					}
				}
			}
		case v.Secret != nil && len(v.Secret.Items) > 0:
			for _, item := range v.Secret.Items {
				files[item.Path] = []byte(receiptKey)
			}
		case v.Secret != nil:
			files["tls.crt"], files["tls.key"] = certificate(t)
			files["ca.crt"] = files["tls.crt"]
		default:
			require.True(t, v.EmptyDir != nil || v.PersistentVolumeClaim != nil, "volume %s has a source that this test does not know", name)
		}
	}
	return files
}

// certificate makes one that signs itself, and its key.
func certificate(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func TestChart_services_areThoseThatTheValuesAskFor(t *testing.T) {
	for values, want := range map[string][]string{
		"trial":   {"demo-consumer", "form-api", "sheets-consumer", "sheets-emulator", "sheets-flusher"},
		"google":  {"form-api", "sheets-consumer", "sheets-flusher"},
		"secured": {"demo-consumer", "form-api", "sheets-consumer", "sheets-flusher"},
	} {
		var got []string
		for service := range pods(t, objects(t, template(t, "--values", chart+"/ci/"+values+"-values.yaml"))) {
			got = append(got, service)
		}
		require.ElementsMatch(t, want, got, values)
	}
}

func TestChart_pods_areRestricted(t *testing.T) {
	forEachValues(t, func(t *testing.T, values string) {
		for service, p := range pods(t, objects(t, template(t, "--values", values))) {
			require.Equal(t, map[string]any{
				"runAsNonRoot": true, "runAsUser": uint64(65532), "runAsGroup": uint64(65532), "fsGroup": uint64(65532),
				"seccompProfile": map[string]any{"type": "RuntimeDefault"},
			}, p.Spec.SecurityContext, service)
			require.Equal(t, map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			}, p.Spec.Containers[0].SecurityContext, service)
			require.False(t, *p.Spec.AutomountServiceAccountToken, service)
			require.False(t, *p.Spec.EnableServiceLinks, service)
			require.NotEmpty(t, p.Spec.Containers[0].Resources["limits"]["memory"], service)
			for _, mount := range p.Spec.Containers[0].VolumeMounts {
				require.Equal(t, mount.MountPath != "/data", mount.ReadOnly, "%s of %s", mount.MountPath, service)
			}
		}
	})
}

func TestChart_longRunningPods_areProbed(t *testing.T) {
	for service, p := range pods(t, objects(t, template(t, "--values", chart+"/ci/trial-values.yaml"))) {
		c := p.Spec.Containers[0]
		if service == "sheets-flusher" {
			require.Nil(t, c.LivenessProbe, "a run ends by itself")
			require.Nil(t, c.ReadinessProbe, "a run ends by itself")
			continue
		}
		require.Equal(t, "/livez admin", c.LivenessProbe.HTTPGet.Path+" "+c.LivenessProbe.HTTPGet.Port, service)
		require.Equal(t, "/readyz admin", c.ReadinessProbe.HTTPGet.Path+" "+c.ReadinessProbe.HTTPGet.Port, service)
	}
}

func TestChart_flusher_runsOneAtATime(t *testing.T) {
	job := find(t, objects(t, template(t, "--values", chart+"/ci/google-values.yaml")), "CronJob", "sheets-flusher")
	require.Equal(t, "Forbid", job.Spec.ConcurrencyPolicy)
	require.Zero(t, *job.Spec.JobTemplate.Spec.BackoffLimit, "the next run is the retry")
	require.Positive(t, job.Spec.JobTemplate.Spec.ActiveDeadlineSeconds, "a run that hangs would be the last")
}

func TestChart_services_findTheirPods(t *testing.T) {
	all := objects(t, template(t, "--values", chart+"/ci/trial-values.yaml"))
	for _, service := range []string{"form-api", "sheets-emulator"} {
		p := pods(t, all)[service]
		found := find(t, all, "Service", service)
		selector, ok := found.Spec.Selector.(map[string]any)
		require.True(t, ok)
		require.Len(t, selector, 2)
		for label, value := range selector {
			require.Equal(t, p.Metadata.Labels[label], value)
		}
		require.Equal(t, found.Spec.Ports[0].TargetPort, p.Spec.Containers[0].Ports[0].Name)
	}
	flusher := pods(t, all)["sheets-flusher"]
	require.Contains(t, mountedConfig(t, all, flusher), "endpoint: \"http://"+find(t, all, "Service", "sheets-emulator").Metadata.Name+":3000\"")
}

// mountedConfig is the text of a pod's -config file.
func mountedConfig(t *testing.T, all []object, p *pod) string {
	t.Helper()
	return string(contents(t, all, p, "config")[p.Spec.Containers[0].Name+".yaml"])
}

func TestChart_changes_startNewPodsOfWhomTheyConcern(t *testing.T) {
	base := []string{"--values", chart + "/ci/trial-values.yaml"}
	annotations := func(set string) map[string]map[string]string {
		found := map[string]map[string]string{}
		for service, p := range pods(t, objects(t, template(t, append(base, "--set", set)...))) {
			found[service] = p.Metadata.Annotations
		}
		return found
	}
	before := annotations("formApi.replicas=2")
	for _, row := range []struct {
		name, set string
		concerned []string
	}{
		{"a form", "forms.other=id: other", []string{"demo-consumer", "form-api", "sheets-consumer", "sheets-flusher"}},
		{"a setting of one service", "formApi.settings.produce-timeout=2s", []string{"form-api"}},
		{"a setting of all", "settings.log-level=DEBUG", services},
		{"the number of pods", "formApi.replicas=5", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var changed []string
			for service, annotated := range annotations(row.set) {
				if !maps.Equal(annotated, before[service]) {
					changed = append(changed, service)
				}
			}
			require.ElementsMatch(t, row.concerned, changed)
		})
	}
}

func TestChart_ownSetting_winsOverThatForAllAlsoWithFalse(t *testing.T) {
	all := objects(t, template(t, "--values", chart+"/ci/secured-values.yaml"))
	require.Contains(t, mountedConfig(t, all, pods(t, all)["form-api"]), "topics-create: false\n")
	require.Contains(t, mountedConfig(t, all, pods(t, all)["sheets-consumer"]), "topics-create: true")
}

func TestChart_largeNumbers_keepTheirDigits(t *testing.T) {
	all := objects(t, template(t, "--values", chart+"/ci/google-values.yaml"))
	require.Contains(t, mountedConfig(t, all, pods(t, all)["form-api"]), "max-in-flight: 1000000\n")
}

func TestChart_noSecretInIt(t *testing.T) {
	forEachValues(t, func(t *testing.T, values string) {
		for _, o := range objects(t, template(t, "--values", values)) {
			require.NotEqual(t, "Secret", o.Kind, "secrets are the operator's")
		}
	})
}
