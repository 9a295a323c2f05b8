package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
)

// A holding is a live message as a delete looks at it, with what holds it, if anything.
type holding struct {
	seq, expires int64
	by           hold
}

// claimed reports whether a live claim or lease holds the message.
func (h *holding) claimed(now int64) bool { return h.by.kind.counts() && now < h.by.expires }

// holdings are those of the messages whose end lies behind a time, in the order given.
func (t *tx) holdings(q *header, seqs []int64, time int64) ([]holding, error) {
	var all []holding
	err := t.query(t.held, func(rows *sql.Rows) error {
		var h holding
		err := rows.Scan(&h.seq, &h.expires, &h.by.id, &h.by.kind, &h.by.name, &h.by.expires, &h.by.n)
		all = append(all, h)
		return err
	}, q.id, jsonList(seqs), q.first, time)
	if err != nil {
		return nil, fmt.Errorf("look at messages: %w", err)
	}
	return all, nil
}

// Delete implements [marconi.MessageStore].
func (d *dataStore) Delete(ctx context.Context, ref marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	seqs := seqsOf(ref, []marconi.MessageID{id})
	if len(seqs) == 0 {
		return d.Ping(ctx)
	}
	return d.write(ctx, "delete message "+string(id), func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		found, err := t.holdings(q, seqs, t.now)
		if len(found) == 0 || err != nil {
			return err
		}
		if err := t.mayDelete(q, found[0], claim); err != nil {
			return err
		}
		return t.removeAll(q, found)
	})
}

// mayDelete is the table of deletes (storage contract §1.4) for a message that is there.
func (t *tx) mayDelete(q *header, m holding, claim marconi.ClaimID) error {
	claimed := m.claimed(t.now)
	switch {
	case claim == "" && claimed:
		return marconi.ErrClaimed
	case claim == "":
		return nil
	case claimed && m.by.name == string(claim):
		return nil
	}
	named, err := t.holdNamed(q, claim)
	switch {
	case err != nil:
		return err
	case named.kind != claimHold || !named.live(q, t.now):
		return marconi.ErrNoClaim
	case claimed:
		return marconi.ErrNotOwner
	}
	return marconi.ErrNotClaimed
}

// DeleteMessages implements [marconi.MessageStore].
func (d *dataStore) DeleteMessages(ctx context.Context, ref marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	seqs := seqsOf(ref, ids)
	if len(seqs) == 0 {
		return d.Ping(ctx)
	}
	return d.write(ctx, "delete messages", func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		found, err := t.holdings(q, seqs, t.now)
		if err != nil {
			return err
		}
		if len(claims) > 0 {
			if err := allHeldBy(claims, found, t.now); err != nil {
				return err
			}
		}
		return t.removeAll(q, found)
	})
}

func allHeldBy(claims []marconi.ClaimID, all []holding, now int64) error {
	for _, m := range all {
		if !m.claimed(now) {
			return marconi.ErrNotClaimed
		}
		if !slices.Contains(claims, marconi.ClaimID(m.by.name)) {
			return marconi.ErrNotOwner
		}
	}
	return nil
}

// removeAll removes messages that are there.
func (t *tx) removeAll(q *header, all []holding) error {
	if len(all) == 0 {
		return nil
	}
	seqs := make([]int64, len(all))
	for i, m := range all {
		seqs[i] = m.seq
	}
	if _, err := t.exec(t.remove, q.id, jsonList(seqs)); err != nil {
		return fmt.Errorf("remove messages: %w", err)
	}
	t.change(q)
	q.total -= int64(len(all))
	return t.unloadAll(q, all)
}

// unloadAll takes messages from what holds them, whether or not its time is over.
func (t *tx) unloadAll(q *header, all []holding) error {
	type load struct {
		by hold
		n  int
	}
	var loads []load
	for _, m := range all {
		if m.by.kind == noHold {
			continue
		}
		i := slices.IndexFunc(loads, func(l load) bool { return l.by.id == m.by.id })
		if i < 0 {
			i, loads = len(loads), append(loads, load{by: m.by})
		}
		loads[i].n++
	}
	for _, l := range loads {
		if err := t.unload(q, l.by, l.n); err != nil {
			return err
		}
	}
	return nil
}

// Pop implements [marconi.MessageStore].
func (d *dataStore) Pop(ctx context.Context, ref marconi.QueueRef, limit int) ([]marconi.Message, error) {
	var popped []marconi.Message
	look := freeLook{limit: limit, mostClaims: anyClaims}
	err := d.write(ctx, "pop messages", func(t *tx) error {
		q, err := t.header(ref)
		if q == nil || err != nil {
			return err
		}
		ripe, err := t.ripenOldest(q)
		if err != nil {
			return err
		}
		found, more, err := t.findOldest(q, &look, ripe)
		if more {
			return errAgain
		}
		if len(found) == 0 || err != nil {
			return err
		}
		if _, err := t.exec(t.remove, q.id, jsonList(found.seqs())); err != nil {
			return fmt.Errorf("remove messages: %w", err)
		}
		t.change(q)
		q.total -= int64(len(found))
		popped = found.shown(ref.Incarnation, t.now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return popped, nil
}
