package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/marconi-mq/marconi"
)

// CreateQueue implements [marconi.QueueStore].
func (c *controlStore) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
	if q, found, err := c.find(ctx, key); found || err != nil {
		return q, false, err
	}
	if len(m) == 0 {
		m = marconi.Metadata("{}")
	}
	var made marconi.Queue
	created := false
	err := c.writeBytes(ctx, "create a queue", len(m), func(t *tx) (err error) {
		if created, err = t.makeQueue(marconi.QueueRef{QueueKey: key, Incarnation: newIncarnation()}, m); err != nil {
			return err
		}
		// Read within the transaction: a moment later it could be deleted.
		made.QueueKey = key
		_, err = t.get(t.queue, []any{&made.Incarnation, (*[]byte)(&made.Metadata)}, string(key.Project), string(key.Name))
		return err
	})
	if err != nil {
		return marconi.Queue{}, false, err
	}
	return made, created, nil
}

// makeQueue makes a queue unless there is one of its name.
func (t *tx) makeQueue(q marconi.QueueRef, m marconi.Metadata) (made bool, err error) {
	if full := t.room.take(queueOverhead + bodyRoom(len(m))); full != nil {
		if _, found, err := t.metadataSize(q.QueueKey); found || err != nil {
			return false, err
		}
		return false, full
	}
	n, err := t.exec(t.createQueue, string(q.Project), string(q.Name), int64(q.Incarnation), []byte(m), t.now)
	return n > 0, err
}

// metadataSize is how long the metadata of a queue are, if there is one of that name.
func (t *tx) metadataSize(key marconi.QueueKey) (size int, found bool, err error) {
	var incarnation int64
	var m []byte
	found, err = t.get(t.queue, []any{&incarnation, &m}, string(key.Project), string(key.Name))
	return len(m), found, err
}

// newIncarnation is 53 random bits, but never 0.
func newIncarnation() marconi.Incarnation {
	var raw [8]byte
	for {
		rand.Read(raw[:]) // never fails
		if in := marconi.Incarnation(binary.BigEndian.Uint64(raw[:]) >> 11); in != 0 {
			return in
		}
	}
}

// find is the queue of that name, if there is one.
func (c *controlStore) find(ctx context.Context, key marconi.QueueKey) (q marconi.Queue, found bool, err error) {
	q.QueueKey = key
	err = c.read(ctx, "get a queue", c.sql.queue, into(&found, &q.Incarnation, (*[]byte)(&q.Metadata)), string(key.Project), string(key.Name))
	return q, found, err
}

// Queue implements [marconi.QueueStore].
func (c *controlStore) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	q, found, err := c.find(ctx, key)
	if err == nil && !found {
		err = fmt.Errorf("get queue %s: %w", key.Name, marconi.ErrNoQueue)
	}
	if err != nil {
		return marconi.Queue{}, err
	}
	return q, nil
}

// SetMetadata implements [marconi.QueueStore].
func (c *controlStore) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	if len(m) == 0 {
		m = marconi.Metadata("{}")
	}
	return c.writeBytes(ctx, "set a queue's metadata", len(m), func(t *tx) error {
		if full := t.room.take(bodyRoom(len(m))); full != nil { // but for metadata that become no longer
			if old, found, err := t.metadataSize(key); err != nil || found && len(m) > old {
				return cmp.Or(err, full)
			}
		}
		n, err := t.exec(t.setMetadata, string(key.Project), string(key.Name), []byte(m))
		if err == nil && n == 0 {
			err = marconi.ErrNoQueue
		}
		return err
	})
}

// DeleteQueue implements [marconi.QueueStore].
func (c *controlStore) DeleteQueue(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	gone := marconi.QueueRef{QueueKey: key}
	err := c.write(ctx, "delete a queue", func(t *tx) error {
		t.changed = true
		found, err := t.get(t.deleteQueue, []any{&gone.Incarnation}, string(key.Project), string(key.Name))
		if err == nil && !found {
			err = marconi.ErrNoQueue
		}
		return err
	})
	if err != nil {
		return marconi.QueueRef{}, err
	}
	return gone, nil
}

// ListQueues implements [marconi.QueueStore].
func (c *controlStore) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	var page marconi.Page[marconi.Queue]
	err := c.read(ctx, "list queues", c.sql.listQueues, func(rows *sql.Rows) error {
		q := marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: marconi.QueueKey{Project: p}}}
		err := rows.Scan(&q.Name, &q.Incarnation, (*[]byte)(&q.Metadata))
		if !l.Detailed {
			q.Metadata = nil
		}
		page.Items = append(page.Items, q)
		page.Next = marconi.Marker(q.Name)
		return err
	}, string(p), string(l.Marker), l.Limit)
	if err != nil {
		return marconi.Page[marconi.Queue]{}, err
	}
	return page, nil
}

// AdoptQueue implements [marconi.QueueStore].
func (c *controlStore) AdoptQueue(ctx context.Context, q marconi.QueueRef) (bool, error) {
	adopted := false
	err := c.write(ctx, "adopt a queue", func(t *tx) (err error) {
		adopted, err = t.makeQueue(q, marconi.Metadata("{}"))
		return err
	})
	if err != nil {
		return false, err
	}
	return adopted, nil
}

// DeleteQueue implements [marconi.DataStore]: it takes away the header, without which the messages are nobody's. They
// are collected later.
func (d *dataStore) DeleteQueue(ctx context.Context, ref marconi.QueueRef) error {
	return d.write(ctx, "drop a queue", func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		if err := t.drop(q); err != nil {
			return err
		}
		return t.leave(q, math.MaxInt64)
	})
}

// Purge implements [marconi.DataStore]: it raises the number from which on messages are there.
func (d *dataStore) Purge(ctx context.Context, ref marconi.QueueRef) error {
	return d.write(ctx, "purge a queue", func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		t.change(q)
		q.first, q.total, q.claimed = q.last+1, 0, 0
		return t.leave(q, q.first)
	})
}

// leave leaves the rows of a queue below a seq to the collector.
func (t *tx) leave(q *header, below int64) error {
	if _, err := t.exec(t.addGarbage, q.id, below); err != nil {
		return fmt.Errorf("leave messages to the collector: %w", err)
	}
	return nil
}

// Keys of what is known of the database as a whole.
const (
	metaControl = "control" // the ID of the control store in it
	metaBound   = "bound"   // the ID of the control store whose data is in it
)

// Bind implements [marconi.DataStore].
func (d *dataStore) Bind(ctx context.Context, control string, adopt bool) error {
	return d.write(ctx, "bind "+d.name+" to control store "+control, func(t *tx) error {
		var bound string
		found, err := t.get(t.meta, []any{&bound}, metaBound)
		if err != nil || found && bound == control {
			return err
		}
		if found && !adopt {
			return marconi.ErrForeignData
		}
		_, err = t.exec(t.setMeta, metaBound, control)
		return err
	})
}
