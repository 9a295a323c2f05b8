package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/wire"
	"github.com/marconi-mq/marconi/client"
)

// A server counts its connections and requests.
type server struct {
	*httptest.Server
	opened   atomic.Int64
	requests atomic.Int64
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

func serve(t *testing.T, handle http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handle(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// transport makes one whose goroutines and connections are gone at the end of the test.
func transport(t *testing.T, host string, n int) *wire.Transport {
	t.Helper()
	before := goleak.IgnoreCurrent()
	w := wire.New(host, n)
	t.Cleanup(func() {
		w.CloseIdleConnections()
		goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http.(*Server).Serve"), goleak.IgnoreAnyFunction("net/http.(*conn).serve"))
	})
	return w
}

func request(ctx context.Context, t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ask sends a request and gives the answer's status and body.
func ask(t *testing.T, w *wire.Transport, r *http.Request) (status int, body string, err error) {
	t.Helper()
	response, err := w.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// All kinds of answers are read as they are meant, and the connection serves the next request, too.
func TestAnswersOverOneConnection(t *testing.T) {
	long := strings.Repeat("long ", 100_000)
	answers := map[string]func(http.ResponseWriter){
		"length": func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated); fmt.Fprint(w, "short") },
		"long": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			fmt.Fprint(w, long)
		},
		"none":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"empty":     func(w http.ResponseWriter) { w.Header().Set("Content-Length", "0") },
		"refusal":   func(w http.ResponseWriter) { http.Error(w, "no", http.StatusNotFound) },
		"unchanged": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) },
		"chunked": func(w http.ResponseWriter) {
			fmt.Fprint(w, "in two ")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "chunks")
		},
		"early hints": func(w http.ResponseWriter) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprint(w, "final")
		},
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answers[r.Header.Get("X-Answer")](w)
	})
	ours, standard := transport(t, s.host(), 1), client.NewTransport()
	defer standard.CloseIdleConnections()
	for name := range answers {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodDelete} {
			r := request(t.Context(), t, method, s.URL+"/a?b=c", "")
			r.Header.Set("X-Answer", name)
			got, err := ours.RoundTrip(r)
			if err != nil {
				t.Fatalf("%s %s: %v", method, name, err)
			}
			want, err := standard.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			sameAnswer(t, method+" "+name, got, want)
		}
	}
	if n := s.opened.Load(); n != 2 {
		t.Errorf("%d connections were opened, want one by each transport", n)
	}
}

func sameAnswer(t *testing.T, name string, got, want *http.Response) {
	t.Helper()
	text, err := io.ReadAll(got.Body)
	same, wantErr := io.ReadAll(want.Body)
	_, _ = got.Body.Close(), want.Body.Close()
	if string(text) != string(same) || (err == nil) != (wantErr == nil) {
		t.Errorf("%s: a body of %d bytes, %v; want %d, %v", name, len(text), err, len(same), wantErr)
	}
	for _, h := range []http.Header{got.Header, want.Header} {
		h.Del("Date")
	}
	type head struct {
		status, proto, fields string
		code                  int
		length                int64
		close                 bool
	}
	of := func(r *http.Response) head {
		var fields strings.Builder
		_ = r.Header.Write(&fields)
		return head{r.Status, r.Proto, fields.String(), r.StatusCode, r.ContentLength, r.Close}
	}
	if of(got) != of(want) {
		t.Errorf("%s: %+v, want %+v", name, of(got), of(want))
	}
}

// What the server means to close, or what nobody has read, is not used again.
func TestConnectionsThatCantServeAgain(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, strings.Repeat("x", 100_000))
	})
	w := transport(t, s.host(), 4)
	for range 2 {
		if _, body, err := ask(t, w, request(t.Context(), t, "GET", s.URL+"/close", "")); err != nil || len(body) != 100_000 {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
	}
	unread, err := w.RoundTrip(request(t.Context(), t, "GET", s.URL+"/unread", ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // to close it again does nothing
		unread.Body.Close()
	}
	if _, _, err := ask(t, w, request(t.Context(), t, "GET", s.URL+"/", "")); err != nil {
		t.Fatal(err)
	}
	if n := s.opened.Load(); n != 4 {
		t.Errorf("%d connections were opened for four requests, want 4", n)
	}
}

// There are never more connections than were asked for. Who finds none waits for one, or for the end of his context.
func TestTheSetDoesNotGrow(t *testing.T) {
	const connections, callers = 3, 20
	var open, most atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), open.Add(1)))
		time.Sleep(5 * time.Millisecond)
		open.Add(-1)
	})
	w := transport(t, s.host(), connections)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if _, _, err := ask(t, w, request(t.Context(), t, "GET", s.URL, "")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.opened.Load() > connections || most.Load() > connections {
		t.Errorf("%d connections were opened and %d requests under way at once, want %d at most", s.opened.Load(), most.Load(), connections)
	}
	holding := transport(t, s.host(), 1)
	held, err := holding.RoundTrip(request(t.Context(), t, "GET", s.URL, ""))
	if err != nil || held.Body != http.NoBody { // it was given back at once
		t.Fatalf("%v, %v; want no body", held, err)
	}
	blocked := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "text") })
	only := transport(t, blocked.host(), 1)
	first, err := only.RoundTrip(request(t.Context(), t, "GET", blocked.URL, ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := only.RoundTrip(request(ctx, t, "GET", blocked.URL, "")); measure.Classify(err) != measure.Timeout {
		t.Errorf("a request without a connection ended with %v, want a timeout", err)
	}
	first.Body.Close()
}

// A connection that the server has closed while nobody used it is replaced: nothing is lost by it.
func TestClosedConnectionsAreReplaced(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "text") })
	w := transport(t, s.host(), 1)
	for n := range int64(3) {
		if _, body, err := ask(t, w, request(t.Context(), t, "POST", s.URL, "body")); err != nil || body != "text" {
			t.Fatalf("%q, %v", body, err)
		}
		if got := s.opened.Load(); got != n+1 {
			t.Errorf("%d connections after %d requests", got, n+1)
		}
		s.CloseClientConnections()
		time.Sleep(20 * time.Millisecond) // the end has come through, and is longer ago than is trusted
	}
}

// cutOff serves connections that each break after they have shown a whole request and been sent text. It counts requests.
func cutOff(t *testing.T, text string) (host string, requests *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				requests.Add(1)
			}
			fmt.Fprint(c, text)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), requests
}

// What was sent is not sent again, whatever its method.
func TestNothingIsSentTwice(t *testing.T) {
	for _, text := range []string{
		"", "HTTP/1.1 201 Crea", "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nonly this",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonly",
	} {
		for _, method := range []string{"GET", "POST"} {
			host, requests := cutOff(t, text)
			w := transport(t, host, 1)
			_, _, err := ask(t, w, request(t.Context(), t, method, "http://"+host, ""))
			if err == nil || errors.Is(err, io.EOF) || measure.Classify(&client.TransportError{Err: err}) != measure.Reset {
				t.Errorf("%s answered by %q: %v, of class %q; want a broken connection", method, text, err, measure.Classify(&client.TransportError{Err: err}))
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%s answered by %q: sent %d times", method, text, n)
			}
		}
	}
}

// A request ends with its context, wherever it is, and says so. The connections of others go on.
func TestContexts(t *testing.T) {
	arrived := make(chan struct{}, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/well" {
			fmt.Fprint(w, "well")
			return
		}
		if r.URL.Path == "/body" {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "begun")
			w.(http.Flusher).Flush()
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	w := transport(t, s.host(), 2)
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if _, _, err := ask(t, w, request(ctx, t, "GET", s.URL+path, "")); !errors.Is(err, context.Canceled) {
			t.Errorf("%s ended with %v, want %v", path, err, context.Canceled)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, _, err := ask(t, w, request(ctx, t, "GET", s.URL+path, ""))
		<-arrived
		if measure.Classify(err) != measure.Timeout {
			t.Errorf("%s ended with %v, want a timeout", path, err)
		}
		cancel()
	}
	// A context that ends when its requests are over takes the connection with it, but not the next request.
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			if _, body, err := ask(t, w, request(ctx, t, "GET", s.URL+"/well", "")); err != nil || body != "well" {
				t.Errorf("%q, %v; want it well", body, err)
			}
		}
		cancel()
		if _, _, err := ask(t, w, request(ctx, t, "GET", s.URL+"/well", "")); !errors.Is(err, context.Canceled) {
			t.Errorf("a request whose context is over ended with %v, want %v", err, context.Canceled)
		}
	}
}

// A server that is not there is told from one that breaks off.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	w := transport(t, host, 1)
	for range 2 { // it has no connection, and may try to make one
		if _, _, err := ask(t, w, request(t.Context(), t, "GET", "http://"+host, "")); measure.Classify(err) != measure.Connect {
			t.Errorf("ended with %v, want that nobody was reached", err)
		}
	}
}

// A server may refuse a body that it hasn't read: what it says counts, not that it stopped reading.
func TestRefusalBeforeTheBody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = bufio.NewReader(c).ReadString('\n')
		fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		time.Sleep(50 * time.Millisecond) // it has come through before the connection breaks
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}()
	w := transport(t, l.Addr().String(), 1)
	status, body, err := ask(t, w, request(t.Context(), t, "POST", "http://"+l.Addr().String(), strings.Repeat("x", 32<<20)))
	if status != http.StatusRequestEntityTooLarge || body != "big" || err != nil {
		t.Errorf("%d %q, %v; want the refusal", status, body, err)
	}
}

// Bodies that are not as long as they say are no requests.
func TestBodyWithoutItsLength(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	w := transport(t, s.host(), 1)
	r := request(t.Context(), t, "POST", s.URL, "four")
	r.ContentLength = 5
	if _, _, err := ask(t, w, r); err == nil {
		t.Error("a body of 4 bytes was sent as one of 5")
	}
	if _, _, err := ask(t, w, request(t.Context(), t, "POST", s.URL, "four")); err != nil || s.requests.Load() > 2 {
		t.Errorf("the next request ended with %v", err)
	}
}

func TestOtherServersAreRefused(t *testing.T) {
	w := transport(t, "127.0.0.1:1", 1)
	for _, url := range []string{"http://127.0.0.1:2/", "https://127.0.0.1:1/"} {
		if _, _, err := ask(t, w, request(t.Context(), t, "POST", url, "text")); err == nil || measure.Classify(err) == measure.Connect {
			t.Errorf("%s: %v, want that it isn't the server", url, err)
		}
	}
}

// Who says without end what comes before an answer is not listened to for ever.
func TestEndlessHead(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			for line := text; ; line = text {
				if !strings.Contains(text, "\r\n\r\n") {
					line = "X-Field: text\r\n"
				}
				if _, err := io.WriteString(c, strings.Repeat(line, 1000)); err != nil {
					return
				}
			}
		}()
		w := transport(t, l.Addr().String(), 1)
		if _, _, err := ask(t, w, request(t.Context(), t, "GET", "http://"+l.Addr().String(), "")); err == nil {
			t.Errorf("%q without end is an answer", text)
		}
		l.Close()
	}
}
