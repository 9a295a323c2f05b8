package rest

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// answerTime is how long a client may take to read an answer that it has waited for.
const answerTime = 30 * time.Second

// statusGone is what a request comes to whose client went away before its answer: others count it so, too. It is never sent.
const statusGone = 499

// gone reports whether a reply says no more than that the client went away.
func (c *call) gone(rep reply) bool {
	return c.leaves && rep.status == http.StatusServiceUnavailable && c.request.Context().Err() != nil
}

// clearTheWay reads what is left of the body before a wait, and drops it: net/http learns that a client has gone only behind
// its request, and messages are not to be taken for nobody. It reports whether it has come there: a body that is too long
// keeps the client from waiting. One that is cut off, or does not come in time, is refused.
func (c *call) clearTheWay() (all bool, err error) {
	r := c.request
	if c.bodyTaken || r.ContentLength == 0 {
		return true, nil
	}
	if r.ContentLength > maxDrain {
		return false, nil
	}
	c.bodyTaken = true
	_ = http.NewResponseController(c.writer).SetReadDeadline(time.Now().Add(c.api.DrainTime))
	switch _, err := io.CopyN(io.Discard, r.Body, maxDrain+1); {
	case errors.Is(err, io.EOF):
		return true, nil
	case err == nil:
		return false, nil
	}
	return false, errBodyCut
}

// wait is how many seconds the caller would wait for messages: an extension of the API, in every version. It is not carried
// into links: who follows one asks anew.
//
// It is asked once the body has been read: until then the connection's deadlines hold. That for reading net/http lifts by
// itself behind the body; that for writing is one of a request that is answered at once.
func (c *call) wait() (broker.Optional[int], error) {
	wait, err := c.query.integer("wait")
	if n, _ := wait.Get(); err == nil && n > 0 && n <= int(marconi.MaxWait) {
		c.leaves = true
		if watched, err := c.clearTheWay(); !watched || err != nil {
			return broker.Optional[int]{}, err
		}
		// The body is in numbers by now, and its buffer may be a large one that a post has grown: thousands may wait.
		c.giveRoom()
		// A writer without deadlines is a test's, and needs none.
		_ = http.NewResponseController(c.writer).SetWriteDeadline(time.Now().Add(time.Duration(n)*time.Second + answerTime))
	}
	return wait, err
}
