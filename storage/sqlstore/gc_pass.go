package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// passEvery is about how often the collector looks whether much has expired at once.
const passEvery = 100 * time.Millisecond

// passRows is how much that is. What is less is removed before anybody could notice, and read over until then in a fraction of
// a millisecond.
const passRows = 1000

// passShare is how many of those have to be a queue's for it to be worth a write: of a thousand queues in which a message has
// expired, each loses it as quickly without.
const passShare = passRows / 10

// passTurn is how many messages a turn passes over: counting them in an index takes about 3 ms.
const passTurn = 20_000

// A passing remembers what the collector has passed over: queues in the order in which their messages expire.
type passing struct {
	expires, qid int64
}

// passExpired takes the expired messages at the beginning of each queue out of sight and out of the counts, where there are
// many: removing 100 000 takes seconds, in which each claim, page or count would go over all that are left. To pass over
// them changes one number a queue, the one that a purge changes. They are removed like all others.
func (c *collector) passExpired(ctx context.Context) error {
	now := c.millis()
	if c.pass.expires > now { // the clock was set back
		c.pass.expires, c.pass.qid = 0, 0
	}
	for {
		var last passing
		found, queues := 0, map[int64]int{}
		err := c.engine.read(ctx, c.sql.expiredAfter, func(rows *sql.Rows) error {
			var n int
			err := rows.Scan(&last.expires, &last.qid, &n)
			found += n
			queues[last.qid] += n
			return err
		}, c.pass.expires, c.pass.qid, now, passRows)
		if found < passRows || err != nil {
			return err
		}
		for qid, n := range queues {
			if n < passShare {
				continue
			}
			if err := c.passQueue(ctx, qid); err != nil {
				return err
			}
		}
		c.pass.expires, c.pass.qid = last.expires, last.qid
	}
}

// passQueue raises the queue's first number above the expired messages at its beginning, in turns. A reader finds out where these
// end, for they stay expired; and it stops before whatever a claim has held that is still there: where a claim's first message
// lies tells whether a purge has ended it.
func (c *collector) passQueue(ctx context.Context, qid int64) error {
	var below int64
	err := c.engine.read(ctx, c.sql.deadBelow, func(rows *sql.Rows) error { return rows.Scan(&below) }, qid, c.millis())
	if err != nil {
		return fmt.Errorf("find where what has expired ends: %w", err)
	}
	for more := true; more; {
		err := c.engine.write(ctx, work{run: func(t *tx) (err error) {
			more, err = t.pass(qid, below)
			return err
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// pass takes free messages below a seq out of sight and out of the counts, and reports whether there are more. It looks again for
// claims: there are none, unless the clock was set back meanwhile.
func (t *tx) pass(qid, below int64) (more bool, err error) {
	q, err := t.headerOf(qid)
	if q == nil || err != nil {
		return false, err
	}
	var n int
	var last int64
	if _, err := t.get(t.countBelow, []any{&n, &last}, qid, q.first, below, passTurn); err != nil {
		return false, fmt.Errorf("count what has expired: %w", err)
	}
	if n > 0 {
		t.change(q)
		q.first = last + 1
		q.total -= int64(n)
	}
	return n == passTurn, nil
}
