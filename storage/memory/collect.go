package memory

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi"
)

// DeleteQueue implements [marconi.DataStore].
func (d *dataStore) DeleteQueue(ctx context.Context, ref marconi.QueueRef) error {
	var ended *queue
	err := d.visit(ctx, ref, func(q *queue) {
		d.end(q)
		ended = q
	})
	if ended != nil {
		d.shard(ref).drop(ended)
	}
	return err
}

// Purge implements [marconi.DataStore].
func (d *dataStore) Purge(ctx context.Context, ref marconi.QueueRef) error {
	return d.visit(ctx, ref, func(q *queue) { q.clear() })
}

// Collect implements [marconi.DataStore]. Of a queue that has become empty, nothing stays.
func (d *dataStore) Collect(ctx context.Context) (int, error) {
	collected := 0
	var empty []*queue
	var busy []marconi.QueueRef
	err := d.each(ctx, func(q *queue) {
		collected += q.expired
		q.expired, q.spare = 0, nil
		if q.forget(maxTurnForgot) {
			busy = append(busy, q.ref)
		}
		if len(q.claims) == 0 {
			q.claims = nil // a map never shrinks
		}
		if q.live == 0 {
			d.end(q)
			empty = append(empty, q)
		}
	})
	for _, ref := range busy {
		for more := true; more && err == nil; {
			more = false
			err = d.visit(ctx, ref, func(q *queue) { more = q.forget(maxTurnForgot) })
		}
	}
	for _, q := range empty {
		d.shard(q.ref).drop(q)
	}
	d.meter.Add("collected_messages", float64(collected))
	return collected, err
}

// collectNowAndThen is the store's one goroutine.
func (d *dataStore) collectNowAndThen(ctx context.Context) {
	defer close(d.ended)
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// It can only fail because the store closes.
			_, _ = d.Collect(ctx)
		}
	}
}
