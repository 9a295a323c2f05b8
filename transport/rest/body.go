package rest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/transport/dialect"
)

const (
	// maxDrain is how much of a body that nobody wants is read and dropped. Without that, clients which write all of it
	// before they read see their connection reset in place of the answer.
	maxDrain = 16 << 20
	// drainTime is how long that may take at most.
	drainTime = 30 * time.Second

	// MaxClaimBody is the largest body of a claim, for which the API names no limit.
	MaxClaimBody = 256 << 10

	// firstRead is for how much of a body memory is taken before any of it has come.
	firstRead = 16 << 10

	// maxPooled is the largest buffer that is kept for the next request.
	maxPooled = 1 << 20
)

// body reads what the request's length announced, up to limit. A body without a length, in chunks, counts as none. The
// text is good until the call is released.
func (c *call) body(limit int64) (dialect.Document, error) {
	doc := dialect.Document{MaxDepth: c.api.MaxDepth}
	length := c.request.ContentLength
	if length <= 0 {
		return doc, nil
	}
	if length > limit {
		return doc, marconi.Refuse("size", fmt.Sprintf("the body has %d bytes; at most %d are allowed", length, limit))
	}
	text, err := c.read(int(length))
	doc.Text = text
	return doc, err
}

// read reads length bytes of the body. Memory is taken as they come: to announce much and send nothing costs us nothing.
func (c *call) read(length int) ([]byte, error) {
	c.bodyTaken = true
	c.in = c.api.lend(min(length, firstRead))
	text := (*c.in)[:0]
	for len(text) < length {
		if len(text) == cap(text) {
			text = slices.Grow(text, min(len(text), length-len(text)))
			*c.in = text
		}
		start := len(text)
		text = text[:min(length, cap(text))]
		if !c.takeRoom(len(text), length) {
			return nil, c.overfull()
		}
		if _, err := io.ReadFull(c.request.Body, text[start:]); err != nil {
			return nil, errBodyCut
		}
	}
	_ = c.request.Body.Close() // net/http need not look for a rest
	return text, nil
}

// A Room bounds the memory that the bodies of requests take together, as they come.
type Room interface {
	// Take takes n bytes more for a body that has held bytes and will have whole. No: the body is refused.
	Take(n, held, whole int64) bool
	// Give gives n bytes back.
	Give(n int64)
}

// takeRoom takes room for as much of a body as there is memory for by now.
func (c *call) takeRoom(n, whole int) bool {
	if c.api.Room == nil {
		return true
	}
	if !c.api.Room.Take(int64(n)-c.room, c.room, int64(whole)) {
		return false
	}
	c.room = int64(n)
	return true
}

// giveRoom gives back the buffer of the request's body, and its room.
func (c *call) giveRoom() {
	c.api.giveBack(c.in)
	c.in = nil
	if c.room > 0 {
		c.api.Room.Give(c.room)
		c.room = 0
	}
}

// overfull refuses a body for which there is no room. The answer doesn't wait for the rest of it.
func (c *call) overfull() error {
	c.writer.Header().Set("Connection", "close")
	_ = http.NewResponseController(c.writer).EnableFullDuplex() // a test's writer can't, and needs not
	return errOverfull
}

// drain reads and drops a body that nobody asked for.
func (c *call) drain(w http.ResponseWriter) {
	r := c.request
	if c.bodyTaken || r.ContentLength == 0 || r.ContentLength > maxDrain {
		return
	}
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return // the client waits to be asked for it, and reading would be asking
	}
	// The server sets the next deadline when the next request comes. A connection that has none is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.api.DrainTime))
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
}

func newBuffers() *sync.Pool { return &sync.Pool{New: func() any { return new([]byte) }} }

// lend takes a buffer of the pool that holds n bytes.
func (a *api) lend(n int) *[]byte {
	b := a.buffers.Get().(*[]byte)
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	return b
}

func (a *api) giveBack(b *[]byte) {
	if b != nil && cap(*b) <= maxPooled {
		a.buffers.Put(b)
	}
}

// buffer is an empty one to append the answer to; what became of it goes to keep.
func (c *call) buffer() []byte {
	if c.out == nil {
		c.out = c.api.lend(0)
	}
	return (*c.out)[:0]
}

// keep remembers the buffer as it has grown, and gives it back when the call is released.
func (c *call) keep(body []byte) []byte {
	*c.out = body
	return body
}

// release ends the call, and the use of its buffers.
func (c *call) release() {
	a := c.api
	c.giveRoom()
	a.giveBack(c.out)
	*c = call{}
	a.calls.Put(c)
}
