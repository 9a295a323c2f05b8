// Package wire sends requests to one server over a fixed set of connections that are kept.
//
// [net/http.Transport] hands each request to a goroutine that writes, and takes its answer from another that reads. Here
// whoever asks writes and reads by himself, which leaves a generator of load more of its CPU; what goes over the wire is the
// same, byte for byte. In return the package knows HTTP/1.1 without TLS only, no proxy, and no hooks of net/http/httptrace.
package wire

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Transport is an [net/http.RoundTripper] for one server. It is safe for concurrent use.
//
// It opens connections as they are needed, up to its number; who finds all of them busy waits until one is free or his context
// ends. A connection that the server has closed meanwhile is replaced before anything is sent; what was sent is never sent
// again, whatever its method and whatever became of it.
type Transport struct {
	host   string
	plain  bool // the host is sent as it is
	dialer net.Dialer
	seats  chan struct{} // has one for each connection that is in use

	mu   sync.Mutex    // guards what follows
	idle []*connection // the last one used is the last one here: few callers keep few connections warm
}

// New makes a transport of at most n connections to a host, which is a name or address and, unless it is 80, a port.
func New(host string, n int) *Transport {
	return &Transport{
		host: host, plain: isPlainHost(host), seats: make(chan struct{}, n),
		dialer: net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second},
	}
}

// RoundTrip sends a request and reads the head of its answer. The connection is free for others when the answer's body has
// been read to its end; to close the body before that closes the connection, too. If the request's context ends before, so
// does the exchange, with the cause of the context as its error.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	c, err := t.take(ctx, request)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	e := &exchange{connection: c, ctx: ctx}
	if err := e.ask(request); err != nil {
		e.end(false)
		return nil, e.because(err)
	}
	return &e.response, nil
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// take gives a connection that nobody else uses.
func (t *Transport) take(ctx context.Context, request *http.Request) (*connection, error) {
	if u := request.URL; u == nil || u.Scheme != "http" || u.Host != t.host {
		return nil, fmt.Errorf("wire: %s is not on the server http://%s", u.Redacted(), t.host)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case t.seats <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for c := t.pop(); c != nil; c = t.pop() {
		if c.usable() && c.follow(ctx) {
			return c, nil
		}
		_ = c.Close()
	}
	dialled, err := t.dialer.DialContext(ctx, "tcp", withPort(t.host))
	if err != nil {
		<-t.seats
		return nil, err
	}
	c := newConnection(t, dialled)
	c.follow(ctx)
	return c, nil
}

// withPort adds the port that is meant if none is named.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(trimBrackets(host), "80")
}

func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

func (t *Transport) pop() *connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 {
		return nil
	}
	c := t.idle[last]
	t.idle[last] = nil
	t.idle = t.idle[:last]
	return c
}

// give takes a connection back, to keep it or not.
func (t *Transport) give(c *connection, keep bool) {
	if keep {
		c.rested = time.Now()
		t.mu.Lock()
		t.idle = append(t.idle, c)
		t.mu.Unlock()
	} else {
		_ = c.Close()
	}
	<-t.seats
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}
