package ledger

import (
	"slices"
	"sync"
)

// A suspicion is a fault that a report still to come may explain: a message was taken by somebody who has yet to say so.
type suspicion struct {
	class    Class
	call     Call // the answer that made it suspect
	claimed  bool // that showed claimed messages, too
	firm     bool // nobody's taking it explains it; but a later report may show that it is a fault of another class
	evidence []Evidence
}

// enoughSuspicions against one message: a listing that shows it again and again adds nothing.
const enoughSuspicions = 16

// suspects are messages of which there are suspicions.
type suspects struct {
	mu sync.Mutex // guards what follows
	of map[ref][]suspicion
}

// suspect adds a suspicion against a message, unless it is explained already.
func (l *Ledger) suspect(at ref, s suspicion) {
	l.with(at, func(c *chunk, slot int, r *record) {
		if !l.explained(c, slot, s) {
			l.suspects.add(r, at, s)
		}
	})
}

func (s *suspects) add(r *record, at ref, x suspicion) {
	r.flags |= suspected
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of[at]) < enoughSuspicions {
		s.of[at] = append(s.of[at], x)
	}
}

// explained reports whether what is known of the message explains that it wasn't shown where it should have been.
func (l *Ledger) explained(c *chunk, slot int, s suspicion) bool {
	r := &c.records[slot]
	switch {
	case s.firm:
		return false
	case s.class == Reordered:
		return r.takes > 1
	case r.flags.has(delayed | moved | refused):
		return true
	case r.goingFrom() <= s.call.Answered || r.endsFrom(l.options.Grain) <= s.call.Answered:
		return true
	case s.class == Missed && r.confirmedBy() > s.call.Sent:
		return true
	case s.claimed || r.takes == 0:
		return false
	}
	h := c.holding(slot)
	return h == nil || h.claim.call.Sent <= s.call.Answered || r.takes > 1
}

// reconsider drops the suspicions that a take explains.
func (s *suspects) reconsider(at ref, take showing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[at] = slices.DeleteFunc(s.of[at], func(x suspicion) bool { return x.explainedBy(take) })
	if len(s.of[at]) == 0 {
		delete(s.of, at)
	}
}

func (x suspicion) explainedBy(take showing) bool {
	if x.firm || take.call.Sent > x.call.Answered {
		return false
	}
	switch x.class {
	case Overdue:
		return take.claim != nil && take.claim.livesBy() >= x.call.Sent-overdueAfter
	case Reordered:
		return true
	}
	return take.claim == nil || !x.claimed
}

// explainedByUnsure reports whether a claim or pop whose answer never came may be behind it.
func (x suspicion) explainedByUnsure(q queueState) bool {
	switch {
	case x.firm:
		return false
	case x.class == Overdue:
		return q.unsureClaim <= x.call.Sent
	case x.class == Reordered:
		return q.unsureClaim <= x.call.Answered
	}
	return q.unsurePop <= x.call.Answered || !x.claimed && q.unsureClaim <= x.call.Answered
}

func (s *suspects) copy() map[ref][]suspicion {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[ref][]suspicion, len(s.of))
	for at, list := range s.of {
		all[at] = slices.Clone(list)
	}
	return all
}
