package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
)

// writeCertificate writes a certificate of that name and its key, and gives their files.
func writeCertificate(t testing.TB, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{name},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", keyDER)
	return cert, key
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown is the name in the certificate that a new connection gets.
func (s *service) shown() string {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.api, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestReloadCertificate(t *testing.T) {
	cert, key := writeCertificate(t, "first")
	s := serve(t, configured(func(c *config.Config) { c.Marconi.TLSCert, c.Marconi.TLSKey = cert, key }))
	old := s.dialTLS()
	if got := s.shown(); got != "first" {
		t.Errorf("the certificate is %q", got)
	}
	if changed, err := s.server.ReloadCertificate(cert, key); changed || err != nil {
		t.Errorf("the same certificate again: changed %v, %v", changed, err)
	}

	cert2, key2 := writeCertificate(t, "second")
	if changed, err := s.server.ReloadCertificate(cert2, key2); !changed || err != nil {
		t.Errorf("another certificate: changed %v, %v", changed, err)
	}
	if got := s.shown(); got != "second" {
		t.Errorf("after the change the certificate is %q", got)
	}
	if a := old.do("GET", "/v1/health", ""); a.status != 204 {
		t.Errorf("a connection from before the change: status %d", a.status)
	}

	if err := os.WriteFile(cert2, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{cert2, key2}, {cert, key2}, {"/nowhere/cert.pem", key}, {"", ""}} {
		if changed, err := s.server.ReloadCertificate(pair[0], pair[1]); changed || err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("certificate %q with key %q: changed %v, %v", pair[0], pair[1], changed, err)
		}
	}
	if got := s.shown(); got != "second" {
		t.Errorf("after broken certificates it is %q", got)
	}
}

func TestACertificateTakesARestart(t *testing.T) {
	s := serve(t)
	cert, key := writeCertificate(t, "late")
	if changed, err := s.server.ReloadCertificate(cert, key); changed || err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("a certificate for a server without TLS: changed %v, %v", changed, err)
	}
}
