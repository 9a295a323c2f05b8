package faultproxy

import (
	"bufio"
	"net"
	"time"
)

const dialTimeout = 5 * time.Second

// A connection is one of a driver and the one to the server that belongs to it.
type connection struct {
	line           *Line
	target         string
	driver, server net.Conn
	gone           chan struct{} // closed when it was cut
	cut            bool          // guarded by the line's mutex
}

func (l *Line) accept(end net.Listener, target string) {
	for {
		driver, err := end.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.serve(driver, target) })
	}
}

func (l *Line) serve(driver net.Conn, target string) {
	if l.isBroken() {
		hangUp(driver)
		return
	}
	server, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		hangUp(driver)
		return
	}
	c := &connection{line: l, target: target, driver: driver, server: server, gone: make(chan struct{})}
	if !l.enter(c) {
		return
	}
	defer l.leave(c)
	l.tasks.Go(func() {
		c.pumpRequests()
		c.closeLate(c.server)
	})
	c.pumpReplies()
	c.closeLate(c.driver)
}

func (l *Line) isBroken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken || l.closed
}

// enter counts a connection in, unless the line broke while it was made.
func (l *Line) enter(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || l.closed {
		hangUp(c.driver)
		hangUp(c.server)
		return false
	}
	l.made++
	l.open[c] = true
	return true
}

func (l *Line) leave(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.reset()
	delete(l.open, c)
}

// reset ends both sides at once. The line's mutex is held.
func (c *connection) reset() {
	if !c.cut {
		c.cut = true
		close(c.gone)
		hangUp(c.driver)
		hangUp(c.server)
	}
}

// hangUp closes a connection with a reset, so that nothing that was sent before lingers on.
func hangUp(conn net.Conn) {
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// closeLate passes on that one end has hung up.
func (c *connection) closeLate(other net.Conn) {
	c.line.mu.Lock()
	slow := c.line.slow
	c.line.mu.Unlock()
	c.sleep(slow)
	_ = other.Close()
}

func (c *connection) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.gone:
	}
}

func (c *connection) pumpRequests() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.driver.Read(buffer)
		if n > 0 {
			c.line.pass(c, Requests)
			if _, err := c.server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *connection) pumpReplies() {
	replies := bufio.NewScanner(c.server)
	replies.Buffer(make([]byte, 64<<10), 256<<20)
	replies.Split(c.line.split)
	for replies.Scan() {
		reply := replies.Bytes()
		keep, struck := c.line.count(c.target, reply)
		c.line.pass(c, Replies)
		if _, err := c.driver.Write(reply[:keep]); err != nil {
			return
		}
		if struck {
			return
		}
	}
}

// count counts a reply, and says how much of it passes, and whether it is the last of its connection.
func (l *Line) count(target string, reply []byte) (keep int, struck bool) {
	l.mu.Lock()
	counts := l.counts == nil || l.counts(target, reply)
	if counts {
		l.replies++
	}
	l.mu.Unlock()
	if !counts {
		return len(reply), false
	}
	return l.loss.meet(len(reply))
}

// pass waits until something may go in a direction.
func (l *Line) pass(c *connection, d Direction) {
	l.mu.Lock()
	for l.held[d] && !c.cut && !l.closed {
		l.changed.Wait()
	}
	delay := l.delay[d]
	l.mu.Unlock()
	c.sleep(delay)
}
