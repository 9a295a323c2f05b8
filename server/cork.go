package server

import "sync"

// net/http has a buffer of 4 KiB before a connection: of an answer that is larger it sends so much, and then what is left. That is two calls
// of the system for one answer, and a client that wakes up for the first part waits for the second. Answers of corkFrom to corkTo bytes
// go out in one piece.
const (
	corkFrom = 3 << 10
	corkTo   = corkRoom - 2<<10 // its header, and what TLS adds
	corkRoom = 16 << 10
)

// corks are the buffers in which answers are put together.
type corks struct{ pool sync.Pool }

func (c *corks) take() *[]byte {
	if held, is := c.pool.Get().(*[]byte); is {
		return held
	}
	held := make([]byte, 0, corkRoom)
	return &held
}

func (c *corks) give(held *[]byte) {
	*held = (*held)[:0]
	c.pool.Put(held)
}

// A cork holds back what is written to a connection.
type cork struct {
	mu   sync.Mutex // guards held, and keeps what is sent in order
	held *[]byte    // nil: all is sent at once
}

// Write implements [net.Conn].
func (c *connection) Write(p []byte) (int, error) {
	c.cork.mu.Lock()
	defer c.cork.mu.Unlock()
	if held := c.cork.held; held != nil && len(*held)+len(p) <= cap(*held) {
		*held = append(*held, p...)
		return len(p), nil
	}
	if err := c.release(); err != nil {
		return 0, err
	}
	return c.lazyConn.Write(p)
}

// hold has what is written from now on wait for letGo.
func (c *connection) hold() {
	c.cork.mu.Lock()
	defer c.cork.mu.Unlock()
	if c.all != nil && c.cork.held == nil {
		c.cork.held = c.all.corks.take()
	}
}

// letGo sends what was held back, and holds back no more.
func (c *connection) letGo() error {
	c.cork.mu.Lock()
	defer c.cork.mu.Unlock()
	return c.release()
}

// release is letGo with the lock held.
func (c *connection) release() error {
	held := c.cork.held
	if held == nil {
		return nil
	}
	defer c.all.corks.give(held)
	c.cork.held = nil
	if len(*held) == 0 {
		return nil
	}
	_, err := c.lazyConn.Write(*held)
	return err
}
