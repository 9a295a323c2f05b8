package broker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

// How long another process may go on using a queue that was deleted here, and how many queues are remembered.
const (
	cacheLife = 5 * time.Second
	cacheSize = 100_000
)

// A queueRecord is what operations need to know of a queue: not its metadata, but the rules in them.
type queueRecord struct {
	ref   marconi.QueueRef
	rules deadLetterRules
}

// A queueCache resolves names to queues. That a queue is missing is not remembered: making one has to show at once.
type queueCache struct {
	control marconi.ControlStore
	cache   *otter.Cache[marconi.QueueKey, queueRecord]
	// changes counts what this process took out of the cache. A record that was read while something was taken out may
	// be the one that has gone, and is not kept.
	changes atomic.Uint64
	// names wakes those who wait for a queue that isn't there yet, or that is not the one any more which they knew.
	names *wake.Hub[marconi.QueueKey, struct{}]
}

func newQueueCache(control marconi.ControlStore) *queueCache {
	return &queueCache{
		control: control,
		cache: otter.Must(&otter.Options[marconi.QueueKey, queueRecord]{
			MaximumSize:      cacheSize,
			ExpiryCalculator: otter.ExpiryWriting[marconi.QueueKey, queueRecord](cacheLife),
		}),
		names: wake.New(time.Now, nothingByItself),
	}
}

func nothingByItself(marconi.QueueKey) ([]struct{}, time.Time) { return nil, time.Time{} }

func (c *queueCache) close() {
	c.names.Close()
	c.cache.StopAllGoroutines()
}

// known is what is remembered. That it was asked for need not be: records live so short that none grows old by being
// used, and the cache's book-keeping would cost more than the look.
func (c *queueCache) known(key marconi.QueueKey) (queueRecord, bool) {
	entry, found := c.cache.GetEntryQuietly(key)
	return entry.Value, found
}

// get resolves a name, or is ErrNoQueue.
func (c *queueCache) get(ctx context.Context, key marconi.QueueKey) (queueRecord, error) {
	if record, known := c.known(key); known {
		return record, nil
	}
	before := c.changes.Load()
	q, err := c.control.Queue(ctx, key)
	if err != nil {
		return queueRecord{}, err
	}
	return c.keep(q, before), nil
}

// make resolves a name, and makes the queue if there is none.
func (c *queueCache) make(ctx context.Context, key marconi.QueueKey) (queueRecord, error) {
	if record, known := c.known(key); known {
		return record, nil
	}
	before := c.changes.Load()
	q, created, err := c.control.CreateQueue(ctx, key, noMetadata)
	if err != nil {
		return queueRecord{}, err
	}
	record := c.keep(q, before)
	if created {
		c.names.Notify(key, struct{}{})
	}
	return record, nil
}

// put remembers a queue that was created just now.
func (c *queueCache) put(q marconi.Queue) {
	c.keep(q, c.changes.Load())
	c.names.Notify(q.QueueKey, struct{}{})
}

func (c *queueCache) keep(q marconi.Queue, before uint64) queueRecord {
	record := queueRecord{ref: q.QueueRef, rules: deadLetterRulesOf(q)}
	c.cache.Set(q.QueueKey, record)
	if c.changes.Load() != before {
		c.cache.Invalidate(q.QueueKey)
	}
	return record
}

func (c *queueCache) forget(key marconi.QueueKey) {
	c.changes.Add(1)
	c.cache.Invalidate(key)
	c.names.Notify(key, struct{}{})
}
