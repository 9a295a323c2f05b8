package ledger

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what a run promises.
type Options struct {
	// Run names the run, in every body. Messages of another run are corrupt.
	Run string

	NotFIFO      bool // the store keeps no order: reordered and missed are only counted
	NotAllOrNone bool // the store may show a part of a post: torn is only counted
	Forgets      bool // the store is killed, and may forget what it has confirmed: what follows from that is only counted

	// Grain is the step of the store's clock: by so much sooner than its TTL a message or claim may end. 0: a millisecond.
	Grain time.Duration

	// Offenders is how many faults the verdict describes. 0: a hundred.
	Offenders int
	// InMemory is for how many messages the records are kept in memory. Those of more are in a file in the folder SpillTo, or where
	// temporary files are, which goes with the ledger. 0: 20 million; less than 0: for all.
	InMemory int
	SpillTo  string
	// ForgetIDs saves the memory of the IDs, so that the verdict can't name that of a lost message.
	ForgetIDs bool
	// Redelivered is told, one at a time, of each message that is handed out anew, and how long after it was free again; it must not
	// call the ledger. nil: nobody is told.
	Redelivered func(delay time.Duration)
	// History writes down each operation, for a check of single claims: see [Ledger.History]. For short runs.
	History bool
}

// overdueAfter is how long after its end a message may still be delivered.
const overdueAfter = time.Second

// A Ledger is the account of a run. It is safe for concurrent use, and so is all that comes from it.
type Ledger struct {
	options   Options
	seed      maphash.Seed
	counts    counts
	docket    docket
	strangers strangers
	suspects  suspects
	history   history
	shelf     *shelf
	readers   atomic.Int64 // observers so far

	mu     sync.Mutex // guards what follows, and changes of what stands behind pointers
	byName map[queueName]*Queue

	queues    atomic.Pointer[[]*Queue]
	producers atomic.Pointer[[]*Producer]
}

// New opens a ledger.
func New(o Options) *Ledger {
	if o.Grain == 0 {
		o.Grain = time.Millisecond
	}
	if o.Offenders == 0 {
		o.Offenders = 100
	}
	l := &Ledger{
		options:   o,
		seed:      maphash.MakeSeed(),
		docket:    docket{room: o.Offenders, faults: map[Class]int64{}},
		strangers: strangers{byID: map[idHash]*stranger{}},
		suspects:  suspects{of: map[ref][]suspicion{}},
		history:   history{on: o.History},
		shelf:     newShelf(o),
		byName:    map[queueName]*Queue{},
	}
	l.counts.tell = o.Redelivered
	l.queues.Store(new([]*Queue))
	l.producers.Store(new([]*Producer))
	return l
}

// counts are what is counted as it happens; the verdict compares them with what it finds in the records.
type counts struct {
	posted, confirmed, refused, unsure, unsureAppeared atomic.Int64
	delivered, takenAway                               atomic.Int64
	reordered, farthest                                atomic.Int64 // where that is no fault

	mu          sync.Mutex // guards what follows
	redelivered Redelivery
	tell        func(delay time.Duration)
}

// A Redelivery tells of messages that were handed out anew after a release, a drop or a claim's expiry, and how long after.
type Redelivery struct {
	Count int64         `json:"count"`
	Total time.Duration `json:"total_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Mean is the mean delay.
func (r Redelivery) Mean() time.Duration { return r.Total / time.Duration(max(r.Count, 1)) }

func (c *counts) redeliver(delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redelivered.Count++
	c.redelivered.Total += max(delay, 0)
	c.redelivered.Max = max(c.redelivered.Max, delay)
	if c.tell != nil {
		c.tell(max(delay, 0))
	}
}

// reorder counts what a store without an order is free to do.
func (c *counts) reorder(distance uint32) {
	c.reordered.Add(1)
	for d := int64(distance); ; {
		far := c.farthest.Load()
		if d <= far || c.farthest.CompareAndSwap(far, d) {
			return
		}
	}
}

type queueName struct{ project, queue string }

// A Queue is a queue of a project.
type Queue struct {
	l     *Ledger
	index uint32
	name  queueName
	hash  uint64

	mu sync.Mutex // guards what follows
	queueState
}

// queueState is what becomes of a queue.
type queueState struct {
	unsurePops   int           // how many messages pops may have taken whose answer never came
	unsurePop    time.Duration // the first of them was sent; never
	unsureClaim  time.Duration // the first claim whose answer never came was sent; never
	drain        Call          // when the drain began and ended
	drained      bool
	dead         *Queue // where its dead letters go, or nil
	deadLifetime time.Duration
}

// Queue gives the queue of that name; the same one for the same name.
func (l *Ledger) Queue(project, name string) *Queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := queueName{project, name}
	q := l.byName[key]
	if q == nil {
		all := *l.queues.Load()
		q = &Queue{l: l, index: uint32(len(all)), name: key, hash: QueueHash(project, name)}
		q.unsurePop, q.unsureClaim = never, never
		all = append(all, q) // who has the shorter slice does not see what is behind it
		l.queues.Store(&all)
		l.byName[key] = q
	}
	return q
}

// DeadLetters says that messages may be moved to another queue, where they live for ttl from then on; 0: for their own TTL.
// It is said before the first claim.
func (q *Queue) DeadLetters(to *Queue, ttl time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dead, q.deadLifetime = to, ttl
}

// PopUnsure says that a pop for at most limit messages was sent, and that its answer never came.
func (q *Queue) PopUnsure(sent time.Duration, limit int) {
	q.l.history.append(Operation{Kind: OpPop, Any: q.name.String(), Outcome: Unsure, Call: Call{sent, never}})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsurePops += limit
	q.unsurePop = min(q.unsurePop, sent)
}

// ClaimUnsure says that a claim was sent, and that its answer never came: messages may be under it.
func (q *Queue) ClaimUnsure(sent, ttl time.Duration) {
	q.l.history.append(Operation{Kind: OpClaim, Any: q.name.String(), TTL: ttl, Outcome: Unsure, Call: Call{sent, never}})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsureClaim = min(q.unsureClaim, sent)
}

func (q *Queue) state() queueState {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queueState
}

func (n queueName) String() string { return n.project + "/" + n.queue }

// queueAt is the queue of that index, which there must be.
func (l *Ledger) queueAt(index uint32) *Queue { return (*l.queues.Load())[index] }

// find is the chunk of a message and its place in it, or nil.
func (l *Ledger) find(at ref) (*chunk, int) {
	all := *l.producers.Load()
	if int(at.producer) >= len(all) {
		return nil, 0
	}
	return all[at.producer].find(at.number)
}

// with calls f with the record of a message under its chunk's lock. There must be such a message.
func (l *Ledger) with(at ref, f func(c *chunk, slot int, r *record)) {
	c, slot := l.find(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c, slot, &c.records[slot])
}

// peek is a copy of a message's record.
func (l *Ledger) peek(at ref) (r record) {
	c, slot := l.find(at)
	if c == nil {
		return record{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[slot]
}
