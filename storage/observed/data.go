package observed

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// A dataStore is a data store under observation. What isn't here takes no time: Watch, Capabilities, Close.
type dataStore struct {
	marconi.DataStore
	o *Observer
}

// A movingStore is one that moves dead letters.
type movingStore struct {
	*dataStore
	mover marconi.Mover
}

// MoveSpent implements [marconi.Mover].
func (s *movingStore) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error {
	return s.o.run(ctx, MoveSpent, from.QueueKey, func() error { return s.mover.MoveSpent(ctx, from, lease, ids, d) })
}

// Post implements [marconi.MessageStore].
func (s *dataStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if more := s.o.weight(len(p.Messages)); more > 0 {
		s.o.calls.Add(more)
		defer s.o.calls.Add(-more)
	}
	return result(ctx, s.o, Post, q.QueueKey, func() ([]marconi.MessageID, error) { return s.DataStore.Post(ctx, q, p) })
}

// List implements [marconi.MessageStore].
func (s *dataStore) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	return result(ctx, s.o, List, q.QueueKey, func() (marconi.Page[marconi.Message], error) { return s.DataStore.List(ctx, q, l) })
}

// Message implements [marconi.MessageStore].
func (s *dataStore) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	return result(ctx, s.o, Message, q.QueueKey, func() (marconi.Message, error) { return s.DataStore.Message(ctx, q, id) })
}

// Messages implements [marconi.MessageStore].
func (s *dataStore) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	return result(ctx, s.o, Messages, q.QueueKey, func() ([]marconi.Message, error) { return s.DataStore.Messages(ctx, q, ids) })
}

// First implements [marconi.MessageStore].
func (s *dataStore) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	return result(ctx, s.o, First, q.QueueKey, func() (marconi.Message, error) { return s.DataStore.First(ctx, q, end) })
}

// Delete implements [marconi.MessageStore].
func (s *dataStore) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	return s.o.run(ctx, Delete, q.QueueKey, func() error { return s.DataStore.Delete(ctx, q, id, claim) })
}

// DeleteMessages implements [marconi.MessageStore].
func (s *dataStore) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	return s.o.run(ctx, DeleteMessages, q.QueueKey, func() error { return s.DataStore.DeleteMessages(ctx, q, ids, claims) })
}

// Pop implements [marconi.MessageStore].
func (s *dataStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	return result(ctx, s.o, Pop, q.QueueKey, func() ([]marconi.Message, error) { return s.DataStore.Pop(ctx, q, limit) })
}

// Claim implements [marconi.ClaimStore].
func (s *dataStore) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	return result(ctx, s.o, Claim, q.QueueKey, func() (marconi.Claimed, error) { return s.DataStore.Claim(ctx, q, c) })
}

// Claimed implements [marconi.ClaimStore].
func (s *dataStore) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	return result(ctx, s.o, Claimed, q.QueueKey, func() (marconi.Claim, error) { return s.DataStore.Claimed(ctx, q, id) })
}

// UpdateClaim implements [marconi.ClaimStore].
func (s *dataStore) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	return s.o.run(ctx, UpdateClaim, q.QueueKey, func() error { return s.DataStore.UpdateClaim(ctx, q, id, u) })
}

// Release implements [marconi.ClaimStore].
func (s *dataStore) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	return s.o.run(ctx, Release, q.QueueKey, func() error { return s.DataStore.Release(ctx, q, id) })
}

// Stats implements [marconi.DataStore].
func (s *dataStore) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	return result(ctx, s.o, Stats, q.QueueKey, func() (marconi.Stats, error) { return s.DataStore.Stats(ctx, q) })
}

// Volume implements [marconi.DataStore].
func (s *dataStore) Volume(ctx context.Context) (marconi.Volume, error) {
	return result(ctx, s.o, Volume, marconi.QueueKey{}, func() (marconi.Volume, error) { return s.DataStore.Volume(ctx) })
}

// DeleteQueue implements [marconi.DataStore].
func (s *dataStore) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	return s.o.run(ctx, DropQueue, q.QueueKey, func() error { return s.DataStore.DeleteQueue(ctx, q) })
}

// Purge implements [marconi.DataStore].
func (s *dataStore) Purge(ctx context.Context, q marconi.QueueRef) error {
	return s.o.run(ctx, Purge, q.QueueKey, func() error { return s.DataStore.Purge(ctx, q) })
}

// Collect implements [marconi.DataStore].
func (s *dataStore) Collect(ctx context.Context) (int, error) {
	return result(ctx, s.o, Collect, marconi.QueueKey{}, func() (int, error) { return s.DataStore.Collect(ctx) })
}

// Bind implements [marconi.DataStore].
func (s *dataStore) Bind(ctx context.Context, control string, adopt bool) error {
	return s.o.run(ctx, Bind, marconi.QueueKey{}, func() error { return s.DataStore.Bind(ctx, control, adopt) })
}

// Queues implements [marconi.DataStore].
func (s *dataStore) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	return result(ctx, s.o, HeldQueues, marconi.QueueKey{}, func() ([]marconi.QueueRef, error) { return s.DataStore.Queues(ctx) })
}

// Ping implements [marconi.DataStore].
func (s *dataStore) Ping(ctx context.Context) error {
	return s.o.run(ctx, PingData, marconi.QueueKey{}, func() error { return s.DataStore.Ping(ctx) })
}
