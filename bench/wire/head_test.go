package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A tape is a connection on which all has been said.
type tape struct {
	net.Conn
	said io.Reader
}

func (t tape) Read(p []byte) (int, error) { return t.said.Read(p) }

// What a server says means to us what it means to net/http.
func FuzzAnswer(f *testing.F) {
	for _, said := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: application/json\r\n\r\ntext and more",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\ntext", "HTTP/1.1 304 \r\n\r\n",
		"HTTP/1.1 201\r\ncontent-length:0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\ntext",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ntext", "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\ntext",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\ntext", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\ntext",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end",
		"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ntext", "HTTP/1.1 200 OK\nContent-Length: 4\n\ntext", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntext",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext", "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 099 No\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ntext", "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nFolded: a\r\n b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n folded: a\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nNo colon\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nBlank : a\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nControl: \x01\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: \xff\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nx-lower-CASE:\t a b \t\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Le", "garbage\r\n\r\n", "", "\r\n\r\n", "HTTP/1.1 200 OK\r\nLong: " + strings.Repeat("x", 2*readSize) + "\r\nContent-Length: 0\r\n\r\n",
	} {
		f.Add("GET", []byte(said))
		f.Add("HEAD", []byte(said))
	}
	f.Fuzz(func(t *testing.T, method string, said []byte) {
		if !isToken(method) {
			return
		}
		request := httptest.NewRequest(method, "/", nil)
		got, gotBody, gotErr := listen(New("host", 1), request, said)
		want, wantBody, wantErr := listenAsStandard(request, said)
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("%s %q: %v, want %v", method, said, gotErr, wantErr)
		}
		if wantErr == nil && !cmp.Equal(got, want) {
			t.Errorf("%s %q: %s", method, said, cmp.Diff(got, want))
		}
		if !bytes.Equal(gotBody, wantBody) {
			t.Errorf("%s %q: the body is %q, want %q", method, said, gotBody, wantBody)
		}
	})
}

// A heard answer is what callers look at.
type heard struct {
	Status, Proto string
	Code          int
	Header        http.Header
	Length        int64
	Close         bool
}

func hear(r *http.Response) heard {
	return heard{r.Status, r.Proto, r.StatusCode, r.Header, r.ContentLength, r.Close}
}

func listen(t *Transport, request *http.Request, said []byte) (heard, []byte, error) {
	t.seats <- struct{}{}
	local, _ := net.Pipe()
	e := &exchange{connection: newConnection(t, tape{local, bytes.NewReader(said)}), ctx: request.Context()}
	defer e.Close()
	if err := e.readAnswer(request); err != nil {
		return heard{}, nil, err
	}
	if e.response.Body == nil {
		e.response.Body = e
	}
	body, err := io.ReadAll(e.response.Body)
	return hear(&e.response), body, err
}

func listenAsStandard(request *http.Request, said []byte) (heard, []byte, error) {
	r := bufio.NewReaderSize(bytes.NewReader(said), readSize)
	for {
		response, err := http.ReadResponse(r, request)
		switch {
		case err != nil:
			return heard{}, nil, err
		case response.StatusCode == http.StatusSwitchingProtocols:
			return heard{}, nil, http.ErrNotSupported
		case response.StatusCode >= 200:
			body, err := io.ReadAll(response.Body)
			return hear(response), body, err
		}
	}
}

// What is sent are the bytes that net/http sends, whoever writes them.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/v1.1/queues/q/messages?limit=5&echo=true", "Client-ID", "uuid", "agent", "body", int64(4))
	f.Add("GET", "/%2f?a b", "x", " blanks ", "", "", int64(0))
	f.Add("DELETE", "/", "Accept-Encoding", "gzip", "a\nb", "", int64(0))
	f.Add("PUT", "/", "Host", "other", "x", "", int64(0))
	f.Add("PATCH", "/", "Connection", "close", "x", "chunked", int64(-1))
	f.Add("POST", "/", "Expect", "100-continue", "x", "text", int64(4))
	f.Add("POST", "/", "Content-Length", "9", "x", "text", int64(3))
	f.Add("POST", "/", "Trailer", "9", "x", "text", int64(5))
	f.Add("TOKEN", "/", "in valid", "9", "x", strings.Repeat("text", writeSize), int64(4*writeSize))
	f.Fuzz(func(t *testing.T, method, uri, name, value, agent, body string, length int64) {
		made := func() *http.Request {
			var reader io.Reader
			if body != "" {
				reader = struct{ io.Reader }{strings.NewReader(body)}
			}
			r, err := http.NewRequestWithContext(t.Context(), method, "http://host:80"+uri, reader)
			if err != nil || r.URL.Host != "host:80" {
				return nil // a transport takes it for that of another server
			}
			r.Header[name] = []string{value, value}
			r.Header["User-Agent"] = []string{agent}
			r.ContentLength = length
			return r
		}
		if made() == nil || len(body) < int(length) && length > 0 || body == "" && length != 0 {
			return
		}
		var want bytes.Buffer
		wantErr := made().Write(&want)
		got, gotErr := sent(New("host:80", 1), made())
		if wantErr != nil && int64(len(body)) > length && gotErr == nil {
			return // net/http tells of a body that is too long when it has sent what was told of it
		}
		if (gotErr == nil) != (wantErr == nil) || gotErr == nil && !bytes.Equal(got, want.Bytes()) {
			t.Errorf("sent %q, %v; want %q, %v", got, gotErr, want.Bytes(), wantErr)
		}
	})
}

// sent is what a connection sends of a request.
func sent(t *Transport, r *http.Request) ([]byte, error) {
	local, remote := net.Pipe()
	c := newConnection(t, local)
	var got bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = got.ReadFrom(remote) })
	err := c.send(r)
	_ = c.Close()
	reading.Wait()
	return got.Bytes(), err
}
