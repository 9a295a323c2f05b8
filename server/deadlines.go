package server

import (
	"net"
	"os"
	"sync"
	"time"
)

// deadlineSlack is how much later than asked for a deadline may come. Those of requests that follow each other are so close
// that the socket keeps one for many.
const deadlineSlack = 20 * time.Millisecond

// A lazyConn tells its socket of a deadline only when somebody reads or writes. For each request net/http sets eight, and
// most are replaced before anybody could have to wait for them; one that the socket knows of costs a timer.
type lazyConn struct {
	net.Conn
	made   time.Time
	reads  deadline
	writes deadline
}

// A deadline is that of one direction.
type deadline struct {
	mu     sync.Mutex // guards what follows
	wanted time.Time  // zero: none
	set    time.Time  // what the socket was told
	users  int        // who read or write now: they have to be told at once
}

// Read implements [net.Conn].
func (c *lazyConn) Read(p []byte) (int, error) {
	if err := c.begin(&c.reads, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	defer c.reads.end()
	return c.Conn.Read(p)
}

// Write implements [net.Conn].
func (c *lazyConn) Write(p []byte) (int, error) {
	if err := c.begin(&c.writes, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	defer c.writes.end()
	return c.Conn.Write(p)
}

// SetReadDeadline implements [net.Conn].
func (c *lazyConn) SetReadDeadline(t time.Time) error {
	return c.reads.want(t, c.Conn.SetReadDeadline)
}

// SetWriteDeadline implements [net.Conn].
func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	return c.writes.want(t, c.Conn.SetWriteDeadline)
}

// begin makes the caller a user of d, unless its time is over. A deadline from before the connection is how net/http calls
// a reader back; mostly that has not begun to read by then, and need not.
func (c *lazyConn) begin(d *deadline, tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && d.wanted.Before(c.made) {
		return os.ErrDeadlineExceeded
	}
	if err := d.apply(tell); err != nil {
		return err
	}
	d.users++
	return nil
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
}

func (d *deadline) want(t time.Time, tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.users == 0 {
		return nil
	}
	return d.apply(tell)
}

// apply tells the socket what is wanted, unless what it knows is close enough.
func (d *deadline) apply(tell func(time.Time) error) error {
	if late := d.set.Sub(d.wanted); d.set.IsZero() == d.wanted.IsZero() && 0 <= late && late <= deadlineSlack {
		return nil
	}
	d.set = d.wanted
	if !d.set.IsZero() {
		d.set = d.set.Add(deadlineSlack)
	}
	return tell(d.set)
}
