package deploy_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const receiptKey = "0123456789abcdef0123456789abcdef"

// compose loads the compose files as docker compose does, with nothing but env in the environment.
func compose(t *testing.T, env []string, overrides ...string) (*types.Project, error) {
	t.Helper()
	files := []string{filepath.Join(root, "docker-compose.yml")}
	for _, file := range overrides {
		files = append(files, filepath.Join(root, file))
	}
	options, err := cli.NewProjectOptions(files, cli.WithWorkingDirectory(root), cli.WithEnv(env))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func loaded(t *testing.T, overrides ...string) *types.Project {
	t.Helper()
	project, err := compose(t, []string{"FORMSTREAM_RECEIPT_KEY=" + receiptKey, "GOOGLE_CREDENTIALS=./key.json"}, overrides...)
	require.NoError(t, err)
	return project
}

// composeEnv is what a service's container finds: the image's environment, and compose's over it.
func composeEnv(t *testing.T, service types.ServiceConfig) map[string]string {
	t.Helper()
	env := imageEnv(t)
	for name, value := range service.Environment {
		require.NotNil(t, value, "%s of %s would come from whoever starts it", name, service.Name)
		env[name] = *value
	}
	return env
}

func TestCompose_isTheWholeSuite(t *testing.T) {
	require.ElementsMatch(t, append([]string{"kafka", "redis"}, services...), loaded(t).ServiceNames())
}

func TestCompose_withoutReceiptKey_saysHowToMakeOne(t *testing.T) {
	_, err := compose(t, nil)
	require.ErrorContains(t, err, "FORMSTREAM_RECEIPT_KEY")
	require.ErrorContains(t, err, "echo FORMSTREAM_RECEIPT_KEY=$(openssl rand -hex 32) >> .env")
}

func TestCompose_googleWithoutCredentials_saysWhatToName(t *testing.T) {
	_, err := compose(t, []string{"FORMSTREAM_RECEIPT_KEY=" + receiptKey}, "deploy/docker/google.yaml")
	require.ErrorContains(t, err, "GOOGLE_CREDENTIALS=./key.json")
}

func TestCompose_eachService_acceptsItsEnvironment(t *testing.T) {
	project := loaded(t)
	for _, name := range services {
		t.Run(name, func(t *testing.T) {
			service := project.Services[name]
			require.Empty(t, service.Command, "-health would not see what stands in the command")
			got := accepted(t, name, composeEnv(t, service))
			require.NotNil(t, service.StopGracePeriod)
			require.GreaterOrEqual(t, time.Duration(*service.StopGracePeriod), got.drain(t), "it would be killed while it drains")
		})
	}
}

func TestCompose_google_flusherWritesThere(t *testing.T) {
	flusher := loaded(t, "deploy/docker/google.yaml").Services["sheets-flusher"]
	got := accepted(t, "sheets-flusher", composeEnv(t, flusher))
	require.Empty(t, got["endpoint"].value)
	require.Len(t, flusher.Secrets, 1)
	require.Equal(t, "/run/secrets/"+flusher.Secrets[0].Source, got["credentials"].value)
}

func TestCompose_addresses_areThoseOfTheOtherServices(t *testing.T) {
	project := loaded(t)
	host := regexp.MustCompile(`^(?:http://)?([a-z-]+):(\d+)$`)
	ports := map[string]string{"kafka": "9092", "redis": "6379", "sheets-emulator": strings.TrimPrefix(imageEnv(t)["FORMSTREAM_HTTP"], ":")}
	for _, name := range services {
		service := project.Services[name]
		for _, variable := range []string{"FORMSTREAM_BROKERS", "FORMSTREAM_REDIS", "FORMSTREAM_ENDPOINT"} {
			address := service.Environment[variable]
			if address == nil {
				continue
			}
			fields := host.FindStringSubmatch(*address)
			require.NotNil(t, fields, *address)
			require.Equal(t, ports[fields[1]], fields[2], "%s of %s", variable, name)
			require.Contains(t, service.DependsOn, fields[1], "%s needs it", name)
		}
	}
	kafka := project.Services["kafka"].Environment
	require.Equal(t, "PLAINTEXT://kafka:9092", *kafka["KAFKA_ADVERTISED_LISTENERS"])
}

func TestCompose_dependencies_areWaitedForUntilHealthy(t *testing.T) {
	project := loaded(t)
	for name, service := range project.Services {
		for dependency, how := range service.DependsOn {
			require.Equal(t, types.ServiceConditionHealthy, how.Condition, "%s of %s", dependency, name)
		}
		require.NotNil(t, service.HealthCheck, name)
		require.NotEmpty(t, service.HealthCheck.Test, name)
		if slices.Contains(services, name) {
			require.Equal(t, types.HealthCheckTest{"CMD", "/service", "-health"}, service.HealthCheck.Test, name)
		}
	}
}

func TestCompose_images_areBuiltFromTheirFolder(t *testing.T) {
	for _, name := range services {
		service := loaded(t).Services[name]
		require.NotNil(t, service.Build, name)
		require.Equal(t, name, *service.Build.Args["SERVICE"])
		require.Equal(t, "formstream/"+name+":dev", service.Image)
		require.FileExists(t, filepath.Join(service.Build.Context, service.Build.Dockerfile))
		require.FileExists(t, filepath.Join(service.Build.Context, "services", name, "main.go"))
	}
}

func TestCompose_ports_areOnLoopbackAndServed(t *testing.T) {
	served := strings.TrimPrefix(imageEnv(t)["FORMSTREAM_HTTP"], ":")
	published := map[string]string{}
	for name, service := range loaded(t).Services {
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
			require.Equal(t, served, strconv.Itoa(int(port.Target)), name)
			published[name] = port.Published
		}
	}
	require.Equal(t, map[string]string{"form-api": "3000", "sheets-emulator": "3001"}, published)
}

func TestCompose_rangeOfPorts_makesRoomForReplicas(t *testing.T) {
	project, err := compose(t, []string{"FORMSTREAM_RECEIPT_KEY=" + receiptKey, "FORM_API_PORTS=3010-3019"})
	require.NoError(t, err)
	api := project.Services["form-api"]
	require.Empty(t, api.ContainerName, "a name of its own would allow only one")
	require.Len(t, api.Ports, 1)
	require.Equal(t, "3010-3019", api.Ports[0].Published)
}

func TestCompose_data_isInNamedVolumes(t *testing.T) {
	project := loaded(t)
	want := map[string]string{"kafka": "/var/lib/kafka/data", "redis": "/data", "sheets-emulator": imageEnv(t)["FORMSTREAM_DATA"]}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				require.Equal(t, imageEnv(t)["FORMSTREAM_FORMS"], volume.Target, name)
				require.True(t, volume.ReadOnly, name)
				require.DirExists(t, volume.Source)
				continue
			}
			require.Contains(t, project.Volumes, volume.Source)
			require.Equal(t, want[name], volume.Target)
			delete(want, name)
		}
	}
	require.Empty(t, want, "state that would end with its container")
	require.Equal(t, "/var/lib/kafka/data", *project.Services["kafka"].Environment["KAFKA_LOG_DIRS"])
}

func TestCompose_redis_neverEvicts(t *testing.T) {
	command := strings.Join(loaded(t).Services["redis"].Command, " ")
	require.Contains(t, command, "--maxmemory-policy noeviction")
	require.Contains(t, command, "--appendonly yes")
}

func TestCompose_everyContainer_startsAgainAndOursCanDoLittle(t *testing.T) {
	for name, service := range loaded(t).Services {
		require.Equal(t, types.RestartPolicyUnlessStopped, service.Restart, name)
		if slices.Contains(services, name) {
			require.True(t, service.ReadOnly, name)
			require.Equal(t, []string{"ALL"}, service.CapDrop, name)
			require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		}
	}
}

func TestCompose_noSecretInIt(t *testing.T) {
	secret := regexp.MustCompile(`KEY|PASSWORD|SECRET|TOKEN|CREDENTIALS`)
	var found []string
	for name, service := range loaded(t).Services {
		for variable, value := range service.Environment {
			if secret.MatchString(variable) {
				found = append(found, name+" "+variable+"="+*value)
			}
		}
	}
	require.Equal(t, []string{"form-api FORMSTREAM_RECEIPT_KEY=" + receiptKey}, found, "and that one comes from the environment")
}
