package sqlstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/marconi-mq/marconi"
)

// walkRows is how many messages of all kinds a listing goes over in one query, where it has to go over all: about 2 ms.
const walkRows = 2000

// A listLook is a listing under way.
type listLook struct {
	marconi.Listing
	ref    marconi.QueueRef
	now    int64
	after  int64 // what is left to look at lies behind this
	others any   // whose messages are left out; nil: nobody's
}

// findFree gives a page of free messages, in order. Mostly they all stand in the index of free ones, or are a few whose holds
// have just ended. Where thousands have, it goes over the queue's messages one by one, free or not: most will be.
func (d *dataStore) findFree(ctx context.Context, l *listLook) (found messages, err error) {
	var over int
	err = d.read(ctx, "list messages", d.sql.listFree, func(rows *sql.Rows) error {
		m, err := scanMessage(rows, &over)
		found = append(found, m)
		return err
	}, keyOf(l.ref, l.now, l.after, l.others, l.Limit)...)
	if err == nil && len(found) == 0 {
		err = d.read(ctx, "list messages", d.sql.countOver, func(rows *sql.Rows) error { return rows.Scan(&over) }, keyOf(l.ref, l.now)...)
	}
	if err != nil {
		return nil, err
	}
	if over >= manyOver {
		return d.walk(ctx, l)
	}
	found.sort()
	return found, nil
}

// findAll gives a page of messages of the kinds that were asked for, in order.
func (d *dataStore) findAll(ctx context.Context, l *listLook) (messages, error) {
	return d.findUpTo(ctx, l, math.MaxInt64)
}

func (d *dataStore) findUpTo(ctx context.Context, l *listLook, last int64) (found messages, err error) {
	err = d.read(ctx, "list messages", d.sql.listAll, found.add,
		keyOf(l.ref, l.now, l.after, l.others, l.IncludeClaimed, l.IncludeDelayed, l.Limit, last)...)
	found.sort()
	return found, err
}

// walk is findAll in steps, between which other reads get their turn.
func (d *dataStore) walk(ctx context.Context, l *listLook) (messages, error) {
	var all messages
	for {
		end := int64(math.MaxInt64)
		err := d.read(ctx, "list messages", d.sql.walkEnd, func(rows *sql.Rows) error { return rows.Scan(&end) },
			string(l.ref.Project), string(l.ref.Name), int64(l.ref.Incarnation), l.after, walkRows)
		if err != nil {
			return nil, err
		}
		step := *l
		step.Limit -= len(all)
		found, err := d.findUpTo(ctx, &step, end)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(all) == l.Limit || end == math.MaxInt64 {
			return all, nil
		}
		l.after = end
	}
}
