package rest

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// Clients look for these two names as they always came: in lower case.
func TestHeaderNamesOnTheWire(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		method, target, body string
		status               int
		want                 []string
	}{
		{"PUT", "/v1/queues/q", "", 201, []string{"Content-Length", "Date", "X-Openstack-Request-Id", "location"}},
		{"PUT", "/v1/queues/q", "", 204, []string{"Date", "X-Openstack-Request-Id", "location"}},
		{"POST", "/v1/queues/q/messages", `[{"ttl": 60, "body": 1}]`, 201,
			[]string{"Content-Length", "Date", "X-Openstack-Request-Id", "content-type", "location"}},
		{"GET", "/v1/queues/q/messages?echo=1", "", 200, []string{"Content-Length", "Content-Location", "Date", "X-Openstack-Request-Id", "content-type"}},
		{"POST", "/v1/queues/q/claims", `{"ttl": 60, "grace": 60}`, 201,
			[]string{"Content-Length", "Date", "X-Openstack-Request-Id", "content-type", "location"}},
		{"POST", "/v1/queues/q/claims", `{"ttl": 60, "grace": 60}`, 204, []string{"Date", "X-Openstack-Request-Id"}},
		{"GET", "/v1/queues/none/stats", "", 404, []string{"Content-Length", "Date", "Vary", "X-Openstack-Request-Id", "content-type"}},
		{"GET", "/v1/queues/none", "", 404, []string{"Content-Length", "Content-Location", "Date", "X-Openstack-Request-Id"}},
		{"PATCH", "/v1/queues", "", 405, []string{"Allow", "Content-Length", "Date", "Vary", "X-Openstack-Request-Id", "content-type"}},
		{"GET", "/v1/", "", 200, []string{"Cache-Control", "Content-Length", "Date", "X-Openstack-Request-Id", "content-type"}},
	} {
		a := s.want(tt.status, tt.method, tt.target, tt.body)
		names := slices.DeleteFunc(a.names, func(name string) bool { return name == "Connection" })
		slices.Sort(names)
		if !slices.Equal(names, tt.want) {
			t.Errorf("%s %s: headers %q, want %q", tt.method, tt.target, names, tt.want)
		}
		if a.header["Content-Type"] != nil && a.header.Get("Content-Type") != "application/json" && tt.target != "/v1/" {
			t.Errorf("%s %s: type %q", tt.method, tt.target, a.header["Content-Type"])
		}
		if tt.status == 204 && a.body != "" {
			t.Errorf("%s %s: body %q", tt.method, tt.target, a.body)
		}
	}
}

// A refused body is read to its end, so that a client which writes first and reads then gets its answer, and the
// connection lives.
func TestRefusedBodyIsDrained(t *testing.T) {
	s := serve(t)
	conn := s.dial()
	defer conn.Close()
	answers := bufio.NewReader(conn)
	const size = 6_500_000
	for range 2 {
		fmt.Fprintf(conn, "PUT /v1/queues/q/metadata HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
		if _, err := io.CopyN(conn, zeros{}, size); err != nil {
			t.Fatalf("send a large body: %v", err)
		}
		if a := readAnswer(t, "PUT", answers); a.status != 400 || a.title(t) != "Invalid API request" || a.closes {
			t.Errorf("a large body: status %d, %q, closes %v", a.status, a.body, a.closes)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// A body that is too large even to be dropped is not waited for.
func TestEndlessBodyIsNotRead(t *testing.T) {
	s := serve(t)
	a := s.exchange("PUT", fmt.Sprintf("PUT /v1/queues/q/metadata HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", maxDrain+1)+
		strings.Repeat("0", 300<<10))
	if a.status != 400 || !a.closes {
		t.Errorf("an endless body: status %d, closes %v", a.status, a.closes)
	}
}

// Who asks before sending is told at once, and not asked for the body.
func TestExpectContinue(t *testing.T) {
	s := serve(t)
	head := "PUT /v1.1/queues/q HTTP/1.1\r\nHost: h\r\nClient-ID: " + testClient + "\r\nX-Project-ID: p1\r\nExpect: 100-continue\r\n"
	if a := s.exchange("PUT", head+"Content-Length: 100000\r\n\r\n"); a.status != 400 {
		t.Errorf("a refused body that waits: status %d", a.status)
	}

	conn := s.dial()
	defer conn.Close()
	answers := bufio.NewReader(conn)
	fmt.Fprint(conn, head+"Content-Length: 2\r\n\r\n")
	if a := readAnswer(t, "HEAD", answers); a.status != 100 {
		t.Fatalf("a body that waits: status %d, want 100", a.status)
	}
	fmt.Fprint(conn, "{}")
	if a := readAnswer(t, "PUT", answers); a.status != 201 {
		t.Errorf("a body that waited: status %d", a.status)
	}
}

// A body may come in pieces of any size, whatever memory was taken for it.
func TestBodyInPieces(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Limits = marconi.DefaultLimits()
		b.Limits.MaxQueueMetadata = 1 << 20
	})
	for _, size := range []int{firstRead - 1, firstRead, firstRead + 1, 2 * firstRead, 2*firstRead + 1, 200_000, maxPooled - 1} {
		body := `{"n": "` + strings.Repeat("x", size-9) + `"}`
		target := fmt.Sprintf("/v1.1/queues/q%d", size)
		conn := s.dial()
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\nContent-Length: %d\r\n\r\n", target, testClient, len(body))
		for piece := range slices.Chunk([]byte(body), 10_007) {
			if _, err := conn.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if a := readAnswer(t, "PUT", bufio.NewReader(conn)); a.status != 201 {
			t.Errorf("metadata of %d bytes: status %d", size, a.status)
		}
		conn.Close()
		if a := s.want(200, "GET", target, ""); a.body != body {
			t.Errorf("metadata of %d bytes came back as %d bytes", size, len(a.body))
		}
	}
}

// A body that ends early changes nothing.
func TestShortBody(t *testing.T) {
	s := serve(t)
	s.want(201, "PUT", "/v1/queues/q", "")
	conn := s.dial()
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/queues/q/messages HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\nContent-Length: 100\r\n\r\n%s", testClient, `[{"ttl": 60, "body": 1}]`)
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := readAnswer(t, "POST", bufio.NewReader(conn)); a.status != 400 || a.title(t) != "Invalid request body" {
		t.Errorf("a short body: status %d, %q", a.status, a.body)
	}
	if a := s.want(200, "GET", "/v1/queues/q/stats", ""); !strings.Contains(a.body, `"total":0`) {
		t.Errorf("after a short body the queue has %s", a.body)
	}
}

// A body in chunks has no length, and counts as none.
func TestChunkedBody(t *testing.T) {
	s := serve(t)
	chunks := "Transfer-Encoding: chunked"
	for _, tt := range []struct {
		method, target string
		status         int
	}{
		{"PUT", "/v1.1/queues/q", 201}, {"POST", "/v1.1/queues/q/messages", 400}, {"POST", "/v1.1/queues/q/claims", 204}, {"GET", "/v1.1/queues/q", 200},
	} {
		text := tt.method + " " + tt.target + " HTTP/1.1\r\nHost: h\r\nClient-ID: " + testClient + "\r\nX-Project-ID: p1\r\n" + chunks + "\r\n\r\n3\r\n[1]\r\n0\r\n\r\n"
		if a := s.exchange(tt.method, text); a.status != tt.status || tt.method == "GET" && a.body != "{}" {
			t.Errorf("%s %s with a body in chunks: status %d, %q; want %d", tt.method, tt.target, a.status, a.body, tt.status)
		}
	}
}

// Sizes are compared before anything is parsed, and exactly.
func TestBodySizes(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Limits = marconi.DefaultLimits()
		b.Limits.MaxQueueMetadata, b.Limits.MaxMessagesPostSize = 64, 256
	})
	s.want(201, "PUT", "/v1/queues/q", "")
	message := func(size int) string {
		const front, back = `[{"ttl": 60, "body": "`, `"}]`
		return front + strings.Repeat("x", size-len(front)-len(back)) + back
	}
	for _, tt := range []struct {
		method, target, body string
		status               int
		title                string
	}{
		{"PUT", "/v1/queues/q/metadata", `{"timespace": "Shangri-la"}`, 204, ""},
		{"PUT", "/v1/queues/q/metadata", `{}` + strings.Repeat(" ", 62), 204, ""},
		{"PUT", "/v1/queues/q/metadata", `{}` + strings.Repeat(" ", 63), 400, "Invalid API request"},
		{"PUT", "/v1/queues/q/metadata", strings.Repeat("x", 65), 400, "Invalid API request"},
		{"PUT", "/v1/queues/q/metadata", strings.Repeat("x", 64), 400, "Invalid request body"},
		{"PUT", "/v1.1/queues/q", strings.Repeat(" ", 65), 400, "Invalid API request"},
		{"POST", "/v1/queues/q/messages", message(256), 201, ""},
		{"POST", "/v1/queues/q/messages", message(257), 400, "Invalid API request"},
		{"POST", "/v1/queues/q/claims", `{"ttl": 60, "grace": 60}` + strings.Repeat(" ", 256), 201, ""},
		{"POST", "/v1/queues/q/claims", `{"ttl": 60, "grace": 60}` + strings.Repeat(" ", MaxClaimBody), 400, "Invalid API request"},
	} {
		a := s.want(tt.status, tt.method, tt.target, tt.body)
		if tt.title != "" && a.title(t) != tt.title {
			t.Errorf("%s %s with %d bytes: title %q, want %q", tt.method, tt.target, len(tt.body), a.title(t), tt.title)
		}
	}
}

// One connection, many requests, one after the other and ahead of the answers.
func TestPipelining(t *testing.T) {
	s := serve(t)
	conn := s.dial()
	defer conn.Close()
	answers := bufio.NewReader(conn)
	var b strings.Builder
	for i := range 20 {
		body := fmt.Sprintf(`{"messages": [{"body": "%s"}]}`, strings.Repeat("x", i*500))
		fmt.Fprintf(&b, "POST /v1.1/queues/q%d/messages HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\nContent-Length: %d\r\n\r\n%s", i, testClient, len(body), body)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for i := range 20 {
		a := readAnswer(t, "POST", answers)
		if want := fmt.Sprintf("/v1.1/queues/q%d/messages?ids=", i); a.status != 201 || !strings.HasPrefix(a.header.Get("Location"), want) {
			t.Errorf("request %d: status %d, location %q", i, a.status, a.header.Get("Location"))
		}
		ids[a.header.Get("X-Openstack-Request-Id")] = true
	}
	if len(ids) != 20 {
		t.Errorf("20 requests had %d IDs", len(ids))
	}
}
