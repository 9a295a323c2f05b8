package pure

import (
	"time"

	"github.com/marconi-mq/marconi"
)

// longestVain is after how long, at most, a message is tried again that looks free and that no claim gets.
const longestVain = 8 * clockMargin

// A sight is how a message looked last, or what this process has found out of it by itself.
type sight struct {
	client     marconi.ClientID
	free       bool
	change     change // what will have happened when it is free: released if it was claimed, due if delayed
	until      int64  // when that is, in Unix milliseconds, if it happens by itself
	claim      marconi.ClaimID
	generation int
	noted      int64 // when this process found that out by itself, in Unix milliseconds; 0: a look has shown it since
	unseen     bool  // no look has shown the message yet
	vain       int   // claims that have not got it though it looked free
}

// see compares what a queue is like, in the eyes of a look that began then, with what it was like before: what has become free, and what
// has become visible to some.
func (w *waiting) see(v *view, records []record, begun int64) (free, shown []event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh := begun - v.s.o.PollEvery.Milliseconds()
	before := w.known
	w.known = make(map[string]sight, min(len(records), mostKnown))
	for i := range records {
		r := &records[i]
		if !v.there(r) {
			continue
		}
		old, known := before[r.name]
		delete(before, r.name)
		if known && old.noted > fresh { // the listing may be behind
			w.keep(r.name, old)
			continue
		}
		now, e, news := follow(old, known, v.sightOf(r), begun)
		if !w.looked && now.free { // who waits may have looked at a listing that is behind
			now.noted = begun
		}
		w.keep(r.name, now)
		if news && now.free {
			free = append(free, e)
		} else if news {
			shown = append(shown, e)
		}
	}
	w.carry(before, fresh, begun-v.s.o.ListingHorizon.Milliseconds())
	if !w.looked { // whoever has begun to wait looks by himself
		w.looked = true
		return nil, nil
	}
	return free, shown
}

// carry keeps what this process knows by itself of messages that were not listed: they may be listed later. Of those that are free there is
// not much to know, and many were taken meanwhile.
func (w *waiting) carry(unlisted map[string]sight, fresh, horizon int64) {
	for name, one := range unlisted {
		if one.noted > fresh || one.noted > horizon && !one.free {
			w.keep(name, one)
		}
	}
}

func (w *waiting) keep(name string, one sight) {
	if len(w.known) < mostKnown {
		w.known[name] = one
	}
}

// miss notes that a look failed. What the next one finds is news: it may have come behind what those who wait have seen themselves.
func (w *waiting) miss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = true
}

// follow gives what is known of a message that is seen now, what has happened to it, and whether that is news.
func follow(old sight, known bool, now sight, begun int64) (next sight, e event, news bool) {
	e, news = compare(old, known, now)
	if !known || !now.free || now.generation != old.generation {
		return now, e, news
	}
	now.vain = old.vain
	if old.vain == 0 || old.free || old.until <= begun {
		return now, e, news
	}
	next, news = old, old.unseen // it looked so to the claim that did not get it
	next.noted, next.unseen = 0, false
	return next, e, news
}

// compare says what has happened to a message. What this process has told of is told once more when a look shows it, for whoever looked
// when he was told may have met a listing that did not show it yet.
func compare(old sight, known bool, now sight) (e event, news bool) {
	e.client = now.client
	switch {
	case !known || old.unseen:
		e.change = posted
		if !now.free && now.change == released {
			e.change = postedClaimed
		} else if !now.free {
			e.change = postedDelayed
		}
		return e, true
	case !now.free:
		return e, false
	case !old.free || old.noted != 0:
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

// note changes what is known of a message, as this process has found out by itself.
func (w *waiting) note(name string, now int64, change func(one *sight, known bool)) {
	one, known := w.known[name]
	if !known && len(w.known) >= mostKnown {
		return
	}
	one.unseen = one.unseen || !known
	one.noted = now
	change(&one, known)
	w.known[name] = one
}

// post notes messages that were posted here. A look or a claim may have come by them already.
func (w *waiting) post(names []string, p marconi.Post, posted, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, name := range names {
		w.note(name, now, func(one *sight, known bool) {
			if known {
				return
			}
			one.client, one.free = p.Client, true
			if d := p.Messages[i].Delay; d > 0 {
				one.free, one.change, one.until = false, due, posted+d.Duration().Milliseconds()
			}
		})
	}
}

// hold notes that messages are under a claim of this process until its end.
func (w *waiting) hold(c claimAttributes, all []held, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range all {
		w.note(h.Name, now, func(one *sight, _ bool) {
			one.free, one.change, one.until, one.claim, one.generation, one.vain = false, released, c.ends, c.id, h.Generation, 0
		})
	}
}

// lose notes that messages that looked free were not to be got: they are tried again after a while, a longer one each time.
func (w *waiting) lose(all []record, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range all {
		r := &all[i]
		old := w.known[r.name]
		isHeld := !old.free && old.vain == 0 && old.until > now
		if isHeld || old.generation > r.generation { // when that ends is known, or a look will tell
			continue
		}
		w.note(r.name, now, func(one *sight, _ bool) {
			after := min(clockMargin<<min(one.vain, 10), longestVain)
			*one = sight{
				client: r.message.client, change: released, until: now + after.Milliseconds(), claim: r.lease.claim, generation: r.generation,
				noted: now, unseen: one.unseen, vain: one.vain + 1,
			}
		})
	}
}

// free notes that a claim was released, and gives what that makes of its messages, as far as it is known which those are.
func (w *waiting) free(id marconi.ClaimID, now int64) (events []event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, one := range w.known {
		if one.claim == id {
			events = append(events, one.becomeFree())
			one.noted = now
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

// come gives what has happened by itself by now. If nothing has, and it is time to look at Swift, it says so, and the look has begun.
func (w *waiting) come(now time.Time) (events []event, looks bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, one := range w.known {
		if !one.free && one.until != 0 && one.until <= now.UnixMilli() {
			events = append(events, one.becomeFree())
			if one.vain > 0 {
				one.noted = now.UnixMilli()
			}
			w.known[name] = one
		}
	}
	looks = len(events) == 0 && !w.looking && !w.poll.After(now)
	w.looking = w.looking || looks
	return events, looks
}

// becomeFree gives the event that the message becomes free.
func (one *sight) becomeFree() event {
	one.free, one.until, one.claim = true, 0, ""
	return event{one.client, one.change}
}

// next is when the next thing happens by itself, or Swift is looked at; never, if nothing is known to happen until a look is over.
func (w *waiting) next() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.soonest()
}

func (w *waiting) soonest() (next time.Time) {
	if !w.looking {
		next = w.poll
	}
	for _, one := range w.known {
		if t := time.UnixMilli(one.until); !one.free && one.until != 0 && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// putOff notes that a look is over, and sets when to look again, unless somebody has called for that since it began.
func (w *waiting) putOff(begun, next time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = false
	if !w.poll.After(begun) {
		w.poll = next
	}
	return w.soonest()
}
