package memory

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// Stats implements [marconi.DataStore].
func (d *dataStore) Stats(ctx context.Context, ref marconi.QueueRef) (marconi.Stats, error) {
	var stats marconi.Stats
	err := d.visit(ctx, ref, func(q *queue) {
		if q.live == 0 {
			return
		}
		oldest, newest := q.end(marconi.Oldest), q.end(marconi.Newest)
		stats = marconi.Stats{
			Free: int64(q.live - q.claimed), Claimed: int64(q.claimed), Total: int64(q.live),
			Oldest: &oldest, Newest: &newest,
		}
	})
	return stats, err
}

// Volume implements [marconi.DataStore].
func (d *dataStore) Volume(ctx context.Context) (marconi.Volume, error) {
	var v marconi.Volume
	err := d.each(ctx, func(q *queue) {
		v.Free += int64(q.live - q.claimed)
		v.Claimed += int64(q.claimed)
		v.Total += int64(q.live)
	})
	if err != nil {
		return marconi.Volume{}, err
	}
	return v, nil
}

// Queues implements [marconi.DataStore].
func (d *dataStore) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	var refs []marconi.QueueRef
	err := d.each(ctx, func(q *queue) {
		if q.live > 0 {
			refs = append(refs, q.ref)
		}
	})
	if err != nil {
		return nil, err
	}
	return refs, nil
}
