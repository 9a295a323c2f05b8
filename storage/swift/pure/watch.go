package pure

import (
	"context"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

const (
	// lookLimit is how long looking at a queue may take that somebody waits for.
	lookLimit = 10 * time.Second

	// lookShare bounds what looking costs: it takes at most this part of the time.
	lookShare = 10

	// mostKnown bounds the memory for a queue that somebody waits for. In a longer one everybody looks at each poll.
	mostKnown = 100_000
)

// A change is what makes a message visible to somebody.
type change int

const (
	posted        change = iota
	postedDelayed        // visible to those who ask for delayed messages; there is nothing to take
	postedClaimed        // and claimed meanwhile
	released             // by its claim or the claim's end
	due                  // its delay is over
)

// An event is a change of a message.
type event struct {
	client marconi.ClientID
	change change
}

// concerns reports whether the event makes a message visible to one who lists with that interest.
func concerns(e event, in marconi.Interest) bool {
	if e.client != "" && e.client == in.Client && !in.Echo {
		return false
	}
	switch e.change {
	case postedDelayed:
		return in.IncludeDelayed
	case postedClaimed:
		return in.IncludeClaimed
	case released:
		return !in.IncludeClaimed
	case due:
		return !in.IncludeDelayed
	}
	return true
}

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

// watched are the queues that somebody waits for in this process.
type watched struct {
	mu  sync.Mutex // guards all, and the counts in it
	all map[marconi.QueueRef]*waiting
}

// A waiting is what is known of a queue that somebody waits for.
type waiting struct {
	n int // who waits

	mu     sync.Mutex // guards what follows
	known  map[string]sight
	looked bool
	poll   time.Time // when to look at Swift again
}

// at is what is known of a queue, or nil if nobody waits for it.
func (w *watched) at(q marconi.QueueRef) *waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[q]
}

func (w *watched) add(q marconi.QueueRef, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.all[q]
	if one == nil {
		if w.all == nil {
			w.all = map[marconi.QueueRef]*waiting{}
		}
		one = &waiting{known: map[string]sight{}}
		w.all[q] = one
	}
	if one.n += n; one.n == 0 {
		delete(w.all, q)
	}
}

// A watch is one who waits.
type watch struct {
	*wake.Waiter[marconi.QueueRef, event]
	leave func() // counts it out, once
}

// Close implements [marconi.Watch].
func (w *watch) Close() {
	w.Waiter.Close()
	w.leave()
}

// Watch implements [marconi.Watcher]. What this process does is told at once; what others do, when it looks the next time.
func (s *Store) Watch(q marconi.QueueRef, i marconi.Interest) marconi.Watch {
	s.watched.add(q, 1)
	w := s.hub.Watch(q, i.Take, func(e event) bool { return concerns(e, i) })
	return &watch{w, sync.OnceFunc(func() { s.watched.add(q, -1) })}
}

// ask is what the hub asks: what has become visible since the last time, and when to ask again. Swift is looked at now and then
// only: ends of claims and delays come when they were said to.
func (s *Store) ask(q marconi.QueueRef) ([]event, time.Time) {
	w := s.watched.at(q)
	if w == nil {
		return nil, time.Time{}
	}
	begun := s.o.Now()
	if events, next, polls := w.come(begun); !polls {
		return events, next
	}
	ctx, cancel := context.WithTimeout(s.living, lookLimit)
	defer cancel()
	v := s.viewOf(q)
	stored := w.storedOwn()
	records, err := s.everything(ctx, v.at)
	if err == nil {
		err = v.readClaims(ctx)
	}
	now := s.o.Now()
	v.now = now.UnixMilli()
	next := now.Add(max(s.o.PollEvery, lookShare*now.Sub(begun)))
	if err != nil {
		w.putOff(begun, next)
		return nil, next
	}
	free, shown := w.look(v, records, stored)
	s.hub.Show(q, shown...)
	return free, w.putOff(begun, next)
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

// tellPosted tells those who wait of messages that were posted here.
func (s *Store) tellPosted(q marconi.QueueRef, w *waiting, names []string, p marconi.Post, now int64) {
	if w != nil {
		w.confirm(names)
	}
	if !s.hub.Watched(q) {
		return
	}
	var free, shown []event
	for _, m := range p.Messages {
		if m.Delay > 0 {
			shown = append(shown, event{p.Client, postedDelayed})
			s.hub.At(q, time.UnixMilli(now+m.Delay.Duration().Milliseconds()))
			continue
		}
		free = append(free, event{p.Client, posted})
	}
	s.hub.Show(q, shown...)
	s.hub.Notify(q, free...)
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

// tellClaimed notes, for those who wait, when a claim ends.
func (s *Store) tellClaimed(q marconi.QueueRef, c claimAttributes, all []held) {
	if w := s.watched.at(q); w != nil && len(all) > 0 {
		w.hold(c, all)
		s.hub.At(q, time.UnixMilli(c.ends))
	}
}

// tellReleased tells those who wait that a claim was released.
func (s *Store) tellReleased(q marconi.QueueRef, id marconi.ClaimID) {
	w := s.watched.at(q)
	if w == nil {
		return
	}
	events := w.free(id)
	if len(events) == 0 { // another process has made it, perhaps
		s.lookSoon(q)
		return
	}
	s.hub.Notify(q, events...)
}

// lookSoon makes Swift be looked at now, if somebody waits for the queue.
func (s *Store) lookSoon(q marconi.QueueRef) {
	w := s.watched.at(q)
	if w == nil {
		return
	}
	now := s.o.Now()
	w.mu.Lock()
	w.poll = now
	w.mu.Unlock()
	s.hub.At(q, now)
}
