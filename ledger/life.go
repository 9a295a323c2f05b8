package ledger

import (
	"iter"
	"time"
)

// An Outcome is how a call ended.
type Outcome string

// The outcomes.
const (
	Unsure    Outcome = "unsure" // without an answer that tells
	Confirmed Outcome = "confirmed"
	Refused   Outcome = "refused"
)

// A Fate is what has become of a message.
type Fate string

// The fates. None is that of what was refused, or never appeared.
const (
	FateNone       Fate = "none"
	FateDeleted    Fate = "deleted"
	FatePopped     Fate = "popped"
	FateUnsureGone Fate = "unsure gone" // it is not there, and a delete or pop was sent whose answer never came
	FateLeftover   Fate = "leftover"
	FateExpired    Fate = "expired"
	FateLost       Fate = "lost"
	FateUndecided  Fate = "undecided" // its queue was not drained, or before its post was answered
)

// A Life is all that is known of a message. Times are since the run began; those of what never happened are 0.
type Life struct {
	Project   string        `json:"project"`
	Queue     string        `json:"queue"`
	Producer  uint32        `json:"producer"`
	Number    uint32        `json:"number"`
	Batch     uint32        `json:"batch"` // the number of the first message of its post
	Index     int           `json:"index"`
	Size      int           `json:"size"` // of its post
	ID        string        `json:"id,omitempty"`
	TTL       time.Duration `json:"ttl_ns"`
	Intended  time.Duration `json:"intended_ns"`
	Posted    Outcome       `json:"posted"`
	Confirmed time.Duration `json:"confirmed_ns,omitzero"`
	First     time.Duration `json:"first_delivery_ns,omitzero"`
	Last      time.Duration `json:"last_delivery_ns,omitzero"` // the sending of the latest request that showed it
	Delivered int           `json:"delivered"`                 // how often it was shown, claims and pops included
	Taken     int           `json:"taken"`                     // how often it was claimed or popped; 255: as often or more
	Going     time.Duration `json:"going_ns,omitzero"`         // the first delete or pop of it was sent
	Gone      time.Duration `json:"gone_ns,omitzero"`          // and one was known to have succeeded
	Fate      Fate          `json:"fate"`
}

// life tells a message's life. Its chunk is locked.
func (l *Ledger) life(c *chunk, slot int, at ref, f Fate) Life {
	r := &c.records[slot]
	q := l.queueAt(r.queue)
	return Life{
		Project: q.name.project, Queue: q.name.queue,
		Producer: at.producer, Number: at.number, Batch: r.batch(at).number,
		Index: int(r.index), Size: int(r.size), ID: c.keptID(slot),
		TTL: r.lifetime(), Intended: r.intended.time(), Posted: r.outcome(),
		Confirmed: known(r.confirmedBy()), First: known(r.firstShown()), Last: max(r.last.time(), 0),
		Delivered: int(r.shown), Taken: int(r.takes),
		Going: known(r.goingFrom()), Gone: known(r.goneBy()),
		Fate: f,
	}
}

func (r *record) outcome() Outcome {
	switch {
	case r.flags.has(confirmed):
		return Confirmed
	case r.flags.has(refused):
		return Refused
	}
	return Unsure
}

// known is a time in the words of Life.
func known(t time.Duration) time.Duration {
	if t == never {
		return 0
	}
	return t
}

// Lives goes through all messages: for figures that are made of them, such as the time until the first delivery.
func (l *Ledger) Lives() iter.Seq[Life] {
	return func(yield func(Life) bool) {
		a := l.newAudit()
		for at, c := range l.messages() {
			c.mu.Lock()
			slot := int(at.number % chunkSize)
			life := l.life(c, slot, at, a.fate(&c.records[slot]))
			c.mu.Unlock()
			if !yield(life) {
				return
			}
		}
	}
}

// messages goes through all messages and their chunks, by producer and number.
func (l *Ledger) messages() iter.Seq2[ref, *chunk] {
	return func(yield func(ref, *chunk) bool) {
		for _, p := range *l.producers.Load() {
			p.mu.Lock()
			end := p.next
			p.mu.Unlock()
			for n := range end {
				c, _ := p.find(n)
				if !yield(ref{p.index, n}, c) {
					return
				}
			}
		}
	}
}
