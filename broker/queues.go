package broker

import (
	"context"
	"errors"

	"github.com/marconi-mq/marconi"
)

// A QueueListing says which queues to list. Limit left out is [marconi.DefaultPage].
type QueueListing struct {
	Marker   marconi.Marker
	Limit    Optional[int]
	Detailed bool // with metadata
}

// noMetadata is what a queue has that was made without any.
var noMetadata = marconi.Metadata("{}")

// CreateQueue makes a queue and reports whether it was new. The metadata, a JSON object or nil, is checked also for an
// existing queue, which keeps its own.
func (b *Broker) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (created bool, err error) {
	ctx, bound, err := b.begin(ctx, marconi.OpCreateQueue)
	if err != nil {
		return false, err
	}
	defer bound.End()
	if m == nil {
		m = noMetadata
	}
	if err := checkAttributes(key.Name, m, b.limits); err != nil {
		return false, err
	}
	_, _, before := b.queues.known(key)
	q, created, err := b.control.CreateQueue(ctx, key, m)
	if err != nil {
		return false, b.named(ctx, "create queue", key, err)
	}
	if created {
		b.queues.put(q, before)
	}
	return created, nil
}

// Queue is a queue with its metadata, or ErrNoQueue.
func (b *Broker) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpGetQueue)
	if err != nil {
		return marconi.Queue{}, err
	}
	defer bound.End()
	q, err := b.control.Queue(ctx, key)
	return q, b.named(ctx, "get queue", key, err)
}

// SetMetadata replaces a queue's metadata, a JSON object. Keys that begin with an underscore are the service's own and
// refused. ErrNoQueue: there is no such queue.
func (b *Broker) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	ctx, bound, err := b.begin(ctx, marconi.OpUpdateQueue)
	if err != nil {
		return err
	}
	defer bound.End()
	if err := refuseReserved(m); err != nil {
		return err
	}
	if err := b.control.SetMetadata(ctx, key, m); err != nil {
		return b.named(ctx, "set metadata", key, err)
	}
	b.queues.forget(key)
	return nil
}

// DeleteQueue removes a queue with all that is in it. There need not be one.
// Its record goes first: from then on nobody finds the data, which nothing can bring back.
func (b *Broker) DeleteQueue(ctx context.Context, key marconi.QueueKey) error {
	ctx, bound, err := b.begin(ctx, marconi.OpDeleteQueue)
	if err != nil {
		return err
	}
	defer bound.End()
	ref, err := b.control.DeleteQueue(ctx, key)
	b.queues.forget(key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil
	}
	if err == nil {
		err = b.data.DeleteQueue(ctx, ref)
	}
	return b.named(ctx, "delete queue", key, err)
}

// ListQueues lists a project's queues by name.
func (b *Broker) ListQueues(ctx context.Context, p marconi.Project, l QueueListing) (marconi.Page[marconi.Queue], error) {
	ctx, bound, err := b.begin(ctx, marconi.OpListQueues)
	if err != nil {
		return marconi.Page[marconi.Queue]{}, err
	}
	defer bound.End()
	limit, err := pageLimit(l.Limit, b.limits.MaxQueuesPerPage)
	if err != nil {
		return marconi.Page[marconi.Queue]{}, err
	}
	page, err := b.control.ListQueues(ctx, p, marconi.QueueListing{Marker: l.Marker, Limit: limit, Detailed: l.Detailed})
	return page, b.named(ctx, "list queues", marconi.QueueKey{Project: p}, err)
}

// Stats counts a queue's messages, or is ErrNoQueue.
func (b *Broker) Stats(ctx context.Context, key marconi.QueueKey) (marconi.Stats, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpQueueStats)
	if err != nil {
		return marconi.Stats{}, err
	}
	defer bound.End()
	q, err := b.queues.get(ctx, key)
	if err != nil {
		return marconi.Stats{}, b.named(ctx, "count queue", key, err)
	}
	stats, err := b.data.Stats(ctx, q.ref)
	return stats, b.named(ctx, "count queue", key, err)
}
