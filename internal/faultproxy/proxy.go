// Package faultproxy is a bad line for the tests of drivers: it stands between a driver and its server and, when it is
// told to, is slow, silent, or broken.
//
//	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
//	open a store at line.Addr()
//	struck := line.LoseReply(0)
//	post; if struck(), the server has the message and the driver can't know
//
// A line is sound until a method says otherwise; [Line.Mend] makes it sound again. It may lead to several servers: [Line.To].
package faultproxy

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"
)

// A Direction is one of the two ways through a line.
type Direction int

// The directions.
const (
	Requests Direction = iota // from the driver to the server
	Replies                   // from the server to the driver
)

// A Line passes on what a driver and its server say to each other. Its methods are safe for concurrent use.
type Line struct {
	target string
	split  bufio.SplitFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed *sync.Cond // of what may let a held pump go on
	closed  bool
	ends    map[string]net.Listener // by the server they lead to
	counts  func(target string, reply []byte) bool
	broken  bool
	held    [2]bool
	delay   [2]time.Duration
	slow    time.Duration // until one end learns that the other has hung up
	replies int
	made    int
	open    map[*connection]bool

	loss loss
}

// Start listens on a port of the loopback, until the test ends, for connections to be passed on to target, host:port. The
// function split cuts what the server says into replies, as [RESP] does for Redis; nil takes what arrives together as one.
func Start(t testing.TB, target string, split bufio.SplitFunc) *Line {
	t.Helper()
	if split == nil {
		split = whatever
	}
	l := &Line{target: target, split: split, ends: map[string]net.Listener{}, open: map[*connection]bool{}}
	l.changed = sync.NewCond(&l.mu)
	if _, err := l.To(target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func whatever(data []byte, _ bool) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	return len(data), data, nil
}

// Addr is where the driver connects to, host:port.
func (l *Line) Addr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends[l.target].Addr().String()
}

// To is where the driver connects to if it wants to reach another server, at target, over the same line: what happens to
// the line happens to the connections to all its servers.
func (l *Line) To(target string) (address string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return "", net.ErrClosed
	}
	end := l.ends[target]
	if end == nil {
		if end, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", err
		}
		l.ends[target] = end
		l.tasks.Go(func() { l.accept(end, target) })
	}
	return end.Addr().String(), nil
}

// CountOnly makes only those replies count, and be lost, of which counts says so; nil: all. Beside the answers to its calls
// a driver may be told other things, at moments that a test doesn't choose. It is called under a lock.
func (l *Line) CountOnly(counts func(target string, reply []byte) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = counts
}

// Replies is how many replies have come from the servers so far.
func (l *Line) Replies() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replies
}

// Connections is how many connections have been made so far.
func (l *Line) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made
}

// LoseReply lets everything through but the server's reply number n from now on, counted from 0 over all connections; in
// its place the connection ends. Struck reports whether that has happened; a loss that has not happened by then is called
// off.
func (l *Line) LoseReply(n int) (struck func() bool) { return l.CutReply(n, 0) }

// CutReply is [Line.LoseReply], but for the first bytes of the reply, which pass.
func (l *Line) CutReply(n, bytes int) (struck func() bool) { return l.loss.plan(n, bytes) }

// Break ends all connections and lets none be made.
func (l *Line) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.cutAll()
}

// Cut ends all connections; new ones are sound.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutAll()
}

func (l *Line) cutAll() {
	for c := range l.open {
		c.reset()
	}
	l.changed.Broadcast()
}

// Hold keeps back what goes in a direction, of all connections: one end talks, and nobody hears. Mend lets it go on.
func (l *Line) Hold(d Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[d] = true
}

// Delay makes what goes in a direction late.
func (l *Line) Delay(d Direction, by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay[d] = by
}

// SlowClose makes either end learn late that the other has hung up.
func (l *Line) SlowClose(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow = by
}

// Mend makes the line sound, and lets go on what was held.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken, l.held, l.delay, l.slow = false, [2]bool{}, [2]time.Duration{}, 0
	l.loss.callOff()
	l.changed.Broadcast()
}

func (l *Line) close() {
	l.mu.Lock()
	l.closed = true
	l.slow = 0
	for _, end := range l.ends {
		_ = end.Close()
	}
	l.cutAll()
	l.mu.Unlock()
	l.tasks.Wait()
}
