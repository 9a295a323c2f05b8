package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// spaceEvery is about how often the collector looks for space to give back.
const spaceEvery = 3 * time.Second

// turnPages is how many pages a turn gives back at most, moving others into their place: 64 take less than 8 ms, and the sync.
const turnPages = 64

// mostShrink is how many pages are given back before the collector looks for other things to do: what takes about ten seconds.
const mostShrink = 800 * turnPages

// shrinkRest is how long the writer is left to others after such a turn at least. Where nothing has to be moved a turn takes half
// a millisecond, but whoever then shortens the file needs 4 µs a page, and others wait for that.
const shrinkRest = 2 * turnTime

// giveBack removes what is left of queues that were dropped or purged, and gives free pages of the file back to the system:
// all, or those that were free at the last look as well, where these are a quarter of the file. What is free for less than
// that, the next posts use: a queue that fills and empties every second would otherwise move its pages back and forth.
func (c *collector) giveBack(ctx context.Context, all bool) error {
	var garbage bool
	if err := c.engine.read(ctx, c.sql.garbage, func(*sql.Rows) error { garbage = true; return nil }); err != nil {
		return fmt.Errorf("look for what was dropped: %w", err)
	}
	if garbage {
		if err := c.turns(ctx, 0, c.collectEnded, c.removeGarbage); err != nil {
			return err
		}
	}
	var free, pages, pageSize int64
	err := c.engine.read(ctx, c.sql.freePages, func(rows *sql.Rows) error { return rows.Scan(&free, &pages, &pageSize) })
	if err != nil {
		return fmt.Errorf("count free pages: %w", err)
	}
	unused := min(free, c.free)
	c.free, c.giving = free, min(c.giving, unused)
	if unused >= pages/4 {
		c.giving = unused
	}
	give := min(c.giving, mostShrink)
	if all {
		give = free
	}
	if give > 0 {
		if err := c.shrink(ctx, give); err != nil {
			return err
		}
		c.free, c.giving = c.free-give, c.giving-give
	}
	return c.engine.trim(ctx)
}

// shrink gives so many free pages back, in turns.
func (c *collector) shrink(ctx context.Context, pages int64) error {
	return c.turns(ctx, shrinkRest, c.collectEnded, func(t *tx, _ int) (removed int, more bool, err error) {
		if pages <= 0 {
			return 0, false, nil
		}
		if _, err := t.exec(t.vacuum); err != nil {
			return 0, false, fmt.Errorf("give free pages back: %w", err)
		}
		pages -= turnPages
		return 0, pages > 0, nil
	})
}
