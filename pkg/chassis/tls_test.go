package chassis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/chassis"
)

func TestTLS_off_isNil(t *testing.T) {
	config, err := chassis.TLS{}.Client()
	require.NoError(t, err)
	require.Nil(t, config)
}

func TestTLS_ownAuthorityAndCertificate_shakesHands(t *testing.T) {
	cert, key := selfSigned(t)
	settings := chassis.TLS{Enabled: true, CA: cert, Cert: cert, Key: key}
	client, err := settings.Client()
	require.NoError(t, err)
	client.ServerName = "localhost"
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	server := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: client.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}

	a, b := net.Pipe()
	served := make(chan error, 1)
	go func() {
		defer func() { _ = b.Close() }()
		served <- tls.Server(b, server).Handshake()
	}()
	conn := tls.Client(a, client)
	require.NoError(t, conn.Handshake())
	require.NoError(t, <-served)
	_ = a.Close()

	var cfg demoConfig
	require.NoError(t, chassis.Load(&cfg, []string{"-brokers=a:1", "-kafka-tls", "-kafka-tls-ca", cert, "-kafka-tls-cert", cert, "-kafka-tls-key", key}, env(nil)))
	require.Equal(t, settings, cfg.Kafka.TLS)
}

func TestTLS_filesWithoutCertificates_areRefused(t *testing.T) {
	cert, key := selfSigned(t)
	_, err := chassis.TLS{Enabled: true, CA: key}.Client()
	require.ErrorContains(t, err, "no certificate in it")
	_, err = chassis.TLS{Enabled: true, Cert: cert, Key: cert}.Client()
	require.ErrorContains(t, err, "read client certificate")
}

// selfSigned makes a certificate for localhost that is its own authority.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile = writeFile(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile = writeFile(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return certFile, keyFile
}
