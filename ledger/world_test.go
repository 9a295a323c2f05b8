package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
	"pgregory.net/rapid"
)

// A world is a simulated store, its clients, and the ledger that they report to. What happens next is drawn: a call is
// sent, is carried out, is answered, is reported, each as a step of its own, and other clients' steps lie between.
type world struct {
	random  *rand.Rand
	noise   noise
	l       *ledger.Ledger
	store   *simStore
	now     time.Duration
	queues  []*place
	actors  []actor
	late    []func() // what may be carried out after its caller has given up
	claimed int      // claims that were sent

	atOnce  bool          // the call under way is all done in one step, so that there is no doubt when
	deleted []*simMessage // and known to be
}

// A noise says what goes wrong in the world without being the store's fault.
type noise struct {
	unsure  bool // answers get lost, and calls
	endings bool // messages and claims come to their ends
	workers bool
}

// A place is a queue on both sides.
type place struct {
	book *ledger.Queue
	sim  *simQueue
}

// An actor makes one call after the other. step does the next bit of the call, or begins one.
type actor interface{ step() }

// newWorld draws no more than a seed: rapid's own numbers are mostly small ones, and so would be who acts and what is done.
// What fails is made smaller by fewer steps.
func newWorld(t *rapid.T, l lie, n noise) *world {
	w := &world{random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), noise: n, store: newSimStore(l)}
	w.l = ledger.New(ledger.Options{Run: "world", History: true, InMemory: 1}) // so that all but the first are in a file
	for _, name := range []string{"a/q", "b/q", "a/other"} {
		w.queues = append(w.queues, &place{w.l.Queue(name[:1], name[2:]), w.store.queue(name)})
	}
	for range 2 {
		p := w.l.Producer()
		w.actors = append(w.actors, &producer{world: w, book: p}, &producer{world: w, book: p}) // two connections
	}
	for i, q := range w.queues {
		for _, claimed := range []bool{true, false} {
			o := w.l.Observer(q.book, ledger.Observing{Name: fmt.Sprintf("observer %d, %v", i, claimed), Claimed: claimed})
			w.actors = append(w.actors, &observer{world: w, place: q, book: o, claimed: claimed})
		}
	}
	for i := 0; i < 6 && n.workers; i++ {
		w.actors = append(w.actors, &worker{world: w, book: w.l.Worker(fmt.Sprintf("worker %d", i))})
	}
	return w
}

func (w *world) draw(n int) int { return w.random.IntN(n) }

// one reports true once in n.
func (w *world) one(n int) bool { return w.draw(n) == 0 }

func (w *world) anyQueue() *place { return w.queues[w.draw(len(w.queues))] }

// tick lets a moment pass.
func (w *world) tick() time.Duration {
	w.now += time.Microsecond
	return w.now
}

func (w *world) run(t *rapid.T) ledger.Verdict {
	for range rapid.SampledFrom([]int{40, 200, 1000}).Draw(t, "steps") {
		switch {
		case w.one(60):
			w.now += time.Duration(w.draw(4000)) * time.Millisecond
		case len(w.late) > 0 && w.one(10):
			w.doLate()
		default:
			w.actors[w.draw(len(w.actors))].step()
		}
		w.raise()
	}
	for _, a := range w.actors {
		if c, calling := a.(interface{ finish() }); calling {
			c.finish()
		}
	}
	for len(w.late) > 0 {
		w.doLate()
	}
	for _, a := range w.actors {
		if o, observing := a.(*observer); observing {
			o.readOut()
		}
	}
	w.drain()
	return w.l.Verdict()
}

func (w *world) doLate() {
	i := w.draw(len(w.late))
	w.late[i]()
	w.late = slices.Delete(w.late, i, i+1)
}

func (w *world) drain() {
	for _, q := range w.queues {
		d := w.l.Drain(q.book, w.tick())
		for marker := 0; ; {
			sent := w.tick()
			page, next := w.store.list(q.sim, w.tick(), marker, 3, true)
			d.Page(ledger.Call{Sent: sent, Answered: w.tick()}, w.seen(page))
			w.showed(sent, page)
			if len(page) == 0 {
				break
			}
			marker = next
		}
		d.Done(w.tick())
	}
}

func (w *world) seen(messages []*simMessage) (seen []ledger.Seen) {
	for _, m := range messages {
		seen = append(seen, ledger.Seen{ID: m.id, Body: m.body})
	}
	return seen
}

// A flight is a call under way.
type flight struct {
	w *world

	do      func()                         // in the store
	report  func(c ledger.Call, done bool) // what came of it; not done: nobody knows
	refused func(answered time.Duration)   // instead of report, if it was not carried out; nil: that does not happen

	takes          bool // a claim or pop
	sent, answered time.Duration
	refuse, lost   bool
	done           bool
}

// send begins a call.
func (w *world) send(f flight) *flight {
	f.w = w
	f.refuse = f.refused != nil && w.one(12)
	f.lost = w.noise.unsure && !f.refuse && w.one(6)
	return &f
}

// step goes on with the call, and reports whether it is over.
func (f *flight) step() bool {
	switch {
	case f.lost && !f.done && f.w.one(2):
		f.w.late = append(f.w.late, f.do)
		f.report(ledger.Call{Sent: f.sent}, false)
		return true
	case f.lost && f.w.one(2):
		f.report(ledger.Call{Sent: f.sent}, false)
		return true
	case !f.done && !f.refuse:
		f.w.tick()
		f.do()
		f.done = true
	case f.lost:
		f.report(ledger.Call{Sent: f.sent}, false)
		return true
	case f.answered == 0:
		f.answered = f.w.tick()
	case f.refuse:
		f.refused(f.answered)
		return true
	default:
		f.report(ledger.Call{Sent: f.sent, Answered: f.answered}, true)
		return true
	}
	return false
}

// A caller has at most one call under way.
type caller struct{ flight *flight }

// goOn goes on with the call, if there is one.
func (c *caller) goOn() bool {
	if c.flight == nil {
		return false
	}
	if c.flight.step() {
		c.flight = nil
	}
	return true
}

func (c *caller) finish() {
	for c.goOn() {
	}
}

// at is when a call is sent.
func (f flight) at(sent time.Duration) flight {
	f.sent = sent
	return f
}

type producer struct {
	*world
	caller
	book *ledger.Producer
}

func (p *producer) step() {
	if p.goOn() {
		return
	}
	q, ttl := p.anyQueue(), time.Hour
	if p.noise.endings && p.one(3) {
		ttl = time.Duration(1+p.draw(8)) * time.Second
	}
	n := 1 + p.draw(3)
	sent := p.tick()
	post := p.book.Post(ledger.Posting{Queue: q.book, Messages: n, TTL: ttl, Intended: sent})
	var ids []string
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = post.Body(i).AppendPadded(nil, 130, 0)
	}
	f := flight{
		do: func() { ids = p.doPost(q.sim, ttl, bodies) },
		report: func(c ledger.Call, done bool) {
			if done {
				post.Confirmed(ids, c.Answered)
				for _, m := range q.sim.messages {
					if slices.Contains(ids, m.id) {
						m.known = c.Answered + ttl
					}
				}
			} else {
				post.Unsure()
			}
		},
		refused: func(answered time.Duration) {
			if p.store.lie == storeRefused {
				p.lieAbout(p.store.post(q.sim, p.tick(), ttl, bodies)...)
			}
			post.Refused(answered)
		},
	}
	p.flight = p.send(f.at(sent))
}

type observer struct {
	*world
	caller
	place   *place
	book    *ledger.Observer
	claimed bool
	marker  int
	shown   []*simMessage
}

func (o *observer) step() {
	if o.goOn() {
		return
	}
	var page []*simMessage
	next := o.marker
	sent := o.tick()
	o.flight = o.send(flight{
		do: func() { page, next = o.doList() },
		report: func(c ledger.Call, done bool) {
			if done {
				o.book.Page(c, o.seen(page))
				o.showed(c.Sent, page)
				o.marker = next
				o.shown = append(o.shown, page...)
			}
		},
	}.at(sent))
}

// readOut reads on until there is nothing more.
func (o *observer) readOut() {
	for {
		sent := o.tick()
		page, next := o.doList()
		c := ledger.Call{Sent: sent, Answered: o.tick()}
		o.book.Page(c, o.seen(page))
		o.showed(sent, page)
		if len(page) == 0 {
			o.book.Done(c)
			return
		}
		o.marker = next
	}
}

type worker struct {
	*world
	caller
	book  *ledger.Worker
	hands []*hand
}

// A hand is a claim that a worker has.
type hand struct {
	place    *place
	id       string
	book     *ledger.Claim
	messages []*simMessage
	done     int
}

func (w *worker) step() {
	if w.goOn() {
		return
	}
	if len(w.hands) == 0 || w.one(3) {
		w.take()
		return
	}
	i := w.draw(len(w.hands))
	h := w.hands[i]
	switch {
	case h.done == len(h.messages) || w.one(10):
		h.book.Dropped(w.now)
		w.hands = slices.Delete(w.hands, i, i+1)
	case w.one(6):
		w.release(h)
		w.hands = slices.Delete(w.hands, i, i+1)
	case w.one(6):
		w.update(h)
	default:
		h.done++
		w.remove(h, h.done-1)
	}
}

func (w *worker) take() {
	q, limit, sent := w.anyQueue(), 1+w.draw(3), w.tick()
	if w.one(4) {
		w.pop(q, limit, sent)
		return
	}
	w.claimed++
	id := fmt.Sprintf("claim-%d", w.claimed)
	ttl, grace := w.claimTTL(), time.Duration(w.draw(3))*time.Second
	var got []*simMessage
	w.flight = w.send(flight{
		takes: true,
		do:    func() { got = w.doClaim(q.sim, id, ttl, grace, limit) },
		report: func(c ledger.Call, done bool) {
			if !done {
				q.book.ClaimUnsure(c.Sent, ttl)
				return
			}
			claim := w.book.Claimed(ledger.Claiming{Queue: q.book, ID: id, TTL: ttl, Grace: grace, Call: c}, w.seen(got))
			w.showed(c.Sent, got)
			if len(got) > 0 {
				w.hands = append(w.hands, &hand{place: q, id: id, book: claim, messages: got})
			}
		},
	}.at(sent))
	if w.atOnce = w.lies(claimTwice); w.atOnce {
		w.finish()
		w.atOnce = false
	}
}

func (w *worker) claimTTL() time.Duration {
	if w.noise.endings {
		return time.Duration(1+w.draw(10)) * time.Second
	}
	return time.Hour
}

func (w *worker) pop(q *place, limit int, sent time.Duration) {
	var got []*simMessage
	w.flight = w.send(flight{
		takes: true,
		do:    func() { got = w.store.pop(q.sim, w.now, limit) },
		report: func(c ledger.Call, done bool) {
			if !done {
				q.book.PopUnsure(c.Sent, limit)
				return
			}
			w.book.Popped(q.book, c, w.seen(got))
			w.showed(c.Sent, got)
		},
	}.at(sent))
}

func (w *worker) release(h *hand) {
	sent := w.tick()
	h.book.Releasing(sent)
	w.flight = w.send(flight{
		do: func() { w.store.release(h.place.sim, h.id) },
		report: func(c ledger.Call, done bool) {
			if done {
				h.book.Released(c.Answered)
			}
		},
	}.at(sent))
}

func (w *worker) update(h *hand) {
	sent, ttl, grace := w.tick(), w.claimTTL(), time.Second
	h.book.Updating(sent, ttl, grace)
	var found bool
	w.flight = w.send(flight{
		do: func() { found = w.store.update(h.place.sim, w.now, h.id, ttl, grace) },
		report: func(c ledger.Call, done bool) {
			switch {
			case done && found:
				h.book.Updated(c.Answered)
			case done:
				h.book.UpdateRefused(c.Answered)
			}
		},
	}.at(sent))
}

func (w *worker) remove(h *hand, i int) {
	sent := w.tick()
	d := h.book.Messages()[i].Deleting(sent, h.book)
	var allowed bool
	w.flight = w.send(flight{
		do: func() { allowed = w.store.remove(h.place.sim, w.now, h.messages[i].id, h.id) },
		report: func(c ledger.Call, done bool) {
			switch {
			case !done:
				d.Unsure()
			case allowed:
				d.Confirmed(c.Answered)
				if w.store.lie == revive {
					w.deleted = append(w.deleted, h.messages[i])
				}
			default:
				d.Refused(c.Answered)
			}
		},
	}.at(sent))
}

func TestSoundStoreIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, noLie, noise{unsure: true, endings: true, workers: true})
		if v := w.run(t); !v.OK() {
			t.Fatalf("a sound store: %s", v.Report())
		}
	})
}
