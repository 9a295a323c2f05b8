package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/marconi-mq/marconi"
)

// anyClaims lets messages be found that were claimed any number of times.
const anyClaims = math.MaxInt32

// Claim implements [marconi.ClaimStore].
func (d *dataStore) Claim(ctx context.Context, ref marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	var got marconi.Claimed
	look := freeLook{limit: r.Limit, mostClaims: anyClaims}
	if r.MaxClaims > 0 {
		look.mostClaims = r.MaxClaims
	}
	err := d.write(ctx, "claim messages", func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		got, err = t.claim(q, r, &look)
		return err
	})
	if err != nil {
		return marconi.Claimed{}, err
	}
	return got, nil
}

func (t *tx) claim(q *header, r marconi.ClaimRequest, look *freeLook) (got marconi.Claimed, err error) {
	claim, err := t.holdNamed(q, r.ID)
	if err != nil {
		return got, err
	}
	if claim.live(q, t.now) {
		got.Messages, err = t.claimAgain(q, claim)
		return got, err
	}
	ripe, err := t.ripenOldest(q)
	if err != nil {
		return got, err
	}
	if claim.id != 0 && claim.first < q.first { // it went with a purge, and is not collected yet
		if err := t.removeHold(claim.id); err != nil {
			return got, err
		}
	}
	found, more, err := t.findOldest(q, look, ripe)
	if err != nil {
		return got, err
	}
	if r.MaxClaims > 0 {
		got.Spent, got.Lease, err = t.setAside(q, look.looked(found, more), r.MaxClaims)
		if err != nil {
			return got, err
		}
	}
	if more && len(got.Spent) == 0 {
		return got, errAgain
	}
	if len(found) > 0 {
		got.Messages, err = t.lendClaim(q, r, found)
	}
	return got, err
}

func (t *tx) lendClaim(q *header, r marconi.ClaimRequest, found messages) ([]marconi.Message, error) {
	claim := hold{kind: claimHold, name: string(r.ID), ttl: int64(r.TTL), updated: t.now, expires: t.now + millis(r.TTL)}
	claim, err := t.lend(q, claim, found, 1)
	if err != nil {
		return nil, err
	}
	// Law C5, for what is given back; and for what is kept, which most often needs nothing.
	short := false
	for i := range found {
		if m := &found[i]; m.expires < claim.expires {
			m.ttl, m.expires, short = claim.ttl+int64(r.Grace), claim.expires+millis(r.Grace), true
		}
	}
	if short {
		if err := t.outlive(q, claim, r.Grace); err != nil {
			return nil, err
		}
	}
	return found.shown(q.ref.Incarnation, t.now), nil
}

// outlive lets messages that would end before their claim live as long as that, and the grace (law C5).
func (t *tx) outlive(q *header, claim hold, grace marconi.Seconds) error {
	_, err := t.exec(t.extend, q.id, claim.seqs, claim.id, claim.ttl+int64(grace), claim.expires+millis(grace), claim.expires)
	if err != nil {
		return fmt.Errorf("extend messages: %w", err)
	}
	return nil
}

// claimAgain gives what a claim got that is asked for again. A lease is no claim: there is nothing to give.
func (t *tx) claimAgain(q *header, claim hold) ([]marconi.Message, error) {
	if claim.kind != claimHold {
		return nil, nil
	}
	var held messages
	err := t.query(t.getClaim, func(rows *sql.Rows) error {
		var ttl, updated int64
		m, err := scanMessage(rows, &ttl, &updated)
		held = append(held, m)
		return err
	}, keyOf(q.ref, t.now, claim.name)...)
	if err != nil {
		return nil, fmt.Errorf("find what the claim holds: %w", err)
	}
	held.sort()
	return held.shown(q.ref.Incarnation, t.now), nil
}

// lend puts free messages under a new claim or lease, as claimed so many times more. The hold comes back as it is kept.
func (t *tx) lend(q *header, by hold, all messages, times int) (hold, error) {
	by, err := t.keepBack(q, by, all.seqs())
	if err != nil {
		return hold{}, err
	}
	if _, err := t.exec(t.take, q.id, by.seqs, by.id, times); err != nil {
		return hold{}, fmt.Errorf("claim messages: %w", err)
	}
	t.change(q)
	q.claimed += int64(len(all))
	for i := range all {
		all[i].claims += times
		if by.kind == claimHold {
			all[i].claim = by.name
		}
	}
	return by, nil
}

// Claimed implements [marconi.ClaimStore].
func (d *dataStore) Claimed(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	now := d.millis()
	var held messages
	var ttl, updated int64
	err := d.read(ctx, "get a claim", d.sql.getClaim, func(rows *sql.Rows) error {
		m, err := scanMessage(rows, &ttl, &updated)
		held = append(held, m)
		return err
	}, keyOf(ref, now, string(id))...)
	if err == nil && len(held) == 0 {
		err = fmt.Errorf("get a claim: %w", marconi.ErrNoClaim)
	}
	if err != nil {
		return marconi.Claim{}, err
	}
	held.sort()
	return marconi.Claim{ID: id, TTL: marconi.Seconds(ttl), Age: ageOf(updated, now), Messages: held.shown(ref.Incarnation, now)}, nil
}

// onClaim calls f with a live claim; where there is none it does nothing and gives missing.
func (d *dataStore) onClaim(
	ctx context.Context, what string, ref marconi.QueueRef, id marconi.ClaimID, missing error, f func(*tx, *header, hold) error,
) error {
	return d.write(ctx, what, func(t *tx) error {
		q, err := t.header(ref)
		if err != nil {
			return err
		}
		if q == nil {
			return missing
		}
		claim, err := t.holdNamed(q, id)
		if err != nil {
			return err
		}
		if claim.kind != claimHold || !claim.live(q, t.now) {
			return missing
		}
		return f(t, q, claim)
	})
}

// UpdateClaim implements [marconi.ClaimStore].
func (d *dataStore) UpdateClaim(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	return d.onClaim(ctx, "update a claim", ref, id, marconi.ErrNoClaim, func(t *tx, q *header, claim hold) error {
		claim.ttl, claim.expires = int64(u.TTL), t.now+millis(u.TTL)
		if _, err := t.exec(t.restart, claim.id, claim.ttl, t.now, claim.expires); err != nil {
			return fmt.Errorf("start the claim's time anew: %w", err)
		}
		t.tell(ref).expect(claim.expires)
		return t.outlive(q, claim, u.Grace)
	})
}

// Release implements [marconi.ClaimStore].
func (d *dataStore) Release(ctx context.Context, ref marconi.QueueRef, id marconi.ClaimID) error {
	return d.onClaim(ctx, "release a claim", ref, id, nil, func(t *tx, q *header, claim hold) error {
		return t.letGo(q, claim)
	})
}
