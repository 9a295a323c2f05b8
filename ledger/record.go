package ledger

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"time"
)

// A moment is a time since the run began in six bytes: nanoseconds, for up to 78 hours. Later times are all the same, so
// that nothing is judged by them. The zero moment is none.
type moment [6]byte

const lastMoment = 1<<48 - 1

func momentOf(t time.Duration) (m moment) {
	v := uint64(min(max(t, 0), lastMoment-1)) + 1
	binary.LittleEndian.PutUint32(m[:4], uint32(v))
	binary.LittleEndian.PutUint16(m[4:], uint16(v>>32))
	return m
}

func (m moment) set() bool { return m != moment{} }

// time is the moment's time; that of none comes before all.
func (m moment) time() time.Duration {
	return time.Duration(binary.LittleEndian.Uint32(m[:4])) + time.Duration(binary.LittleEndian.Uint16(m[4:]))<<32 - 1
}

// A span is a duration in four bytes: exact below 134 ms, above it too long by at most a part in 67 million. The zero span
// is none.
type span uint32

const (
	spanBits = 27
	lastSpan = 1 << 57
)

func spanOf(d time.Duration) span {
	v := uint64(min(max(d, 0), lastSpan)) + 1
	shift := max(bits.Len64(v)-spanBits, 0)
	v = (v + 1<<shift - 1) >> shift
	if v == 1<<spanBits {
		v, shift = v>>1, shift+1
	}
	return span(uint64(shift)<<spanBits | v)
}

func (s span) set() bool { return s != 0 }

func (s span) duration() time.Duration {
	return time.Duration(uint64(s)&(1<<spanBits-1)<<(s>>spanBits)) - 1
}

// An idHash stands for a message's ID. That of none is zero.
type idHash [8]byte

func (l *Ledger) hash(id string) (h idHash) {
	binary.LittleEndian.PutUint64(h[:], max(maphash.String(l.seed, id), 1))
	return h
}

// A flag is something that is true of a message.
type flag uint16

const (
	confirmed flag = 1 << iota // how its post ended; none of these three: it has not yet
	refused                    //
	unsure                     //
	appeared                   // somebody was shown it
	popped                     // what took it away was a pop
	leftover                   // the drain found it
	after                      // its post was sent when all earlier ones of its producer and queue had been answered
	delayed                    // it was hidden at first
	moved                      // to the dead-letter queue
	blurred                    // there are several of it: nothing more can be said of each
	heldToEnd                  // a claim was sure to hold it until it went
	accused                    //
	suspected                  // there are suspicions that a later report may dispel
	insisted                   // more than one delete was sent: that one was refused says nothing of the others
)

func (f flag) has(want flag) bool { return f&want != 0 }

// A record is what is known of a message, in 60 bytes.
type record struct {
	queue    uint32
	ttl      uint32 // milliseconds
	previous uint32 // how many numbers back its producer's previous message to the same queue is; 0: there is none
	answered span   // of its post, after intended; none: without success
	first    span   // delivery, after intended
	lag      span   // from going until it was known to be gone
	size     uint16 // of its post; 0: there is no such message
	index    uint16
	shown    uint16 // how often
	flags    flag
	id       idHash
	intended moment
	last     moment // the latest sending of a request that showed it
	going    moment // the first sending of a request that may have taken it away
	takes    uint8  // claims and pops
}

func (r *record) gone() bool { return r.lag.set() }

// goneBy is when it was known to be gone, or never.
func (r *record) goneBy() time.Duration {
	if !r.gone() {
		return never
	}
	return r.going.time() + r.lag.duration()
}

// goingFrom is when something was first sent that may have taken it away, or never.
func (r *record) goingFrom() time.Duration {
	if !r.going.set() {
		return never
	}
	return r.going.time()
}

// confirmedBy is when its post was answered, or never.
func (r *record) confirmedBy() time.Duration {
	if !r.answered.set() {
		return never
	}
	return r.intended.time() + r.answered.duration()
}

// firstShown is when it was first delivered, or never.
func (r *record) firstShown() time.Duration {
	if !r.first.set() {
		return never
	}
	return r.intended.time() + r.first.duration()
}

func (r *record) lifetime() time.Duration { return time.Duration(r.ttl) * time.Millisecond }

// endsFrom is the earliest time at which it may end by its own TTL.
func (r *record) endsFrom(grain time.Duration) time.Duration {
	return r.intended.time() + r.lifetime() - grain
}

// endsBy is the latest time at which it may end by its own TTL: never, if it isn't known to have begun.
func (r *record) endsBy() time.Duration {
	if !r.answered.set() || r.flags.has(moved) {
		return never
	}
	return r.confirmedBy() + r.lifetime()
}

// note counts a delivery.
func (r *record) note(c Call) {
	r.shown = min(r.shown, 1<<16-2) + 1
	if first := spanOf(c.Answered - r.intended.time()); !r.first.set() || first < r.first {
		r.first = first
	}
	if !r.last.set() || c.Sent > r.last.time() {
		r.last = momentOf(c.Sent)
	}
}

// sendAway notes that something is being sent that may take the message away.
func (r *record) sendAway(sent time.Duration) {
	if r.going.set() {
		r.flags |= insisted
	}
	if sent >= r.goingFrom() {
		return
	}
	by := r.goneBy()
	r.going = momentOf(sent)
	if by != never {
		r.goBy(by)
	}
}

// goBy notes that the message was known to be gone at a time.
func (r *record) goBy(t time.Duration) { r.lag = spanOf(t - r.going.time()) }

// A ref names a message.
type ref struct{ producer, number uint32 }

// batch is the first message of the same post.
func (r *record) batch(at ref) ref { return ref{at.producer, at.number - uint32(r.index)} }
