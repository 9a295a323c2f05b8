package ledger

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// An Observer lists a queue page by page, from its beginning on, each page behind the one before. Another listing from the
// beginning is another observer.
type Observer struct {
	l       *Ledger
	queue   *Queue
	options Observing
	id      string // of its own, for the history
	how     string

	mu    sync.Mutex // guards what follows
	seen  map[uint32]numbers
	last  map[uint32]uint32   // the highest number, by producer
	open  map[uint32][]uint32 // numbers that are missing but may yet come, since their posts overlapped, by producer
	batch openBatch
}

// Observing says what an observer's pages show.
type Observing struct {
	Name    string    // for the verdict
	Claimed bool      // messages under a claim, too
	Without *Producer // whose messages are left out, since its client is the observer's own; nil: nobody's are
}

// An openBatch is the post whose messages a listing showed last.
type openBatch struct {
	first       ref
	size, shown int
	highest     uint32 // number that was shown
}

// numbers are a set of them, a bit each.
type numbers []uint64

func (s numbers) has(n uint32) bool { return int(n/64) < len(s) && s[n/64]>>(n%64)&1 == 1 }

// with adds a number.
func (s numbers) with(n uint32) numbers {
	if missing := int(n/64) + 1 - len(s); missing > 0 {
		s = append(s, make([]uint64, missing)...)
	}
	s[n/64] |= 1 << (n % 64)
	return s
}

// Observer adds an observer of the queue.
func (l *Ledger) Observer(q *Queue, o Observing) *Observer {
	id := strconv.FormatInt(l.readers.Add(1), 10)
	return &Observer{l: l, queue: q, options: o, id: id, how: "list", seen: map[uint32]numbers{}, last: map[uint32]uint32{}, open: map[uint32][]uint32{}}
}

// Page enters the messages of a page, in its order.
func (o *Observer) Page(call Call, got []Seen) []Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	messages := make([]Message, len(got))
	for i, m := range got {
		s := showing{how: o.how, reader: o.options.Name, queue: o.queue, call: call, id: m.ID}
		v := o.l.show(s, m.Body)
		messages[i] = v.Message
		op := Operation{Kind: OpShow, ID: m.ID}
		inPlace := v.sound && !v.record.flags.has(moved)
		if inPlace {
			op.Reader = o.id
		}
		o.l.history.add(op, v.Message, call)
		if inPlace {
			o.look(s, v)
		}
	}
	return messages
}

// look judges the place at which a message was shown.
func (o *Observer) look(s showing, v view) {
	seen := o.seen[v.at.producer]
	if seen.has(v.at.number) {
		o.l.accuseAt(v.at, Duplicated, s.evidence("shown to it before"))
		return
	}
	o.seen[v.at.producer] = seen.with(v.at.number)
	if first := v.record.batch(v.at); o.batch.shown == 0 || first != o.batch.first {
		o.closeBatch(s)
		o.batch = openBatch{first: first, size: int(v.record.size)}
	}
	o.batch.shown++
	if v.at.number < o.batch.highest {
		o.behind(s, v, o.batch.highest)
		return
	}
	o.batch.highest = v.at.number
	o.follow(s, v)
}

// closeBatch suspects the post that was shown last, if a part of it is missing now that what comes behind it is shown.
func (o *Observer) closeBatch(s showing) {
	if o.batch.shown == o.batch.size {
		return
	}
	first := o.batch.first
	for i := range uint32(o.batch.size) {
		missing := ref{first.producer, first.number + i}
		if !o.seen[first.producer].has(missing.number) {
			e := s.evidence("shown, and so a part of the post is missing before it")
			o.l.suspect(missing, suspicion{class: Torn, call: s.call, claimed: o.options.Claimed, evidence: []Evidence{e}})
		}
	}
}

// follow finds a message behind a later one of its producer, and suspects those that were passed by.
func (o *Observer) follow(s showing, v view) {
	last, found := o.last[v.at.producer]
	if found && v.at.number < last {
		open := o.open[v.at.producer]
		if i := slices.Index(open, v.at.number); i >= 0 {
			o.open[v.at.producer] = slices.Delete(open, i, i+1)
		}
		o.behind(s, v, last)
		return
	}
	o.last[v.at.producer] = v.at.number
	if !o.l.options.NotFIFO {
		o.passBy(s, v, last, found)
	}
}

func (o *Observer) behind(s showing, v view, last uint32) {
	switch {
	case !o.l.inOrder(v.at, last):
	case o.l.options.NotFIFO:
		o.l.counts.reorder(last - v.at.number)
	default:
		e := s.evidence("behind a later one")
		o.l.suspect(v.at, suspicion{class: Reordered, call: s.call, firm: true, evidence: []Evidence{e}})
	}
}

// passBy suspects the messages between the last one of the producer and this one, as far as they have to stand before it, and
// those further back of which that was not certain till now. Those of a post that was shown in part are suspected of worse
// already.
func (o *Observer) passBy(s showing, v view, last uint32, found bool) {
	producer := v.at.producer
	before := uint32(0) // messages with lower numbers have to stand before this one
	for n, r := v.at.number, v.record; ; {
		if first := n - uint32(r.index); r.flags.has(after) && before == 0 {
			before = first
		}
		if r.previous == 0 {
			break
		}
		n -= r.previous
		if found && n <= last {
			break
		}
		at := ref{producer, n}
		r = o.l.peek(at)
		if n < before {
			o.missed(s, at)
		} else if o.mayCome(s, at) {
			o.open[producer] = append(o.open[producer], n)
		}
	}
	o.open[producer] = slices.DeleteFunc(o.open[producer], func(n uint32) bool {
		if n < before && !o.seen[producer].has(n) {
			o.missed(s, ref{producer, n})
		}
		return n < before
	})
}

// Done says that a page which was asked for behind all that was shown had nothing on it. What is left then and had to be shown, the last
// messages of each producer, was kept from the observer.
func (o *Observer) Done(call Call) {
	if o.l.options.NotFIFO {
		return // what is listed late may still come
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := showing{how: o.how, reader: o.options.Name, queue: o.queue, call: call}
	o.closeBatch(s)
	for _, p := range *o.l.producers.Load() {
		if p == o.options.Without {
			continue
		}
		last, found := o.last[p.index]
		for n, more := p.lastOf(o.queue); more && (!found || n > last); {
			at := ref{p.index, n}
			o.unshown(s, at)
			r := o.l.peek(at)
			n, more = n-r.previous, r.previous > 0
		}
		for _, n := range o.open[p.index] {
			o.unshown(s, ref{p.index, n})
		}
	}
}

// unshown suspects a message that was not shown till the end, unless it is of a post of which a part was: that is suspected of worse.
func (o *Observer) unshown(s showing, at ref) {
	b := o.batch
	torn := b.shown > 0 && b.first.producer == at.producer && at.number-b.first.number < uint32(b.size)
	if !torn && !o.seen[at.producer].has(at.number) {
		e := s.evidence("nothing more, and so it was kept from the observer")
		o.l.suspect(at, suspicion{class: Missed, call: s.call, claimed: o.options.Claimed, evidence: []Evidence{e}})
	}
}

func (o *Observer) missed(s showing, at ref) {
	e := s.evidence("shown, and so passed by it")
	o.l.suspect(at, suspicion{class: Missed, call: s.call, claimed: o.options.Claimed, evidence: []Evidence{e}})
}

// mayCome reports whether a message that wasn't shown yet, though a later one was, has still to be, or will have when its post is confirmed.
func (o *Observer) mayCome(s showing, at ref) (may bool) {
	o.l.with(at, func(c *chunk, slot int, _ *record) {
		may = !o.l.explained(c, slot, suspicion{class: Missed, call: Call{never, s.call.Answered}, claimed: o.options.Claimed})
	})
	return may
}

// A Drain is the listing of all that is left in a queue, at the end: with what is claimed, and whoever posted it. It is begun
// when everything else has been answered or given up.
type Drain struct {
	observer *Observer
}

// Drain begins the drain of a queue.
func (l *Ledger) Drain(q *Queue, sent time.Duration) *Drain {
	o := l.Observer(q, Observing{Name: "drain", Claimed: true})
	o.how = "drain"
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drain.Sent = sent
	return &Drain{o}
}

// Page enters the messages of a page, in its order.
func (d *Drain) Page(call Call, got []Seen) []Message {
	messages := d.observer.Page(call, got)
	for _, m := range messages {
		switch {
		case m.stranger != nil:
			d.observer.l.strangers.update(m.stranger, func(s *stranger) { s.leftover = true })
		case !m.copy:
			d.observer.l.with(m.at, func(_ *chunk, _ int, r *record) { r.flags |= leftover })
		}
	}
	return messages
}

// Done says that the last page has been entered. Only then can a message be lost.
func (d *Drain) Done(answered time.Duration) {
	o := d.observer
	o.mu.Lock()
	o.closeBatch(showing{how: "drain", reader: o.options.Name, queue: o.queue, call: Call{answered, answered}})
	o.mu.Unlock()
	o.queue.drainedBy(answered)
	o.l.miss(o.queue, o.queue.state().drain)
}

func (q *Queue) drainedBy(t time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drain.Answered, q.drained = t, true
}
