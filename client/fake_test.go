package client

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A reply is an answer written by hand from the contract.
type reply struct {
	status  int
	headers string // lines of "Name: value"
	body    string
	err     error // no answer
}

func (r reply) response(req *http.Request) *http.Response {
	h := http.Header{}
	for line := range strings.Lines(r.headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.Add(name, value)
	}
	return &http.Response{
		StatusCode: r.status, Header: h, Body: io.NopCloser(strings.NewReader(r.body)),
		ContentLength: int64(len(r.body)), Request: req,
	}
}

// A watchedBody counts as open until it is closed.
type watchedBody struct {
	io.Reader
	open  *atomic.Int64
	close sync.Once
}

func (b *watchedBody) Close() error {
	b.close.Do(func() { b.open.Add(-1) })
	return nil
}

// A script is a transport that gives its replies in order, and keeps what it was asked. The last one is repeated.
type script struct {
	open atomic.Int64 // bodies that nobody has closed yet

	mu      sync.Mutex // guards what follows
	replies []reply
	asked   []string // "METHOD URI", and the body behind a blank if there is one
	headers []http.Header
}

func play(replies ...reply) *script { return &script{replies: replies} }

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	asked := req.Method + " " + req.URL.RequestURI()
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		asked += " " + string(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, asked)
	s.headers = append(s.headers, req.Header.Clone())
	r := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	if r.err != nil {
		return nil, r.err
	}
	resp := r.response(req)
	s.open.Add(1)
	resp.Body = &watchedBody{Reader: resp.Body, open: &s.open}
	return resp, nil
}

// newClient makes a client over a transport; the rest of the configuration may be left out. A script's answers must all
// be closed when the test ends.
func newClient(t testing.TB, transport http.RoundTripper, config Config) *Client {
	t.Helper()
	config.Transport = transport
	if s, scripted := transport.(*script); scripted {
		t.Cleanup(func() {
			if n := s.open.Load(); n != 0 {
				t.Errorf("%d answers were not closed", n)
			}
		})
	}
	if config.Project == "" {
		config.Project = "p1"
	}
	c, err := New("http://queues.example:8888", config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
