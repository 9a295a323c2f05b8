package rest

import (
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

// wait is how many seconds the caller would wait for messages: an extension of the API, in every version. It is not carried
// into links: who follows one asks anew.
//
// It is asked once the body has been read: until then the connection's deadlines hold. They are those of a request that is
// answered at once, and would end the wait: a read deadline that passes looks as if the client had gone away.
func (c *call) wait() (broker.Optional[int], error) {
	wait, err := c.query.integer("wait")
	if n, _ := wait.Get(); err == nil && n > 0 && n <= int(marconi.MaxWait) {
		c.leaves = true
		// The body is in numbers by now, and its buffer may be a large one that a post has grown: thousands may wait.
		c.api.giveBack(c.in)
		c.in = nil
		control := http.NewResponseController(c.writer)
		// A writer without deadlines is a test's, and needs none.
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Now().Add(time.Duration(n)*time.Second + answerTime))
	}
	return wait, err
}
