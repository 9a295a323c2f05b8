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

	// firstLook is for how long who begins to wait is kept until the queue has been looked at for the first time.
	firstLook = time.Second

	// lookShare bounds what looking costs: it takes at most this part of the time.
	lookShare = 10

	// longestBlind is for how long a queue isn't looked at after a look that failed, however long that took.
	longestBlind = 10 * time.Second

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

// watched are the queues that somebody waits for in this process.
type watched struct {
	mu  sync.Mutex // guards all, and the counts in it
	all map[marconi.QueueRef]*waiting
}

// A waiting is what is known of a queue that somebody waits for.
type waiting struct {
	n int // who waits

	living context.Context // ends when nobody waits any more
	end    context.CancelFunc
	first  sync.Once
	seen   chan struct{} // closed when the first look is over

	mu      sync.Mutex // guards what follows
	known   map[string]sight
	looked  bool      // or it was not waited for: what a look finds from here on is news
	looking bool      // a look is under way
	poll    time.Time // when to look at Swift again
}

// at is what is known of a queue, or nil if nobody waits for it.
func (w *watched) at(q marconi.QueueRef) *waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[q]
}

func (w *watched) add(living context.Context, q marconi.QueueRef, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.all[q]
	if one == nil {
		if w.all == nil {
			w.all = map[marconi.QueueRef]*waiting{}
		}
		one = &waiting{known: map[string]sight{}, seen: make(chan struct{})}
		one.living, one.end = context.WithCancel(living)
		w.all[q] = one
	}
	if one.n += n; one.n == 0 {
		delete(w.all, q)
		one.end()
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
	s.watched.add(s.living, q, 1)
	w := s.hub.Watch(q, i.Take, func(e event) bool { return concerns(e, i) })
	return &watch{w, sync.OnceFunc(func() { s.watched.add(s.living, q, -1) })}
}

// ask is what the hub asks: what has become visible since the last time, and when to ask again. Swift is looked at now and then
// only: ends of claims and delays come when they were said to, also while it gives no answer.
func (s *Store) ask(q marconi.QueueRef) ([]event, time.Time) {
	w := s.watched.at(q)
	if w == nil {
		return nil, time.Time{}
	}
	now := s.o.Now()
	events, looks := w.come(now)
	if looks {
		s.workers.Go(func() { s.look(q, w, now) })
	}
	w.awaitFirst()
	return events, w.next()
}

// awaitFirst waits for the first look. Who begins to wait looks by himself behind it, and so that is silent; but if it takes long, he
// does not wait for it, and everything that it finds is news.
func (w *waiting) awaitFirst() {
	select {
	case <-w.seen:
		return
	default:
	}
	enough := time.NewTimer(firstLook)
	defer enough.Stop()
	select {
	case <-w.seen:
	case <-enough.C:
		w.mu.Lock()
		w.looked = true
		w.mu.Unlock()
	}
}

// look looks at Swift, tells what has become visible, and has the hub ask again when it is time.
func (s *Store) look(q marconi.QueueRef, w *waiting, begun time.Time) {
	defer w.first.Do(func() { close(w.seen) })
	ctx, cancel := context.WithTimeout(w.living, lookLimit)
	defer cancel()
	v := s.viewOf(q)
	records, err := s.everything(ctx, v.at)
	if err == nil {
		err = v.readClaims(ctx)
	}
	now := s.o.Now()
	rest := lookShare * now.Sub(begun)
	if err != nil {
		w.miss()
		rest = min(rest, longestBlind)
	} else {
		v.now = now.UnixMilli()
		free, shown := w.see(v, records, begun.UnixMilli())
		s.hub.Show(q, shown...)
		s.hub.Notify(q, free...)
	}
	s.hub.At(q, w.putOff(begun, now.Add(max(s.o.PollEvery, rest))))
}

// tellPosted tells those who wait of messages that were posted here.
func (s *Store) tellPosted(q marconi.QueueRef, names []string, p marconi.Post, now int64) {
	w := s.watched.at(q)
	if w == nil {
		return
	}
	w.post(names, p, now, s.millis())
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

// tellClaimed notes, for those who wait, when a claim ends.
func (s *Store) tellClaimed(q marconi.QueueRef, c claimAttributes, all []held) {
	if w := s.watched.at(q); w != nil && len(all) > 0 {
		w.hold(c, all, s.millis())
		s.hub.At(q, time.UnixMilli(c.ends))
	}
}

// tellReleased tells those who wait that a claim was released.
func (s *Store) tellReleased(q marconi.QueueRef, id marconi.ClaimID) {
	w := s.watched.at(q)
	if w == nil {
		return
	}
	events := w.free(id, s.millis())
	if len(events) == 0 { // another process has made it, perhaps
		s.lookSoon(q)
		return
	}
	s.hub.Notify(q, events...)
}

// tellLost has messages tried again, later, that looked free and that a claim of this process has not got: a claim of another that has
// ended is given some time, a listing may show what is over, or a lease is hidden. Told at once, who waits would look without pause.
func (s *Store) tellLost(q marconi.QueueRef, all []record) {
	if w := s.watched.at(q); w != nil && len(all) > 0 {
		w.lose(all, s.millis())
		s.hub.At(q, w.next())
	}
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
