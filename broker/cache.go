package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

// How long another process may go on using a queue that was deleted here, and how many queues are remembered.
const (
	cacheLife = 5 * time.Second
	cacheSize = 100_000
)

// How often names are looked up that somebody waits for, where other processes make queues, and how long that may take.
const (
	nameInterval = time.Second
	nameTime     = time.Second
)

// A queueRecord is what operations need to know of a queue: not its metadata, but the rules in them.
type queueRecord struct {
	ref   marconi.QueueRef
	rules deadLetterRules
}

// A queueCache resolves names to queues. That a queue is missing is not remembered: making one has to show at once.
//
// Records are young for half their life, and old for the other half, all together: so none has to be looked at for its
// age, neither by who asks for it nor by who tidies up. In a life so short it counts for nothing how often one is used.
type queueCache struct {
	control marconi.ControlStore
	lapser  marconi.Lapser // control, or nil: it never lapses
	lapses  atomic.Uint64  // of the store, up to which all that is remembered was read; written under mu

	// names wakes those who wait for a queue that isn't there yet, or that is not the one any more which they knew.
	// The event is what the name stands for now.
	names *wake.Hub[marconi.QueueKey, marconi.Incarnation]

	mu         sync.RWMutex // guards what follows
	young, old map[marconi.QueueKey]queueRecord
	turn       *time.Timer // makes the young the old; nil: there are none
	closed     bool
	// changes counts what this process took out of the cache. A record that was read while something was taken out may
	// be the one that has gone, and is not kept.
	changes uint64
}

func newQueueCache(control marconi.ControlStore, shared bool) *queueCache {
	c := &queueCache{control: control}
	c.lapser, _ = control.(marconi.Lapser)
	byItself := nothingByItself
	if shared {
		byItself = c.elsewhere
	}
	c.names = wake.New(time.Now, byItself)
	return c
}

func nothingByItself(marconi.QueueKey) ([]marconi.Incarnation, time.Time) { return nil, time.Time{} }

// elsewhere looks what has become of a name that somebody waits for, and says when to look again: nobody tells what other
// processes make. It asks the store once for all who wait, and not while the answer is remembered.
func (c *queueCache) elsewhere(key marconi.QueueKey) ([]marconi.Incarnation, time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), nameTime)
	defer cancel()
	record, err := c.get(ctx, key)
	next := time.Now().Add(nameInterval)
	if err != nil { // there is none, or it can't be told: that is no news
		return nil, next
	}
	return []marconi.Incarnation{record.ref.Incarnation}, next
}

func (c *queueCache) close() {
	c.names.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.turn != nil {
		c.turn.Stop()
	}
}

// known is what is remembered, and how many changes there were until now.
func (c *queueCache) known(key marconi.QueueKey) (record queueRecord, found bool, changes uint64) {
	if c.lapser != nil {
		c.heed(c.lapser.Lapses())
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if record, found = c.young[key]; !found {
		record, found = c.old[key]
	}
	return record, found, c.changes
}

// heed forgets all if the store has lapsed: a queue that it lost would go on taking messages that nobody sees.
func (c *queueCache) heed(lapses uint64) {
	if c.lapses.Load() == lapses {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lapses.Load() == lapses {
		return // another caller was first, and what was read since then is good
	}
	c.lapses.Store(lapses)
	c.changes++
	c.young, c.old = nil, nil
}

// now is how often the store has lapsed.
func (c *queueCache) now() uint64 {
	if c.lapser == nil {
		return 0
	}
	return c.lapser.Lapses()
}

// stands tells whether a record that was good so many lapses ago is good yet.
func (c *queueCache) stands(ctx context.Context, record queueRecord, lapses uint64) bool {
	if c.now() == lapses {
		return true
	}
	again, err := c.get(ctx, record.ref.QueueKey)
	return err == nil && again.ref == record.ref
}

// get resolves a name, or is ErrNoQueue.
func (c *queueCache) get(ctx context.Context, key marconi.QueueKey) (queueRecord, error) {
	record, known, before := c.known(key)
	if known {
		return record, nil
	}
	q, err := c.control.Queue(ctx, key)
	if err != nil {
		return queueRecord{}, err
	}
	return c.keep(q, before), nil
}

// make resolves a name, and makes the queue if there is none.
func (c *queueCache) make(ctx context.Context, key marconi.QueueKey) (queueRecord, error) {
	record, known, before := c.known(key)
	if known {
		return record, nil
	}
	q, created, err := c.control.CreateQueue(ctx, key, noMetadata)
	if err != nil {
		return queueRecord{}, err
	}
	record = c.keep(q, before)
	if created {
		c.names.Notify(key, q.Incarnation)
	}
	return record, nil
}

// put remembers a queue that was created just now. Before is what the changes were until then.
func (c *queueCache) put(q marconi.Queue, before uint64) {
	c.keep(q, before)
	c.names.Notify(q.QueueKey, q.Incarnation)
}

// keep remembers a queue, unless something was taken out since before.
func (c *queueCache) keep(q marconi.Queue, before uint64) queueRecord {
	record := queueRecord{ref: q.QueueRef, rules: deadLetterRulesOf(q)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != before || c.closed {
		return record
	}
	if len(c.young) >= cacheSize/2 {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = map[marconi.QueueKey]queueRecord{}
	}
	c.young[q.QueueKey] = record
	if c.turn == nil {
		c.turn = time.AfterFunc(cacheLife/2, c.age)
	}
	return record
}

// age makes the young the old. It goes on until there are neither.
func (c *queueCache) age() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.old, c.young = c.young, nil
	if len(c.old) == 0 || c.closed {
		c.turn = nil
		return
	}
	c.turn.Reset(cacheLife / 2)
}

func (c *queueCache) forget(key marconi.QueueKey) {
	c.takeOut(key)
	c.names.Notify(key, 0)
}

func (c *queueCache) takeOut(key marconi.QueueKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.young, key)
	delete(c.old, key)
}
