package apiscript

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A stub answers every request with the same text, or closes the connection if there is none, and keeps what it was sent.
type stub struct {
	listener net.Listener
	answer   string
	served   sync.WaitGroup

	mu  sync.Mutex // guards got
	got strings.Builder
}

func newStub(t *testing.T, answer string) *stub {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{listener: listener, answer: answer}
	s.served.Go(s.serve)
	t.Cleanup(func() {
		listener.Close()
		s.served.Wait()
	})
	return s
}

func (s *stub) addr() string { return s.listener.Addr().String() }

func (s *stub) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.served.Go(func() { s.talk(conn) })
	}
}

func (s *stub) talk(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		request, err := readRequest(r)
		s.mu.Lock()
		s.got.WriteString(request)
		s.mu.Unlock()
		if err != nil || s.answer == "" {
			return
		}
		if _, err := io.WriteString(conn, s.answer); err != nil {
			return
		}
	}
}

func (s *stub) sent() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

// readRequest reads the bytes of one request, as far as they come.
func readRequest(r *bufio.Reader) (string, error) {
	var b strings.Builder
	length, end := 0, "\r\n\r\n"
	for !strings.HasSuffix(b.String(), end) {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return b.String(), err
		}
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			end = "0\r\n\r\n"
		}
	}
	body := make([]byte, length)
	n, err := io.ReadFull(r, body)
	b.Write(body[:n])
	return b.String(), err
}

func TestAnswersKeepTheirSpelling(t *testing.T) {
	s := newStub(t, "HTTP/1.1 201 Made It\r\nlocation:  /v1/x \r\nX-a: 1\r\nx-A: 2\r\nContent-Length: 3\r\n\r\nabc")
	c := &client{addr: s.addr()}
	defer c.close()
	want := &Answer{
		Status: 201, Reason: "Made It", Body: []byte("abc"),
		Header: Header{{"location", "/v1/x"}, {"X-a", "1"}, {"x-A", "2"}, {"Content-Length", "3"}},
	}
	for range 2 { // the second one on the same connection
		got, err := c.do(t.Context(), Request{Method: "GET", Target: "/x"})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("answer: %v\n%s", err, diff)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	tests := []struct{ name, method, text, body, wrong string }{
		{name: "chunks", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", body: "abc0123456789"},
		{name: "to the end", text: "HTTP/1.1 200 OK\r\n\r\nabc", body: "abc"},
		{name: "HEAD", method: "HEAD", text: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"},
		{name: "204", text: "HTTP/1.1 204 No Content\r\n\r\n"},
		{name: "cut", text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", wrong: "unexpected EOF"},
		{name: "no length", text: "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", wrong: "Content-Length"},
		{name: "bare LF", text: "HTTP/1.1 200 OK\n\n", wrong: "CR LF"},
		{name: "no HTTP", text: "hello\r\n\r\n", wrong: "hello"},
		{name: "no colon", text: "HTTP/1.1 200 OK\r\nhello\r\n\r\n", wrong: "hello"},
		{name: "bad chunk", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\n", wrong: "-3"},
		{name: "nothing", text: "", wrong: "closed without an answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := readAnswer(bufio.NewReader(strings.NewReader(tt.text)), tt.method)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("error %v, want one with %q", err, tt.wrong)
				}
				return
			}
			if err != nil || string(a.Body) != tt.body {
				t.Errorf("answer %+v, %v, want the body %q", a, err, tt.body)
			}
		})
	}
}

func TestRequestBytes(t *testing.T) {
	tests := []struct {
		name string
		q    Request
		want string
	}{
		{"no body", Request{Method: "POST", Target: "/a"}, "\r\n"},
		{"empty body", Request{Method: "POST", Target: "/a", HasBody: true}, "Content-Length: 0\r\n\r\n"},
		{"body", Request{Method: "POST", Target: "/a", Body: []byte("abc"), HasBody: true}, "Content-Length: 3\r\n\r\nabc"},
		{
			"announced otherwise",
			Request{Method: "POST", Target: "/a", Header: Header{{"content-length", "9"}}, Body: []byte("abc"), HasBody: true},
			"content-length: 9\r\n\r\nabc",
		},
		{
			"chunks",
			Request{Method: "POST", Target: "/a", Header: Header{{"Transfer-Encoding", "chunked"}}, Body: []byte("abc"), HasBody: true},
			"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
		},
	}
	for _, tt := range tests {
		want := "POST /a HTTP/1.1\r\nHost: h\r\n" + tt.want
		if got := string(tt.q.bytes("h")); got != want {
			t.Errorf("%s: bytes = %q, want %q", tt.name, got, want)
		}
	}
}

func TestShortRequestEndsEarly(t *testing.T) {
	s := newStub(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
	c := &client{addr: s.addr()}
	q := Request{Method: "POST", Target: "/a", Header: Header{{"Content-Length", "9"}}, Body: []byte("abc"), HasBody: true}
	if a, err := c.do(t.Context(), q); a != nil || err != nil {
		t.Errorf("do = %v, %v, want the connection closed", a, err)
	}
	if got := s.sent(); !strings.HasSuffix(got, "\r\n\r\nabc") {
		t.Errorf("the server was sent %q", got)
	}
}

func TestBytesBehindAnAnswerAreNoticed(t *testing.T) {
	s := newStub(t, "HTTP/1.1 204 No Content\r\n\r\nhello")
	c := &client{addr: s.addr()}
	if a, err := c.do(t.Context(), Request{Method: "GET", Target: "/a"}); err == nil || !strings.Contains(err.Error(), "behind the answer") {
		t.Errorf("do = %v, %v, want an error about what came behind", a, err)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET")
	f.Add("HTTP/1.1 204 No Content\r\nlocation: x\r\n\r\n", "HEAD")
	f.Fuzz(func(t *testing.T, text, method string) {
		a, err := readAnswer(bufio.NewReader(strings.NewReader(text)), method)
		if err == nil && (a.Status < -99 || a.Status > 999) {
			t.Errorf("readAnswer(%q) has the status %d", text, a.Status)
		}
	})
}
