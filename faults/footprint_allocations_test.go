package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// An allocationsCase is a request, and what has to be there before it can be made.
type allocationsCase struct {
	name         string
	messages     int // that each request uses up
	status       int
	method, path string // "": of a message, each time of another
	body         string
}

const allocationsTerms = `{"ttl": 300, "grace": 60}`

var allocationsCases = []allocationsCase{
	{"post 1", 0, 201, "POST", "/messages", allocationsPost(1)},
	{"post 10", 0, 201, "POST", "/messages", allocationsPost(10)},
	{"list 10", 0, 200, "GET", "/messages?echo=true&limit=10", ""},
	{"claim 10", 10, 201, "POST", "/claims?limit=10", allocationsTerms},
	{"delete", 1, 204, "DELETE", "", ""},
	{"pop 10", 10, 200, "DELETE", "/messages?pop=10", ""},
	{"stats", 0, 200, "GET", "/stats", ""},
}

// allocationsPost is the body of a post of n messages.
func allocationsPost(n int) string {
	one := `{"ttl": 3600, "body": {"event": "` + strings.Repeat("x", 200) + `"}}`
	return `{"messages": [` + strings.Repeat(one+", ", n-1) + one + "]}"
}

// BenchmarkAllocations counts what a request takes from the heap, on its whole way through a server: net/http's own share is the
// first line's. The client takes nothing. It ends with a table for the documentation.
//
//	go test -run '^$' -bench BenchmarkAllocations -benchtime 1000x ./faults
func BenchmarkAllocations(b *testing.B) {
	stores := []string{"memory", "sqlite"}
	table := map[string]string{} // by store and case
	addrs := map[string]string{
		"memory": serveAllocations(b, "memory://"),
		"sqlite": serveAllocations(b, "sqlite:///"+filepath.Join(b.TempDir(), "messages.db")),
	}
	bare := serveBareAllocations(b)
	b.Run("net/http", func(b *testing.B) {
		table["net/http"] = measureAllocations(b, bare, allocationsCase{status: 204, method: "POST", path: "/", body: allocationsPost(1)}, nil)
	})
	lines := []string{"| request | memory | SQLite |", "|---|---|---|"}
	for i, c := range allocationsCases {
		for _, store := range stores {
			queue := fmt.Sprintf("/v1.1/queues/q%d", i)
			b.Run(store+"/"+c.name, func(b *testing.B) {
				table[store+c.name] = measureAllocations(b, addrs[store], c, fillAllocations(b, addrs[store], queue, c))
			})
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", c.name, table["memory"+c.name], table["sqlite"+c.name]))
	}
	fmt.Printf("Allocations a request, and their size; of them net/http's own: %s\n\n%s\n", table["net/http"], strings.Join(lines, "\n"))
}

// fillAllocations makes the requests of a run, and the messages that they need.
func fillAllocations(b *testing.B, addr, queue string, c allocationsCase) [][]byte {
	conn := dialAllocations(b, addr)
	post := allocationsRequest("POST", queue+"/messages", allocationsPost(10))
	needed := max(10, b.N*c.messages)
	requests := [][]byte{allocationsRequest(c.method, queue+c.path, c.body)}
	if c.path == "" {
		requests = nil
	}
	href := regexp.MustCompile(`/v1\.1/queues/[a-z0-9]+/messages/[0-9a-f]+`)
	for range (needed + 9) / 10 {
		conn.do(b, 201, post)
		if c.path != "" {
			continue
		}
		for _, h := range href.FindAll(conn.body, -1) {
			requests = append(requests, allocationsRequest(c.method, string(h), ""))
		}
	}
	return requests
}

func allocationsRequest(method, path, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\n"+
		"X-Project-ID: allocations\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
}

// measureAllocations makes b.N requests, in turn of those given.
func measureAllocations(b *testing.B, addr string, c allocationsCase, requests [][]byte) string {
	if requests == nil {
		requests = [][]byte{allocationsRequest(c.method, c.path, c.body)}
	}
	conn := dialAllocations(b, addr)
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for i := range b.N {
		conn.do(b, c.status, requests[i%len(requests)])
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	n := uint64(b.N)
	return fmt.Sprintf("%d (%.1f KiB)", (after.Mallocs-before.Mallocs)/n, float64((after.TotalAlloc-before.TotalAlloc)/n)/1024)
}

// serveAllocations serves a store until the benchmark's end.
func serveAllocations(b *testing.B, uri string) (addr string) {
	b.Helper()
	return testserver.Serve(b, server.Options{Drivers: drivers.All(), DataURI: uri})
}

// serveBareAllocations serves what reads the body and says nothing.
func serveBareAllocations(b *testing.B) (addr string) {
	b.Helper()
	l := listenAllocations(b)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	b.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
	return l.Addr().String()
}

func listenAllocations(b *testing.B) net.Listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// An allocationsConn is a client's connection, which uses its memory again.
type allocationsConn struct {
	net.Conn
	in   *bufio.Reader
	body []byte
}

func dialAllocations(b *testing.B, addr string) *allocationsConn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &allocationsConn{conn, bufio.NewReader(conn), make([]byte, 64<<10)}
}

// do sends a request and reads the answer, which is to have that status.
func (c *allocationsConn) do(b *testing.B, want int, request []byte) {
	if _, err := c.Write(request); err != nil {
		b.Fatal(err)
	}
	status, length := 0, 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if status == 0 {
			status, _ = strconv.Atoi(string(line[9:12]))
		}
		if digits, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(digits)))
		}
		if len(line) == 2 {
			break
		}
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.in, c.body); err != nil || status != want {
		b.Fatalf("%q was answered with %d %s, %v; want %d", request, status, c.body, err, want)
	}
}
