package logstore

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// control is the control store in memory, with a line in the log for what changes it.
type control struct {
	marconi.ControlStore
	store *store
}

// ID is that of the log; memory draws one each time.
func (c *control) ID(ctx context.Context) (string, error) {
	if _, err := c.ControlStore.ID(ctx); err != nil {
		return "", err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	return c.store.id, nil
}

func (c *control) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (q marconi.Queue, created bool, err error) {
	err = c.store.change(record{Op: opCreateQueue}, func(r *record) (err error) {
		q, created, err = c.ControlStore.CreateQueue(ctx, key, m)
		r.Queue, r.Metadata = q.QueueRef, string(q.Metadata)
		return err
	})
	return q, created, err
}

func (c *control) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	r := record{Op: opSetMetadata, Queue: marconi.QueueRef{QueueKey: key}, Metadata: string(m)}
	return c.store.change(r, func(*record) error { return c.ControlStore.SetMetadata(ctx, key, m) })
}

func (c *control) DeleteQueue(ctx context.Context, key marconi.QueueKey) (q marconi.QueueRef, err error) {
	err = c.store.change(record{Op: opForgetQueue}, func(r *record) (err error) {
		q, err = c.ControlStore.DeleteQueue(ctx, key)
		r.Queue = q
		return err
	})
	return q, err
}

func (c *control) AdoptQueue(ctx context.Context, q marconi.QueueRef) (adopted bool, err error) {
	err = c.store.change(record{Op: opCreateQueue, Queue: q, Metadata: "{}"}, func(*record) (err error) {
		adopted, err = c.ControlStore.AdoptQueue(ctx, q)
		return err
	})
	return adopted, err
}

func (c *control) Close() error {
	err := c.ControlStore.Close()
	if closing := c.store.close(); err == nil {
		err = closing
	}
	return err
}
