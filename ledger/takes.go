package ledger

// take enters a claim or pop of a message, and holds it against the other one that is known of. The reports of the two may
// have come in either order.
func (l *Ledger) take(c *chunk, slot int, at ref, s showing) {
	r := &c.records[slot]
	r.takes = min(r.takes, 1<<8-2) + 1
	if r.flags.has(suspected) {
		l.suspects.reconsider(at, s)
	}
	h := c.holding(slot)
	switch {
	case r.gone():
		l.judgeLate(r, at, s)
	case h != nil:
		l.judgePair(r, at, h.claim, s)
	}
	switch {
	case s.claim == nil:
		l.popped(c, slot, at, s.call)
	case !r.gone():
		c.hold(slot, s.claim)
	}
}

// judgePair judges a take of a message that another claim has taken, too.
func (l *Ledger) judgePair(r *record, at ref, other *Claim, s showing) {
	switch {
	case other == s.claim:
		l.accuse(r, at, Duplicated, s.evidence("twice in one answer"))
	case other.call.Sent <= s.call.Answered && other.mayEndBy(s.call.Answered):
		l.counts.redeliver(s.call.Answered - other.freedFrom())
	case s.claim != nil && s.call.Sent <= other.call.Answered && s.claim.mayEndBy(other.call.Answered):
		l.counts.redeliver(other.call.Answered - s.claim.freedFrom())
	case surelyTogether(r, other, s):
		l.accuse(r, at, Overlapped, other.evidence("taken by this claim"), s.evidence("and taken by this"))
	default:
		l.double(r, at, other.evidence("taken by this claim"), s.evidence("and taken by this"))
	}
}

// double suspects a message of being duplicated. It is resurrected, if what took it away first is still to be reported.
func (l *Ledger) double(r *record, at ref, evidence ...Evidence) {
	l.suspects.add(r, at, suspicion{class: Duplicated, firm: true, evidence: evidence})
}

// surelyTogether reports whether there was a moment at which the claim was live, and so was the other or the message was
// popped: by what clients had been answered, and before anything was sent that may have ended either.
func surelyTogether(r *record, other *Claim, s showing) bool {
	end := min(other.endsFrom(), r.goingFrom())
	if s.claim == nil {
		return other.call.Answered <= s.call.Sent && s.call.Answered <= end
	}
	return max(other.call.Answered, s.call.Answered) < min(end, s.claim.endsFrom())
}

// judgeLate judges a take of a message that is gone, which was sent before it was known to be gone.
func (l *Ledger) judgeLate(r *record, at ref, s showing) {
	switch {
	case !r.flags.has(popped | heldToEnd):
	case s.claim != nil && s.claim.mayEndBy(r.goneBy()): // before the other take
		l.counts.redeliver(r.goingFrom() - s.claim.freedFrom())
	case s.claim == nil && r.flags.has(popped) && s.call.Answered < r.goingFrom():
		l.accuse(r, at, Resurrected, s.evidence("popped by this, and later popped anew"))
	case s.call.Answered <= r.goingFrom():
		l.accuse(r, at, Overlapped, s.evidence("taken by this while another claim held it"))
	default:
		l.double(r, at, s.evidence("taken by this, and taken away by another"))
	}
}

func (c *Claim) evidence(what string) Evidence {
	return Evidence{What: what, How: "claim", Reader: c.worker, Claim: c.id, Call: c.call}
}
