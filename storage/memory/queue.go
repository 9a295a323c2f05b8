package memory

import (
	"container/heap"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// maxTurn is how many segments are settled before the queue's lock is given to others: at most 2 ms of work.
const maxTurn = 64

// How many claims that are over are forgotten in one call, and in one turn of a collection.
const (
	maxForgotten  = 64
	maxTurnForgot = 1024
)

// A queue is the messages and claims of one QueueRef.
type queue struct {
	ref    marconi.QueueRef
	number int64 // orders the locks of two
	room   *room // that of the store

	mu   sync.Mutex // guards what follows
	gone bool       // the store has let go of it: who still has it must look for a new one
	last int64      // the highest sequence number so far

	all    row      // segments with live messages
	ready  row      // those with free ones
	due    dueHeap  // all, by what ends first
	spare  *segment // one that became empty while others were in use: it is used again
	claims map[marconi.ClaimID]*claim
	over   *claim // the first of those among claims that hold nothing any more

	live, claimed int   // messages; those under a claim or lease
	bytes         int64 // of the room
	expired       int   // messages that have ended by their TTL since the last collection

	// Of the call under way.
	now int64
	news
}

// settle makes the queue what it is now: what has expired is gone, what was claimed or delayed until now is free.
// It reports whether that is done; each call does no more than maxTurn segments.
func (q *queue) settle() bool {
	for range maxTurn {
		if q.settled() {
			return true
		}
		q.renew(q.due[0])
	}
	return q.settled()
}

func (q *queue) settled() bool { return len(q.due) == 0 || q.due[0].next > q.now }

// renew settles one segment.
func (q *queue) renew(s *segment) {
	s.next = never
	for i := range s.marks {
		m := &s.marks[i]
		if m.expires <= q.now {
			q.remove(s, i)
			q.expired++
			continue
		}
		if m.hidden <= q.now && !m.free() {
			q.reveal(s, i)
		}
		s.next = min(s.next, m.expires)
		if !m.free() {
			s.next = min(s.next, m.hidden)
		}
	}
	heap.Fix(&q.due, s.place)
	q.tidy(s)
}

// post adds a message at the end, for which room was taken. Until is when it will be free, or 0 for at once.
func (q *queue) post(c content, until int64) int64 {
	q.last = seqid.Next(q.last, q.now)
	c.created = q.now
	m := mark{seq: q.last, expires: q.now + millis(c.ttl), hidden: until}
	s := q.open()
	s.add(m, c)
	q.live++
	q.bytes += c.room()
	q.lower(s, m.expires)
	if until != 0 {
		q.lower(s, until)
	}
	q.tidy(s)
	return q.last
}

// open is the segment that the next message goes to.
func (q *queue) open() *segment {
	n := len(q.all)
	if n > 0 && !q.all[n-1].full() {
		return q.all[n-1]
	}
	s := q.spare
	switch {
	case s != nil:
		q.spare = nil
		s.reset(q.last)
	case n > 0:
		s = newSegment(q.last, segmentSize)
	default:
		s = newSegment(q.last, firstSize)
	}
	q.all.add(s)
	heap.Push(&q.due, s)
	return s
}

// remove takes a message out. The caller tidies.
func (q *queue) remove(s *segment, i int) {
	m := &s.marks[i]
	if m.free() {
		s.free--
	}
	q.unclaim(m)
	m.expires, m.hidden = never, never
	size := s.content[i].room()
	q.bytes -= size
	q.room.give(size)
	s.content[i] = content{}
	s.live--
	q.live--
}

// hide puts a free message under a claim. The caller tidies.
func (q *queue) hide(s *segment, i int, c *claim) {
	m := &s.marks[i]
	m.claim, m.hidden = c, c.ends
	c.held++
	c.seqs = append(c.seqs, m.seq)
	s.free--
	q.claimed++
	q.lower(s, c.ends)
}

// reveal makes a hidden message free. The caller tidies.
func (q *queue) reveal(s *segment, i int) {
	m := &s.marks[i]
	change := due
	if m.claim != nil {
		change = released
	}
	q.note(event{s.content[i].client, change})
	q.unclaim(m)
	m.hidden = 0
	s.free++
	s.from = min(s.from, i)
}

// unclaim takes a message out of its claim, if it is under one.
func (q *queue) unclaim(m *mark) {
	c := m.claim
	if c == nil {
		return
	}
	m.claim = nil
	q.claimed--
	if c.held--; c.held == 0 {
		c.next, q.over = q.over, c
	}
}

// lower tells that something in s ends at t.
func (q *queue) lower(s *segment, t int64) {
	if t < s.next {
		s.next = t
		heap.Fix(&q.due, s.place)
	}
}

// tidy puts s where it belongs after some of its messages have changed.
func (q *queue) tidy(s *segment) {
	if ready := s.free > 0; ready != s.ready {
		s.ready = ready
		if ready {
			q.ready.add(s)
		} else {
			q.ready.remove(s)
		}
	}
	if s.live == 0 {
		q.all.remove(s)
		heap.Remove(&q.due, s.place)
		if q.live > 0 && cap(s.marks) == segmentSize {
			q.spare = s
		}
		return
	}
	if s.sparse() {
		s.closeUp()
	}
}

// find is where the live message of that ID is.
func (q *queue) find(id marconi.MessageID) (s *segment, i int, ok bool) {
	seq, ok := q.parse(id)
	if !ok {
		return nil, 0, false
	}
	if s = q.all.find(seq); s == nil {
		return nil, 0, false
	}
	i, ok = s.find(seq)
	return s, i, ok
}

// at goes over the live messages of those numbers, in that order. The loop may change each, and tidy.
func (q *queue) at(seqs []int64) iter.Seq2[*segment, int] {
	return func(yield func(*segment, int) bool) {
		var s *segment
		for _, seq := range seqs {
			if s == nil || !s.spans(seq) { // a claim's messages mostly lie together
				s = q.all.find(seq)
			}
			if s == nil {
				continue
			}
			if i, ok := s.find(seq); ok && !yield(s, i) {
				return
			}
		}
	}
}

// named goes over the live messages of those IDs, in that order. The loop may change each, and tidy.
func (q *queue) named(ids []marconi.MessageID) iter.Seq2[*segment, int] {
	seqs := make([]int64, 0, len(ids))
	for _, id := range ids {
		if seq, ok := q.parse(id); ok {
			seqs = append(seqs, seq)
		}
	}
	return q.at(seqs)
}

// free goes over the free messages, oldest first. The loop may hide or remove each; that is tidied up behind it.
func (q *queue) free() iter.Seq2[*segment, int] {
	return func(yield func(*segment, int) bool) {
		for n := 0; n < len(q.ready); {
			s := q.ready[n]
			more := s.eachFree(yield)
			q.tidy(s)
			if !more {
				return
			}
			if n < len(q.ready) && q.ready[n] == s {
				n++
			}
		}
	}
}

// message shows a message.
func (q *queue) message(s *segment, i int) marconi.Message {
	m, c := &s.marks[i], &s.content[i]
	shown := marconi.Message{
		ID:         marconi.MessageID(seqid.Format(int64(q.ref.Incarnation), m.seq)),
		TTL:        c.ttl,
		Age:        marconi.Seconds(max(q.now-c.created, 0) / 1000),
		Created:    time.UnixMilli(c.created).UTC(),
		Body:       slices.Clip(c.body),
		Client:     c.client,
		ClaimCount: c.claims,
		Checksum:   c.checksum,
	}
	if m.claim != nil && !m.claim.lease {
		shown.Claim = m.claim.id
	}
	return shown
}

// parse reads the ID of a message of this queue.
func (q *queue) parse(id marconi.MessageID) (seq int64, ok bool) {
	return seqid.Parse(int64(q.ref.Incarnation), string(id))
}

// clear drops all messages and claims; the sequence goes on, so that markers keep their meaning.
func (q *queue) clear() {
	q.all, q.ready, q.due, q.spare, q.claims, q.over = nil, nil, nil, nil, nil, nil
	q.live, q.claimed = 0, 0
	q.room.give(q.bytes)
	q.bytes = 0
}

// forget drops at most n of the claims that are over, and reports whether there are more. They count for nothing, so there is
// no hurry; 100 000 may end at once.
func (q *queue) forget(n int) (more bool) {
	for ; n > 0 && q.over != nil; n-- {
		c := q.over
		q.over, c.next = c.next, nil
		if q.claims[c.id] == c {
			delete(q.claims, c.id)
		}
	}
	return q.over != nil
}

func millis(s marconi.Seconds) int64 { return int64(s) * 1000 }
