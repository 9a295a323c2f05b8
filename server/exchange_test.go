package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// A slowReader is a client that takes its time: nothing of an answer's body is out before it says so.
type slowReader struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	read  <-chan struct{}
}

func (s slowReader) Write(p []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.read
	return s.ResponseRecorder.Write(p)
}

// sized answers as many bytes as the query asks for.
func sized(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.RawQuery)
	h := w.Header()
	h["location"] = []string{"/somewhere"}
	h.Set("X-Openstack-Request-Id", "req-1")
	h.Set("Content-Length", strconv.Itoa(n))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(strings.Repeat("x", n)))
}

// Large answers that clients have yet to read have a bound. What would be above it is refused, if nothing is lost by that.
func TestLargeAnswers(t *testing.T) {
	g := &gate{api: http.HandlerFunc(sized), maxBodyBytes: 100_000, log: slog.New(slog.DiscardHandler), refusals: &refusals{log: slog.New(slog.DiscardHandler)}}
	ask := func(method string, size int) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(method, "/?"+strconv.Itoa(size), nil))
		return w
	}
	if w := ask("GET", 150_000); w.Code != http.StatusOK || w.Body.Len() != 150_000 {
		t.Errorf("an answer above the bound that is alone: status %d with %d bytes", w.Code, w.Body.Len())
	}

	begun, read, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	slow := slowReader{httptest.NewRecorder(), begun, read}
	go func() {
		defer close(done)
		g.ServeHTTP(slow, httptest.NewRequest(http.MethodGet, "/?60000", nil))
	}()
	<-begun
	for _, tt := range []struct {
		method string
		size   int
		status int
	}{
		{"GET", 60_000, http.StatusServiceUnavailable},
		{"GET", 40_000, http.StatusOK}, // there is room for it
		{"GET", smallAnswer, http.StatusOK},
		{"DELETE", 60_000, http.StatusOK}, // it holds messages that are nowhere else any more
		{"POST", 60_000, http.StatusOK},
	} {
		w := ask(tt.method, tt.size)
		if w.Code != tt.status {
			t.Errorf("%s of %d bytes: status %d, want %d", tt.method, tt.size, w.Code, tt.status)
		}
		if h := w.Header(); w.Code == http.StatusServiceUnavailable {
			if h.Get("Retry-After") == "" || len(h) != 6 || h.Get("X-Openstack-Request-Id") != "req-1" || w.Body.String() != unread || h.Get("Content-Length") != strconv.Itoa(len(unread)) {
				t.Errorf("a refusal has %q and %s", h, w.Body)
			}
		} else if w.Body.Len() != tt.size {
			t.Errorf("%s of %d bytes: got %d", tt.method, tt.size, w.Body.Len())
		}
	}
	close(read)
	<-done
	if w := ask("GET", 60_000); w.Code != http.StatusOK || slow.Code != http.StatusOK {
		t.Errorf("when the first has been read, status %d; its own was %d", w.Code, slow.Code)
	}
	if n, refused := g.answerBytes.Load(), g.refusals.counts[tooManyBytes].all.Load(); n != 0 || refused != 1 {
		t.Errorf("%d bytes are under way at the end, want 0; %d refusals, want 1", n, refused)
	}
}
