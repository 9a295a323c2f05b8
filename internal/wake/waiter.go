package wake

// A Waiter is told when to look again. See [Hub.Watch].
type Waiter[K comparable, E any] struct {
	hub   *Hub[K, E]
	place *place[K, E] // nil: the hub was closed already
	c     chan struct{}
	take  bool
	match func(E) bool

	// The shard's lock guards what follows.
	in         *line[K, E] // where it stands; nil: closed
	prev, next *Waiter[K, E]
	owes       int // signals that came while one lay unreceived
}

// C gives a value when there may be something to see. It holds one value: what comes before that is received adds none.
func (w *Waiter[K, E]) C() <-chan struct{} { return w.c }

// Pass gives a value that was received, but not acted on, to another taker, if there is one. It does nothing for one
// who does not take.
func (w *Waiter[K, E]) Pass() {
	if !w.take || w.place == nil {
		return
	}
	s := w.place.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.places[w.place.key]; p != nil {
		p.wake(1, w)
	}
}

// Close ends the wait. A signal that a taker has not received goes to the next. Closing twice does nothing.
func (w *Waiter[K, E]) Close() {
	if w.place == nil {
		return
	}
	s := w.place.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.in == nil {
		return
	}
	w.place.leave(w)
	w.hub.waiters.Add(-1)
}

// tell puts a value into the channel and reports whether there was room.
func (w *Waiter[K, E]) tell() bool {
	select {
	case w.c <- struct{}{}:
		return true
	default:
		return false
	}
}

// drain is the number of values that nobody received.
func (w *Waiter[K, E]) drain() int {
	select {
	case <-w.c:
		return 1
	default:
		return 0
	}
}
