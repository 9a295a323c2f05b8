package faultproxy

import "sync"

// A loss is about the one reply that is to be lost, if there is one.
type loss struct {
	mu   sync.Mutex // guards what follows
	next *strike
}

// A strike is what is to happen to one reply.
type strike struct {
	after int // so many replies pass first
	keep  int // so many bytes of it pass
	done  bool
}

// plan has all but the first bytes of reply number n be lost, counted from 0 from now on. Struck reports whether that has
// happened; a loss that has not happened by then is called off.
func (l *loss) plan(n, bytes int) (struck func() bool) {
	s := &strike{after: n, keep: bytes}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = s
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.next == s {
			l.next = nil
		}
		return s.done
	}
}

func (l *loss) callOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = nil
}

// meet counts a reply, and says how much of it passes, and whether its connection ends there.
func (l *loss) meet(length int) (keep int, struck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.next
	if s == nil {
		return length, false
	}
	if s.after > 0 {
		s.after--
		return length, false
	}
	s.done = true
	l.next = nil
	return min(s.keep, length), true
}
