package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A service is a server on real sockets.
type service struct {
	t        testing.TB
	server   *Server
	api, ops string // addresses
	log      *logBuffer
	stop     context.CancelFunc // of the API; operators are served until the test ends
	stopped  chan error
}

// serve starts a server over a store in memory, but for what the options change.
func serve(t testing.TB, options ...func(*Options)) *service {
	t.Helper()
	c := config.Default()
	c.Marconi.OpsListen = "127.0.0.1:0"
	c.Marconi.HealthInterval = 0
	s := &service{t: t, log: &logBuffer{}, stopped: make(chan error, 1)}
	o := Options{
		Config: c, Drivers: drivers.All(), DataURI: "memory://", ControlURI: "memory://", Version: "test",
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, option := range options {
		option(&o)
	}
	var err error
	if s.server, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	api, ops := listenLocally(t), listenLocally(t)
	s.api, s.ops = api.Addr().String(), ops.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	opsCtx, stopOps := context.WithCancel(context.Background())
	s.stop = stop
	opsEnded := make(chan error, 1)
	go func() { s.stopped <- s.server.Serve(ctx, api) }()
	go func() { opsEnded <- s.server.ServeOps(opsCtx, ops) }()
	t.Cleanup(func() {
		stop()
		stopOps()
		for _, err := range []error{<-s.stopped, <-opsEnded, s.server.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func listenLocally(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// configured changes the configuration.
func configured(change func(*config.Config)) func(*Options) {
	return func(o *Options) { change(o.Config) }
}

// A client is one connection to the API.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (s *service) dial() *client {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.api)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.client(conn)
}

// dialTLS is dial where the server speaks TLS.
func (s *service) dialTLS() *client {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.api, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.client(conn)
}

// client speaks on a connection, which is closed when the test ends.
func (s *service) client(conn net.Conn) *client {
	s.t.Helper()
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return &client{Conn: conn, t: s.t, r: bufio.NewReader(conn)}
}

const usual = "Host: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: p\r\n"

// begin sends a request without its body, whose length it announces.
func (c *client) begin(method, target string, length int) {
	c.t.Helper()
	c.send(fmt.Sprintf("%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", method, target, usual, length))
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	closes bool
}

func (c *client) answer() answer {
	c.t.Helper()
	a, err := c.read()
	if err != nil {
		c.t.Fatalf("read an answer: %v", err)
	}
	return a
}

func (c *client) read() (answer, error) {
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), res.Close}, err
}

// do sends a request as a whole and gives its answer.
func (c *client) do(method, target, body string) answer {
	c.t.Helper()
	c.send(fmt.Sprintf("%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, target, usual, len(body), body))
	return c.answer()
}

// closed reports whether the server has ended the connection, or does so within that time; what it says before is let go.
func (c *client) closed(within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := io.Copy(io.Discard, c.r)
	var network net.Error
	return !errors.As(err, &network) || !network.Timeout()
}

const onePost = `{"messages": [{"body": 1}]}`

// wantRefusal holds that an answer has the API's form of an error that is over soon.
func wantRefusal(t testing.TB, a answer) {
	t.Helper()
	var body map[string]string
	err := json.Unmarshal([]byte(a.body), &body)
	if a.status != 503 || a.header.Get("Retry-After") == "" || a.header.Get("Content-Type") != "application/json" ||
		a.header.Get("Vary") != "Accept" || len(a.header.Get("X-Openstack-Request-Id")) != 40 {
		t.Errorf("status %d, headers %v; want 503 with all the headers of an error", a.status, a.header)
	}
	if err != nil || body["title"] != "Service temporarily unavailable" || !strings.HasSuffix(body["description"], ".") || len(body) != 2 {
		t.Errorf("the body is %q; want a title and a description", a.body)
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in ten seconds it did not come about that %s", what)
		}
	}
}

// A logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines are those that have all the words.
func (l *logBuffer) lines(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
line:
	for line := range strings.Lines(l.text.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue line
			}
		}
		found = append(found, line)
	}
	return found
}
