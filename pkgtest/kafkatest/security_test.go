package kafkatest_test

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"
	"time"

	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestProduce_logsIn(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Topics(1, topic), kafkatest.SASL(mechanism, "user", "pass-word"))
			settings := chassis.Kafka{Brokers: c.Brokers(), SASL: chassis.SASL{Mechanism: mechanism, User: "user", Password: "pass-word"}}
			cfg, err := kafka.NewConfig(settings, "test")
			require.NoError(t, err)
			p, err := kafka.NewProducer(c.Brokers(), cfg, kafka.ProducerOptions{})
			require.NoError(t, err)
			_, err = produce(t, p, time.Minute, topic, "k")
			require.NoError(t, err)
			require.NoError(t, p.Close(kafkatest.Context(t)))

			settings.SASL.Password = "wrong"
			cfg, err = kafka.NewConfig(settings, "test")
			require.NoError(t, err)
			_, err = kafka.Dial(kafkatest.Context(t), c.Brokers(), cfg)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "wrong")
		})
	}
}

func TestProduce_encrypted(t *testing.T) {
	server := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	server.Close()
	certificate := server.TLS.Certificates[0]
	c := kafkatest.Start(t, kafkatest.Topics(1, topic), kafkatest.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	require.NoError(t, os.WriteFile(ca, block, 0o600))

	cfg, err := kafka.NewConfig(chassis.Kafka{Brokers: c.Brokers(), TLS: chassis.TLS{Enabled: true, CA: ca}}, "test")
	require.NoError(t, err)
	p, err := kafka.NewProducer(c.Brokers(), cfg, kafka.ProducerOptions{})
	require.NoError(t, err)
	_, err = produce(t, p, time.Minute, topic, "k")
	require.NoError(t, err)
	require.NoError(t, p.Close(kafkatest.Context(t)))

	cfg, err = kafka.NewConfig(chassis.Kafka{Brokers: c.Brokers(), TLS: chassis.TLS{Enabled: true}}, "test")
	require.NoError(t, err)
	_, err = kafka.Dial(kafkatest.Context(t), c.Brokers(), cfg)
	require.ErrorContains(t, err, "certificate")
}
