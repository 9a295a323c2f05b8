package server

import (
	"net"
	"sync"
)

// opsConnections is how many connections operators have at most: so they leave files for clients and stores.
const opsConnections = 32

// A fewListener closes a connection too many without a word.
type fewListener struct {
	net.Listener
	room chan struct{} // holds one for each open connection
}

func fewOn(l net.Listener) net.Listener { return &fewListener{l, make(chan struct{}, opsConnections)} }

// Accept gives the next connection that there is room for.
func (l *fewListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.room <- struct{}{}:
			return &fewConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.room })}, nil
		default:
			_ = conn.Close() // it was never used
		}
	}
}

type fewConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *fewConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
