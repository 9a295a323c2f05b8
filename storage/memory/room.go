package memory

import (
	"sync/atomic"

	"github.com/marconi-mq/marconi"
)

// What things take beside the text in them. 135 bytes were measured for a message of a long queue, 1 KiB for a queue of
// one message, 200 bytes for a queue's record.
const (
	messageOverhead = 160
	queueOverhead   = 1024
	recordOverhead  = 256
)

// A room bounds what a store holds, both planes together. A nil room has no end.
type room struct {
	size int64
	held atomic.Int64
}

// take takes n bytes, if there are as many.
func (r *room) take(n int64) bool {
	if r == nil {
		return true
	}
	if r.held.Add(n) > r.size {
		r.held.Add(-n)
		return false
	}
	return true
}

// force takes n bytes that can't be refused.
func (r *room) force(n int64) {
	if r != nil {
		r.held.Add(n)
	}
}

func (r *room) give(n int64) {
	if r != nil {
		r.held.Add(-n)
	}
}

// roomFor is what the messages of a post take.
func roomFor(p marconi.Post) int64 {
	var n int64
	for _, m := range p.Messages {
		n += messageRoom(len(m.Body), len(p.Client)+len(m.Checksum))
	}
	return n
}

func (c *content) room() int64 { return messageRoom(len(c.body), len(c.client)+len(c.checksum)) }

// messageRoom is what a message takes. Bodies lose up to an eighth to the sizes in which memory is given out.
func messageRoom(body, rest int) int64 { return int64(messageOverhead + body + body/8 + rest) }

func (e *entry) room(p marconi.Project) int64 {
	return int64(recordOverhead + len(p) + len(e.name) + len(e.metadata))
}
