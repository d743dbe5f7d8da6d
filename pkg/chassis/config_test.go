package chassis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

const (
	goodKey  = "0123456789abcdef0123456789abcdef"
	otherKey = "fedcba9876543210fedcba9876543210"
)

func TestValidate_limits_areHeld(t *testing.T) {
	rows := []struct {
		name string
		args []string
		want string // "" for valid
	}{
		{name: "defaults"},
		{name: "free port", args: []string{"-http=127.0.0.1:0"}},
		{name: "every interface", args: []string{"-http=:3000", "-admin=[::]:9090"}},
		{name: "no port", args: []string{"-http=localhost"}, want: `-http "localhost" (flag): must be host:port`},
		{name: "port too high", args: []string{"-admin=:65536"}, want: `-admin ":65536"`},
		{name: "port by name", args: []string{"-admin=:http"}, want: `-admin ":http"`},
		{name: "endpoint", args: []string{"-endpoint=http://127.0.0.1:3001"}},
		{name: "endpoint with a path", args: []string{"-endpoint=https://sheets.example.com/base/"}},
		{name: "endpoint without scheme", args: []string{"-endpoint=127.0.0.1:3001"}, want: "-endpoint"},
		{name: "endpoint of another scheme", args: []string{"-endpoint=ftp://x"}, want: "must be an http or https URL"},
		{name: "endpoint with a query", args: []string{"-endpoint=http://x?key=1"}, want: "must be an http or https URL"},
		{name: "endpoint with a password", args: []string{"-endpoint=http://u:hunter2@x"}, want: "-endpoint (flag): must not hold a user or a password"},
		{name: "broker without port", args: []string{"-brokers=a:1,b"}, want: `-brokers "b" (flag): must be host:port, such as kafka-1:9092`},
		{name: "broker without host", args: []string{"-brokers=:9092"}, want: `-brokers ":9092"`},
		{name: "broker with a scheme", args: []string{"-brokers=kafka://a:1"}, want: "-brokers"},
		{name: "broker port 0", args: []string{"-brokers=a:0"}, want: `-brokers "a:0"`},
		{name: "broker on IPv6", args: []string{"-brokers=[::1]:9092"}},
		{name: "linger off", args: []string{"-kafka-linger=0s"}},
		{name: "linger negative", args: []string{"-kafka-linger=-1ms"}, want: `-kafka-linger "-1ms" (flag): must be from 0s to 1s`},
		{name: "linger long", args: []string{"-kafka-linger=2s"}, want: "must be from 0s to 1s"},
		{name: "receipt keys", args: []string{"-receipt-key=" + goodKey + ", " + otherKey}},
		{name: "receipt key short", args: []string{"-receipt-key=hunter2"}, want: "-receipt-key (flag): holds a key of fewer than 32 characters"},
		{name: "receipt keys three", args: []string{"-receipt-key=" + goodKey + "," + otherKey + "," + goodKey}, want: "holds more than two keys"},
		{name: "SASL", args: []string{"-kafka-sasl-mechanism=SCRAM-SHA-512", "-kafka-sasl-user=u", "-kafka-sasl-password=hunter2"}},
		{name: "SASL unknown", args: []string{"-kafka-sasl-mechanism=GSSAPI", "-kafka-sasl-user=u", "-kafka-sasl-password=hunter2"}, want: `-kafka-sasl-mechanism "GSSAPI"`},
		{name: "SASL without user", args: []string{"-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-password=hunter2"}, want: "-kafka-sasl-user: is not set"},
		{name: "SASL without password", args: []string{"-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u"}, want: "-kafka-sasl-password: is not set"},
		{name: "SASL without mechanism", args: []string{"-kafka-sasl-user=u"}, want: "-kafka-sasl-mechanism: is not set"},
		{name: "Redis", args: []string{"-redis=a:6379", "-redis-user=u", "-redis-password=hunter2", "-redis-db=3"}},
		{name: "Redis user alone", args: []string{"-redis-user=u"}, want: "-redis-password: is not set"},
		{name: "Redis many servers", args: []string{"-redis=a:1,b:2"}, want: "names several servers"},
		{name: "Sentinels", args: []string{"-redis=a:1,b:2", "-redis-sentinel-master=m", "-redis-sentinel-password=hunter2"}},
		{name: "Sentinel password alone", args: []string{"-redis=a:1", "-redis-sentinel-password=hunter2"}, want: "-redis-sentinel-master: is not set"},
		{name: "Redis database", args: []string{"-redis-db=16"}, want: "must be from 0 to 15"},
		{name: "Redis prefix", args: []string{"-redis-prefix={a}"}, want: "-redis-prefix"},
		{name: "topics", args: []string{"-topics-partitions=24", "-topics-replication=3", "-topics-min-insync=2", "-topics-retention=720h"}},
		{name: "no partition", args: []string{"-topics-partitions=0"}, want: "must be from 1 to 10000"},
		{name: "no replica", args: []string{"-topics-replication=0"}, want: "must be -1 (the broker's default) or from 1 to 100"},
		{name: "more in sync than there are", args: []string{"-topics-replication=1", "-topics-min-insync=2"}, want: "must not exceed -topics-replication"},
		{name: "retention short", args: []string{"-topics-retention=1m"}, want: `-topics-retention "1m0s" (flag): must be -1ms (for ever) or at least 1h`},
		{name: "log format", args: []string{"-log-format=xml"}, want: `-log-format "xml" (flag): must be json or text`},
		{name: "collector", args: []string{"-otlp-endpoint=127.0.0.1:4318", "-otlp-headers=api-key=hunter2, x=", "-otlp-sample=0.01"}},
		{name: "collector by another protocol", args: []string{"-otlp-endpoint=grpc://a:4317"}, want: `-otlp-endpoint "grpc://a:4317" (flag): must be host:port or an http or https URL`},
		{name: "collector with a password", args: []string{"-otlp-endpoint=http://u:hunter2@a"}, want: "-otlp-endpoint (flag): must not hold a user or a password"},
		{name: "collector's headers", args: []string{"-otlp-headers=hunter2"}, want: "-otlp-headers (flag): must be NAME=VALUE"},
		{name: "sample above all", args: []string{"-otlp-sample=1.5"}, want: `-otlp-sample "1.5" (flag): must be from 0 to 1`},
		{name: "sample is no number", args: []string{"-otlp-sample=NaN"}, want: `-otlp-sample "NaN" (flag): must be from 0 to 1`},
		{name: "delay", args: []string{"-shutdown-delay=-1s"}, want: "-shutdown-delay"},
		{name: "no time to drain", args: []string{"-shutdown-timeout=0s"}, want: "must be from 1ms to 1h0m0s"},
		{name: "TLS files without TLS", args: []string{"-kafka-tls-ca=/x"}, want: "-kafka-tls: is not set; certificates are given"},
		{name: "TLS", args: []string{"-redis-tls"}},
		{name: "TLS authority away", args: []string{"-redis-tls", "-redis-tls-ca=/nowhere"}, want: `-redis-tls-ca "/nowhere" (flag): must be a PEM file`},
		{name: "TLS certificate without key", args: []string{"-kafka-tls", "-kafka-tls-cert=/x"}, want: "-kafka-tls-key: is not set"},
		{name: "TLS key without certificate", args: []string{"-kafka-tls", "-kafka-tls-key=/x"}, want: "-kafka-tls-cert: is not set"},
		{name: "TLS certificate away", args: []string{"-kafka-tls", "-kafka-tls-cert=/x", "-kafka-tls-key=/y"}, want: `-kafka-tls-cert "/x"`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := chassis.Load(&demoConfig{}, append([]string{"-brokers=a:1"}, row.args...), env(nil))
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestValidate_longValue_isCutShort(t *testing.T) {
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 'x'
	}
	err := chassis.Load(&demoConfig{}, []string{"-brokers=a:1", "-http=" + string(long)}, env(nil))
	require.Error(t, err)
	require.Less(t, len(err.Error()), 300)
}

func TestWarnings_passwordInTheClear_isExplained(t *testing.T) {
	var cfg demoConfig
	login := []string{"-brokers=a:1", "-kafka-sasl-mechanism=PLAIN", "-kafka-sasl-user=u", "-kafka-sasl-password=p"}
	require.NoError(t, chassis.Load(&cfg, login, env(nil)))
	require.Len(t, cfg.Warnings(), 1)
	require.ErrorContains(t, cfg.Warnings()[0], "-kafka-tls")
	require.NoError(t, chassis.Load(&cfg, append(login, "-kafka-tls"), env(nil)))
	require.Empty(t, cfg.Warnings())
}

func TestReceiptKeys_signingKeyComesFirst(t *testing.T) {
	cfg := chassis.Config{ReceiptKey: goodKey + ", " + otherKey + "\n"}
	require.Equal(t, [][]byte{[]byte(goodKey), []byte(otherKey)}, cfg.ReceiptKeys())
	require.Empty(t, new(chassis.Config).ReceiptKeys())
}
