package ledger

import (
	"sync"
	"time"
)

// A Worker takes messages: it claims or pops them.
type Worker struct {
	l    *Ledger
	name string

	mu   sync.Mutex // guards what follows
	last map[laneName]sight
}

// A laneName names one producer's way to one queue.
type laneName struct{ queue, producer uint32 }

// A sight is the farthest message of a lane that a reader was shown.
type sight struct {
	number uint32
	call   Call
}

// Worker adds a worker. The name is for the verdict.
func (l *Ledger) Worker(name string) *Worker {
	return &Worker{l: l, name: name, last: map[laneName]sight{}}
}

// A Claiming is a claim that was made.
type Claiming struct {
	Queue      *Queue
	ID         string
	TTL, Grace time.Duration
	Call
}

// A Claim is a claim on the books.
type Claim struct {
	l        *Ledger
	id       string
	worker   string
	call     Call
	messages []Message

	mu        sync.Mutex    // guards what follows
	ends      time.Duration // the earliest time at which it may be over by its TTL
	releasing time.Duration // when its release was sent, or never
	dropped   time.Duration // when its worker went away, or never
	lives     time.Duration // the latest time up to which it may have made its messages live
	update    *update       // the last one that was sent, while nobody knows what came of it
	shortest  time.Duration // TTL of the updates that may still come, though they were given up; or never
	release   []int         // entries of the history
}

// An update is one that is under way.
type update struct {
	sent, ttl, grace time.Duration
	ends, lives      time.Duration // of the claim before
	entries          []int
}

// Claimed enters the messages that a claim got, in the order of the answer. An answer without any makes no claim.
func (w *Worker) Claimed(c Claiming, got []Seen) *Claim {
	claim := &Claim{
		l: w.l, id: c.ID, worker: w.name, call: c.Call,
		ends:      c.Sent + c.TTL - w.l.options.Grain,
		lives:     c.Answered + c.TTL + c.Grace,
		releasing: never, dropped: never, shortest: never,
	}
	s := showing{how: "claim", reader: w.name, queue: c.Queue, call: c.Call, take: true, claim: claim}
	claim.messages = w.took(s, got, Operation{Kind: OpClaim, Claim: c.ID, TTL: c.TTL})
	return claim
}

// Popped enters the messages that a pop got, in the order of the answer.
func (w *Worker) Popped(q *Queue, call Call, got []Seen) []Message {
	w.l.counts.takenAway.Add(int64(len(got)))
	return w.took(showing{how: "pop", reader: w.name, queue: q, call: call, take: true}, got, Operation{Kind: OpPop})
}

// Got enters messages that were asked for by ID or by their claim. That says that they are there, and nothing of order.
func (w *Worker) Got(q *Queue, call Call, got []Seen) []Message {
	messages := make([]Message, len(got))
	for i, m := range got {
		v := w.l.show(showing{how: "get", reader: w.name, queue: q, call: call, id: m.ID}, m.Body)
		messages[i] = v.Message
		w.l.history.add(Operation{Kind: OpShow}, v.Message, call)
	}
	return messages
}

func (w *Worker) took(s showing, got []Seen, o Operation) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	messages := make([]Message, len(got))
	for i, m := range got {
		s.id = m.ID
		v := w.l.show(s, m.Body)
		messages[i] = v.Message
		o.ID = m.ID
		w.l.history.add(o, v.Message, s.call)
		if v.sound {
			w.follow(s, v)
		}
		if v.stranger != nil && s.claim == nil {
			w.l.strangers.update(v.stranger, func(s *stranger) { s.gone, s.popped = true, true })
		}
	}
	return messages
}

// follow finds messages behind later ones of their producer. One that was hidden at first appears in its old place, and so
// it is nothing to go by; one that was taken before does that, too, which explains it.
func (w *Worker) follow(s showing, v view) {
	if v.record.flags.has(delayed | moved) {
		return
	}
	lane := laneName{s.queue.index, v.at.producer}
	last, found := w.last[lane]
	switch {
	case !found || v.at.number > last.number:
		w.last[lane] = sight{v.at.number, s.call}
	case last.call != s.call && s.call.Sent <= last.call.Answered: // at the same time
	case !w.l.inOrder(v.at, last.number):
	case w.l.options.NotFIFO:
		w.l.counts.reorder(last.number - v.at.number)
	default:
		w.l.suspect(v.at, suspicion{class: Reordered, call: s.call, evidence: []Evidence{s.evidence("behind a later one")}})
	}
}

// inOrder reports whether a message has to stand before a later one of its producer and queue: it was confirmed before the
// post of the later one was sent, or is of the same post.
func (l *Ledger) inOrder(at ref, later uint32) bool {
	for n := later; n > at.number; {
		next := l.peek(ref{at.producer, n})
		switch first := n - uint32(next.index); {
		case first <= at.number: // n is of the message's own post
			return n == later
		case next.flags.has(after):
			return l.peek(at).flags.has(confirmed)
		case next.previous == 0:
			return false
		}
		n -= next.previous
	}
	return false
}

// Messages are what the claim got, in the order of the answer.
func (c *Claim) Messages() []Message { return c.messages }

// Releasing says that a release is about to be sent. Unless Released follows it may come at any time, or never.
func (c *Claim) Releasing(sent time.Duration) {
	entries := c.l.history.each(Operation{Kind: OpRelease, Claim: c.id}, c.messages, sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.releasing = min(c.releasing, sent)
	c.release = entries
}

// Released says that the release was answered with success.
func (c *Claim) Released(answered time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.l.history.endEach(c.release, Confirmed, answered)
}

// Dropped says that the worker went away. It is only asked how long after that the messages are handed out anew.
func (c *Claim) Dropped(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = min(c.dropped, at)
}

// Updating says that an update is about to be sent. One of Updated and UpdateRefused may follow; if none does, it is unsure.
func (c *Claim) Updating(sent, ttl, grace time.Duration) {
	entries := c.l.history.each(Operation{Kind: OpUpdate, Claim: c.id, TTL: ttl}, c.messages, sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.update != nil {
		c.shortest = min(c.shortest, c.update.ttl)
	}
	c.update = &update{sent, ttl, grace, c.ends, c.lives, entries}
	c.ends = min(c.ends, sent+ttl-c.l.options.Grain)
	c.lives = never
}

// Updated says that the update was answered with success: the claim has its new TTL.
func (c *Claim) Updated(answered time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.update
	c.ends = u.sent + min(u.ttl, c.shortest) - c.l.options.Grain
	c.lives = max(u.lives, answered+u.ttl+u.grace)
	c.update = nil
	c.l.history.endEach(u.entries, Confirmed, answered)
}

// UpdateRefused says that the update was refused: the claim is over.
func (c *Claim) UpdateRefused(answered time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.update
	c.ends, c.lives = min(u.ends, answered), u.lives
	c.update = nil
	c.l.history.endEach(u.entries, Refused, answered)
}

// endsFrom is the earliest time at which the claim may be over.
func (c *Claim) endsFrom() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.ends, c.releasing)
}

func (c *Claim) mayEndBy(t time.Duration) bool { return c.endsFrom() <= t }

// livesBy is the latest time up to which the claim may have made its messages live.
func (c *Claim) livesBy() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lives
}

// freedFrom is since when its messages wait to be handed out anew.
func (c *Claim) freedFrom() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.ends, c.releasing, c.dropped)
}
