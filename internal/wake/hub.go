// Package wake tells waiters when to look again.
//
// A [Hub] knows keys, and who waits for which. Whoever changes what a key stands for tells the hub of the events, or of
// a moment at which something will happen by itself; the hub signals those whom it concerns. What they then look at, and
// whether it is still there, is no matter of the hub's: signals may be for nothing, but none is missed by one who
// watches first and looks then.
//
// Waiters are of two kinds. A taker will take what it finds, so that each event wakes only one of them; all others are
// woken by every event that matches. A waiter costs a few hundred bytes and no goroutine.
package wake

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shardCount = 32

	// longestSleep bounds how late a moment is noticed after the clock was set forward.
	longestSleep = 10 * time.Second
)

// A Hub brings together those who wait for keys of type K and the events of type E. All methods are safe for
// concurrent use. Watch and Close may not be called while holding a lock that the due function takes, and none while
// holding one that a match function takes.
type Hub[K comparable, E any] struct {
	now     func() time.Time
	due     func(K) ([]E, time.Time)
	seed    maphash.Seed
	waiters atomic.Int64   // all that are open
	asking  sync.WaitGroup // calls of due under way
	shards  [shardCount]shard[K, E]
}

type shard[K comparable, E any] struct {
	mu     sync.Mutex // guards what follows, and all that the places hold
	closed bool
	places map[K]*place[K, E]
}

// New makes a hub by the given clock.
//
// The hub calls due when a moment that it was told of by At has come, and when a key gets its first waiter: due returns
// the events that happened by themselves since it was last asked about the key, and the next moment to ask about it, or
// the zero time if there is none. A next moment that has passed already makes the hub ask again at once. Due is never
// called under a lock of the hub, and may call the hub.
func New[K comparable, E any](now func() time.Time, due func(K) ([]E, time.Time)) *Hub[K, E] {
	h := &Hub[K, E]{now: now, due: due, seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].places = map[K]*place[K, E]{}
	}
	return h
}

// Watch begins to wait for key. A taker (take) is woken for events that no other taker was woken for; one who doesn't
// take, for each event that match accepts, all of them if match is nil. The waiter must be closed.
//
// If it is the key's first waiter, Watch asks due before it returns, so that what lies ahead is known: whatever happens
// from here on, the waiter is told.
func (h *Hub[K, E]) Watch(key K, take bool, match func(E) bool) *Waiter[K, E] {
	w := &Waiter[K, E]{hub: h, c: make(chan struct{}, 1), take: take, match: match}
	p := h.register(key, w)
	if p == nil {
		return w
	}
	// Everybody waits for the first answer: one who looked before it came could look too early for what it leaves out.
	p.asked.Do(func() { h.ask(p) })
	return w
}

// register adds w to the place of key. Without a place the hub is closed, and w has been told so.
func (h *Hub[K, E]) register(key K, w *Waiter[K, E]) *place[K, E] {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		w.tell()
		return nil
	}
	p := s.places[key]
	if p == nil {
		p = &place[K, E]{key: key, shard: s, asking: true}
		s.places[key] = p
		h.asking.Add(1)
	}
	h.waiters.Add(1)
	p.add(w)
	return p
}

// Notify tells those who wait for key what has happened to it. Each event wakes at most one taker, the one that waits
// longest among those not woken yet, and every other waiter that it matches. Where nobody waits for anything it costs
// one atomic load. What the events stand for must have been done before the call.
func (h *Hub[K, E]) Notify(key K, events ...E) {
	if h.waiters.Load() == 0 {
		return
	}
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.places[key]; p != nil {
		p.notify(events)
	}
}

// Show is Notify for events that there is nothing to take of: it wakes no taker.
func (h *Hub[K, E]) Show(key K, events ...E) {
	if h.waiters.Load() == 0 {
		return
	}
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.places[key]; p != nil {
		p.show(events)
	}
}

// At tells that something will happen to key at t. It does nothing if nobody waits for key: the first one who does
// makes the hub ask. As with Notify, what it announces must have been done before the call.
func (h *Hub[K, E]) At(key K, t time.Time) {
	if h.waiters.Load() == 0 {
		return
	}
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.places[key]; p != nil && p.appoint(t) {
		h.arm(p)
	}
}

// Watched reports whether anybody waits for key, so that a caller can save itself the making of events. Like Notify it
// has to come after what the events would stand for.
func (h *Hub[K, E]) Watched(key K) bool {
	if h.waiters.Load() == 0 {
		return false
	}
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places[key] != nil
}

// Close wakes all waiters and ends the hub's work: no call of due is under way when it returns, and none will come. Who
// watches a closed hub is woken at once. Closing twice does nothing.
func (h *Hub[K, E]) Close() {
	for i := range h.shards {
		h.shards[i].close()
	}
	h.asking.Wait()
}

func (s *shard[K, E]) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, p := range s.places {
		p.close()
	}
}

func (h *Hub[K, E]) shard(key K) *shard[K, E] {
	return &h.shards[maphash.Comparable(h.seed, key)%shardCount]
}

// arm sets p's timer for its next moment. While due is being asked there is no need: the answer arms it.
func (h *Hub[K, E]) arm(p *place[K, E]) {
	if p.at.IsZero() || p.asking || p.shard.closed {
		return
	}
	wait := min(p.at.Sub(h.now()), longestSleep)
	if p.timer == nil {
		p.timer = time.AfterFunc(wait, func() { h.ring(p) })
		return
	}
	p.timer.Reset(wait)
}

// ring runs on p's timer.
func (h *Hub[K, E]) ring(p *place[K, E]) {
	if h.begin(p) {
		h.ask(p)
	}
}

// begin reports whether p's moment has come, and makes it the caller's to ask.
func (h *Hub[K, E]) begin(p *place[K, E]) bool {
	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || p.at.IsZero() || p.asking || p.empty() {
		return false
	}
	if p.at.After(h.now()) {
		h.arm(p)
		return false
	}
	p.at, p.asking = time.Time{}, true
	h.asking.Add(1)
	return true
}

// ask calls due for p and acts on the answer. The caller has set p.asking and counted the call.
func (h *Hub[K, E]) ask(p *place[K, E]) {
	defer h.asking.Done()
	events, next := h.due(p.key)

	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	p.asking = false
	// Meanwhile the place may have been given up and made anew: the events are for those who wait now.
	if now := s.places[p.key]; now != nil {
		now.notify(events)
	}
	if !p.empty() {
		p.appoint(next)
		h.arm(p)
	}
}
