package swifttest

import (
	"errors"
	"sync"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A Line is a Faulty that loses the answer of a number, or is broken: what lies between a driver and an account in memory.
type Line struct {
	*Faulty

	mu     sync.Mutex // guards what follows
	next   *strike
	broken bool
}

// A strike is that one answer is lost.
type strike struct {
	after int // so many answers come first
	done  bool
}

var (
	errHungUp  = errors.New("the connection ended in place of an answer")
	errNoRoute = errors.New("no connection can be made")
)

// NewLine returns a sound line to c.
func NewLine(c objects.Client) *Line {
	l := &Line{Faulty: NewFaulty(c)}
	l.Plan(func(Call) (Fault, bool) { return l.fault() })
	return l
}

// LoseReply has the answer number n fail from now on, counted from 0 over calls of all kinds, though it was carried out.
// Struck reports whether that has happened; a loss that has not happened by then is called off.
func (l *Line) LoseReply(n int) (struck func() bool) {
	s := &strike{after: n}
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

// Break has all calls fail, and none be carried out, until Mend.
func (l *Line) Break() { l.setBroken(true) }

// Mend makes the line sound.
func (l *Line) Mend() { l.setBroken(false) }

func (l *Line) setBroken(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
}

// fault is what happens to the next call.
func (l *Line) fault() (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.broken:
		return Fault{Before: errNoRoute}, true
	case l.next == nil:
		return Fault{}, false
	case l.next.after > 0:
		l.next.after--
		return Fault{}, false
	}
	l.next.done, l.next = true, nil
	return Fault{After: errHungUp}, true
}
