package objects_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const infoJSON = `{"swift": {"version": "2.30.1", "container_listing_limit": 100, "max_object_name_length": 500},
	"bulk_delete": {"max_deletes_per_request": 10000, "max_failed_deletes": 1000}, "bulk_upload": {"max_failed_extractions": 1000}}`

// A fake is a server that a real Swift will not be: one that is in trouble at a test's word. It logs in and says what it can.
type fake struct {
	*httptest.Server
	t *testing.T

	mu          sync.Mutex // guards all below
	answer      http.HandlerFunc
	info        http.HandlerFunc
	auth        http.HandlerFunc
	life        time.Duration // of tokens
	logins      int
	seen        []seen
	connections int
}

// seen is a request for the account.
type seen struct {
	*http.Request
	body string
}

// newFake starts a server whose account answers 204 to all.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, life: time.Hour}
	f.answer = status(http.StatusNoContent)
	f.info = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, infoJSON) }
	f.auth = f.login
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.mu.Lock()
			f.connections++
			f.mu.Unlock()
		}
	}
	t.Cleanup(f.Close)
	return f
}

func startFake(t *testing.T) *fake {
	t.Helper()
	f := newFake(t)
	f.Start()
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	h := f.answer
	switch r.URL.Path {
	case "/auth/v1.0":
		h = f.auth
	case "/info":
		h = f.info
	default:
		f.seen = append(f.seen, seen{r, string(body)})
	}
	f.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	h(w, r)
}

// login gives the tokens token-1, token-2 and so on.
func (f *fake) login(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins++
	w.Header().Set("X-Storage-Url", f.URL+"/v1/AUTH_test")
	w.Header().Set("X-Auth-Token", "token-"+strconv.Itoa(f.logins))
	if f.life > 0 {
		w.Header().Set("X-Auth-Token-Expires", strconv.Itoa(int(f.life.Seconds())))
	}
}

// set changes what the fake does.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) setAnswer(h http.HandlerFunc) { f.set(func() { f.answer = h }) }

func (f *fake) loginCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins
}

func (f *fake) connectionCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.connections
}

// requests are those since the last call.
func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.seen
	f.seen = nil
	return s
}

func (f *fake) options() objects.Options {
	return objects.Options{AuthURL: f.URL, Version: objects.V1, User: "test:tester", Key: "secret-key"}
}

// open opens the account, and forgets the requests for that.
func (f *fake) open() *objects.Account { return f.openWith(f.options()) }

func (f *fake) openWith(o objects.Options) *objects.Account {
	f.t.Helper()
	a, err := objects.Open(context.Background(), o)
	if err != nil {
		f.t.Fatalf("Open: %v", err)
	}
	f.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			f.t.Errorf("Close: %v", err)
		}
	})
	f.requests()
	return a
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func text(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func bulkJSON(format string, args ...any) http.HandlerFunc {
	return text(http.StatusOK, "application/json", "   "+fmt.Sprintf(format, args...))
}

// silent answers when nobody waits any more.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
