package wake

import (
	"sync"
	"time"
)

// maxTries is how many takers are looked at for an idle one: with thousands of busy ones an event must stay cheap.
const maxTries = 8

// A place is where those who wait for one key are. Its shard's lock guards it.
type place[K comparable, E any] struct {
	key   K
	shard *shard[K, E]
	asked sync.Once // the question that the first waiter asks

	fresh  line[K, E] // takers that nobody has woken yet, in the order of their coming
	told   line[K, E] // takers that were woken before, the longest ago first
	others line[K, E] // those who don't take

	timer  *time.Timer
	at     time.Time // the next moment to ask due, or zero
	asking bool      // due is being asked
}

func (p *place[K, E]) add(w *Waiter[K, E]) {
	w.place = p
	if w.take {
		p.fresh.push(w)
		return
	}
	p.others.push(w)
}

func (p *place[K, E]) takers() int { return p.fresh.n + p.told.n }

func (p *place[K, E]) empty() bool { return p.takers()+p.others.n == 0 }

func (p *place[K, E]) notify(events []E) {
	p.wake(len(events), nil)
	p.show(events)
}

// show tells those who don't take.
func (p *place[K, E]) show(events []E) {
	if p.others.n == 0 {
		return
	}
	for _, e := range events {
		for w := p.others.head; w != nil; w = w.next {
			if len(w.c) == 0 && (w.match == nil || w.match(e)) {
				w.tell()
			}
		}
	}
}

// wake gives n signals to takers other than except. More than one for each would be of no use.
func (p *place[K, E]) wake(n int, except *Waiter[K, E]) {
	for range min(n, p.takers()) {
		w := p.next(except)
		if w == nil {
			return
		}
		w.in.remove(w)
		p.told.push(w)
		if !w.tell() {
			w.owes++
		}
	}
}

// next is the taker to be woken: the first that wasn't yet, else one that has received what it was told, else one that
// has not. The last will look anyway, but might find and take something else: it owes the signal to the others.
func (p *place[K, E]) next(except *Waiter[K, E]) *Waiter[K, E] {
	if w := p.fresh.first(except); w != nil {
		return w
	}
	busy := p.told.first(except)
	w := busy
	for range maxTries {
		if w == nil {
			break
		}
		if w != except && len(w.c) == 0 {
			return w
		}
		w = w.next
	}
	return busy
}

// appoint makes t the next moment if it comes before what is known, and reports whether it did.
func (p *place[K, E]) appoint(t time.Time) bool {
	if t.IsZero() || !p.at.IsZero() && !t.Before(p.at) {
		return false
	}
	p.at = t
	return true
}

// leave takes w out, hands on what it leaves undone, and gives up the place if w was the last.
func (p *place[K, E]) leave(w *Waiter[K, E]) {
	w.in.remove(w)
	if w.take {
		p.wake(w.owes+w.drain(), nil)
	}
	if !p.empty() {
		return
	}
	delete(p.shard.places, p.key)
	if p.timer != nil {
		p.timer.Stop()
	}
}

func (p *place[K, E]) close() {
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, l := range []*line[K, E]{&p.fresh, &p.told, &p.others} {
		for w := l.head; w != nil; w = w.next {
			w.tell()
		}
	}
}

// A line is a queue of waiters that each can leave from where it stands.
type line[K comparable, E any] struct {
	head, tail *Waiter[K, E]
	n          int
}

func (l *line[K, E]) push(w *Waiter[K, E]) {
	w.in, w.prev, w.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.n++
}

func (l *line[K, E]) remove(w *Waiter[K, E]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
	l.n--
}

// first is the first waiter that isn't except.
func (l *line[K, E]) first(except *Waiter[K, E]) *Waiter[K, E] {
	if l.head != nil && l.head == except {
		return except.next
	}
	return l.head
}
