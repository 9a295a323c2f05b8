package indexed

import (
	"context"
	"slices"

	"github.com/marconi-mq/marconi"
)

// Stats implements [marconi.DataStore]. Swift is not asked, so the ends have no bodies.
func (s *Store) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	if err := s.enter(ctx); err != nil {
		return marconi.Stats{}, err
	}
	defer s.door.Leave()
	stats, err := s.index.Stats(ctx, q)
	stats.Oldest, stats.Newest = withoutBody(stats.Oldest), withoutBody(stats.Newest)
	return stats, err
}

func withoutBody(m *marconi.Message) *marconi.Message {
	if m == nil {
		return nil
	}
	bare := *m
	bare.Body = nil
	return &bare
}

// Volume implements [marconi.DataStore].
func (s *Store) Volume(ctx context.Context) (marconi.Volume, error) {
	if err := s.enter(ctx); err != nil {
		return marconi.Volume{}, err
	}
	defer s.door.Leave()
	own := marconi.Volume{}
	for _, q := range ownQueues() {
		stats, err := s.index.Stats(ctx, q)
		if err != nil {
			return marconi.Volume{}, err
		}
		own.Free += stats.Free
		own.Total += stats.Total
	}
	v, err := s.index.Volume(ctx)
	v.Free, v.Total = max(v.Free-own.Free, 0), max(v.Total-own.Total, 0)
	return v, err
}

// ownQueues are the queues of the index that are nobody's else.
func ownQueues() []marconi.QueueRef { return []marconi.QueueRef{movedQueue, pairQueue} }

// Queues implements [marconi.DataStore].
func (s *Store) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	queues, err := s.index.Queues(ctx)
	return slices.DeleteFunc(queues, func(q marconi.QueueRef) bool { return slices.Contains(ownQueues(), q) }), err
}

// DeleteQueue implements [marconi.DataStore].
func (s *Store) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	return s.drop(ctx, q, s.index.DeleteQueue)
}

// Purge implements [marconi.DataStore].
func (s *Store) Purge(ctx context.Context, q marconi.QueueRef) error {
	return s.drop(ctx, q, s.index.Purge)
}

// drop has the queue's segments removed after its messages. A post that has put its segment and has not yet come to the index
// is not to find it gone: what is younger than any post lasts, by clocks that differ by half a minute, is left to expire.
func (s *Store) drop(ctx context.Context, q marconi.QueueRef, drop func(context.Context, marconi.QueueRef) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	before := s.o.Now().Add(-postTime - skew/2)
	if err := drop(ctx, q); err != nil {
		return err
	}
	s.reaper.drop(s.o.layout().home(q), before)
	return nil
}

// Collect implements [marconi.DataStore]. What is to be removed from Swift is removed now; what can't be is tried again later.
func (s *Store) Collect(ctx context.Context) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.door.Leave()
	n, err := s.index.Collect(ctx)
	if err == nil {
		s.reaper.reapNow(ctx)
	}
	return n, err
}
