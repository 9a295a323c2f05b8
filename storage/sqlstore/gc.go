package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
)

// How often the collector works. What has expired it removes at once, for the counts of a queue count rows; the rest
// can wait.
const (
	collectEvery = passEvery
	tidyEvery    = time.Minute
)

// A turn of the collector is one write among others. It is to take about so long, so that nobody else notices.
const turnTime = 5 * time.Millisecond

// What a turn removes at first, at least and at most.
const (
	firstTurn = 128
	leastTurn = 16
	mostTurn  = 1024
)

// beforeAll is a time before the end of every message.
const beforeAll = -1

// idleAfter is how long a queue keeps its header after its last post, once it has no message.
const idleAfter = time.Hour

// A collector gives back the space of what nobody can see any more, in turns.
type collector struct {
	*dataStore
	rows    int   // what the next turn removes
	removed int   // messages so far
	free    int64 // pages that were free at the last look
	giving  int64 // those of them that are being given back
	pass    passing
}

// collectNowAndThen is the collector's goroutine.
func (d *dataStore) collectNowAndThen(ctx context.Context) {
	defer close(d.ended)
	c := &collector{dataStore: d, rows: firstTurn}
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	tidy, space := time.Now().Add(jittered(tidyEvery)), time.Now().Add(jittered(spaceEvery))
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-d.slow:
		}
		// What fails is tried again next time; if the database is in trouble, whoever calls it hears of that.
		_ = c.alone(ctx, func() error {
			err := c.collectEnded(ctx)
			switch now := time.Now(); {
			case now.After(tidy):
				err = errors.Join(err, c.tidy(ctx, false))
				tidy, space = now.Add(jittered(tidyEvery)), now.Add(jittered(spaceEvery))
			case now.After(space):
				err = errors.Join(err, c.giveBack(ctx, false))
				space = now.Add(jittered(spaceEvery))
			}
			return err
		})
		c.report()
	}
}

// alone does something when no other collector does anything.
func (c *collector) alone(ctx context.Context, do func() error) error {
	select {
	case c.collecting <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.collecting }()
	return do()
}

// jittered is about d, so that servers begun together do not go on together.
func jittered(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2)
}

func (c *collector) report() {
	if c.removed > 0 {
		c.meter.Add("collected_messages", float64(c.removed))
		c.removed = 0
	}
}

// Collect implements [marconi.DataStore].
func (d *dataStore) Collect(ctx context.Context) (int, error) {
	if err := d.enter(ctx); err != nil {
		return 0, fmt.Errorf("collect: %w", err)
	}
	defer d.door.Leave()
	c := &collector{dataStore: d, rows: firstTurn}
	err := c.alone(ctx, func() error {
		if err := c.collectEnded(ctx); err != nil {
			return err
		}
		return c.tidy(ctx, true)
	})
	n := c.removed
	c.report()
	if err != nil {
		return n, fmt.Errorf("collect: %w", d.errs(err))
	}
	return n, nil
}

// collectEnded frees what is no longer kept back, and removes what has expired.
func (c *collector) collectEnded(ctx context.Context) error {
	var anything bool
	err := c.engine.read(ctx, c.sql.anythingTo, func(rows *sql.Rows) error { return rows.Scan(&anything) }, c.millis())
	if err != nil || !anything {
		return err
	}
	if err := c.passExpired(ctx); err != nil {
		return err
	}
	if err := c.turns(ctx, 0, c.passExpired, c.ripenSome); err != nil {
		return err
	}
	return c.turns(ctx, 0, c.passExpired, c.removeExpired)
}

// tidy removes headers nobody needs, and gives back what it can; see [collector.giveBack].
func (c *collector) tidy(ctx context.Context, all bool) error {
	if err := c.dropIdle(ctx); err != nil {
		return err
	}
	return c.giveBack(ctx, all)
}

// A step does about so much of the collector's work, and reports whether there is more.
type step func(t *tx, rows int) (removed int, more bool, err error)

// turns takes steps until there is no more to do. Each is as long as turnTime allows, by what the one before took; and for as
// long as it took, and at least for so long as rest says, the writer is left to others: they get half of it, whatever there is to collect.
// What may take long lets other things be done meanwhile, every now and then.
func (c *collector) turns(ctx context.Context, rest time.Duration, meanwhile func(context.Context) error, do step) error {
	last := time.Now()
	for more := true; more; {
		var removed int
		var took time.Duration
		err := c.engine.write(ctx, work{run: func(t *tx) (err error) {
			start := time.Now()
			removed, more, err = do(t, c.rows)
			took = time.Since(start)
			return err
		}})
		if err != nil {
			return err
		}
		c.removed += removed
		c.pace(took)
		if !more {
			break
		}
		if err := pause.For(ctx, max(rest, min(took, 2*turnTime))); err != nil {
			return err
		}
		if time.Since(last) > passEvery {
			rows := c.rows
			c.rows = firstTurn
			_ = meanwhile(ctx) // what fails is tried again, and is no reason to leave this
			c.rows, last = rows, time.Now()
		}
	}
	return nil
}

func (c *collector) pace(took time.Duration) {
	switch {
	case took > turnTime:
		c.rows = max(c.rows/2, leastTurn)
	case took < turnTime/3:
		c.rows = min(c.rows*2, mostTurn)
	}
}

// ripenSome frees messages whose holds are over.
func (c *collector) ripenSome(t *tx, rows int) (removed int, more bool, err error) {
	var qid int64
	found, err := t.get(t.overQueue, []any{&qid}, t.now)
	if !found || err != nil {
		return 0, false, err
	}
	q, err := t.headerOf(qid)
	if err != nil {
		return 0, false, err
	}
	if q == nil { // dropped: the holds go first, lest they are found again
		n, err := t.exec(t.holdsBelow, qid, int64(math.MaxInt64), rows)
		return 0, n > 0, err
	}
	err = t.ripen(q)
	if errors.Is(err, errAgain) {
		err = nil
	}
	return 0, true, err
}

// removeExpired removes messages that have expired.
func (c *collector) removeExpired(t *tx, rows int) (removed int, more bool, err error) {
	found := map[int64][]int64{} // seqs by qid
	err = t.query(t.expired, func(r *sql.Rows) error {
		var qid, seq int64
		err := r.Scan(&qid, &seq)
		found[qid] = append(found[qid], seq)
		removed++
		return err
	}, t.now, rows)
	if err != nil {
		return 0, false, fmt.Errorf("find what has expired: %w", err)
	}
	for qid, seqs := range found {
		if err := t.removeDead(qid, seqs); err != nil {
			return 0, false, err
		}
	}
	return removed, removed == rows, nil
}

// removeDead removes messages that nobody can see: expired ones, and those of purged or dropped queues, which are not
// counted any more.
func (t *tx) removeDead(qid int64, seqs []int64) error {
	q, err := t.headerOf(qid)
	if err != nil {
		return err
	}
	var counted []holding
	if q != nil {
		if counted, err = t.holdings(q, seqs, beforeAll); err != nil {
			return err
		}
	}
	if _, err := t.exec(t.remove, qid, jsonList(seqs)); err != nil {
		return fmt.Errorf("remove what has expired: %w", err)
	}
	if len(counted) == 0 {
		return nil
	}
	t.change(q)
	q.total -= int64(len(counted))
	return t.unloadAll(q, counted)
}

// removeGarbage removes what is left of a dropped or purged queue.
func (c *collector) removeGarbage(t *tx, rows int) (removed int, more bool, err error) {
	var qid, below int64
	found, err := t.get(t.garbage, []any{&qid, &below})
	if !found || err != nil {
		return 0, false, err
	}
	n, err := t.exec(t.removeBelow, qid, below, rows)
	if err != nil {
		return 0, false, fmt.Errorf("remove the messages of a dropped queue: %w", err)
	}
	if n > 0 {
		return int(n), true, nil
	}
	if n, err = t.exec(t.holdsBelow, qid, below, rows); n > 0 || err != nil {
		return 0, true, err
	}
	_, err = t.exec(t.forgetGarbage, qid)
	return 0, true, err
}

// dropIdle drops the headers of queues that were empty for long: queues that are used again get new ones, and what was
// posted late to a queue that is gone leaves nothing behind.
func (c *collector) dropIdle(ctx context.Context) error {
	before := c.now().Add(-idleAfter).UnixMilli() << 10 // a seq begins at such a number: see package seqid
	for {
		var idle []marconi.QueueRef
		err := c.engine.read(ctx, c.sql.idle, func(rows *sql.Rows) error {
			var ref marconi.QueueRef
			err := rows.Scan(&ref.Project, &ref.Name, &ref.Incarnation)
			idle = append(idle, ref)
			return err
		}, before, firstTurn)
		if len(idle) == 0 || err != nil {
			return err
		}
		if err := c.engine.write(ctx, work{run: func(t *tx) error { return t.dropAll(idle, before) }}); err != nil {
			return err
		}
	}
}

// dropAll drops those headers that are idle still.
func (t *tx) dropAll(refs []marconi.QueueRef, before int64) error {
	for _, ref := range refs {
		q, err := t.header(ref)
		if err != nil {
			return err
		}
		if q == nil || q.total > 0 || q.sealed || q.last >= before {
			continue
		}
		if err := t.drop(q); err != nil {
			return err
		}
	}
	return nil
}
