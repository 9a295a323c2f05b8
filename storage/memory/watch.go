package memory

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi"
)

// waitAtLeast is the span in which what ends is looked at together. The moments of a watched queue include those at
// which messages expire, which may be each millisecond.
const waitAtLeast = 10 * time.Millisecond

// A change is what makes a message visible to somebody.
type change int

const (
	posted        change = iota
	postedDelayed        // visible to those who ask for delayed messages; there is nothing to take
	released             // by its claim or the claim's end
	due                  // its delay is over
)

// An event is a change of a message.
type event struct {
	client marconi.ClientID
	change change
}

// The news are what a call has to tell to those who wait for the queue.
type news struct {
	watched bool // somebody does: it's worth while to note
	free    []event
	shown   []event // what can't be taken
	soonest int64   // when the next comes by itself; 0: nothing is known
}

func (n *news) note(e event) {
	switch {
	case !n.watched:
	case e.change == postedDelayed:
		n.shown = append(n.shown, e)
	default:
		n.free = append(n.free, e)
	}
}

// expect notes that something becomes free at t.
func (n *news) expect(t int64) {
	if n.watched && (n.soonest == 0 || t < n.soonest) {
		n.soonest = t
	}
}

// tell tells those who wait for the queue.
func (d *dataStore) tell(ref marconi.QueueRef, n news) {
	if len(n.free) > 0 {
		d.hub.Notify(ref, n.free...)
	}
	if len(n.shown) > 0 {
		d.hub.Show(ref, n.shown...)
	}
	if n.soonest != 0 {
		d.hub.At(ref, time.UnixMilli(n.soonest))
	}
}

// Watch implements [marconi.Watcher].
func (d *dataStore) Watch(ref marconi.QueueRef, interest marconi.Interest) marconi.Watch {
	return d.hub.Watch(ref, interest.Take, func(e event) bool { return concerns(e, interest) })
}

// concerns reports whether the event makes a message visible to one who lists with that interest.
func concerns(e event, in marconi.Interest) bool {
	if e.client == in.Client && !in.Echo {
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

// freed is what the hub asks when the time has come: what has become free by itself, and when to ask again.
func (d *dataStore) freed(ref marconi.QueueRef) (events []event, next time.Time) {
	err := d.visit(context.Background(), ref, func(q *queue) {
		events, q.news.free = q.news.free, nil
		if len(q.due) > 0 {
			next = time.UnixMilli(max(q.due[0].next, q.now+waitAtLeast.Milliseconds()))
		}
	})
	if err != nil { // closed: the hub ends, too
		return nil, time.Time{}
	}
	return events, next
}
