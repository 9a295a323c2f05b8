package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
)

// setAside puts free messages under a lease that were claimed too often, the oldest of those below a seq.
func (t *tx) setAside(q *header, below int64, maxClaims int) ([]marconi.Message, marconi.ClaimID, error) {
	var spent messages
	err := t.query(t.spent, spent.add, q.id, q.first, t.now, maxClaims, below, marconi.MaxSpent)
	if err != nil {
		return nil, "", fmt.Errorf("find dead letters: %w", err)
	}
	if len(spent) == 0 {
		return nil, "", nil
	}
	spent.sort()
	lease := hold{kind: leaseHold, name: newLease(), updated: t.now, expires: t.now + marconi.SpentLease.Milliseconds()}
	if _, err := t.lend(q, lease, spent, 0); err != nil {
		return nil, "", err
	}
	return spent.shown(q.ref.Incarnation, t.now), marconi.ClaimID(lease.name), nil
}

func newLease() string {
	var raw [16]byte
	rand.Read(raw[:]) // never fails
	return "dlq:" + hex.EncodeToString(raw[:])
}

// MoveSpent implements [marconi.Mover].
func (d *dataStore) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, to marconi.DeadLetter) error {
	seqs := seqsOf(from, ids)
	if len(seqs) == 0 {
		return d.Ping(ctx)
	}
	return d.write(ctx, "move dead letters", func(t *tx) error {
		q, err := t.header(from)
		if q == nil || err != nil {
			return err
		}
		leased, err := t.leased(q, lease, seqs)
		if len(leased) == 0 || err != nil {
			return err
		}
		return t.moveAll(q, leased, to)
	})
}

// leased are those of the messages that the live lease holds.
func (t *tx) leased(q *header, lease marconi.ClaimID, seqs []int64) ([]holding, error) {
	found, err := t.holdings(q, seqs, t.now)
	if err != nil {
		return nil, err
	}
	var leased []holding
	for _, m := range found {
		if m.claimed(t.now) && m.by.kind == leaseHold && m.by.name == string(lease) {
			leased = append(leased, m)
		}
	}
	return leased, nil
}

// moveAll makes messages of one queue new ones of another. Their bodies stay where they are.
func (t *tx) moveAll(q *header, leased []holding, to marconi.DeadLetter) error {
	target, err := t.madeHeader(to.Queue)
	if err != nil {
		return err
	}
	if target.sealed {
		return marconi.ErrSealed
	}
	t.change(q)
	q.total -= int64(len(leased))
	if err := t.unloadAll(q, leased); err != nil {
		return err
	}
	t.change(target)
	target.total += int64(len(leased))
	next := target.take(len(leased), t.now)
	slices.SortFunc(leased, func(a, b holding) int { return cmp.Compare(a.seq, b.seq) })
	for i, m := range leased {
		if _, err := t.exec(t.moveMessage, q.id, m.seq, target.id, next+int64(i), int64(to.TTL), t.now); err != nil {
			return fmt.Errorf("move a dead letter: %w", err)
		}
	}
	t.tellFree(target, posted, len(leased))
	return nil
}
