//go:build unix

package testservices

import (
	"bytes"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// A SwiftRequest is one that a client sent to the proxy.
type SwiftRequest struct {
	Method    string
	Account   string // "" for what is no account's, as a log-in
	Container string
	Object    string
	Query     string // as the proxy's filters have left it: that of a listing ends with format=json&states=listing
	Status    int
	Source    string // the middleware that made it out of a client's, as EA or BD; "" for a client's own
}

// A swiftLog takes what the servers log, which they can only send as datagrams.
type swiftLog struct {
	conn net.PacketConn
	done chan struct{}

	mu       sync.Mutex // guards what follows
	requests []SwiftRequest
	tail     []byte        // the last lines of all servers
	arrived  chan struct{} // closed, and made anew, with each request
}

const mostOfTail = 64 << 10

func newSwiftLog() (*swiftLog, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if err := conn.(*net.UDPConn).SetReadBuffer(8 << 20); err != nil {
		return nil, err
	}
	l := &swiftLog{conn: conn, done: make(chan struct{}), arrived: make(chan struct{})}
	go l.receive()
	return l, nil
}

func (l *swiftLog) port() int { return l.conn.LocalAddr().(*net.UDPAddr).Port }

func (l *swiftLog) close() {
	_ = l.conn.Close()
	<-l.done
}

func (l *swiftLog) receive() {
	defer close(l.done)
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := l.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		l.take(string(bytes.TrimRight(buffer[:n], "\x00\n")))
	}
}

// take keeps a line as "<134>access: GET /v1/AUTH_test/c/o 200 -".
func (l *swiftLog) take(line string) {
	_, line, _ = strings.Cut(line, ">")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(append(l.tail, line...), '\n')
	if len(l.tail) > 2*mostOfTail {
		l.tail = append([]byte(nil), l.tail[len(l.tail)-mostOfTail:]...)
	}
	text, is := strings.CutPrefix(line, "access: ")
	if !is {
		return
	}
	if r, is := parseRequest(text); is {
		l.requests = append(l.requests, r)
		close(l.arrived)
		l.arrived = make(chan struct{})
	}
}

func parseRequest(line string) (SwiftRequest, bool) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return SwiftRequest{}, false
	}
	status, err := strconv.Atoi(words[2])
	if err != nil {
		return SwiftRequest{}, false
	}
	r := SwiftRequest{Method: words[0], Status: status}
	if words[3] != "-" {
		r.Source = words[3]
	}
	// A path is quoted, and then the whole line is.
	path, query, _ := strings.Cut(unquote(words[1]), "?")
	r.Query = query
	if parts := strings.SplitN(path, "/", 5); len(parts) > 2 && parts[1] == "v1" {
		parts = append(parts, "", "")
		r.Account, r.Container, r.Object = unquote(parts[2]), unquote(parts[3]), unquote(parts[4])
	}
	return r, true
}

func unquote(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// since gives the requests from one on, and what is closed when there is another.
func (l *swiftLog) since(from int) ([]SwiftRequest, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[from:len(l.requests):len(l.requests)], l.arrived
}

func (l *swiftLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.tail[max(0, len(l.tail)-6000):])
}
