package objects_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A dial is a clock that a test turns.
type dial struct {
	mu  sync.Mutex
	now time.Time
}

func (d *dial) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *dial) turn(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

var at = objects.Path{Container: "c", Name: "o"}

func head(t *testing.T, a *objects.Account) {
	t.Helper()
	if _, err := a.Head(t.Context(), at, false); err != nil {
		t.Errorf("Head: %v", err)
	}
}

func TestTokenRefusedOnce(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") == "token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	if err := a.Put(t.Context(), at, []byte("body"), objects.Attributes{ContentType: "a/b"}, objects.Anew); err != nil {
		t.Errorf("Put: %v", err)
	}
	for i, r := range f.requests() {
		if r.body != "body" || r.ContentLength != 4 || r.Header.Get("Content-Type") != "a/b" || r.Header.Get("If-None-Match") != "*" {
			t.Errorf("request %d: %q, %v", i, r.body, r.Header)
		}
	}
	if n := f.loginCount(); n != 2 {
		t.Errorf("%d log-ins, want 2", n)
	}
}

func TestTokenRefusedTwice(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(status(http.StatusUnauthorized))
	if _, err := a.Get(t.Context(), at, false); !errors.Is(known(err), errUnknown) {
		t.Errorf("Get = %v, want an error that says nothing known", err)
	}
	if n := len(f.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// However many requests are refused at once, one log-in serves them all.
func TestTokenRefusedToMany(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.set(func() {
		f.auth = func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(20 * time.Millisecond)
			f.login(w, r)
		}
	})
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") == "token-1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() { head(t, a) })
	}
	running.Wait()
	if n := f.loginCount(); n != 2 {
		t.Errorf("%d log-ins, want 2", n)
	}
}

func TestTokenRenewedBeforeItsEnd(t *testing.T) {
	f := startFake(t)
	clock := &dial{now: time.Now()}
	o := f.options()
	o.Now = clock.Now
	a := f.openWith(o)
	clock.turn(44 * time.Minute)
	head(t, a)
	if n := f.loginCount(); n != 1 {
		t.Errorf("after 44 minutes of an hour: %d log-ins, want 1", n)
	}

	// The next one takes its time, but nobody has to wait for it.
	var release sync.WaitGroup
	release.Add(1)
	f.set(func() {
		f.auth = func(w http.ResponseWriter, r *http.Request) {
			release.Wait()
			f.login(w, r)
		}
	})
	clock.turn(2 * time.Minute)
	for range 3 {
		head(t, a)
	}
	for _, r := range f.requests() {
		if got := r.Header.Get("X-Auth-Token"); got != "token-1" {
			t.Errorf("while the next one is fetched: %s, want token-1", got)
		}
	}
	release.Done()
	eventually(t, "a request with the next token", func() bool {
		head(t, a)
		r := f.requests()
		return r[len(r)-1].Header.Get("X-Auth-Token") == "token-2"
	})
	if n := f.loginCount(); n != 2 {
		t.Errorf("%d log-ins, want 2", n)
	}
}

func TestTokenThatEndedIsNotUsed(t *testing.T) {
	f := startFake(t)
	clock := &dial{now: time.Now()}
	o := f.options()
	o.Now = clock.Now
	a := f.openWith(o)
	clock.turn(2 * time.Hour)
	head(t, a)
	if r := f.requests(); len(r) != 1 || r[0].Header.Get("X-Auth-Token") != "token-2" {
		t.Errorf("requests %v, want one with token-2", r)
	}
}

func TestTokenWithoutAnEndIsKept(t *testing.T) {
	f := startFake(t)
	clock := &dial{now: time.Now()}
	f.life = 0
	o := f.options()
	o.Now = clock.Now
	a := f.openWith(o)
	clock.turn(1000 * time.Hour)
	head(t, a)
	if n := f.loginCount(); n != 1 {
		t.Errorf("%d log-ins, want 1", n)
	}
}

// As long as the old token is good, a log-in that fails is only told to the log, and tried again now and then.
func TestTokenNotRenewed(t *testing.T) {
	f := startFake(t)
	clock := &dial{now: time.Now()}
	var (
		mu   sync.Mutex
		logs bytes.Buffer
	)
	o := f.options()
	o.Now = clock.Now
	o.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &logs}, nil))
	a := f.openWith(o)
	var refused atomic.Int64
	f.set(func() {
		f.auth = func(w http.ResponseWriter, _ *http.Request) {
			refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	warnings := func() int {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(logs.String(), "swift token not renewed yet")
	}
	clock.turn(50 * time.Minute)
	head(t, a)
	eventually(t, "a warning", func() bool { return warnings() == 1 })
	for range 10 {
		head(t, a)
	}
	clock.turn(5 * time.Minute)
	head(t, a)
	eventually(t, "another warning", func() bool { return warnings() == 2 })
	if n := refused.Load(); n != 2 {
		t.Errorf("%d log-ins, want 2", n)
	}
	clock.turn(10 * time.Minute)
	if _, err := a.Head(t.Context(), at, false); !errors.Is(known(err), errUnknown) || !strings.Contains(err.Error(), "503") {
		t.Errorf("Head after the token's end = %v, want an error with the 503 in it", err)
	}
	f.set(func() { f.auth = f.login })
	head(t, a)
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// The clocks of server and client may differ by more than a token lives.
func TestTokenOfAServerWithAnotherClock(t *testing.T) {
	f := startFake(t)
	for _, ahead := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		clock := &dial{now: time.Now().Add(ahead)}
		o := f.options()
		o.Now = clock.Now
		before := f.loginCount()
		a := f.openWith(o)
		for range 3 {
			head(t, a)
		}
		if n := f.loginCount() - before; n != 1 {
			t.Errorf("client ahead by %v: %d log-ins, want 1", ahead, n)
		}
	}
}

func TestCloseEndsALoginUnderWay(t *testing.T) {
	f := startFake(t)
	clock := &dial{now: time.Now()}
	o := f.options()
	o.Now = clock.Now
	a := f.openWith(o)
	begun := make(chan struct{})
	f.set(func() {
		f.auth = func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			silent(w, r)
		}
	})
	clock.turn(50 * time.Minute)
	head(t, a)
	<-begun
	begin := time.Now()
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if _, err := a.Head(t.Context(), at, false); !errors.Is(known(err), errUnknown) {
		t.Errorf("Head of a closed account = %v, want an error", err)
	}
}
