package server

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A notingConn notes which deadlines it is told of.
type notingConn struct {
	net.Conn
	reads []time.Time
}

func (c *notingConn) SetReadDeadline(t time.Time) error {
	c.reads = append(c.reads, t)
	return c.Conn.SetReadDeadline(t)
}

func lazyPair(t *testing.T) (*lazyConn, *notingConn, net.Conn) {
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	noting := &notingConn{Conn: here}
	return &lazyConn{Conn: noting, made: time.Now()}, noting, there
}

// The socket is told of a deadline by who reads, and not again of one that is close to it.
func TestDeadlinesThatNobodyNeeds(t *testing.T) {
	c, socket, there := lazyPair(t)
	start := time.Now()
	read := func() {
		t.Helper()
		go func() { _, _ = there.Write([]byte("x")) }()
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		_ = c.SetReadDeadline(start.Add(time.Hour))
		_ = c.SetReadDeadline(time.Time{})
	}
	read() // nothing is wanted, and nothing is known
	if len(socket.reads) != 0 {
		t.Errorf("the socket was told of %v", socket.reads)
	}
	for i := range 3 {
		_ = c.SetReadDeadline(start.Add(time.Hour + time.Duration(i)*deadlineSlack/4))
		read()
	}
	if len(socket.reads) != 1 || socket.reads[0].Sub(start) != time.Hour+deadlineSlack {
		t.Errorf("the socket was told of %v", socket.reads)
	}
	_ = c.SetReadDeadline(start.Add(time.Hour - time.Second))
	read()
	_ = c.SetReadDeadline(time.Time{})
	read()
	if len(socket.reads) != 3 || !socket.reads[2].IsZero() {
		t.Errorf("then the socket was told of %v", socket.reads)
	}
}

func TestDeadlinesComeInTime(t *testing.T) {
	for name, set := range map[string]func(*lazyConn) func(time.Time) error{
		"read":  func(c *lazyConn) func(time.Time) error { return c.SetReadDeadline },
		"write": func(c *lazyConn) func(time.Time) error { return c.SetWriteDeadline },
	} {
		use := func(c *lazyConn) error {
			_, err := c.Read(make([]byte, 1))
			return err
		}
		if name == "write" {
			use = func(c *lazyConn) error {
				_, err := c.Write([]byte("x"))
				return err
			}
		}
		t.Run(name+", set before", func(t *testing.T) {
			c, _, _ := lazyPair(t)
			start := time.Now()
			_ = set(c)(start.Add(50 * time.Millisecond))
			wantTimeout(t, use(c), start, 50*time.Millisecond)
		})
		t.Run(name+", set under way", func(t *testing.T) {
			c, _, _ := lazyPair(t)
			start := time.Now()
			defer time.AfterFunc(50*time.Millisecond, func() { _ = set(c)(time.Unix(1, 0)) }).Stop()
			wantTimeout(t, use(c), start, 50*time.Millisecond)
		})
		t.Run(name+", called back before it began", func(t *testing.T) {
			c, _, _ := lazyPair(t)
			_ = set(c)(time.Unix(1, 0))
			wantTimeout(t, use(c), time.Now(), 0)
		})
	}
}

func wantTimeout(t *testing.T, err error, start time.Time, least time.Duration) {
	t.Helper()
	if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < least || took > 5*time.Second {
		t.Errorf("%v after %v, want a time-out after %v", err, took, least)
	}
}
