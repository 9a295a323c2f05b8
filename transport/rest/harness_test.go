package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/transport/dialect"
)

const (
	testClient  = "3381af92-2b9e-11e3-b191-71861300734c"
	otherClient = "00000000-0000-4000-8000-000000000001"
)

// A service is the API over a store in memory, behind a socket.
type service struct {
	t      testing.TB
	opened storage.Opened
	log    *logBuffer
	addr   string
}

// serve starts the API. The options change how it is put together.
func serve(t testing.TB, options ...func(*Config, *broker.Config)) *service {
	t.Helper()
	s := &service{t: t, opened: memory.New(storage.Options{}), log: &logBuffer{}}
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := Config{Versions: dialect.All, Logger: logger, LogLevel: slog.LevelDebug}
	bc := broker.Config{Control: s.opened.Control, Data: s.opened.Data, Logger: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		option(&c, &bc)
	}
	b := broker.New(bc)
	c.Broker = b
	handler, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	s.addr = server.Listener.Addr().String()
	t.Cleanup(func() {
		server.Close()
		b.Close()
		s.closeStores()
	})
	return s
}

// closeStores ends the stores: from then on all that they are asked is unavailable.
func (s *service) closeStores() {
	if err := s.opened.Data.Close(); err != nil {
		s.t.Error(err)
	}
	if err := s.opened.Control.Close(); err != nil {
		s.t.Error(err)
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

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An answer is what came back over the socket, headers spelled as they came.
type answer struct {
	status int
	names  []string // of the headers, as spelled
	header http.Header
	body   string // every answer with one says how long it is
	closes bool   // the connection
}

// json is the body as a value.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Errorf("the body %q is no JSON object: %v", a.body, err)
	}
	return v
}

func (a answer) title(t testing.TB) string {
	t.Helper()
	title, _ := a.json(t)["title"].(string)
	return title
}

// usual are the headers of an ordinary request.
var usual = map[string]string{"Host": "localhost", "Client-ID": testClient, "X-Project-ID": "p1"}

// do sends a request with the usual headers. Each of the others is "Name: value", or "Name" alone for none such.
func (s *service) do(method, target, body string, headers ...string) answer {
	s.t.Helper()
	given := map[string]string{}
	for name, value := range usual {
		given[name] = value
	}
	if body != "" {
		given["Content-Length"] = itoa(len(body))
	}
	for _, h := range headers {
		name, value, found := strings.Cut(h, ":")
		delete(given, name)
		if found {
			given[name] = strings.TrimSpace(value)
		}
	}
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\n")
	for name, value := range given {
		b.WriteString(name + ": " + value + "\r\n")
	}
	return s.exchange(method, b.String()+"Connection: close\r\n\r\n"+body)
}

func itoa(n int) string { return strconv.Itoa(n) }

// exchange sends text on a connection of its own and reads one answer.
func (s *service) exchange(method, text string) answer {
	s.t.Helper()
	conn := s.dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatalf("send: %v", err)
	}
	return readAnswer(s.t, method, bufio.NewReader(conn))
}

func (s *service) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// readAnswer reads one answer, and remembers the names of its headers before they are made canonical.
func readAnswer(t testing.TB, method string, r *bufio.Reader) answer {
	t.Helper()
	var head bytes.Buffer
	a := answer{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("read an answer after %q: %v", head.String(), err)
		}
		head.WriteString(line)
		if line == "\r\n" {
			break
		}
		if name, _, isHeader := strings.Cut(line, ": "); isHeader {
			a.names = append(a.names, name)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(&head), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read an answer: %v", err)
	}
	defer response.Body.Close()
	a.status, a.header, a.closes = response.StatusCode, response.Header, response.Close
	if method == http.MethodHead || response.ContentLength <= 0 {
		return a
	}
	body := make([]byte, response.ContentLength)
	if _, err := io.ReadFull(r, body); err != nil {
		t.Fatalf("read an answer's body: %v", err)
	}
	a.body = string(body)
	return a
}

// want sends a request and complains about another status.
func (s *service) want(status int, method, target, body string, headers ...string) answer {
	s.t.Helper()
	a := s.do(method, target, body, headers...)
	if a.status != status {
		s.t.Errorf("%s %s %.60q %q: status %d with %.200q, want %d", method, target, body, headers, a.status, a.body, status)
	}
	return a
}
