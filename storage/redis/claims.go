package redis

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// mostClaimed is how many messages a claim gets at most: as many as a script can end or update at once.
const mostClaimed = 3000

// Claim implements [marconi.ClaimStore]. Many or large messages are claimed in several steps; if one fails, those before it count.
func (d *dataStore) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	c.Limit = min(c.Limit, mostClaimed)
	var got marconi.Claimed
	if c.MaxClaims > 0 { // else none is put aside
		got.Lease = newLease()
	}
	err := search(func(ripe string) (reply, bool, error) {
		r, err := d.run(ctx, "claim messages", d.scripts.claim, q, d.time(), packClaim(c.ID), decimal(c.TTL), decimal(c.Grace),
			decimal(min(c.Limit-len(got.Messages), mostAtOnce)), decimal(c.MaxClaims), packClaim(got.Lease),
			decimal(marconi.SpentLease.Milliseconds()), decimal(marconi.MaxSpent-len(got.Spent)), ripe, decimal(len(got.Messages)))
		if err != nil {
			return r, false, err
		}
		got.Messages = append(got.Messages, r.messages(0, q.Incarnation)...)
		got.Spent = append(got.Spent, r.messages(1, q.Incarnation)...)
		more := r.number(2) != 0
		return r, more && len(got.Messages) < c.Limit && len(got.Spent) < marconi.MaxSpent, r.err
	})
	if len(got.Spent) == 0 {
		got.Lease = ""
	}
	if len(got.Messages) > 0 {
		err = d.note(ctx, q, c.TTL+c.Grace)
	}
	if err != nil && len(got.Messages)+len(got.Spent) == 0 {
		return marconi.Claimed{}, err
	}
	return got, nil
}

// Claimed implements [marconi.ClaimStore].
func (d *dataStore) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	r, err := d.run(ctx, "get a claim", d.scripts.claimed, q, d.time(), packClaim(id))
	if err != nil {
		return marconi.Claim{}, err
	}
	c := marconi.Claim{ID: id, Messages: r.messages(0, q.Incarnation), TTL: marconi.Seconds(r.number(1)), Age: age(r.number(2), r.now)}
	return c, r.err
}

// UpdateClaim implements [marconi.ClaimStore].
func (d *dataStore) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	if _, err := d.run(ctx, "update a claim", d.scripts.update, q, d.time(), packClaim(id), decimal(u.TTL), decimal(u.Grace)); err != nil {
		return err
	}
	return d.note(ctx, q, u.TTL+u.Grace)
}

// Release implements [marconi.ClaimStore].
func (d *dataStore) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	_, err := d.run(ctx, "release a claim", d.scripts.release, q, d.time(), packClaim(id))
	return err
}
