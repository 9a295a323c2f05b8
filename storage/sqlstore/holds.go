package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// A holdKind says what keeps messages back.
type holdKind int64

// The kinds, as they stand in the database.
const (
	noHold    holdKind = 0
	claimHold holdKind = 1
	leaseHold holdKind = 2 // of dead letters
	delayHold holdKind = 3
)

// counts reports whether messages under such a hold count as claimed.
func (k holdKind) counts() bool { return k == claimHold || k == leaseHold }

// end is what the end of such a hold is to those who wait.
func (k holdKind) end() change {
	if k == delayHold {
		return due
	}
	return released
}

// ripenRows is how many messages one transaction frees whose hold is over: freeing 100 000 in one keeps everybody
// else waiting for more than a second.
const ripenRows = 256

// A hold is a row of holds.
type hold struct {
	id, qid      int64
	kind         holdKind
	name         string
	ttl, updated int64
	expires      int64
	n            int
	first        int64
	seqs         string
}

func (h *hold) scan(rows *sql.Rows) error {
	return rows.Scan(&h.id, &h.qid, &h.kind, &h.name, &h.ttl, &h.updated, &h.expires, &h.n, &h.first, &h.seqs)
}

// live reports whether the hold of a queue keeps anything back.
func (h *hold) live(q *header, now int64) bool {
	return h.id != 0 && h.first >= q.first && now < h.expires
}

// holdNamed is the claim or lease of that name, also one that is over. Its id is 0 if there is none.
func (t *tx) holdNamed(q *header, name marconi.ClaimID) (hold, error) {
	var h hold
	if err := t.query(t.hold, h.scan, q.id, string(name)); err != nil {
		return hold{}, fmt.Errorf("find a claim: %w", err)
	}
	return h, nil
}

// keepBack puts a hold into the database for the messages seqs, which rise. It comes back as it is kept.
func (t *tx) keepBack(q *header, h hold, seqs []int64) (hold, error) {
	h.id, h.qid, h.n, h.first, h.seqs = t.numbers.nextHold(), q.id, len(seqs), seqs[0], jsonList(seqs)
	var name any
	if h.name != "" {
		name = h.name
	}
	_, err := t.exec(t.insertHold, h.id, h.qid, int64(h.kind), name, h.ttl, h.updated, h.expires, h.n, h.first, h.seqs)
	if err != nil {
		return hold{}, fmt.Errorf("keep messages back: %w", err)
	}
	t.tell(q.ref).expect(h.expires)
	return h, nil
}

// ripen frees what is no longer kept back in the queue. With errAgain there is more of it: whoever wants the oldest
// free messages can't choose yet.
func (t *tx) ripen(q *header) error {
	var over []hold
	err := t.query(t.overHolds, func(rows *sql.Rows) error {
		var h hold
		over = append(over, h)
		return over[len(over)-1].scan(rows)
	}, q.id, t.now, ripenRows)
	if err != nil {
		return fmt.Errorf("find what is no longer kept back: %w", err)
	}
	rows := 0
	for i, h := range over {
		if rows > 0 && rows+h.n > ripenRows {
			return errAgain
		}
		rows += h.n
		if err := t.letGo(q, h); err != nil {
			return err
		}
		if i == ripenRows-1 {
			return errAgain
		}
	}
	return nil
}

// letGo frees all that a hold holds, and removes the hold.
func (t *tx) letGo(q *header, h hold) error {
	if h.first >= q.first {
		freed, err := t.exec(t.release, q.id, h.seqs, h.id)
		if err != nil {
			return fmt.Errorf("free messages: %w", err)
		}
		t.uncount(q, h.kind, int(freed))
		t.tellFree(q, h.kind.end(), int(freed))
	}
	return t.removeHold(h.id)
}

func (t *tx) removeHold(id int64) error {
	if _, err := t.exec(t.dropHold, id); err != nil {
		return fmt.Errorf("remove what kept messages back: %w", err)
	}
	return nil
}

// uncount takes n messages off those that count as claimed.
func (t *tx) uncount(q *header, kind holdKind, n int) {
	if kind.counts() && n > 0 {
		t.change(q)
		q.claimed -= int64(n)
	}
}

// tellFree tells of n messages that became free by themselves, or by somebody who need not be their client.
func (t *tx) tellFree(q *header, c change, n int) {
	to := t.tell(q.ref)
	for range n {
		to.free = append(to.free, event{anyone: true, change: c})
	}
}

// unload takes n messages, which are being removed, from a hold that has held some.
func (t *tx) unload(q *header, h hold, n int) error {
	t.uncount(q, h.kind, n)
	if n >= h.n {
		return t.removeHold(h.id)
	}
	if _, err := t.exec(t.lighten, h.id, n); err != nil {
		return fmt.Errorf("take messages from what kept them back: %w", err)
	}
	return nil
}

// endHolds frees what is no longer kept back in a queue.
func (t *tx) endHolds(ref marconi.QueueRef) error {
	q, err := t.header(ref)
	if q == nil || err != nil {
		return err
	}
	return t.ripen(q)
}
