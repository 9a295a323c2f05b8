package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/marconi-mq/marconi/config"
)

// withTLS speaks TLS on l if the configuration has a certificate.
func withTLS(l net.Listener, c *config.Config) (net.Listener, error) {
	if c.Marconi.TLSCert == "" && c.Marconi.TLSKey == "" {
		return l, nil
	}
	if c.Marconi.TLSCert == "" || c.Marconi.TLSKey == "" {
		return nil, errors.New("TLS needs both a certificate and a key: --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(c.Marconi.TLSCert, c.Marconi.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("load the TLS certificate %s and key %s: %w", c.Marconi.TLSCert, c.Marconi.TLSKey, err)
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}), nil
}
