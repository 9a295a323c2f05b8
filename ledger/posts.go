package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Producer numbers its messages over all queues that it posts to.
type Producer struct {
	l      *Ledger
	index  uint32
	chunks atomic.Pointer[[]*chunk]

	mu    sync.Mutex // guards what follows, and changes of what stands behind chunks
	next  uint32
	lanes map[*Queue]*lane
}

// A lane is one producer's way to one queue.
type lane struct {
	last uint32 // the number of its last message, and 1; 0: there is none
	open int    // posts that have not been answered yet
}

// Producer adds a producer. What it posts to one queue while no post of its to that queue is unanswered has to keep its
// order; so one client, or connection, is one producer.
func (l *Ledger) Producer() *Producer {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := *l.producers.Load()
	p := &Producer{l: l, index: uint32(len(all)), lanes: map[*Queue]*lane{}}
	p.chunks.Store(new([]*chunk))
	all = append(all, p)
	l.producers.Store(&all)
	return p
}

func (p *Producer) find(number uint32) (*chunk, int) {
	all := *p.chunks.Load()
	if i := number / chunkSize; i < uint32(len(all)) {
		return all[i], int(number % chunkSize)
	}
	return nil, 0
}

// lastOf is the number of the producer's last message to the queue, if there is one.
func (p *Producer) lastOf(q *Queue) (number uint32, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	way := p.lanes[q]
	if way == nil || way.last == 0 {
		return 0, false
	}
	return way.last - 1, true
}

// A Posting is a post that is about to be sent.
type Posting struct {
	Queue    *Queue
	Messages int           // 1 to 65535, all or none
	TTL      time.Duration // of each, up to 49 days
	Delayed  bool          // they are hidden at first
	Intended time.Duration // when it was to be sent; not later than it is
}

// A Post is a post on the books. One of Confirmed, Refused and Unsure says how it ended.
type Post struct {
	posting  Posting
	producer *Producer
	first    uint32
	entries  []int // of the history
}

// Post enters a post that is about to be sent.
func (p *Producer) Post(posting Posting) Post {
	post := p.enterAll(posting)
	p.l.counts.posted.Add(int64(posting.Messages))
	o := Operation{Kind: OpPost, TTL: posting.TTL}
	if p.l.history.on && !p.l.options.NotAllOrNone && !p.l.options.NotFIFO {
		o.Post = fmt.Sprintf("%d.%d", p.index, post.first)
	}
	post.entries = p.l.history.each(o, post.messages(), posting.Intended)
	return post
}

func (p *Producer) enterAll(posting Posting) Post {
	p.mu.Lock()
	defer p.mu.Unlock()
	way := p.lanes[posting.Queue]
	if way == nil {
		way = &lane{}
		p.lanes[posting.Queue] = way
	}
	post := Post{posting: posting, producer: p, first: p.next}
	flags := flag(0)
	if way.open == 0 {
		flags |= after
	}
	if posting.Delayed {
		flags |= delayed
	}
	for i := range posting.Messages {
		p.enter(way, post.record(i, flags))
	}
	way.open++
	return post
}

func (p Post) record(i int, flags flag) record {
	return record{
		queue:    p.posting.Queue.index,
		ttl:      uint32(p.posting.TTL / time.Millisecond),
		size:     uint16(p.posting.Messages),
		index:    uint16(i),
		flags:    flags,
		intended: momentOf(p.posting.Intended),
	}
}

// enter gives a message its number.
func (p *Producer) enter(way *lane, r record) {
	if way.last > 0 {
		r.previous = p.next + 1 - way.last
	}
	way.last = p.next + 1
	c, slot := p.find(p.next)
	if c == nil {
		c = p.l.shelf.chunk()
		all := append(*p.chunks.Load(), c) // who has the shorter slice does not see what is behind it
		p.chunks.Store(&all)
	}
	c.mu.Lock()
	c.records[slot] = r
	c.mu.Unlock()
	p.next++
}

// Len is how many messages the post has.
func (p Post) Len() int { return p.posting.Messages }

// Body is what the i-th message has to say.
func (p Post) Body(i int) Body {
	return Body{
		Run:      p.producer.l.options.Run,
		Producer: p.producer.index,
		Queue:    p.posting.Queue.hash,
		Number:   p.first + uint32(i),
		Batch:    p.first,
		Index:    i,
		Size:     p.posting.Messages,
		Intended: p.posting.Intended,
	}
}

// Message is the i-th message, for those who delete what they have posted.
func (p Post) Message(i int) Message {
	return Message{l: p.producer.l, at: ref{p.producer.index, p.first + uint32(i)}}
}

func (p Post) messages() []Message {
	if !p.producer.l.history.on {
		return nil
	}
	all := make([]Message, p.posting.Messages)
	for i := range all {
		all[i] = p.Message(i)
	}
	return all
}

// Confirmed says that the answer gave the messages these IDs. With another number of them than of messages nothing is
// confirmed, and the post is unsure.
func (p Post) Confirmed(ids []string, answered time.Duration) {
	if len(ids) != p.posting.Messages {
		p.Unsure()
		return
	}
	l := p.producer.l
	l.counts.confirmed.Add(int64(len(ids)))
	l.history.identify(p.entries, ids)
	p.end(Confirmed, answered, func(c *chunk, slot, i int) { l.confirm(c, slot, p.Message(i).at, ids[i], answered) })
}

// Refused says that the answer was a refusal: nothing was posted.
func (p Post) Refused(answered time.Duration) {
	l := p.producer.l
	l.counts.refused.Add(int64(p.posting.Messages))
	p.end(Refused, answered, func(c *chunk, slot, i int) {
		r := &c.records[slot]
		r.flags |= refused
		if r.flags.has(appeared) {
			e := Evidence{What: "its post was refused after it had been shown", ID: c.keptID(slot), Call: Call{r.last.time(), answered}}
			l.accuse(r, p.Message(i).at, Phantom, e)
		}
	})
}

// Unsure says that no answer came, or one that doesn't tell what happened.
func (p Post) Unsure() {
	l := p.producer.l
	l.counts.unsure.Add(int64(p.posting.Messages))
	p.end(Unsure, never, func(c *chunk, slot, _ int) {
		r := &c.records[slot]
		r.flags |= unsure
		if r.flags.has(appeared) {
			l.counts.unsureAppeared.Add(1)
		}
	})
}

// end closes the post, with f for each of its messages under its chunk's lock.
func (p Post) end(outcome Outcome, answered time.Duration, f func(c *chunk, slot, i int)) {
	p.producer.mu.Lock()
	p.producer.lanes[p.posting.Queue].open--
	p.producer.mu.Unlock()
	for i := range p.posting.Messages {
		c, slot := p.producer.find(p.first + uint32(i))
		c.mu.Lock()
		f(c, slot, i)
		c.mu.Unlock()
	}
	p.producer.l.history.endEach(p.entries, outcome, answered)
}

func (l *Ledger) confirm(c *chunk, slot int, at ref, id string, answered time.Duration) {
	r := &c.records[slot]
	r.flags |= confirmed
	r.answered = spanOf(answered - r.intended.time())
	h := l.hash(id)
	if !l.options.ForgetIDs && !r.gone() && r.id != h { // else it was kept when it was shown
		c.keepID(slot, id)
	}
	switch {
	case r.flags.has(moved): // its ID is that of the dead letter
	case r.id == idHash{}:
		r.id = h
	case r.id != h:
		r.id = h
		r.flags |= blurred
		e := Evidence{What: "posted under another ID than it had been shown", ID: id, Call: Call{r.last.time(), answered}}
		l.accuse(r, at, Phantom, e)
	}
}
