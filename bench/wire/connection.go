package wire

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// A connection serves one request after the other.
type connection struct {
	net.Conn
	transport *Transport
	r         *bufio.Reader
	w         *bufio.Writer
	rested    time.Time       // when it was last used
	followed  <-chan struct{} // that a context is done with which the connection gives up
	unfollow  func() bool
	allowance int64            // how much may still be read of a head
	sending   io.LimitedReader // the body that is being sent
}

const (
	// How much is read and written at once: a post of some messages, and a claim of as many, take one call of the system.
	readSize  = 8 << 10
	writeSize = 16 << 10

	// maxHead bounds what a server may say before the body of an answer, as in net/http.
	maxHead = 10 << 20
)

func newConnection(t *Transport, dialled net.Conn) *connection {
	c := &connection{Conn: dialled, transport: t}
	c.r = bufio.NewReaderSize(readFunc(c.read), readSize)
	plain := struct{ io.Writer }{dialled} // by itself it would send a body after a packet with the head alone
	c.w = bufio.NewWriterSize(plain, writeSize)
	return c
}

// follow makes whoever reads or writes give up when the context ends, and no other one. It goes on when the request is over:
// the next one mostly has the same context, as those of a run have that are sent at about the same time. It reports whether
// the context of the last request had not ended, for then the connection has been given up.
func (c *connection) follow(ctx context.Context) bool {
	done := ctx.Done()
	if done == c.followed {
		return true // ctx had not ended when it was looked at last; if it has now, the request will find out
	}
	if c.unfollow != nil && !c.unfollow() {
		return false
	}
	c.followed, c.unfollow = done, nil
	if done != nil {
		c.unfollow = context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	}
	return true
}

// Close ends the connection, and what it follows.
func (c *connection) Close() error {
	if c.unfollow != nil {
		c.unfollow()
	}
	return c.Conn.Close()
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

var errLongHead = errors.New("wire: the head of the answer is too long")

// read keeps within the allowance.
func (c *connection) read(p []byte) (int, error) {
	if c.allowance <= 0 {
		return 0, errLongHead
	}
	n, err := c.Conn.Read(p)
	c.allowance -= int64(n)
	return n, err
}

// trusted is for how long a connection is taken to be open without a look.
const trusted = time.Millisecond

// usable reports whether a connection that nobody used is still open, and has nothing to say that nobody asked for.
func (c *connection) usable() bool {
	return c.r.Buffered() == 0 && (time.Since(c.rested) < trusted || silent(c.Conn))
}

// send writes a request.
func (c *connection) send(r *http.Request) error {
	head, plain := c.transport.appendHead(c.w.AvailableBuffer(), r)
	if !plain {
		if err := r.Write(c.w); err != nil {
			return err
		}
		return c.w.Flush()
	}
	defer closeBody(r)
	if _, err := c.w.Write(head); err != nil {
		return err
	}
	if r.ContentLength > 0 {
		if err := c.sendBody(r.Body, r.ContentLength); err != nil {
			return err
		}
	}
	return c.w.Flush()
}

func (c *connection) sendBody(body io.Reader, length int64) error {
	c.sending = io.LimitedReader{R: body, N: length}
	_, err := c.w.ReadFrom(&c.sending)
	c.sending.R = nil
	if err == nil && c.sending.N > 0 {
		err = fmt.Errorf("wire: the body has %d bytes less than its length says", c.sending.N)
	}
	return err
}

// An exchange is a request and its answer, whose body it is.
type exchange struct {
	*connection
	ctx      context.Context
	response http.Response
	body     io.Reader // nil: it is left, of what the connection reads
	left     int64
	over     bool
}

// lateAnswer is how long a server may take to say why it reads no further.
const lateAnswer = 50 * time.Millisecond

// ask sends the request and reads the head of its answer.
func (e *exchange) ask(request *http.Request) error {
	refused := e.send(request)
	if refused != nil {
		if e.ctx.Err() != nil {
			return refused
		}
		_ = e.SetReadDeadline(time.Now().Add(lateAnswer))
	}
	if err := e.readAnswer(request); err != nil {
		return cmp.Or(refused, err)
	}
	e.response.Close = e.response.Close || refused != nil
	if e.response.Body == http.NoBody {
		e.end(!e.response.Close)
	} else {
		e.response.Body = e
	}
	return nil
}

// readAnswer reads the heads of answers until one is final.
func (e *exchange) readAnswer(request *http.Request) error {
	e.allowance = maxHead
	defer func() { e.allowance = 1<<63 - 1 }()
	for {
		plain, err := e.readHead(request)
		if err != nil {
			return err
		}
		if !plain {
			response, err := http.ReadResponse(e.r, request) //nolint:bodyclose // whoever is given the answer closes it
			if err != nil {
				return err
			}
			e.response, e.body = *response, response.Body
		}
		switch {
		case e.response.StatusCode == http.StatusSwitchingProtocols:
			return errors.New("wire: the server switches protocols, which nobody has asked for")
		case e.response.StatusCode >= 200:
			return nil
		}
	}
}

// Read reads of the answer's body.
func (e *exchange) Read(p []byte) (n int, err error) {
	switch {
	case e.over:
		return 0, io.EOF
	case e.body != nil:
		n, err = e.body.Read(p)
	default:
		n, err = e.r.Read(p[:min(int64(len(p)), e.left)])
		if e.left -= int64(n); e.left == 0 {
			err = io.EOF
		} else if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		e.end(!e.response.Close)
	case err != nil:
		e.end(false)
		err = e.because(err)
	}
	return n, err
}

// Close gives up what has not been read, and the connection with it.
func (e *exchange) Close() error {
	e.end(false)
	return nil
}

// end gives the connection back.
func (e *exchange) end(keep bool) {
	if !e.over {
		e.over = true
		e.transport.give(e.connection, keep)
	}
}

// because gives the cause of an error: the context, if that has ended.
func (e *exchange) because(err error) error {
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
