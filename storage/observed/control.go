package observed

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// A controlStore is a control store under observation.
type controlStore struct {
	marconi.ControlStore
	o *Observer
}

// Lapses implements [marconi.Lapser], for stores that do.
func (s *controlStore) Lapses() uint64 {
	if l, can := s.ControlStore.(marconi.Lapser); can {
		return l.Lapses()
	}
	return 0
}

// CreateQueue implements [marconi.QueueStore].
func (s *controlStore) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (q marconi.Queue, created bool, err error) {
	q, err = result(ctx, s.o, CreateQueue, key, func() (q marconi.Queue, err error) {
		q, created, err = s.ControlStore.CreateQueue(ctx, key, m)
		return q, err
	})
	return q, created, err
}

// Queue implements [marconi.QueueStore].
func (s *controlStore) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	return result(ctx, s.o, Queue, key, func() (marconi.Queue, error) { return s.ControlStore.Queue(ctx, key) })
}

// SetMetadata implements [marconi.QueueStore].
func (s *controlStore) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	return s.o.run(ctx, SetMetadata, key, func() error { return s.ControlStore.SetMetadata(ctx, key, m) })
}

// DeleteQueue implements [marconi.QueueStore].
func (s *controlStore) DeleteQueue(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	return result(ctx, s.o, DeleteQueue, key, func() (marconi.QueueRef, error) { return s.ControlStore.DeleteQueue(ctx, key) })
}

// ListQueues implements [marconi.QueueStore].
func (s *controlStore) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	return result(ctx, s.o, ListQueues, marconi.QueueKey{Project: p}, func() (marconi.Page[marconi.Queue], error) {
		return s.ControlStore.ListQueues(ctx, p, l)
	})
}

// AdoptQueue implements [marconi.QueueStore].
func (s *controlStore) AdoptQueue(ctx context.Context, q marconi.QueueRef) (bool, error) {
	return result(ctx, s.o, AdoptQueue, q.QueueKey, func() (bool, error) { return s.ControlStore.AdoptQueue(ctx, q) })
}

// ID implements [marconi.ControlStore].
func (s *controlStore) ID(ctx context.Context) (string, error) {
	return result(ctx, s.o, ID, marconi.QueueKey{}, func() (string, error) { return s.ControlStore.ID(ctx) })
}

// Ping implements [marconi.ControlStore].
func (s *controlStore) Ping(ctx context.Context) error {
	return s.o.run(ctx, PingControl, marconi.QueueKey{}, func() error { return s.ControlStore.Ping(ctx) })
}
