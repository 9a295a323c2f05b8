package ledger

import (
	"fmt"
	"time"
)

// Seen is a message as an answer showed it.
type Seen struct {
	ID   string // in API v1.0 the last part of its href
	Body []byte
}

// A Message is a message on the books, or what was shown as one.
type Message struct {
	l        *Ledger
	at       ref
	stranger *stranger // what was shown is no message that the ledger knows; or nil
	copy     bool      // what was shown is not the message itself: what happens to it says nothing about that
}

// Number is the message's producer, as [Body] gives it, and its number. Known is false if it said neither in a way that the
// ledger could believe.
func (m Message) Number() (producer, number uint32, known bool) {
	return m.at.producer, m.at.number, m.stranger == nil
}

// A Deletion is a delete that is about to be sent. One of Confirmed, Refused and Unsure says how it ended.
type Deletion struct {
	m     Message
	sent  time.Duration
	entry int
}

// Deleting enters a delete of the message that is about to be sent with that claim, or, if it is nil, without one.
func (m Message) Deleting(sent time.Duration, claim *Claim) Deletion {
	o := Operation{Kind: OpDelete}
	if claim != nil {
		o.Claim = claim.id
	}
	return m.deleting(sent, o)
}

// DeletingAnyway enters a delete of many messages at once that asks for no claims and takes claimed ones, too.
func (m Message) DeletingAnyway(sent time.Duration) Deletion {
	return m.deleting(sent, Operation{Kind: OpDeleteAnyway})
}

func (m Message) deleting(sent time.Duration, o Operation) Deletion {
	d := Deletion{m: m, sent: sent}
	switch {
	case m.stranger != nil:
		m.l.strangers.update(m.stranger, func(s *stranger) { s.going = min(s.going, sent) })
	case !m.copy:
		m.l.with(m.at, func(_ *chunk, _ int, r *record) { r.sendAway(sent) })
		d.entry = m.l.history.begin(o, m, sent)
	}
	return d
}

// Confirmed says that the message is gone, by an answer of success.
func (d Deletion) Confirmed(answered time.Duration) {
	d.m.l.counts.takenAway.Add(1)
	switch {
	case d.m.stranger != nil:
		d.m.l.strangers.update(d.m.stranger, func(s *stranger) { s.gone = true })
	case !d.m.copy:
		d.m.l.with(d.m.at, func(c *chunk, slot int, r *record) { d.m.l.leave(c, slot, d.m.at, Call{d.sent, answered}) })
		d.m.l.history.end(d.entry, Confirmed, answered)
	}
}

// Refused says that the answer was a refusal: the message stays as it was.
func (d Deletion) Refused(answered time.Duration) {
	if d.m.stranger != nil || d.m.copy {
		return
	}
	d.m.l.with(d.m.at, func(_ *chunk, _ int, r *record) {
		if !r.gone() && !r.flags.has(insisted) {
			r.going = moment{}
		}
	})
	d.m.l.history.end(d.entry, Refused, answered)
}

// Unsure says that no answer came. That is what the ledger takes for granted until it is told otherwise.
func (d Deletion) Unsure() {}

// leave notes that a call has taken the message away, or found it gone.
func (l *Ledger) leave(c *chunk, slot int, at ref, call Call) {
	r := &c.records[slot]
	c.leave(slot, call)
	if r.last.time() > r.goneBy() {
		e := Evidence{What: "it had been gone before a request was sent that showed it", Call: Call{r.last.time(), call.Answered}}
		l.accuse(r, at, Resurrected, e)
	}
}

// popped notes that a pop has taken the message away.
func (l *Ledger) popped(c *chunk, slot int, at ref, call Call) {
	if r := &c.records[slot]; !r.gone() {
		r.flags |= popped
	}
	l.leave(c, slot, at, call)
}

// name is the message's queue and its number, for the history.
func (m Message) name() (queue, number string) {
	r := m.l.peek(m.at)
	return m.l.queueAt(r.queue).name.String(), fmt.Sprintf("%d.%d", m.at.producer, m.at.number)
}
