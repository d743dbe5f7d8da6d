package chassis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
)

// TLS says how to encrypt the connections to a server.
type TLS struct {
	Enabled bool
	CA      string // file of the PEM certificates to trust; "" is the system's
	Cert    string // file of our own certificate, where the server wants one
	Key     string // file of its key
}

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 1 << 20

func (t *TLS) registerFlags(fs *flag.FlagSet, prefix, server string) {
	fs.BoolVar(&t.Enabled, prefix+"-tls", false, "encrypt connections to "+server)
	fs.StringVar(&t.CA, prefix+"-tls-ca", "", "PEM `file` of the authorities to trust; the system's if empty")
	fs.StringVar(&t.Cert, prefix+"-tls-cert", "", "PEM `file` of the client's certificate")
	fs.StringVar(&t.Key, prefix+"-tls-key", "", "PEM `file` of the client's key")
}

func (t TLS) validate(prefix string) error {
	if !t.Enabled {
		if t.CA != "" || t.Cert != "" || t.Key != "" {
			return Missing(prefix+"-tls", "certificates are given; add -"+prefix+"-tls to use them")
		}
		return nil
	}
	var errs []error
	if _, err := t.pool(); err != nil {
		errs = append(errs, Wrong(prefix+"-tls-ca", t.CA, "must be a PEM file of certificates: "+err.Error()))
	}
	switch {
	case t.Cert == "" && t.Key != "":
		errs = append(errs, Missing(prefix+"-tls-cert", "-"+prefix+"-tls-key needs it"))
	case t.Cert != "" && t.Key == "":
		errs = append(errs, Missing(prefix+"-tls-key", "-"+prefix+"-tls-cert needs it"))
	case t.Cert != "":
		if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
			errs = append(errs, Wrong(prefix+"-tls-cert", t.Cert, "must be a PEM certificate that belongs to -"+prefix+"-tls-key: "+err.Error()))
		}
	}
	return errors.Join(errs...)
}

// Client returns the settings for a client's connections, at least TLS 1.2; nil
// if TLS is off. The files are read now: a renewed certificate takes a restart.
func (t TLS) Client() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	pool, err := t.pool()
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// pool returns the authorities to trust; nil stands for the system's.
func (t TLS) pool() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	pem, err := readBounded(t.CA, maxPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in it")
	}
	return pool, nil
}
