package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A counted server counts the connections that were opened to it.
type counted struct {
	*httptest.Server
	opened atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc) *counted {
	t.Helper()
	c := &counted{Server: httptest.NewUnstartedServer(handler)}
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.opened.Add(1)
		}
	}
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (s *counted) client(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := New(s.URL, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// Whatever is answered, the next call uses the same connection.
func TestConnectionIsReused(t *testing.T) {
	large := `{"title": "` + strings.Repeat("x", 1<<20) + `"}`
	answers := []struct {
		status int
		length bool // known beforehand
		body   string
	}{
		{204, true, ""},
		{200, true, `{}`},
		{200, false, `{}`},
		{201, true, ""},
		{404, true, ""},
		{400, true, `{"title": "no"}`},
		{400, false, large},
		{503, true, large},
		{200, true, "no JSON " + large},
	}
	var turn atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get("Accept-Encoding"); asked != "" {
			t.Errorf("the transport asks for %s, so sizes would not be those on the wire", asked)
		}
		a := answers[int(turn.Add(1)-1)%len(answers)]
		if a.length {
			w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
		}
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
	})
	for _, version := range []Version{V1, V11} {
		turn.Store(0)
		c := server.client(t, Config{Version: version})
		before := server.opened.Load()
		for range answers {
			c.Queue("jobs").Metadata(t.Context()) // some of these fail; how is for other tests
		}
		turn.Store(0)
		for range answers {
			c.Queue("jobs").Exists(t.Context()) // a HEAD in v1.0
		}
		if n := server.opened.Load() - before; n != 1 {
			t.Errorf("API %s: %d connections for %d calls, want 1", version, n, 2*len(answers))
		}
	}
}

// As many callers as there are keep their connections: the next round opens none.
func TestConcurrentCallersKeepTheirConnections(t *testing.T) {
	const callers = 20
	var together sync.WaitGroup
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait() // so that each caller needs a connection of its own
		w.WriteHeader(http.StatusNoContent)
	})
	c := server.client(t, Config{})
	for round := range 3 {
		together.Add(callers)
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				if err := c.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := server.opened.Load(); n != callers {
			t.Errorf("round %d: %d connections were opened, want %d", round, n, callers)
		}
	}
}

func TestAnswerIsBounded(t *testing.T) {
	const limit = 1000
	for _, known := range []bool{true, false} {
		var size atomic.Int64
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body := `{"a":"` + strings.Repeat("x", int(size.Load())-8) + `"}`
			if !known {
				w.(http.Flusher).Flush()
			}
			fmt.Fprint(w, body)
		})
		c := server.client(t, Config{MaxAnswer: limit})
		size.Store(limit)
		if m, err := c.Queue("jobs").Metadata(t.Context()); err != nil || len(m) != limit {
			t.Errorf("an answer of the limit, length known %v: %d bytes, %v; want %d", known, len(m), err, limit)
		}
		for _, over := range []int64{limit + 1, 100 * limit} {
			size.Store(over)
			if m, err := c.Queue("jobs").Metadata(t.Context()); !errors.Is(err, ErrTooLarge) || m != nil {
				t.Errorf("an answer of %d bytes, length known %v: %d bytes, %v; want %v", over, known, len(m), err, ErrTooLarge)
			}
		}
	}
}

// The status of a refusal counts even if its text is too long to be read.
func TestLongRefusal(t *testing.T) {
	c := newClient(t, play(reply{status: 404, body: strings.Repeat("x", 100)}), Config{MaxAnswer: 10})
	if err := c.Ping(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("Ping = %v, want %v", err, ErrNotFound)
	}
}

// cutOff serves connections that each break after they have shown a whole request and been sent text. It counts requests.
func cutOff(t *testing.T, text string) (url string, requests *atomic.Int64) {
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
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				requests.Add(1)
				r.Body.Close()
			}
			fmt.Fprint(conn, text)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String(), requests
}

// A post whose answer never came is neither sent again nor called a success.
func TestBrokenConnection(t *testing.T) {
	for name, text := range map[string]string{
		"before the answer": "",
		"in its head":       "HTTP/1.1 201 Created\r\nContent-",
		"in its body":       "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"resources\":",
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := cutOff(t, text)
			var seen []Exchange
			c, err := New(url, Config{Observe: func(_ context.Context, x Exchange) { seen = append(seen, x) }})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseIdleConnections()
			_, err = c.Queue("jobs").Post(t.Context(), NewMessage{Body: raw("1")})
			var broken *TransportError
			if !errors.As(err, &broken) {
				t.Errorf("Post = %v, want a *TransportError", err)
			}
			if n := requests.Load(); n != 1 || len(seen) != 1 || seen[0].Connections != 1 {
				t.Errorf("%d requests, observed %+v; want one of each", n, seen)
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	c, err := New(url, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var broken *TransportError
	var dial *net.OpError
	if err := c.Ping(t.Context()); !errors.As(err, &broken) || !errors.As(err, &dial) || dial.Op != "dial" {
		t.Errorf("Ping = %v, want a *TransportError by a failed dial", err)
	}
}

// A call ends with its context, wherever the server hangs.
func TestCancelling(t *testing.T) {
	for name, begin := range map[string]bool{"before the answer": false, "in its body": true} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if begin {
					w.Header().Set("Content-Length", "100")
					fmt.Fprint(w, "{")
					w.(http.Flusher).Flush()
				}
				arrived <- struct{}{}
				<-r.Context().Done()
			})
			ctx, cancel := context.WithCancel(t.Context())
			var cancelled time.Time
			go func() {
				<-arrived
				cancelled = time.Now()
				cancel()
			}()
			_, err := server.client(t, Config{}).Queue("jobs").Stats(ctx)
			<-ctx.Done()
			if took := time.Since(cancelled); took > time.Second {
				t.Errorf("the call ended %v after its context", took)
			}
			var broken *TransportError
			if !errors.Is(err, context.Canceled) || !errors.As(err, &broken) {
				t.Errorf("Stats = %v, want a *TransportError by %v", err, context.Canceled)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s with token %q", r.Method, r.URL, r.Header.Get("X-Auth-Token"))
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	c := server.client(t, Config{Token: func(context.Context) (string, error) { return "t", nil }})
	var e *Error
	if err := c.Ping(t.Context()); !errors.As(err, &e) || e.Status != http.StatusTemporaryRedirect {
		t.Errorf("Ping = %v, want an *Error of status 307", err)
	}
}
