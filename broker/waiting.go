package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

// A look asks a store for messages once. ctx is bounded like any operation.
type look func(ctx context.Context, q queueRecord) (found bool, err error)

// maxLooks is how many of those who may wait look at once. Thousands may come together, and one post may wake them all: they
// would be more than the stores can do in time, and leave nothing for others.
const maxLooks = 128

// How long one who has waited goes on waiting when the stores have too much to do for his look: at first, and at most.
const (
	firstRest = 50 * time.Millisecond
	mostRest  = 800 * time.Millisecond
)

// waitTime is how long to wait for messages.
func waitTime(asked Optional[int]) (time.Duration, error) {
	seconds := marconi.Seconds(asked.or(0))
	if seconds < 0 || seconds > marconi.MaxWait {
		return 0, marconi.Refuse("wait-range", fmt.Sprintf("wait has to be from 0 to %d seconds", marconi.MaxWait))
	}
	return seconds.Duration(), nil
}

func interestOf(l Listing) marconi.Interest {
	return marconi.Interest{
		Client:         l.Client,
		Echo:           l.Echo,
		IncludeClaimed: l.IncludeClaimed,
		IncludeDelayed: l.IncludeDelayed,
	}
}

// await looks until something was found, the time is over, the caller has gone away or the server is leaving. A queue that
// isn't there has nothing to find: it may be made meanwhile.
func (b *Broker) await(ctx context.Context, key marconi.QueueKey, wait time.Duration, interest marconi.Interest, do look) error {
	if wait == 0 {
		_, err := b.look(ctx, key, nil, do)
		return err
	}
	w := &waiting{
		data:     b.data,
		interest: interest,
		over:     time.NewTimer(wait),
	}
	w.knows.Store(unasked)
	w.names = b.queues.names.Watch(key, false, w.concerns)
	defer w.close()
	found, err := b.firstLook(ctx, key, w, do)
	for !found && err == nil && !w.late {
		var again bool
		if again, err = b.pause(ctx, w); !again {
			return err
		}
		found, err = b.lookInTurn(ctx, key, w, do)
	}
	return err
}

// firstLook waits for its turn, too. Who has had no turn in all his time looks all the same, as who would not wait.
func (b *Broker) firstLook(ctx context.Context, key marconi.QueueKey, w *waiting, do look) (found bool, err error) {
	select {
	case b.turns <- struct{}{}:
		defer func() { <-b.turns }()
	case <-w.over.C:
		w.late = true
	case <-b.leaving:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return b.look(ctx, key, w, do)
}

// lookInTurn looks for one whose turn it is, and gives the turn on. That the stores have too much to do is no answer to
// somebody who has time: he looks again a while later.
func (b *Broker) lookInTurn(ctx context.Context, key marconi.QueueKey, w *waiting, do look) (found bool, err error) {
	defer func() { <-b.turns }()
	found, err = b.look(ctx, key, w, do)
	if refusesForNow(err) && !errors.Is(err, marconi.ErrFull) {
		w.rest(err)
		return false, nil
	}
	w.refusal = nil
	return found, err
}

// look looks once. Somebody who waits has his watch set first, on the queue that the name stands for now.
func (b *Broker) look(ctx context.Context, key marconi.QueueKey, w *waiting, do look) (found bool, err error) {
	ctx, bound := b.bound(ctx)
	defer bound.End()
	if w != nil {
		w.knows.CompareAndSwap(unasked, noQueue) // before he asks: what happens from here on concerns him
		ctx.Done()                               // made below, its timer would be what doubles the stack that he waits with
	}
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if w == nil {
		return do(ctx, q)
	}
	w.on(q.ref)
	found, err = do(ctx, q)
	w.woken = w.woken && err != nil
	return found, err
}

// pause waits for a reason to look again, and then for a turn to do so, which lookInTurn gives on. It reports whether there
// are both: not if the wait is over first.
func (b *Broker) pause(ctx context.Context, w *waiting) (again bool, err error) {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	for turns := chan<- struct{}(nil); ; turns = b.turns {
		signal, renamed, rested := w.reasons(turns != nil)
		select {
		case <-signal:
			w.woken = true
		case <-renamed:
		case <-rested:
		case turns <- struct{}{}:
			if err := ctx.Err(); err != nil { // the select may prefer the turn to the end
				<-b.turns
				return false, err
			}
			return true, nil
		case <-w.over.C:
			return false, w.refusal
		case <-b.leaving:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// A waiting is a watch on what a queue's name stands for, until its time is over. Thousands may wait: what they need is in
// here, and not on their stacks, which are as large as they were for the last look.
type waiting struct {
	data     marconi.DataStore
	interest marconi.Interest
	names    *wake.Waiter[marconi.QueueKey, marconi.Incarnation]
	over     *time.Timer
	ref      marconi.QueueRef
	watch    marconi.Watch // nil: there was no queue yet
	knows    atomic.Int64  // the incarnation of ref, or one of these below, for those who make others
	woken    bool          // a signal came, and no look has followed it yet
	late     bool          // the time was over before the first look

	refusal error // of the last look, which is to be tried again when the rest is over
	rested  *time.Timer
	resting time.Duration
}

func (w *waiting) close() {
	w.end()
	w.names.Close()
	w.over.Stop()
	if w.rested != nil {
		w.rested.Stop()
	}
}

// rest has the look be tried again after a while, a longer one each time.
func (w *waiting) rest(refusal error) {
	w.refusal = refusal
	if w.rested == nil {
		w.resting, w.rested = firstRest, time.NewTimer(firstRest)
		return
	}
	w.resting = min(2*w.resting, mostRest)
	w.rested.Reset(w.resting)
}

// reasons are what it takes to look again; none more, if there is one.
func (w *waiting) reasons(enough bool) (signal, renamed <-chan struct{}, rested <-chan time.Time) {
	if enough {
		return nil, nil, nil
	}
	if w.refusal != nil {
		rested = w.rested.C
	}
	return w.signal(), w.names.C(), rested
}

func (w *waiting) on(q marconi.QueueRef) {
	if w.watch != nil && w.ref == q {
		return
	}
	w.end()
	w.knows.Store(int64(q.Incarnation))
	w.ref, w.watch = q, w.data.Watch(q, w.interest)
}

// What one who waits knows of a queue before there was one.
const (
	unasked int64 = -1 // nothing: he will ask
	noQueue int64 = 0
)

// concerns reports whether the name stands for another queue than w knows.
func (w *waiting) concerns(now marconi.Incarnation) bool {
	known := w.knows.Load()
	return known != unasked && known != int64(now)
}

func (w *waiting) signal() <-chan struct{} {
	if w.watch == nil {
		return nil
	}
	return w.watch.C()
}

// end gives up the watch. What it was told and did not look at goes to the next one who waits.
func (w *waiting) end() {
	if w.watch == nil {
		return
	}
	if w.woken {
		w.watch.Pass()
	}
	w.watch.Close()
	w.watch, w.woken = nil, false
}
