package chassis_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

func TestLoad_eachLayer_winsOverTheOneBefore(t *testing.T) {
	const inFile, inEnv, inFlag = 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond
	rows := []struct {
		name string
		file string
		env  string
		args []string
		want time.Duration
	}{
		{name: "default", want: time.Millisecond},
		{name: "file over default", file: "2ms", want: inFile},
		{name: "environment over default", env: "3ms", want: inEnv},
		{name: "flag over default", args: []string{"-kafka-linger=4ms"}, want: inFlag},
		{name: "environment over file", file: "2ms", env: "3ms", want: inEnv},
		{name: "flag over file", file: "2ms", args: []string{"-kafka-linger=4ms"}, want: inFlag},
		{name: "flag over environment", env: "3ms", args: []string{"-kafka-linger=4ms"}, want: inFlag},
		{name: "flag over all", file: "2ms", env: "3ms", args: []string{"--kafka-linger", "4ms"}, want: inFlag},
		{name: "flag back to the default", file: "2ms", env: "3ms", args: []string{"-kafka-linger=1ms"}, want: time.Millisecond},
		{name: "last flag", args: []string{"-kafka-linger=9ms", "-kafka-linger=4ms"}, want: inFlag},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			environment := map[string]string{"FORMSTREAM_BROKERS": "a:1"}
			if row.file != "" {
				environment["FORMSTREAM_CONFIG"] = writeFile(t, "config.yaml", "kafka-linger: "+row.file+"\n")
			}
			if row.env != "" {
				environment["FORMSTREAM_KAFKA_LINGER"] = row.env
			}
			var cfg demoConfig
			require.NoError(t, chassis.Load(&cfg, row.args, env(environment)))
			require.Equal(t, row.want, cfg.Kafka.Linger)
		})
	}
}

func TestLoad_everyKind_isReadFromEveryLayer(t *testing.T) {
	text := `# a whole suite's file
brokers: [a:1, b:2]
topics-create: true
batch: 7
ratio: 0.25
deadline: 5s
log-level: warn
redis-password: 007
kafka-client-id: |-
  demo
token: "a # b"
data: ~/x
`
	check := func(t *testing.T, cfg demoConfig) {
		require.Equal(t, []string{"a:1", "b:2"}, cfg.Kafka.Brokers)
		require.True(t, cfg.Topics.Create)
		require.Equal(t, 7, cfg.Batch)
		require.InDelta(t, 0.25, cfg.Ratio, 0)
		require.Equal(t, 5*time.Second, cfg.Deadline)
		require.Equal(t, slog.LevelWarn, cfg.Log.Level)
		require.Equal(t, "007", cfg.Redis.Password.Reveal())
		require.Equal(t, "demo", cfg.Kafka.ClientID)
		require.Equal(t, "a # b", cfg.Token.Reveal())
	}
	t.Run("file", func(t *testing.T) {
		var cfg demoConfig
		require.NoError(t, chassis.Load(&cfg, []string{"-config", writeFile(t, "c.yaml", text)}, env(nil)))
		check(t, cfg)
	})
	values := map[string]string{
		"brokers": " a:1, b:2,", "topics-create": "true", "batch": "7", "ratio": "0.25", "deadline": "5s",
		"log-level": "warn", "redis-password": "007", "kafka-client-id": "demo", "token": "a # b",
	}
	t.Run("environment", func(t *testing.T) {
		environment := map[string]string{}
		for name, text := range values {
			environment[chassis.EnvName(name)] = text
		}
		var cfg demoConfig
		require.NoError(t, chassis.Load(&cfg, nil, env(environment)))
		check(t, cfg)
	})
	t.Run("flags", func(t *testing.T) {
		var args []string
		for name, text := range values {
			args = append(args, "-"+name+"="+text)
		}
		var cfg demoConfig
		require.NoError(t, chassis.Load(&cfg, args, env(nil)))
		check(t, cfg)
	})
}

func TestLoad_boolFlagWithoutValue_isTrue(t *testing.T) {
	var cfg demoConfig
	require.NoError(t, chassis.Load(&cfg, []string{"-topics-create", "-brokers", "a:1"}, env(nil)))
	require.True(t, cfg.Topics.Create)
}

func TestLoad_emptyEnvironmentVariable_countsAsNotSet(t *testing.T) {
	var cfg demoConfig
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers=a:1"}, env(map[string]string{
		"FORMSTREAM_DEADLINE": "", "FORMSTREAM_FORMS": "", "FORMSTREAM_REDIS_PASSWORD_FILE": "",
	})))
	require.Equal(t, 3*time.Second, cfg.Deadline)
	require.Equal(t, "forms", cfg.Forms)
}

func TestLoad_controlFlags_areNotReadFromTheEnvironment(t *testing.T) {
	var cfg demoConfig
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers=a:1"}, env(map[string]string{"FORMSTREAM_VERSION": "1.2.3"})))
}

func TestLoad_secret_comesFromTheHighestLayer(t *testing.T) {
	inFile := writeFile(t, "secret", "from-file\n")
	windows := writeFile(t, "secret", "from-file\r\n")
	rows := []struct {
		name   string
		config string
		env    map[string]string
		args   []string
		want   string
	}{
		{name: "none"},
		{name: "flag", args: []string{"-token=direct"}, want: "direct"},
		{name: "flag file", args: []string{"-token-file", inFile}, want: "from-file"},
		{name: "line end of Windows", args: []string{"-token-file", windows}, want: "from-file"},
		{name: "environment file", env: map[string]string{"FORMSTREAM_TOKEN_FILE": inFile}, want: "from-file"},
		{name: "flag over environment file", env: map[string]string{"FORMSTREAM_TOKEN_FILE": "/nowhere"}, args: []string{"-token=direct"}, want: "direct"},
		{name: "flag file over environment", env: map[string]string{"FORMSTREAM_TOKEN": "low"}, args: []string{"-token-file", inFile}, want: "from-file"},
		{name: "environment file over file", config: "token: low\n", env: map[string]string{"FORMSTREAM_TOKEN_FILE": inFile}, want: "from-file"},
		{name: "file", config: "token-file: " + inFile + "\n", want: "from-file"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"-brokers=a:1"}, row.args...)
			if row.config != "" {
				args = append(args, "-config", writeFile(t, "c.yaml", row.config))
			}
			var cfg demoConfig
			require.NoError(t, chassis.Load(&cfg, args, env(row.env)))
			require.Equal(t, row.want, cfg.Token.Reveal())
		})
	}
}

func TestLoad_wrongInput_isNamedWithItsRemedy(t *testing.T) {
	config := func(text string) []string { return []string{"-brokers=a:1", "-config=" + writeFile(t, "c.yaml", text)} }
	rows := []struct {
		name string
		args []string
		env  map[string]string
		want []string
	}{
		{name: "unknown flag", args: []string{"-brokrs=a:1"}, want: []string{"unknown flag -brokrs (did you mean -brokers?); -help lists all flags"}},
		{name: "nothing like it", args: []string{"-zzzzzz"}, want: []string{"unknown flag -zzzzzz; -help"}},
		{name: "flag without value", args: []string{"-deadline"}, want: []string{"flag needs an argument: -deadline"}},
		{name: "argument", args: []string{"-brokers=a:1", "start"}, want: []string{`unexpected argument "start"`}},
		{name: "duration", args: []string{"-brokers=a:1", "-deadline=3"}, want: []string{`-deadline "3" (flag): must be a duration with its unit`}},
		{name: "whole number", args: []string{"-brokers=a:1"}, env: map[string]string{"FORMSTREAM_BATCH": "1.5"}, want: []string{`-batch "1.5" (environment FORMSTREAM_BATCH): must be a whole number`}},
		{name: "number", args: config("ratio: half\n"), want: []string{`-ratio "half"`, "c.yaml:1:1", "must be a number"}},
		{name: "switch", args: config("topics-create: maybe\n"), want: []string{`-topics-create "maybe"`, "must be true or false"}},
		{name: "control", args: []string{"-version=maybe"}, want: []string{`-version "maybe"`, "true or false"}},
		{name: "level", args: []string{"-brokers=a:1", "-log-level=loud"}, want: []string{`-log-level "loud" (flag): must be DEBUG, INFO, WARN or ERROR`}},
		{name: "secret twice", args: []string{"-brokers=a:1", "-token=hunter2", "-token-file=/x"}, want: []string{"-token (flag): is given together with -token-file; keep one"}},
		{name: "secret file away", args: []string{"-brokers=a:1"}, env: map[string]string{"FORMSTREAM_TOKEN_FILE": "/nowhere"}, want: []string{`-token-file "/nowhere" (environment FORMSTREAM_TOKEN_FILE): read secret`}},
		{name: "secret file empty", args: []string{"-brokers=a:1", "-token-file=" + writeFile(t, "s", "\n")}, want: []string{"is empty"}},
		{name: "secret file large", args: []string{"-brokers=a:1", "-token-file=" + writeFile(t, "s", strings.Repeat("x", 64<<10+1))}, want: []string{"larger than 65536 bytes"}},
		{name: "config away", args: []string{"-brokers=a:1", "-config=/nowhere"}, want: []string{`-config "/nowhere": cannot be read`}},
		{name: "config large", args: config("# " + strings.Repeat("x", 64<<10)), want: []string{"larger than 65536 bytes"}},
		{name: "not YAML", args: config("a: b: c\n"), want: []string{"c.yaml:1:", "is not YAML"}},
		{name: "not a mapping", args: config("- brokers\n"), want: []string{"c.yaml:1:1: must hold lines"}},
		{name: "a word", args: config("brokers\n"), want: []string{"c.yaml:1:1: must hold lines"}},
		{name: "two documents", args: config("batch: 1\n---\nbatch: 2\n"), want: []string{"more than one YAML document"}},
		{name: "unknown key", args: config("batch: 1\nkafka_linger: 1ms\n"), want: []string{`c.yaml:2:1: unknown key "kafka_linger" (did you mean kafka-linger?)`}},
		{name: "nested", args: config("kafka:\n  linger: 1ms\n"), want: []string{`unknown key "kafka"`}},
		{name: "nested value", args: config("data:\n  folder: x\n"), want: []string{"c.yaml:1:1: data must have one plain value"}},
		{name: "no value", args: config("data:\n"), want: []string{`data must have one plain value, or a list of them; write "" for the empty one`}},
		{name: "twice", args: config("batch: 1\nbatch: 2\n"), want: []string{"c.yaml:2:", "batch"}},
		{name: "anchor", args: config("data: &a x\nforms: *a\n"), want: []string{"data must have", "forms must have"}},
		{name: "control in the file", args: config("version: true\n"), want: []string{"c.yaml:1:1: version cannot be set in the file"}},
		{
			name: "all layers at once",
			args: append(config("batch: many\nbatsh: 1\n"), "-deadline=-1s"),
			env:  map[string]string{"FORMSTREAM_HTTP": "3000"},
			want: []string{
				`-batch "many"`, `unknown key "batsh"`, `-deadline "-1s" (flag): must be above 0s`,
				`-http "3000" (environment FORMSTREAM_HTTP): must be host:port`,
			},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := chassis.Load(&demoConfig{}, row.args, env(row.env))
			require.Error(t, err)
			for _, want := range row.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestLoad_settingThatCouldNotBeRead_isNotAlsoMissing(t *testing.T) {
	err := chassis.Load(&demoConfig{}, []string{"-brokers=a:1", "-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u", "-kafka-sasl-password-file=/nowhere"}, env(nil))
	require.ErrorContains(t, err, "-kafka-sasl-password-file")
	require.NotContains(t, err.Error(), "is not set")
}

func TestLoad_emptyFile_setsNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n"} {
		var cfg demoConfig
		require.NoError(t, chassis.Load(&cfg, []string{"-brokers=a:1", "-config=" + writeFile(t, "c.yaml", text)}, env(nil)), "%q", text)
		require.Equal(t, 100, cfg.Batch)
	}
}

func TestSetDefault_unknownFlagOrWrongValue_panics(t *testing.T) {
	fs := newFlagSet()
	var cfg chassis.Config
	cfg.RegisterFlags(fs)
	require.Panics(t, func() { chassis.SetDefault(fs, "htpt", "x") })
	require.Panics(t, func() { chassis.SetDefault(fs, "kafka-linger", "x") })
	chassis.SetDefault(fs, "kafka-linger", "0s")
	require.Zero(t, cfg.Kafka.Linger)
	require.Equal(t, "0s", fs.Lookup("kafka-linger").DefValue)
}

func TestDefaults_fillsEveryField(t *testing.T) {
	var cfg demoConfig
	chassis.Defaults(&cfg)
	require.Equal(t, "127.0.0.1:3000", cfg.HTTP)
	require.Equal(t, 6, cfg.Topics.Partitions)
	require.Equal(t, -time.Millisecond, cfg.Topics.Retention)
	require.Equal(t, "formstream:", cfg.Redis.Prefix)
}

// FuzzLoad_file feeds the loader of the configuration file. Whatever it accepts
// must come back word for word when it is printed and read again.
func FuzzLoad_file(f *testing.F) {
	for _, seed := range []string{
		"", "brokers: a:1\n", "brokers: [a:1, b:2]\ntopics-create: true\n", "data: |\n  x\n  y\n", "a: b: c", "{brokers: a:1}", "- x", "? x\n: y\n",
		"data: \"\\x41\\u0041\\t\"\n", "token: 007\n", "ratio: 1e3\n", "ratio: .inf\n", "<<: {data: x}\n", "data: !!str x\n", "---\n---\n", "data: 'it''s'\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		path := writeFile(t, "c.yaml", string(src))
		var cfg demoConfig
		err := chassis.Load(&cfg, []string{"-brokers=a:1", "-config", path}, env(nil))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		printed := command(t, []string{"-brokers=a:1", "-config", path, "-config-print"}, nil, nil)
		require.Zero(t, printed.code, printed.stderr)
		var again demoConfig
		require.NoError(t, chassis.Load(&again, []string{"-config", writeFile(t, "again.yaml", printed.stdout)}, env(nil)), "%s", printed.stdout)
		again.Token, again.ReceiptKey, again.Redis.Password = cfg.Token, cfg.ReceiptKey, cfg.Redis.Password
		again.Kafka.SASL.Password, again.Redis.Sentinel.Password = cfg.Kafka.SASL.Password, cfg.Redis.Sentinel.Password
		require.Equal(t, cfg, again)
	})
}
