package ledger

import "time"

// A showing is one message in an answer.
type showing struct {
	how    string // "list", "claim", "pop", "get", "drain"
	reader string
	queue  *Queue
	call   Call
	id     string
	take   bool   // a claim or pop
	claim  *Claim // of a claim
}

func (s showing) evidence(what string) Evidence {
	e := Evidence{What: what, How: s.how, Reader: s.reader, ID: s.id, Call: s.call}
	if s.claim != nil {
		e.Claim = s.claim.id
	}
	return e
}

// A view is what a reader was shown.
type view struct {
	Message
	record record // as it is now
	sound  bool   // the reader may judge the place at which it was shown
}

// show enters one message of an answer.
func (l *Ledger) show(s showing, body []byte) view {
	l.counts.delivered.Add(1)
	b, err := ParseBody(body)
	at := ref{b.Producer, b.Number}
	if err != nil {
		return l.strange(s, Corrupt, err.Error())
	}
	if b.Run != l.options.Run {
		return l.strange(s, Corrupt, "it is of the run "+b.Run)
	}
	c, slot := l.find(at)
	if c == nil {
		return l.strange(s, Phantom, "nobody posted it")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.records[slot]
	switch {
	case r.size == 0:
		return l.strange(s, Phantom, "nobody posted it")
	case l.queueAt(r.queue).hash != b.Queue || int(r.index) != b.Index || int(r.size) != b.Size:
		return l.strange(s, Corrupt, "it was posted to another queue or in another post than it says")
	}
	v := view{Message: Message{l: l, at: at}}
	v.sound = l.judge(c, slot, &v.Message, s)
	v.record = *r
	return v
}

// judge finds what is wrong with being shown the message, and enters it otherwise. It reports whether nothing is.
func (l *Ledger) judge(c *chunk, slot int, m *Message, s showing) bool {
	r := &c.records[slot]
	switch l.placed(r, s.queue) {
	case elsewhere:
		l.appear(r)
		l.accuse(r, m.at, Corrupt, s.evidence("shown in the queue "+s.queue.name.String()))
		if s.take && s.claim == nil {
			l.popped(c, slot, m.at, s.call)
		}
		return false
	case formerly:
		return false
	}
	l.appear(r)
	h := l.hash(s.id)
	switch {
	case r.flags.has(refused):
		l.accuse(r, m.at, Phantom, s.evidence("its post was refused"))
		return false
	case r.id == idHash{}:
		r.id = h
		if !l.options.ForgetIDs && !r.flags.has(confirmed) {
			c.keepID(slot, s.id) // its post may never be confirmed
		}
	case r.id != h:
		r.flags |= blurred
		m.copy = true
		l.accuse(r, m.at, Phantom, s.evidence("a copy of it under another ID"))
		return false
	}
	return l.deliver(c, slot, m.at, s)
}

// deliver enters the delivery of a message that is what it should be.
func (l *Ledger) deliver(c *chunk, slot int, at ref, s showing) bool {
	r := &c.records[slot]
	r.note(s.call)
	if s.call.Sent > r.goneBy() {
		l.accuse(r, at, Resurrected, s.evidence("it had been gone before this was sent"))
		return false
	}
	overdue := s.call.Sent-overdueAfter > c.endsBy(slot)
	if s.take {
		l.take(c, slot, at, s)
	}
	if overdue { // not before the take is entered: only other ones could dispel it
		e := s.evidence("it had ended before this was sent")
		l.suspects.add(r, at, suspicion{class: Overdue, call: s.call, evidence: []Evidence{e}})
	}
	return true
}

// appear notes that a message was shown.
func (l *Ledger) appear(r *record) {
	if r.flags.has(appeared) {
		return
	}
	r.flags |= appeared
	if r.flags.has(unsure) {
		l.counts.unsureAppeared.Add(1)
	}
}

// A placement says whether a message was shown where it belongs.
type placement int

const (
	here placement = iota
	elsewhere
	formerly // it has left that queue for the dead-letter queue, which may take the store two steps
)

func (l *Ledger) placed(r *record, q *Queue) placement {
	posted := l.queueAt(r.queue)
	if q == posted {
		if r.flags.has(moved) {
			return formerly
		}
		return here
	}
	if posted.state().dead != q {
		return elsewhere
	}
	if !r.flags.has(moved) {
		r.flags |= moved
		r.id = idHash{} // it has a new one there
	}
	return here
}

// endsBy is the latest time at which a message may end, by its own TTL or by what claims made of it.
func (c *chunk) endsBy(slot int) time.Duration {
	r, h := &c.records[slot], c.holding(slot)
	switch end := r.endsBy(); {
	case end == never || r.takes == 0:
		return end
	case h == nil: // it is gone, and with it what is known of its claims
		return never
	default:
		return max(end, h.lives, h.claim.livesBy())
	}
}
