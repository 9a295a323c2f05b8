package sqlstore

import (
	"context"
	"database/sql"

	"github.com/marconi-mq/marconi"
)

// Stats implements [marconi.DataStore].
func (d *dataStore) Stats(ctx context.Context, ref marconi.QueueRef) (marconi.Stats, error) {
	now := d.millis()
	var total, claimed int64
	var ends messages
	err := d.read(ctx, "count messages", d.sql.stats, func(rows *sql.Rows) error {
		m, err := scanMessage(rows, &total, &claimed)
		ends = append(ends, m)
		return err
	}, keyOf(ref, now)...)
	if err != nil {
		return marconi.Stats{}, err
	}
	if len(ends) == 0 { // then what is still counted has expired
		return marconi.Stats{}, nil
	}
	ends.sort()
	oldest, newest := ends[0].shown(ref.Incarnation, now), ends[len(ends)-1].shown(ref.Incarnation, now)
	return marconi.Stats{
		Free: total - claimed, Claimed: claimed, Total: total,
		Oldest: &oldest, Newest: &newest,
	}, nil
}

// Volume implements [marconi.DataStore].
func (d *dataStore) Volume(ctx context.Context) (marconi.Volume, error) {
	var v marconi.Volume
	err := d.read(ctx, "count all messages", d.sql.volume, func(rows *sql.Rows) error {
		return rows.Scan(&v.Total, &v.Claimed)
	}, d.millis())
	if err != nil {
		return marconi.Volume{}, err
	}
	v.Free = v.Total - v.Claimed
	return v, nil
}

// Queues implements [marconi.DataStore].
func (d *dataStore) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	var all []marconi.QueueRef
	err := d.read(ctx, "list the queues that hold messages", d.sql.queues, func(rows *sql.Rows) error {
		var q marconi.QueueRef
		err := rows.Scan(&q.Project, &q.Name, &q.Incarnation)
		all = append(all, q)
		return err
	}, d.millis())
	if err != nil {
		return nil, err
	}
	return all, nil
}
