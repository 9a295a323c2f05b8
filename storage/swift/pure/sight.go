package pure

import (
	"time"

	"github.com/marconi-mq/marconi"
)

// A sight is how a message looked last.
type sight struct {
	client     marconi.ClientID
	free       bool
	change     change // what will have happened when it is free: released if it was claimed, due if delayed
	until      int64  // when that is, in Unix milliseconds, if it happens by itself
	claim      marconi.ClaimID
	generation int
	own        bool // this process has posted it, and told everybody
	stored     bool // and Swift has said so
	late       bool // but did not show it afterwards
}

// storedOwn are the messages of this process that a listing begun now should show.
func (w *waiting) storedOwn() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := map[string]bool{}
	for name, one := range w.known {
		if one.own && one.stored {
			own[name] = true
		}
	}
	return own
}

// look compares what a queue is like with what it was like before: what has become free, and what has become visible to some.
func (w *waiting) look(v *view, records []record, stored map[string]bool) (free, shown []event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.known
	w.known = make(map[string]sight, min(len(records), mostKnown))
	for i := range records {
		r := &records[i]
		if !v.there(r) {
			continue
		}
		now := v.sightOf(r)
		old, known := before[r.name]
		delete(before, r.name)
		if e, news := compare(old, known, now); news && now.free {
			free = append(free, e)
		} else if news {
			shown = append(shown, e)
		}
		if len(w.known) < mostKnown {
			w.known[r.name] = now
		}
	}
	for name, one := range before { // not listed: deleted, or posted here and listed later
		if one.own {
			one.late = one.late || stored[name]
			w.known[name] = one
		}
	}
	if !w.looked { // whoever has begun to wait looks by himself
		w.looked = true
		return nil, nil
	}
	return free, shown
}

// compare says what has happened to a message.
func compare(old sight, known bool, now sight) (e event, news bool) {
	e.client = now.client
	switch {
	case !known || old.own && old.late:
		e.change = posted
		if !now.free && now.change == released {
			e.change = postedClaimed
		} else if !now.free {
			e.change = postedDelayed
		}
		return e, true
	case !now.free:
		return e, false
	case !old.free:
		e.change = old.change
		return e, true
	case old.generation != now.generation: // claimed and freed meanwhile
		e.change = released
		return e, true
	}
	return e, false
}

// sightOf is how a message looks.
func (v *view) sightOf(r *record) sight {
	one := sight{client: r.message.client, generation: r.generation}
	c, isHeld := v.holder(r)
	switch {
	case isHeld:
		one.change, one.until, one.claim = released, c.ends, c.id
	case r.delayed(v.now):
		one.change, one.until = due, r.message.due
	default:
		one.free = true
	}
	return one
}

// announce notes messages that are about to be posted, so that they are not news when a listing shows them.
func (w *waiting) announce(names []string, p marconi.Post, now int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, name := range names {
		one := sight{client: p.Client, free: true, own: true}
		if d := p.Messages[i].Delay; d > 0 {
			one.free, one.change, one.until = false, due, now+d.Duration().Milliseconds()
		}
		w.known[name] = one
	}
}

// withdraw forgets messages whose post failed: if they are there nevertheless, they are news.
func (w *waiting) withdraw(names []string) { w.forget(names...) }

// confirm notes that messages have been stored.
func (w *waiting) confirm(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if one, known := w.known[name]; known {
			one.stored = true
			w.known[name] = one
		}
	}
}

// hold notes that messages are under a claim of this process until its end.
func (w *waiting) hold(c claimAttributes, all []held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range all {
		one := w.known[h.Name]
		one.free, one.change, one.until, one.claim, one.generation = false, released, c.ends, c.id, h.Generation
		w.known[h.Name] = one
	}
}

// free notes that a claim was released, and gives what that makes of its messages, as far as it is known which those are.
func (w *waiting) free(id marconi.ClaimID) (events []event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, one := range w.known {
		if one.claim == id {
			events = append(events, one.becomeFree())
			w.known[name] = one
		}
	}
	return events
}

// forget notes that messages were deleted.
func (w *waiting) forget(names ...string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		delete(w.known, name)
	}
}

// come gives what has happened by itself by now, and when the next thing does. If nothing has, and it is time to look at Swift,
// it says so.
func (w *waiting) come(now time.Time) (events []event, next time.Time, polls bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, one := range w.known {
		if !one.free && one.until != 0 && one.until <= now.UnixMilli() {
			events = append(events, one.becomeFree())
			w.known[name] = one
		}
	}
	return events, w.soonest(), len(events) == 0 && !w.poll.After(now)
}

// becomeFree gives the event that the message becomes free.
func (one *sight) becomeFree() event {
	one.free, one.until, one.claim = true, 0, ""
	return event{one.client, one.change}
}

// soonest is when the next thing happens by itself, or Swift is looked at.
func (w *waiting) soonest() time.Time {
	next := w.poll
	for _, one := range w.known {
		if t := time.UnixMilli(one.until); !one.free && one.until != 0 && t.Before(next) {
			next = t
		}
	}
	return next
}

// putOff sets when to look again, unless somebody has called for that since the last look began.
func (w *waiting) putOff(begun, next time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.poll.After(begun) {
		w.poll = next
	}
	return w.soonest()
}
