package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/marconi-mq/marconi"
)

// A change is what makes a message visible to somebody.
type change int

const (
	posted        change = iota
	postedDelayed        // visible to those who ask for delayed messages; there is nothing to take
	released             // by its claim, or by the claim's end
	due                  // its delay is over
)

// An event is a change of a message, by a client or by time: then anyone's may have become visible.
type event struct {
	client marconi.ClientID
	anyone bool
	change change
}

// news are what an operation has to tell to those who wait for a queue, once it is committed.
type news struct {
	ref     marconi.QueueRef
	free    []event
	shown   []event // what can't be taken
	soonest int64   // when the next thing happens by itself; 0: nothing is known
}

// expect notes that something becomes free at a time.
func (n *news) expect(at int64) {
	if n.soonest == 0 || at < n.soonest {
		n.soonest = at
	}
}

// publish tells what was committed.
func (d *dataStore) publish(all []*news) {
	for _, n := range all {
		if len(n.free) > 0 {
			d.hub.Notify(n.ref, n.free...)
		}
		if len(n.shown) > 0 {
			d.hub.Show(n.ref, n.shown...)
		}
		if n.soonest != 0 {
			d.hub.At(n.ref, time.UnixMilli(n.soonest))
		}
	}
}

// Watch implements [marconi.Watcher].
func (d *dataStore) Watch(ref marconi.QueueRef, interest marconi.Interest) marconi.Watch {
	return d.hub.Watch(ref, interest.Take, func(e event) bool { return concerns(e, interest) })
}

// concerns reports whether the event makes a message visible to one who lists with that interest.
func concerns(e event, in marconi.Interest) bool {
	if !e.anyone && e.client == in.Client && !in.Echo {
		return false
	}
	switch e.change {
	case postedDelayed:
		return in.IncludeDelayed
	case released:
		return !in.IncludeClaimed
	case due:
		return !in.IncludeDelayed
	}
	return true
}

// endings is what the hub asks when the time has come: what has ended in the queue, and when the next thing will. The
// events come with the write that ends what is over, whoever makes it: a claim, the collector, or the one begun here.
func (d *dataStore) endings(ref marconi.QueueRef) ([]event, time.Time) {
	var over bool
	var next int64
	ctx := context.Background()
	err := d.engine.read(ctx, d.sql.nextEnd, func(rows *sql.Rows) error { return rows.Scan(&over, &next) },
		string(ref.Project), string(ref.Name), int64(ref.Incarnation), d.now().UnixMilli())
	if err == nil && over {
		err = d.engine.write(ctx, work{run: func(t *tx) error { return t.endHolds(ref) }})
	}
	if err != nil {
		// The database is in trouble. Whoever waits may look for himself, and this is asked again.
		return []event{{anyone: true, change: posted}}, d.now().Add(time.Second)
	}
	if next == 0 {
		return nil, time.Time{}
	}
	return nil, time.UnixMilli(next)
}
