package deploy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const chart = "helm/formstream"

// valuesFiles are the deployments that the chart is tried with.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// forEachValues runs check as a subtest for each of valuesFiles.
func forEachValues(t *testing.T, check func(t *testing.T, values string)) {
	t.Helper()
	for _, values := range valuesFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(values), "-values.yaml"), func(t *testing.T) { check(t, values) })
	}
}

// helm runs helm with a home of its own, so that no repository or plug-in of the caller takes part.
func helm(t *testing.T, args ...string) outcome {
	t.Helper()
	home := t.TempDir()
	return run(t, []string{"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home}, inBin(t, "helm"), args...)
}

// template renders the chart as the release "trial".
func template(t *testing.T, args ...string) string {
	t.Helper()
	got := helm(t, append([]string{"template", "trial", chart, "--namespace", "forms"}, args...)...)
	require.NoError(t, got.err, got.stderr)
	return got.stdout
}

func kubeconform(t *testing.T, manifests string) outcome {
	t.Helper()
	schemas := filepath.Join(inBin(t, "kubernetes-schemas"), "{{.ResourceKind}}{{.KindSuffix}}.json")
	return runInput(t, []byte(manifests), nil, inBin(t, "kubeconform"), "-strict", "-summary", "-schema-location", schemas)
}

// object is what the tests look at of a Kubernetes object.
type object struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Data map[string]string
	Spec struct {
		Type        string
		Selector    any
		Template    *pod
		JobTemplate struct {
			Spec struct {
				BackoffLimit          *int `yaml:"backoffLimit"`
				ActiveDeadlineSeconds int  `yaml:"activeDeadlineSeconds"`
				Template              *pod
			}
		} `yaml:"jobTemplate"`
		ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
		Rules             []struct {
			Host string
			HTTP struct {
				Paths []struct {
					Path    string
					Backend struct{ Service struct{ Name string } }
				}
			}
		}
		Ports []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type pod struct {
	Metadata struct{ Labels, Annotations map[string]string }
	Spec     struct {
		AutomountServiceAccountToken  *bool          `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool          `yaml:"enableServiceLinks"`
		SecurityContext               map[string]any `yaml:"securityContext"`
		TerminationGracePeriodSeconds int            `yaml:"terminationGracePeriodSeconds"`
		Containers                    []container
		Volumes                       []volume
	}
}

type container struct {
	Name            string
	Image           string
	Args            []string
	Env             []struct{ Name, Value string }
	Ports           []struct{ Name string }
	Resources       map[string]map[string]string
	SecurityContext map[string]any `yaml:"securityContext"`
	LivenessProbe   *probe         `yaml:"livenessProbe"`
	ReadinessProbe  *probe         `yaml:"readinessProbe"`
	VolumeMounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

type volume struct {
	Name      string
	ConfigMap *struct{ Name string } `yaml:"configMap"`
	Secret    *struct {
		SecretName string `yaml:"secretName"`
		Items      []struct{ Key, Path string }
	}
	EmptyDir              map[string]any `yaml:"emptyDir"`
	PersistentVolumeClaim *struct {
		ClaimName string `yaml:"claimName"`
	} `yaml:"persistentVolumeClaim"`
}

// objects parses what template returns.
func objects(t *testing.T, manifests string) []object {
	t.Helper()
	var all []object
	for _, document := range strings.Split(manifests, "\n---\n") {
		var o object
		require.NoError(t, yaml.Unmarshal([]byte(document), &o), document)
		if o.Kind != "" {
			all = append(all, o)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// find returns the object of a kind and the service's, or the only one of the kind where service is "".
func find(t *testing.T, all []object, kind, service string) object {
	t.Helper()
	i := slices.IndexFunc(all, func(o object) bool {
		return o.Kind == kind && (service == "" || strings.HasSuffix(o.Metadata.Name, "-"+service))
	})
	require.GreaterOrEqual(t, i, 0, "no %s of %s", kind, service)
	return all[i]
}

// pods returns the pod of each Deployment and CronJob, by its service.
func pods(t *testing.T, all []object) map[string]*pod {
	t.Helper()
	found := map[string]*pod{}
	for _, o := range all {
		p := o.Spec.Template
		if o.Kind == "CronJob" {
			p = o.Spec.JobTemplate.Spec.Template
		}
		if p == nil {
			continue
		}
		require.Len(t, p.Spec.Containers, 1, o.Metadata.Name)
		found[p.Spec.Containers[0].Name] = p
	}
	return found
}

func TestChart_lints(t *testing.T) {
	forEachValues(t, func(t *testing.T, values string) {
		got := helm(t, "lint", "--strict", chart, "--values", values)
		require.NoError(t, got.err, got.stdout+got.stderr)
	})
}

func TestChart_rendered_isWhatKubernetesTakes(t *testing.T) {
	forEachValues(t, func(t *testing.T, values string) {
		manifests := template(t, "--values", values)
		got := kubeconform(t, manifests)
		require.NoError(t, got.err, got.stdout+got.stderr)
		require.Contains(t, got.stdout, "Invalid: 0, Errors: 0, Skipped: 0")
	})
}

func TestKubeconform_misspeltKey_isRefused(t *testing.T) {
	manifests := template(t, "--values", valuesFiles(t)[0])
	for _, row := range []struct{ name, right, wrong, want string }{
		{"a key of a container", "readOnlyRootFilesystem:", "readOnlyRootFileSystem:", "'readOnlyRootFileSystem' not allowed"},
		{"a key of a CronJob", "concurrencyPolicy:", "concurencyPolicy:", "'concurencyPolicy' not allowed"},
		{"a text for a number", "backoffLimit: 0", "backoffLimit: none", "got string, want integer"},
		{"a kind that is none", "kind: CronJob", "kind: CronJop", "could not find schema for CronJop"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Contains(t, manifests, row.right)
			got := kubeconform(t, strings.ReplaceAll(manifests, row.right, row.wrong))
			require.Error(t, got.err)
			require.Contains(t, got.stdout, row.want)
		})
	}
}

func TestChart_withoutValues_saysAllThatIsMissing(t *testing.T) {
	got := helm(t, "template", "trial", chart, "--namespace", "forms")
	require.Error(t, got.err)
	for _, want := range []string{
		"wrong in 5 places", "kafka.brokers is empty", "redis.addresses is empty", "forms is empty", "nowhere to write to",
		"receiptKey.secret is empty: make one with: kubectl create secret generic formstream-receipts --namespace forms --from-literal=receipt-key=$(openssl rand -hex 32)",
	} {
		require.Contains(t, got.stderr, want)
	}
}

func TestChart_wrongValues_areNamed(t *testing.T) {
	for _, row := range []struct {
		name, set string
		want      []string
	}{
		{"a misspelt key", "kafka.brokrs={kafka:9092}", []string{"/kafka", "'brokrs' not allowed"}},
		{"a misspelt part", "formapi.replicas=2", []string{"'formapi' not allowed"}},
		{"a text for a number", "formApi.replicas=two", []string{"/formApi/replicas", "got string, want integer"}},
		{"no replica", "formApi.replicas=0", []string{"/formApi/replicas", "minimum"}},
		{"a broker without port", "kafka.brokers={kafka}", []string{"/kafka/brokers/0", "does not match pattern"}},
		{"a mechanism that is none", "kafka.sasl.mechanism=GSSAPI", []string{"/kafka/sasl/mechanism", "'SCRAM-SHA-512'"}},
		{"a secret among the settings", "settings.receipt-key=x", []string{"invalid propertyName 'receipt-key'"}},
		{"what the chart sets itself", "sheetsFlusher.settings.interval=10s", []string{"invalid propertyName 'interval'"}},
		{"our own variables", "env.FORMSTREAM_BROKERS=x", []string{"invalid propertyName 'FORMSTREAM_BROKERS'"}},
		{"a form that is no text", "forms.x.id=y", []string{"/forms/x", "got object, want string"}},
		{"a form without id", "forms.x=title: y", []string{"forms.x has no id"}},
		{"two sources of forms", "formsConfigMap=ours", []string{"keep one"}},
		{"TLS that is off with certificates", "redis.tls.secret=certs", []string{"redis.tls.enabled is false"}},
		{"SASL without a user", "kafka.sasl.mechanism=PLAIN", []string{"needs kafka.sasl.user and kafka.sasl.secret"}},
		{"a Redis user without password", "redis.user=u", []string{"redis.user needs redis.secret"}},
		{"an Ingress without a host", "ingress.enabled=true", []string{"ingress.host is empty"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := helm(t, "template", "trial", chart, "--values", chart+"/ci/trial-values.yaml", "--set", row.set)
			require.Error(t, got.err)
			for _, want := range row.want {
				require.Contains(t, got.stderr, want)
			}
		})
	}
}

func TestChart_forms_arriveByteForByte(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "forms", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	args := []string{"--values", chart + "/ci/secured-values.yaml", "--set", "formsConfigMap=", "--set", "ingress.enabled=true"}
	for _, file := range files {
		args = append(args, "--set-file", "forms."+strings.TrimSuffix(filepath.Base(file), ".yaml")+"="+file)
	}
	all := objects(t, template(t, args...))
	data := find(t, all, "ConfigMap", "forms").Data
	require.Len(t, data, len(files))
	ingress := find(t, all, "Ingress", "")
	require.Len(t, ingress.Spec.Rules, 1)
	var paths []string
	for _, path := range ingress.Spec.Rules[0].HTTP.Paths {
		require.Equal(t, find(t, all, "Service", "form-api").Metadata.Name, path.Backend.Service.Name)
		paths = append(paths, path.Path)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(text), data[filepath.Base(file)])
		require.Contains(t, paths, "/forms/"+strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
}
