package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

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

// How many messages one transaction frees whose holds are over, and how many holds it ends, if not for somebody: 2 ms of work.
// Freeing 100 000 messages in one keeps everybody else waiting for more than a second.
const (
	ripenRows  = 192
	ripenHolds = 64
)

// How many it frees, and ends, for whoever wants free messages, who waits for it: a few more than are wanted. Those that hold the oldest
// messages come first; if others are older, this goes on in another transaction.
const (
	neededRows  = 64
	neededHolds = 15
)

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

// over are the holds of a queue that are over, as many as the limit says, in the order of the query.
func (t *tx) over(query string, q *header, limit int) ([]hold, error) {
	var over []hold
	err := t.query(query, func(rows *sql.Rows) error {
		var h hold
		over = append(over, h)
		return over[len(over)-1].scan(rows)
	}, q.id, t.now, limit)
	if err != nil {
		return nil, fmt.Errorf("find what is no longer kept back: %w", err)
	}
	return over, nil
}

// ripenOldest frees what is no longer kept back in the queue, or, of very much, those that were kept back longest. It gives
// the seq below which all is free that can be: whoever takes only what lies below it takes the oldest.
func (t *tx) ripenOldest(q *header) (below int64, err error) {
	over, err := t.over(t.overHolds, q, neededHolds+1)
	if len(over) > neededHolds && err == nil { // there may be a thousand
		over, err = t.over(t.overFirst, q, neededHolds+1)
	}
	if err != nil {
		return 0, err
	}
	slices.SortFunc(over, func(a, b hold) int { return cmp.Compare(a.first, b.first) })
	n := min(atOnce(over, neededRows), neededHolds)
	below = math.MaxInt64
	if n < len(over) {
		below = over[n].first
	}
	return below, t.letGo(q, over[:n]...)
}

// ripen frees what is no longer kept back in the queue. With errAgain there is more of it.
func (t *tx) ripen(q *header) error {
	over, err := t.over(t.overHolds, q, ripenHolds)
	if err != nil {
		return err
	}
	n := atOnce(over, ripenRows)
	if err := t.letGo(q, over[:n]...); err != nil {
		return err
	}
	if n < len(over) || n == ripenHolds {
		return errAgain
	}
	return nil
}

// atOnce is how many holds are ended in one transaction: the first, and as many more as together do not hold more than that.
func atOnce(over []hold, most int) int {
	rows := 0
	for i, h := range over {
		if rows += h.n; i > 0 && rows > most {
			return i
		}
	}
	return len(over)
}

// letGo frees all that holds of the queue hold, and removes the holds.
func (t *tx) letGo(q *header, holds ...hold) error {
	if len(holds) == 0 {
		return nil
	}
	ids, seqs := make([]int64, len(holds)), make([]string, 0, len(holds))
	for i, h := range holds {
		ids[i] = h.id
		if h.first >= q.first {
			seqs = append(seqs, strings.Trim(h.seqs, "[]"))
			t.uncount(q, h.kind, h.n)
			t.tellFree(q, h.kind.end(), h.n)
			q.empty.close(h.seqs)
		}
	}
	list := jsonList(ids)
	if _, err := t.exec(t.release, q.id, "["+strings.Join(seqs, ",")+"]", list); err != nil {
		return fmt.Errorf("free messages: %w", err)
	}
	if _, err := t.exec(t.dropHolds, list); err != nil {
		return fmt.Errorf("remove what kept messages back: %w", err)
	}
	return nil
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
