package chassis_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

func TestRun_help_isTheManual(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		got := command(t, []string{flag}, nil, nil)
		require.Zero(t, got.code)
		require.Empty(t, got.stderr)
		requireGolden(t, "help.txt", got.stdout)
	}
}

func TestRun_configPrint_showsOriginsAndNoSecret(t *testing.T) {
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("hunter2"), 0o600))
	got := command(t, []string{"-config-print", "-brokers=a:1,b:2", "-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u", "-kafka-sasl-password=hunter2", "-token-file", secret},
		map[string]string{"FORMSTREAM_TOPICS_CREATE": "true", "FORMSTREAM_REDIS_PASSWORD": "hunter2"}, nil)
	require.Zero(t, got.code, got.stderr)
	require.Empty(t, got.stderr)
	require.NotContains(t, got.stdout, "hunter2")
	requireGolden(t, "config-print.yaml", strings.ReplaceAll(got.stdout, secret, "/run/secrets/token"))
}

func TestRun_configPrintOfAWrongConfiguration_printsAndRefuses(t *testing.T) {
	got := command(t, []string{"-config-print"}, nil, nil)
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stdout, "deadline: 3s # default")
	require.Equal(t, "demo: -brokers: is not set; give the Kafka brokers as host:port[,host:port]\n", got.stderr)
}

func TestRun_configVerify_saysWhetherItIsValid(t *testing.T) {
	got := command(t, []string{"-config-verify", "-brokers=a:1"}, nil, nil)
	require.Equal(t, outcome{stdout: "demo: the configuration is valid\n"}, got)
	got = command(t, []string{"-config-verify", "-brokers=a:1", "-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u", "-kafka-sasl-password=p"}, nil, nil)
	require.Zero(t, got.code)
	require.Contains(t, got.stderr, "demo: warning: -kafka-sasl-mechanism")
}

func TestRun_wrongConfiguration_isOneMessage(t *testing.T) {
	got := command(t, []string{"-deadline=0s", "-batch=x"}, map[string]string{"FORMSTREAM_ADMIN": "9090"}, nil)
	require.Equal(t, 2, got.code)
	require.Empty(t, got.stdout)
	require.Equal(t, `demo: the configuration is wrong in 4 places:
  -batch "x" (flag): must be a whole number that fits
  -admin "9090" (environment FORMSTREAM_ADMIN): must be host:port, such as 127.0.0.1:3000 or :3000
  -brokers: is not set; give the Kafka brokers as host:port[,host:port]
  -deadline "0s" (flag): must be above 0s
`, got.stderr)
}

func TestRun_unknownFlag_isOneLine(t *testing.T) {
	got := command(t, []string{"-reddis=a:1"}, nil, nil)
	require.Equal(t, outcome{code: 2, stderr: "demo: unknown flag -reddis (did you mean -redis?); -help lists all flags\n"}, got)
}

func TestRun_version_needsNoConfiguration(t *testing.T) {
	got := command(t, []string{"-version"}, map[string]string{"FORMSTREAM_BATCH": "wrong"}, nil)
	require.Zero(t, got.code)
	require.Regexp(t, `^demo \S+ go\S+\n$`, got.stdout)
}

func TestRun_serviceEnds_exitCodeAndLog(t *testing.T) {
	got := command(t, []string{"-brokers=a:1", "-log-level=debug"}, nil, func(_ context.Context, deps chassis.Deps) error {
		deps.Log.Debug("hello", "component", "test")
		_, err := io.WriteString(deps.Stdout, "open this\n")
		return err
	})
	require.Zero(t, got.code)
	require.Equal(t, "open this\n", got.stdout)
	lines := logLines(t, got.stderr)
	require.Equal(t, "hello", lines[0]["msg"])
	require.Equal(t, "demo", lines[0]["service"])
	require.NotEmpty(t, lines[0]["version"])
}

func TestRun_serviceFails_isLoggedOnce(t *testing.T) {
	got := command(t, []string{"-brokers=a:1"}, nil, func(context.Context, chassis.Deps) error { return errors.New("open buffer: away") })
	require.Equal(t, 1, got.code)
	require.Equal(t, 1, strings.Count(got.stderr, "open buffer: away"))
}

func TestRun_cancelledWithoutBeingAsked_isAnError(t *testing.T) {
	got := command(t, []string{"-brokers=a:1"}, nil, func(context.Context, chassis.Deps) error { return context.Canceled })
	require.Equal(t, 1, got.code, "nobody asked the service to end: a cancelled call is its own failure")
}

func TestRun_textLog_isReadable(t *testing.T) {
	got := command(t, []string{"-brokers=a:1", "-log-format=text"}, nil, func(_ context.Context, deps chassis.Deps) error {
		deps.Log.Info("hello")
		return nil
	})
	require.Contains(t, got.stderr, "level=INFO msg=hello service=demo")
}

func TestRun_warning_isLogged(t *testing.T) {
	got := command(t, []string{"-brokers=a:1", "-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u", "-kafka-sasl-password=p"}, nil,
		func(context.Context, chassis.Deps) error { return nil })
	require.Equal(t, "dubious setting", logLines(t, got.stderr)[0]["msg"])
}

func TestRun_signal_drainsAndExitsZero(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		got := command(t, []string{"-brokers=a:1"}, nil, func(ctx context.Context, deps chassis.Deps) error {
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				return err
			}
			<-ctx.Done()
			<-deps.Health.Draining()
			if !errors.Is(context.Cause(ctx), chassis.ErrSignal) {
				return errors.New("the cause is not the signal")
			}
			return ctx.Err()
		})
		require.Zero(t, got.code, got.stderr)
	}
}

func TestRun_secondSignal_endsAtOnce(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{})
	got := command(t, []string{"-brokers=a:1"}, nil, func(ctx context.Context, _ chassis.Deps) error {
		defer close(ended)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-ctx.Done()
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-release // a drain that hangs
		return nil
	})
	require.Equal(t, 130, got.code, got.stderr)
	close(release)
	<-ended
}

func TestRun_callerCancels_drainsAndExitsZero(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stderr syncBuffer
	code := chassis.Run(ctx, "demo", []string{"-brokers=a:1"}, env(nil), io.Discard, &stderr, &demoConfig{}, func(ctx context.Context, _ chassis.Deps) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	require.Zero(t, code, stderr.String())
}

func TestRun_admin_servesHealthMetricsAndProfiles(t *testing.T) {
	address := freeAddress(t)
	args := []string{"-brokers=a:1", "-admin", address}
	healthCheck := func() outcome { return command(t, append(args, "-health"), nil, nil) }
	got := command(t, args, nil, func(ctx context.Context, deps chassis.Deps) error {
		client := newClient(t)
		get := func(path string) fetched { return fetch(t.Context(), client, "http://"+address+path) }
		require.Equal(t, http.StatusOK, get("/livez").status)
		require.Equal(t, fetched{status: http.StatusServiceUnavailable, body: "not ready\nstarting\n"}, get("/readyz"), "the service has said nothing yet")
		deps.Health.Register("forms", func(context.Context) error { return nil })
		require.Equal(t, fetched{status: http.StatusOK, body: "ready\n"}, get("/readyz"))
		require.Equal(t, outcome{}, healthCheck())
		metrics := get("/metrics").body
		for _, want := range []string{"go_goroutines", "process_open_fds", `formstream_build_info{go_version="go`, `service="demo"`} {
			require.Contains(t, metrics, want)
		}
		require.Equal(t, http.StatusOK, get("/debug/pprof/").status)
		require.Equal(t, http.StatusOK, get("/debug/pprof/goroutine?debug=1").status)
		require.Equal(t, http.StatusNotFound, get("/").status)

		broken := true
		deps.Health.Register("kafka", func(context.Context) error {
			if broken {
				return errors.New("no broker answers")
			}
			return nil
		})
		require.Equal(t, fetched{status: http.StatusServiceUnavailable, body: "not ready\nkafka: no broker answers\n"}, get("/readyz"))
		require.Equal(t, outcome{code: 1, stderr: "demo: not ready\nkafka: no broker answers\n"}, healthCheck())
		require.Equal(t, http.StatusOK, get("/livez").status, "liveness follows no check")
		broken = false
		require.Equal(t, http.StatusOK, get("/readyz").status)

		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		<-ctx.Done()
		<-deps.Health.Draining()
		require.Contains(t, get("/readyz").body, "draining", "the admin server outlives the drain")
		return nil
	})
	require.Zero(t, got.code, got.stderr)
	requireRefused(t, "http://"+address)
}

func TestRun_adminInUse_isOneLineThatNamesTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	got := command(t, []string{"-brokers=a:1", "-admin", l.Addr().String()}, nil, nil)
	require.Equal(t, 1, got.code)
	require.Equal(t, "demo: -admin \""+l.Addr().String()+"\": the address is in use by another process; end that one, or choose another port (port 0 takes a free one)\n", got.stderr)
}

func TestRun_health_failsClearly(t *testing.T) {
	got := command(t, []string{"-brokers=a:1", "-health"}, nil, nil)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "-admin: is not set")
	got = command(t, []string{"-brokers=a:1", "-health", "-admin", freeAddress(t)}, nil, nil)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "connection refused")
}

func TestRun_health_ofAProcessThatServesEverywhere(t *testing.T) {
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	srv := &http.Server{Addr: "127.0.0.1:" + port, Handler: mux, ReadHeaderTimeout: time.Second}
	l, err := net.Listen("tcp", srv.Addr)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	for _, host := range []string{"", "0.0.0.0", "[::]"} {
		got := command(t, []string{"-brokers=a:1", "-health", "-admin", host + ":" + port}, nil, nil)
		require.Zero(t, got.code, "%q: %s", host, got.stderr)
	}
	require.NoError(t, srv.Close())
	<-done
}

// freeAddress returns a loopback address that nobody serves on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func logLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		lines = append(lines, fields)
	}
	require.NotEmpty(t, lines)
	return lines
}
