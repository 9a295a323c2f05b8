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

func (s *Store) count(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	v := s.viewOf(q)
	records, err := s.everything(ctx, v.at)
	if err != nil {
		return marconi.Stats{}, err
	}
	if err := v.readClaims(ctx); err != nil {
		return marconi.Stats{}, err
	}
	var stats marconi.Stats
	var oldest, newest *record
	for i := range records {
		r := &records[i]
		if !v.there(r) {
			continue
		}
		stats.Total++
		if _, claimed := v.holder(r); claimed {
			stats.Claimed++
		}
		if oldest == nil {
			oldest = r
		}
		newest = r
	}
	stats.Free = stats.Total - stats.Claimed
	if oldest != nil {
		first, last := v.show(oldest, nil), v.show(newest, nil)
		stats.Oldest, stats.Newest = &first, &last
	}
	return stats, nil
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
