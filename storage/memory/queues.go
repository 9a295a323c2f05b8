package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/marconi-mq/marconi"
)

// A controlStore is a marconi.ControlStore.
type controlStore struct {
	id   string
	room *room

	mu       sync.RWMutex // guards what follows
	closed   bool
	projects map[marconi.Project]*catalog
}

func newControlStore(r *room) *controlStore {
	var raw [16]byte
	rand.Read(raw[:]) // never fails
	return &controlStore{id: hex.EncodeToString(raw[:]), room: r, projects: map[marconi.Project]*catalog{}}
}

// CreateQueue implements [marconi.QueueStore].
func (c *controlStore) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (q marconi.Queue, created bool, err error) {
	var full error
	err = c.write(ctx, func() {
		found := c.find(key)
		if found == nil {
			created, full = c.insert(key.Project, entry{key.Name, newIncarnation(), stored(m)})
			found = c.find(key)
		}
		if found != nil {
			q = found.queue(key.Project, true)
		}
	})
	return q, created, cmp.Or(err, full)
}

// AdoptQueue implements [marconi.QueueStore].
func (c *controlStore) AdoptQueue(ctx context.Context, q marconi.QueueRef) (adopted bool, err error) {
	var full error
	err = c.write(ctx, func() {
		if c.find(q.QueueKey) == nil {
			adopted, full = c.insert(q.Project, entry{q.Name, q.Incarnation, stored(nil)})
		}
	})
	return adopted, cmp.Or(err, full)
}

// Queue implements [marconi.QueueStore].
func (c *controlStore) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	var q marconi.Queue
	found := false
	err := c.read(ctx, func() {
		if e := c.find(key); e != nil {
			q, found = e.queue(key.Project, true), true
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("get queue %s: %w", key.Name, marconi.ErrNoQueue)
	}
	return q, err
}

// SetMetadata implements [marconi.QueueStore].
func (c *controlStore) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	var refused error
	err := c.write(ctx, func() {
		if e := c.find(key); e == nil {
			refused = marconi.ErrNoQueue
		} else {
			refused = c.replace(e, stored(m))
		}
	})
	if err == nil && refused != nil {
		err = fmt.Errorf("set the metadata of queue %s: %w", key.Name, refused)
	}
	return err
}

// replace gives an entry other metadata, unless they are longer than what it has and the room.
func (c *controlStore) replace(e *entry, m marconi.Metadata) error {
	longer := int64(len(m) - len(e.metadata))
	if longer > 0 && !c.room.take(longer) {
		return marconi.ErrFull
	}
	if longer < 0 {
		c.room.give(-longer)
	}
	e.metadata = m
	return nil
}

// DeleteQueue implements [marconi.QueueStore].
func (c *controlStore) DeleteQueue(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	var was marconi.QueueRef
	found := false
	err := c.write(ctx, func() {
		e := c.find(key)
		if e == nil {
			return
		}
		was, found = e.queue(key.Project, false).QueueRef, true
		c.remove(key)
	})
	if err == nil && !found {
		err = fmt.Errorf("delete queue %s: %w", key.Name, marconi.ErrNoQueue)
	}
	return was, err
}

// ListQueues implements [marconi.QueueStore].
func (c *controlStore) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	var page marconi.Page[marconi.Queue]
	err := c.read(ctx, func() {
		queues := c.projects[p]
		if queues == nil {
			return
		}
		page.Items = make([]marconi.Queue, 0, min(l.Limit, maxRoom))
		for e := range queues.after(marconi.QueueName(l.Marker)) {
			page.Items = append(page.Items, e.queue(p, l.Detailed))
			page.Next = marconi.Marker(e.name)
			if len(page.Items) == l.Limit {
				break
			}
		}
	})
	return page, err
}

// ID implements [marconi.ControlStore].
func (c *controlStore) ID(ctx context.Context) (string, error) {
	if err := c.Ping(ctx); err != nil {
		return "", err
	}
	return c.id, nil
}

// Ping implements [marconi.ControlStore].
func (c *controlStore) Ping(ctx context.Context) error { return c.read(ctx, func() {}) }

// Capabilities implements [marconi.ControlStore].
func (c *controlStore) Capabilities() marconi.ControlCapability { return marconi.CompareAndSet }

// Close implements [marconi.ControlStore].
func (c *controlStore) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *controlStore) read(ctx context.Context, f func()) error {
	return c.locked(ctx, c.mu.RLocker(), f)
}

func (c *controlStore) write(ctx context.Context, f func()) error { return c.locked(ctx, &c.mu, f) }

func (c *controlStore) locked(ctx context.Context, mu sync.Locker, f func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if c.closed {
		return errClosed
	}
	f()
	return nil
}

// find is the entry of a queue, or nil.
func (c *controlStore) find(key marconi.QueueKey) *entry {
	if queues := c.projects[key.Project]; queues != nil {
		return queues.get(key.Name)
	}
	return nil
}

// insert adds an entry whose name isn't there yet, if there is room.
func (c *controlStore) insert(p marconi.Project, e entry) (inserted bool, err error) {
	if !c.room.take(e.room(p)) {
		return false, fmt.Errorf("make queue %s: %w", e.name, marconi.ErrFull)
	}
	queues := c.projects[p]
	if queues == nil {
		queues = &catalog{}
		c.projects[p] = queues
	}
	queues.insert(e)
	return true, nil
}

func (c *controlStore) remove(key marconi.QueueKey) {
	queues := c.projects[key.Project]
	c.room.give(queues.get(key.Name).room(key.Project))
	queues.remove(key.Name)
	if queues.empty() {
		delete(c.projects, key.Project)
	}
}

// queue shows an entry, with metadata of the caller's own.
func (e *entry) queue(p marconi.Project, detailed bool) marconi.Queue {
	q := marconi.Queue{QueueRef: marconi.QueueRef{
		QueueKey:    marconi.QueueKey{Project: p, Name: e.name},
		Incarnation: e.incarnation,
	}}
	if detailed {
		q.Metadata = bytes.Clone(e.metadata)
	}
	return q
}

// stored is metadata as it is kept: never empty, and nobody else's.
func stored(m marconi.Metadata) marconi.Metadata {
	if len(m) == 0 {
		return marconi.Metadata("{}")
	}
	return bytes.Clone(m)
}

// newIncarnation is 53 random bits, but not 0.
func newIncarnation() marconi.Incarnation {
	for {
		var raw [8]byte
		rand.Read(raw[:]) // never fails
		if n := binary.BigEndian.Uint64(raw[:]) >> 11; n != 0 {
			return marconi.Incarnation(n)
		}
	}
}
