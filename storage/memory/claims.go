package memory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/marconi-mq/marconi"
)

// A claim hides messages. It lives as long as it holds any: when its time is over, settling takes them all away.
type claim struct {
	id      marconi.ClaimID
	ttl     marconi.Seconds
	updated int64
	ends    int64
	seqs    []int64 // what it got, in order
	held    int32   // how many of those it still holds
	lease   bool    // of dead letters: only deleting and moving know it
	next    *claim  // in the queue's list of those that are over
}

// claim is the live claim or lease of that ID, or nil.
func (q *queue) claim(id marconi.ClaimID) *claim {
	if c := q.claims[id]; c != nil && c.held > 0 {
		return c
	}
	return nil
}

// known is the live claim of that ID, or nil: a lease is none.
func (q *queue) known(id marconi.ClaimID) *claim {
	if c := q.claim(id); c != nil && !c.lease {
		return c
	}
	return nil
}

// held goes over the messages that a claim holds, oldest first.
func (q *queue) held(c *claim) iter.Seq2[*segment, int] {
	return func(yield func(*segment, int) bool) {
		for s, i := range q.at(c.seqs) {
			if s.marks[i].claim == c && !yield(s, i) {
				return
			}
		}
	}
}

// Claim implements [marconi.ClaimStore].
func (d *dataStore) Claim(ctx context.Context, ref marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	var got marconi.Claimed
	err := d.visit(ctx, ref, func(q *queue) {
		switch c := q.claim(r.ID); {
		case c == nil:
			got = q.lend(r)
		case !c.lease:
			got.Messages = q.messages(c)
		}
	})
	return got, err
}

// lend puts the oldest free messages under a new claim, and those that are spent under a lease.
func (q *queue) lend(r marconi.ClaimRequest) marconi.Claimed {
	if len(q.ready) == 0 {
		return marconi.Claimed{}
	}
	room := min(r.Limit, q.live-q.claimed, maxRoom)
	got := marconi.Claimed{Messages: make([]marconi.Message, 0, room)}
	c := &claim{id: r.ID, ttl: r.TTL, updated: q.now, ends: q.now + millis(r.TTL), seqs: make([]int64, 0, room)}
	var lease *claim
	for s, i := range q.free() {
		if r.MaxClaims > 0 && s.content[i].claims >= r.MaxClaims {
			if len(got.Spent) < marconi.MaxSpent {
				lease = q.setAside(s, i, lease)
				got.Spent = append(got.Spent, q.message(s, i))
			}
			continue
		}
		s.content[i].claims++
		q.hide(s, i, c)
		q.outlive(s, i, c, r.Grace)
		got.Messages = append(got.Messages, q.message(s, i))
		if len(got.Messages) == r.Limit {
			break
		}
	}
	q.enact(c)
	if lease != nil {
		got.Lease = lease.id
		q.enact(lease)
	}
	return got
}

// setAside puts a dead letter under the lease, which is made for the first.
func (q *queue) setAside(s *segment, i int, lease *claim) *claim {
	if lease == nil {
		lease = &claim{id: newLeaseID(), lease: true, ends: q.now + marconi.SpentLease.Milliseconds()}
	}
	q.hide(s, i, lease)
	return lease
}

func newLeaseID() marconi.ClaimID {
	var raw [16]byte
	rand.Read(raw[:]) // never fails
	return marconi.ClaimID("dlq:" + hex.EncodeToString(raw[:]))
}

// enact makes a claim known, if it has got anything.
func (q *queue) enact(c *claim) {
	if c.held == 0 {
		return
	}
	if q.claims == nil {
		q.claims = map[marconi.ClaimID]*claim{}
	}
	q.claims[c.id] = c
	q.expect(c.ends)
}

// outlive lets a message that would end before its claim live as long, and the grace (law C5).
func (q *queue) outlive(s *segment, i int, c *claim, grace marconi.Seconds) {
	if m := &s.marks[i]; m.expires < c.ends {
		m.expires = c.ends + millis(grace)
		s.content[i].ttl = c.ttl + grace
	}
}

func (q *queue) messages(c *claim) []marconi.Message {
	messages := make([]marconi.Message, 0, c.held)
	for s, i := range q.held(c) {
		messages = append(messages, q.message(s, i))
	}
	return messages
}

// Claimed implements [marconi.ClaimStore].
func (d *dataStore) Claimed(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	var shown marconi.Claim
	err := d.visitClaim(ctx, ref, id, func(q *queue, c *claim) {
		age := marconi.Seconds(max(q.now-c.updated, 0) / 1000)
		shown = marconi.Claim{ID: c.id, TTL: c.ttl, Age: age, Messages: q.messages(c)}
	})
	if err != nil {
		return marconi.Claim{}, fmt.Errorf("get a claim: %w", err)
	}
	return shown, nil
}

// UpdateClaim implements [marconi.ClaimStore].
func (d *dataStore) UpdateClaim(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	err := d.visitClaim(ctx, ref, id, func(q *queue, c *claim) {
		c.ttl, c.updated, c.ends = u.TTL, q.now, q.now+millis(u.TTL)
		for s, i := range q.held(c) {
			s.marks[i].hidden = c.ends
			q.lower(s, c.ends)
			q.outlive(s, i, c, u.Grace)
		}
		q.expect(c.ends)
	})
	if err != nil {
		return fmt.Errorf("update a claim: %w", err)
	}
	return nil
}

// Release implements [marconi.ClaimStore].
func (d *dataStore) Release(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID) error {
	return d.visit(ctx, ref, func(q *queue) {
		c := q.known(id)
		if c == nil {
			return
		}
		for s, i := range q.held(c) {
			q.reveal(s, i)
			q.tidy(s)
		}
	})
}

// visitClaim calls f with a live claim, or gives ErrNoClaim.
func (d *dataStore) visitClaim(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID, f func(*queue, *claim)) error {
	found := false
	err := d.visit(ctx, ref, func(q *queue) {
		if c := q.known(id); c != nil {
			found = true
			f(q, c)
		}
	})
	if err == nil && !found {
		return marconi.ErrNoClaim
	}
	return err
}
