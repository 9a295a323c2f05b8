//go:build unix

package swift_test

import (
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

// TestThroughTLS keeps queues in a Swift behind what ends TLS, which takes itself for a plain server, and names its accounts so.
func TestThroughTLS(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: s.Host})
		r.Out.Host = r.In.Host
	}})
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of clients that don't trust it
	front.StartTLS()
	defer front.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	uri := "swift://tester:testing@" + front.Listener.Addr().String() + "/test?auth=v1&tls=true&index=none&ssl_ca_certs="
	opened, err := open(t, uri+url.QueryEscape(ca), storage.Options{Namespace: "tls"})
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, opened.Control)
	defer closeIt(t, opened.Data)
	q := marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "q"}, Incarnation: 1}
	for range 2 { // the first post is a bulk upload
		if _, err := opened.Data.Post(t.Context(), q, marconi.Post{Messages: []marconi.NewMessage{{TTL: 60, Body: []byte("1")}}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := opened.Data.Pop(t.Context(), q, 5); err != nil || len(got) != 2 {
		t.Errorf("popped %d messages, %v; want 2", len(got), err)
	}
	if _, err := open(t, strings.Replace(uri, "&ssl_ca_certs=", "", 1), storage.Options{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without its CA it opens, %v", err)
	}
}
