package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

// A look asks a store for messages once. ctx is bounded like any operation.
type look func(ctx context.Context, q queueRecord) (found bool, err error)

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
		names:    b.queues.names.Watch(key, false, nil),
		over:     time.NewTimer(wait),
	}
	defer w.close()
	for {
		found, err := b.look(ctx, key, w, do)
		if found || err != nil {
			return err
		}
		if again, err := b.pause(ctx, w); !again {
			return err
		}
	}
}

// look looks once. Somebody who waits has his watch set first, on the queue that the name stands for now.
func (b *Broker) look(ctx context.Context, key marconi.QueueKey, w *waiting, do look) (found bool, err error) {
	ctx, cancel := b.bound(ctx)
	defer cancel()
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

// pause waits for a reason to look again, and reports whether it was one.
func (b *Broker) pause(ctx context.Context, w *waiting) (again bool, err error) {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	select {
	case <-w.signal():
		w.woken = true
		return ctx.Err() == nil, ctx.Err() // the select may prefer the signal to the end
	case <-w.names.C():
		return true, nil
	case <-w.over.C:
		return false, nil
	case <-b.leaving:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// A waiting is a watch on what a queue's name stands for, until its time is over. Thousands may wait: what they need is in
// here, and not on their stacks, which are as large as they were for the last look.
type waiting struct {
	data     marconi.DataStore
	interest marconi.Interest
	names    *wake.Waiter[marconi.QueueKey, struct{}]
	over     *time.Timer
	ref      marconi.QueueRef
	watch    marconi.Watch // nil: there was no queue yet
	woken    bool          // a signal came, and no look has followed it yet
}

func (w *waiting) close() {
	w.end()
	w.names.Close()
	w.over.Stop()
}

func (w *waiting) on(q marconi.QueueRef) {
	if w.watch != nil && w.ref == q {
		return
	}
	w.end()
	w.ref, w.watch = q, w.data.Watch(q, w.interest)
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
