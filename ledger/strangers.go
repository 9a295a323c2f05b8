package ledger

import (
	"sync"
	"time"
)

// A stranger is what was shown as a message and is none that the ledger knows, by its ID: its body can't be believed. If it
// has the ID of a message that does not turn up otherwise, it is that message.
type stranger struct {
	id       string
	class    Class
	queue    queueName
	going    time.Duration // when something was sent that may have taken it away, or never
	gone     bool
	popped   bool
	leftover bool
}

type strangers struct {
	mu   sync.Mutex // guards what follows, and the strangers
	byID map[idHash]*stranger
}

// strange enters a stranger. It is accused once, however often it is shown.
func (l *Ledger) strange(s showing, class Class, what string) view {
	key := l.hash(s.id)
	l.strangers.mu.Lock()
	known := l.strangers.byID[key]
	if known == nil {
		known = &stranger{id: s.id, class: class, queue: s.queue.name, going: never}
		l.strangers.byID[key] = known
		l.docket.enter(accusation{class: class, stranger: known, evidence: []Evidence{s.evidence(what)}})
	}
	l.strangers.mu.Unlock()
	return view{Message: Message{l: l, stranger: known}}
}

func (s *strangers) update(x *stranger, f func(*stranger)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(x)
}

// snapshot is the strangers as they are, by the hash of their IDs.
func (s *strangers) snapshot() map[idHash]stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[idHash]stranger, len(s.byID))
	for id, x := range s.byID {
		all[id] = *x
	}
	return all
}
