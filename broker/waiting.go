package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
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
		_, err := b.lookOnce(ctx, key, do)
		return err
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	names := b.queues.names.Watch(key, false, nil)
	defer names.Close()
	w := &waiting{data: b.data, interest: interest}
	defer w.end()
	for {
		found, err := b.lookWatching(ctx, key, w, do)
		if found || err != nil {
			return err
		}
		select {
		case <-w.signal():
			w.woken = true
			if ctx.Err() != nil {
				return ctx.Err() // the select may prefer the signal to the end
			}
		case <-names.C():
		case <-over.C:
			return nil
		case <-b.leaving:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *Broker) lookOnce(ctx context.Context, key marconi.QueueKey, do look) (found bool, err error) {
	ctx, cancel := b.bound(ctx)
	defer cancel()
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return do(ctx, q)
}

// lookWatching is lookOnce, with the watch set on the queue that the name stands for now before the look.
func (b *Broker) lookWatching(ctx context.Context, key marconi.QueueKey, w *waiting, do look) (found bool, err error) {
	found, err = b.lookOnce(ctx, key, func(ctx context.Context, q queueRecord) (bool, error) {
		w.on(q.ref)
		found, err := do(ctx, q)
		w.woken = w.woken && err != nil
		return found, err
	})
	return found, err
}

// waiting is a watch on what a queue's name stands for.
type waiting struct {
	data     marconi.DataStore
	interest marconi.Interest
	ref      marconi.QueueRef
	watch    marconi.Watch // nil: there was no queue yet
	woken    bool          // a signal came, and no look has followed it yet
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
