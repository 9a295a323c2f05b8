package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/storage/observed"
)

const (
	// extraConnections is how many connections beyond the bound are kept for as long as it takes to say that they are too
	// many. Further ones are closed without a word: an attack must not be answered one by one.
	extraConnections = 64
	// extraTime is how long each of them has to send its request.
	extraTime = 2 * time.Second
)

// connections counts those that clients have. To leave one too many in the backlog, as bounded listeners do, would
// make its client wait for a time-out of its own; here it reads at once that the server is full, and goes elsewhere.
type connections struct {
	most     int64
	open     atomic.Int64
	refusals *refusals
	corks    corks

	mu     sync.Mutex               // guards silent
	silent map[*connection]struct{} // those on which nothing was heard yet
}

func newConnections(most int64, r *refusals) *connections {
	return &connections{most: most, refusals: r, silent: map[*connection]struct{}{}}
}

// note is told by net/http what becomes of a connection.
func (c *connections) note(inner net.Conn, state http.ConnState) {
	conn := counted(inner)
	if conn == nil || state != http.StateNew && !conn.silent.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.silent.Store(state == http.StateNew)
	if state == http.StateNew {
		c.silent[conn] = struct{}{}
	} else {
		delete(c.silent, conn)
	}
}

// closeSilent closes the connections on which nothing was heard yet. Clients make them in advance; net/http would wait
// five seconds for their first request before it stops.
func (c *connections) closeSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.silent {
		_ = conn.Close() // it was never used
	}
}

// on counts the connections of l.
func (c *connections) on(l net.Listener) net.Listener { return &countedListener{l, c} }

type countedListener struct {
	net.Listener
	all *connections
}

// Accept gives the next connection that is to be answered.
func (l *countedListener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.all.admit(inner); c != nil {
			return c, nil
		}
		_ = inner.Close() // it was never used
	}
}

// admit makes a connection one of all, or is nil if it is to be closed.
func (c *connections) admit(inner net.Conn) *connection {
	n := c.open.Add(1)
	conn := &connection{lazyConn: lazyConn{Conn: inner, made: time.Now()}, all: c}
	if n <= c.most {
		return conn
	}
	c.refusals.note(tooManyConnections)
	if n > c.most+extraConnections {
		c.open.Add(-1)
		return nil
	}
	conn.extra, conn.end = true, conn.made.Add(extraTime)
	return conn
}

// A connection is one of a client, and remembers what has to be known of the request that is under way on it. One after
// the other they use the same memory.
type connection struct {
	lazyConn
	all    *connections
	closed atomic.Bool
	silent atomic.Bool
	extra  bool      // it is one too many: its request is refused
	end    time.Time // of an extra one

	cork     cork
	exchange exchange
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	if !c.closed.Swap(true) {
		c.all.open.Add(-1)
	}
	return c.Conn.Close()
}

// CloseWrite is asked for by net/http, so that a client can read the answer before it learns that nobody reads the rest
// of its request.
func (c *connection) CloseWrite() error {
	if half, can := c.Conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return nil
}

// SetReadDeadline implements [net.Conn]. An extra connection gets no time beyond its end.
func (c *connection) SetReadDeadline(t time.Time) error {
	if c.extra && (t.IsZero() || t.After(c.end)) {
		t = c.end
	}
	return c.lazyConn.SetReadDeadline(t)
}

// SetDeadline implements [net.Conn].
func (c *connection) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// counted is what net/http's connection is on, or nil if nobody counts it.
func counted(c net.Conn) *connection {
	if secure, is := c.(*tls.Conn); is {
		c = secure.NetConn()
	}
	conn, _ := c.(*connection)
	return conn
}

type connectionKey struct{}

// withConnection puts a connection into the context of its requests, and where stores add up their time.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	conn := counted(c)
	if conn == nil {
		return ctx
	}
	ctx = observed.WithShare(ctx, &conn.exchange.share)
	return context.WithValue(ctx, connectionKey{}, conn)
}

// connectionOf is the connection that a request came on, or nil if nobody counts them.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}
