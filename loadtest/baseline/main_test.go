package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leftovers()...) }

const good = `{"name":"Ada Lovelace","email":"ada@example.org","message":"Hello"}`

func TestRun_eachMode_printsItsAddressServesAndEnds(t *testing.T) {
	brokers := strings.Join(kafkatest.Start(t).Brokers(), ",")
	for _, args := range [][]string{{"-mode=ceiling"}, {"-mode=floor", "-brokers=" + brokers}} {
		t.Run(args[0], func(t *testing.T) {
			ports, err := servers.FreePorts(1)
			require.NoError(t, err)
			admin := fmt.Sprintf("127.0.0.1:%d", ports[0])
			args = append(args, "-admin="+admin)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stdout, out := io.Pipe()
			ended := make(chan int, 1)
			var stderr bytes.Buffer
			go func() { ended <- run(ctx, args, out, &stderr) }()
			address, err := bufio.NewReader(stdout).ReadString('\n')
			require.NoError(t, err)

			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Post(strings.TrimSpace(address)+"/forms/demo-form", "application/json", strings.NewReader(good))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusAccepted, resp.StatusCode)

			resp, err = client.Get("http://" + admin + "/metrics")
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			for _, metric := range []string{"process_cpu_seconds_total ", "go_memstats_mallocs_total ", "go_memstats_alloc_bytes_total "} {
				require.Contains(t, string(text), "\n"+metric)
			}

			cancel()
			require.Zero(t, <-ended, stderr.String())
		})
	}
}

func TestRun_wrongFlag_isOneLineThatNamesTheRemedy(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"no mode", nil, "-mode \"\": must be ceiling or floor"},
		{"no brokers", []string{"-mode=floor"}, "-brokers: is not set"},
		{"no partitions", []string{"-mode=floor", "-brokers=127.0.0.1:1", "-partitions=0"}, "-partitions \"0\": must be 1 to 1000"},
		{"negative linger", []string{"-mode=ceiling", "-kafka-linger=-1s"}, "-kafka-linger"},
		{"no timeout", []string{"-mode=ceiling", "-timeout=0s"}, "-timeout"},
		{"not a flag", []string{"ceiling"}, "flags begin with -"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, 2, run(t.Context(), row.args, &stdout, &stderr))
			require.Empty(t, stdout.String())
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			require.Contains(t, stderr.String(), row.want)
		})
	}
}
