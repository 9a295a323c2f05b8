package logstore

import (
	"context"
	"slices"

	"github.com/marconi-mq/marconi"
)

// data is the store in memory, with a line in the log for what changes it.
type data struct {
	marconi.DataStore
	store *store
}

func (d *data) Capabilities() marconi.Capability {
	return d.DataStore.Capabilities() | marconi.Durable
}

func (d *data) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) (ids []marconi.MessageID, err error) {
	err = d.store.change(record{Op: opPost, Queue: q, Post: &p}, func(*record) (err error) {
		ids, err = d.DataStore.Post(ctx, q, p)
		return err
	})
	return ids, err
}

func (d *data) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	r := record{Op: opDelete, Queue: q, IDs: []marconi.MessageID{id}, Claims: []marconi.ClaimID{claim}}
	return d.store.change(r, func(r *record) error {
		r.Claims = d.store.written(r.Claims)
		return d.DataStore.Delete(ctx, q, id, claim)
	})
}

func (d *data) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	return d.store.change(record{Op: opDeleteMessages, Queue: q, IDs: ids, Claims: claims}, func(r *record) error {
		r.Claims = d.store.written(r.Claims)
		return d.DataStore.DeleteMessages(ctx, q, ids, claims)
	})
}

func (d *data) Pop(ctx context.Context, q marconi.QueueRef, limit int) (popped []marconi.Message, err error) {
	err = d.store.change(record{Op: opPop, Queue: q, Limit: limit}, func(*record) (err error) {
		popped, err = d.DataStore.Pop(ctx, q, limit)
		return err
	})
	return popped, err
}

func (d *data) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (claimed marconi.Claimed, err error) {
	err = d.store.change(record{Op: opClaim, Queue: q, Claim: &c}, func(r *record) (err error) {
		claimed, err = d.DataStore.Claim(ctx, q, c)
		r.Lease = claimed.Lease
		return err
	})
	return claimed, err
}

func (d *data) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	r := record{Op: opUpdateClaim, Queue: q, Claims: []marconi.ClaimID{id}, Update: &u}
	return d.store.change(r, func(*record) error { return d.DataStore.UpdateClaim(ctx, q, id, u) })
}

func (d *data) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	r := record{Op: opRelease, Queue: q, Claims: []marconi.ClaimID{id}}
	return d.store.change(r, func(*record) error { return d.DataStore.Release(ctx, q, id) })
}

// MoveSpent makes data a marconi.Mover, as memory is one.
func (d *data) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, to marconi.DeadLetter) error {
	r := record{Op: opMoveSpent, Queue: from, IDs: ids, Letter: &to}
	return d.store.change(r, func(r *record) error {
		r.Lease = d.store.written([]marconi.ClaimID{lease})[0]
		return d.DataStore.(marconi.Mover).MoveSpent(ctx, from, lease, ids, to)
	})
}

func (d *data) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	return d.store.change(record{Op: opDropQueue, Queue: q}, func(*record) error { return d.DataStore.DeleteQueue(ctx, q) })
}

func (d *data) Purge(ctx context.Context, q marconi.QueueRef) error {
	return d.store.change(record{Op: opPurge, Queue: q}, func(*record) error { return d.DataStore.Purge(ctx, q) })
}

func (d *data) Bind(ctx context.Context, control string, adopt bool) error {
	return d.store.change(record{Op: opBind, ID: control, Adopt: adopt}, func(*record) error {
		return d.DataStore.Bind(ctx, control, adopt)
	})
}

func (d *data) Close() error {
	err := d.DataStore.Close()
	if closing := d.store.close(); err == nil {
		err = closing
	}
	return err
}

// written gives claims as the log knows them: memory draws the leases of dead letters by lot, so that one made before a
// restart has another name now.
func (s *store) written(claims []marconi.ClaimID) []marconi.ClaimID {
	claims = slices.Clone(claims)
	for i, c := range claims {
		if old, found := s.leases[c]; found {
			claims[i] = old
		}
	}
	return claims
}
