package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// A certificate is what the server shows to clients, and can be replaced under way: who has shaken hands keeps theirs.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

func newCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{}
	_, err := c.load(certFile, keyFile)
	return c, err
}

// load reads a certificate and its key, and reports whether they are others than before. After an error what was there
// stays.
func (c *certificate) load(certFile, keyFile string) (changed bool, err error) {
	if certFile == "" || keyFile == "" {
		return false, errors.New("TLS needs both a certificate and a key: --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return false, fmt.Errorf("load the TLS certificate %s and key %s: %w", certFile, keyFile, err)
	}
	before := c.current.Swap(&pair)
	return before == nil || !bytes.Equal(before.Leaf.Raw, pair.Leaf.Raw), nil
}

// ends is when the certificate is no longer valid.
func (c *certificate) ends() time.Time { return c.current.Load().Leaf.NotAfter }

// on speaks TLS on l. Version 2 of HTTP is left out: the API's clients don't speak it, and it would take the bounds of
// connections for those of requests.
func (c *certificate) on(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
	})
}

// ReloadCertificate reads the certificate and the key anew, from these files, and reports whether the certificate is
// another one. New connections get it; after an error they get the old one. A server that speaks no TLS won't begin to.
func (s *Server) ReloadCertificate(certFile, keyFile string) (changed bool, err error) {
	if s.certificate == nil {
		return false, errors.New("the server was started without TLS: a certificate takes a restart")
	}
	return s.certificate.load(certFile, keyFile)
}
