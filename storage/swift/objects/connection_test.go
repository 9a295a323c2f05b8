package objects_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Whatever the answers are, one request after the other goes over one connection.
func TestConnectionIsUsedAgain(t *testing.T) {
	f := startFake(t)
	a := f.open()
	before := f.connectionCount()
	for _, answer := range []http.HandlerFunc{
		status(200), text(200, "application/json", "[]"), text(404, "text/html", "<html>none"), text(503, "text/plain", "busy"),
		text(401, "text/html", strings.Repeat("no", 10_000)), text(200, "a/b", strings.Repeat("x", 1<<20)),
		func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write([]byte("chunk"))
				w.(http.Flusher).Flush()
			}
		},
	} {
		f.setAnswer(answer)
		for range 3 {
			_ = a.Put(t.Context(), at, []byte("body"), objects.Attributes{})
			_, _ = a.Get(t.Context(), at, true)
			_, _ = a.Head(t.Context(), at, false)
			_ = a.Delete(t.Context(), at)
			_, _ = a.List(t.Context(), "c", objects.Listing{})
			_ = a.DeleteMany(t.Context(), paths(1))
		}
	}
	if n := f.connectionCount() - before; n > 0 {
		t.Errorf("%d connections more than that of the log-in", n)
	}
}

func TestConnectionsAreKeptAndBounded(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Connections = 20
	a := f.openWith(o)
	for range 5 {
		var running sync.WaitGroup
		for range 60 {
			running.Go(func() { head(t, a) })
		}
		running.Wait()
	}
	if n := f.connectionCount(); n > 20 {
		t.Errorf("%d connections, want at most 20 for 300 requests", n)
	}
}

// A server may close a connection at the moment at which it is used again. What may be done twice goes out once more; what
// may not is an error.
func TestConnectionClosedByTheServer(t *testing.T) {
	f := startFake(t)
	for name, call := range map[string]func(a *objects.Account) error{
		"put": func(a *objects.Account) error { return a.Put(t.Context(), at, []byte("x"), objects.Attributes{}) },
		"anew": func(a *objects.Account) error {
			return a.Put(t.Context(), at, []byte("x"), objects.Attributes{}, objects.Anew)
		},
		"once": func(a *objects.Account) error {
			return a.Put(t.Context(), at, []byte("x"), objects.Attributes{}, objects.Once)
		},
		"tar":  func(a *objects.Account) error { return a.PutMany(t.Context(), "c", files(2)) },
		"one":  func(a *objects.Account) error { return a.PutMany(t.Context(), "c", files(1)) },
		"del":  func(a *objects.Account) error { return a.Delete(t.Context(), at) },
		"many": func(a *objects.Account) error { return a.DeleteMany(t.Context(), paths(2)) },
	} {
		f.setAnswer(status(http.StatusNoContent))
		a := f.open()
		var closing sync.Once
		f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
			closing.Do(func() { panic(http.ErrAbortHandler) })
			bulkOrCreated(w, r)
		})
		err := call(a)
		if refused := slices.Contains([]string{"anew", "once", "tar", "one"}, name); refused != (err != nil) || !errors.Is(known(err), nil) && !errors.Is(known(err), errUnknown) {
			t.Errorf("%s = %v, want an error: %v", name, err, refused)
		}
	}
}

func bulkOrCreated(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		bulkJSON(`{"Response Status": "200 OK", "Number Deleted": 2, "Number Files Created": 2, "Errors": []}`)(w, r)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func TestHeadersOfRequests(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(bulkOrCreated)
	ctx := t.Context()
	for _, body := range []string{"", "body", strings.Repeat("x", 2<<20)} {
		for _, err := range []error{
			a.Put(ctx, at, []byte(body), objects.Attributes{}), a.Post(ctx, at, objects.Attributes{}), a.Delete(ctx, at),
			a.DeleteMany(ctx, paths(2)), a.MakeContainer(ctx, "c"),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	for _, r := range f.requests() {
		if r.ContentLength != int64(len(r.body)) || len(r.TransferEncoding) > 0 {
			t.Errorf("%s %s: length %d, %v for %d bytes", r.Method, r.URL, r.ContentLength, r.TransferEncoding, len(r.body))
		}
		if (r.Method == http.MethodPut || r.Method == http.MethodPost) && r.Header.Get("Content-Length") == "" && r.ContentLength < 0 {
			t.Errorf("%s %s has no Content-Length", r.Method, r.URL)
		}
		for _, name := range []string{"Expect", "Idempotency-Key", "Accept-Encoding"} {
			if v := r.Header.Values(name); len(v) > 0 {
				t.Errorf("%s %s has %s: %v", r.Method, r.URL, name, v)
			}
		}
		if r.ProtoMajor != 1 || r.Header.Get("User-Agent") != "marconi" {
			t.Errorf("%s %s: %s from %q", r.Method, r.URL, r.Proto, r.Header.Get("User-Agent"))
		}
	}
}

// The token must not follow a redirect to where it is none of their business.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := startFake(t)
	f := startFake(t)
	a := f.open()
	for _, code := range []int{301, 302, 307, 308} {
		f.setAnswer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/v1/AUTH_test/c/o", code) })
		if _, err := a.Get(t.Context(), at, false); !errors.Is(known(err), errUnknown) {
			t.Errorf("Get after a %d = %v, want an error", code, err)
		}
	}
	if got := other.requests(); len(got) > 0 {
		t.Errorf("the other server was asked: %v", got)
	}
}

func TestObserve(t *testing.T) {
	f := startFake(t)
	var (
		mu  sync.Mutex
		got []string
	)
	o := f.options()
	o.Timeout = 200 * time.Millisecond
	o.Observe = func(operation string, took time.Duration, status int) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprint(operation, " ", status))
		if took <= 0 || took > 10*time.Second {
			t.Errorf("%s took %v", operation, took)
		}
	}
	a := f.openWith(o)
	_, _ = a.Get(t.Context(), at, false)
	f.setAnswer(status(503))
	_, _ = a.Get(t.Context(), at, false)
	f.setAnswer(silent)
	_, _ = a.Head(t.Context(), at, false)
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := "[auth 200 ping 204 info 200 get 204 get 503 head 0]"; fmt.Sprint(got) != want {
		t.Errorf("observed %v, want %s", got, want)
	}
}

func TestTLS(t *testing.T) {
	f := newFake(t)
	f.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	f.Config.ErrorLog = nil
	f.StartTLS()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", f.Certificate().Raw)

	trusting := f.options()
	trusting.TLS.CAFile = ca
	head(t, f.openWith(trusting))
	careless := f.options()
	careless.TLS.Insecure = true
	head(t, f.openWith(careless))

	var unknown x509.UnknownAuthorityError
	if _, err := objects.Open(t.Context(), f.options()); err == nil || !strings.Contains(err.Error(), unknown.Error()) {
		t.Errorf("Open without the CA = %v, want %v", err, unknown)
	}
	strange := f.options()
	strange.TLS.CAFile = filepath.Join(t.TempDir(), "another.pem")
	writePEM(t, strange.TLS.CAFile, "CERTIFICATE", anotherCA(t))
	if _, err := objects.Open(t.Context(), strange); err == nil || !strings.Contains(err.Error(), unknown.Error()) {
		t.Errorf("Open with the file of another CA = %v, want %v", err, unknown)
	}
	for name, files := range map[string]objects.TLS{
		"no file": {CAFile: ca + "x"}, "no certificate in it": {CAFile: os.DevNull},
		"no client certificate": {CertFile: ca + "x", KeyFile: ca}, "a certificate without its key": {CertFile: ca},
	} {
		o := f.options()
		o.TLS = files
		if _, err := objects.Open(t.Context(), o); err == nil {
			t.Errorf("Open with %s succeeds", name)
		}
	}
}

// A log-in over TLS that names an account without it, on the same server, is that of one that doesn't know what stands before it;
// on another server it would show the token to whoever listens.
func TestTLSWithPlainAccount(t *testing.T) {
	f := newFake(t)
	f.StartTLS()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", f.Certificate().Raw)
	o := f.options()
	o.TLS.CAFile = ca
	storage := strings.Replace(f.URL, "https:", "http:", 1)
	f.auth = func(w http.ResponseWriter, r *http.Request) {
		f.login(w, r)
		w.Header().Set("X-Storage-Url", storage+"/v1/AUTH_test")
	}
	head(t, f.openWith(o))
	storage = "http://127.0.0.1:1"
	if _, err := objects.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "storage_url_scheme") {
		t.Errorf("Open with an account elsewhere = %v", err)
	}
}

// anotherCA is an authority that has signed nothing.
func anotherCA(t *testing.T) (der []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, public, private); err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTLSClientCertificate(t *testing.T) {
	f := newFake(t)
	f.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	f.StartTLS()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	// The server's own pair serves for the client, too.
	writePEM(t, cert, "CERTIFICATE", f.Certificate().Raw)
	der, err := x509.MarshalPKCS8PrivateKey(f.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, key, "PRIVATE KEY", der)
	o := f.options()
	o.TLS = objects.TLS{CAFile: cert, CertFile: cert, KeyFile: key}
	head(t, f.openWith(o))
	o.TLS = objects.TLS{CAFile: cert}
	if _, err := objects.Open(context.Background(), o); err == nil {
		t.Error("Open without a certificate succeeds")
	}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
