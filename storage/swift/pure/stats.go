package pure

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// Stats implements [marconi.DataStore], but for one thing: it lists all messages.
func (s *Store) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Stats{}, err
	}
	defer s.door.Leave()
	stats, err := s.count(ctx, q)
	if err != nil {
		return marconi.Stats{}, fmt.Errorf("count messages: %w", err)
	}
	return stats, nil
}

// count counts page by page, however long the queue is.
func (s *Store) count(ctx context.Context, q marconi.QueueRef) (stats marconi.Stats, err error) {
	for w := s.walkBehind(s.placeOf(q), ""); !w.done(); {
		records, err := w.next(ctx, 0)
		if err != nil {
			return marconi.Stats{}, err
		}
		if len(records) == 0 {
			break
		}
		v := s.viewOf(q)
		if err := v.readClaims(ctx); err != nil {
			return marconi.Stats{}, err
		}
		v.count(records, &stats)
	}
	stats.Free = stats.Total - stats.Claimed
	return stats, nil
}

// count adds records that come behind those counted before.
func (v *view) count(records []record, stats *marconi.Stats) {
	var newest *record
	for i := range records {
		r := &records[i]
		if !v.there(r) {
			continue
		}
		stats.Total++
		if _, claimed := v.holder(r); claimed {
			stats.Claimed++
		}
		if stats.Oldest == nil {
			m := v.show(r, nil)
			stats.Oldest = &m
		}
		newest = r
	}
	if newest != nil {
		m := v.show(newest, nil)
		stats.Newest = &m
	}
}

// everything is all records of a queue.
func (s *Store) everything(ctx context.Context, p place) ([]record, error) {
	var all []record
	for w := s.walkBehind(p, ""); !w.done(); {
		records, err := w.next(ctx, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// Volume implements [marconi.DataStore].
func (s *Store) Volume(ctx context.Context) (marconi.Volume, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Volume{}, err
	}
	defer s.door.Leave()
	var v marconi.Volume
	err := s.eachQueue(ctx, func(q marconi.QueueRef) error {
		stats, err := s.count(ctx, q)
		v.Free, v.Claimed, v.Total = v.Free+stats.Free, v.Claimed+stats.Claimed, v.Total+stats.Total
		return err
	})
	if err != nil {
		return marconi.Volume{}, fmt.Errorf("count the messages of all queues: %w", err)
	}
	return v, nil
}
