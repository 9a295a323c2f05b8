package indexed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const (
	reapEvery   = time.Second // so that segments are removed together
	reapAtMost  = time.Minute // apart, while Swift doesn't answer
	reapTime    = time.Minute // for one request
	reapBatch   = 1000        // names in a request
	maxReapable = 20_000      // names that wait; further ones are left to expire
	maxDropped  = 1000        // queues that wait
	mostFailed  = 2           // one request may fail for what it is about, two fail for Swift's sake
	closeTime   = 2 * time.Second
)

// A reaper removes segments that nobody needs any more, beside the calls. What it doesn't come to expires by itself.
type reaper struct {
	client objects.Client
	moved  *movedLog
	meter  storage.Meter
	logger *slog.Logger
	wake   chan struct{}
	stop   context.CancelFunc // ends the goroutine,
	ended  chan struct{}      // which then closes this

	turn chan struct{} // holds one who removes

	mu      sync.Mutex // guards what follows
	names   []objects.Path
	dropped []droppedQueue
}

// A droppedQueue was deleted or purged: of its segments those go that were made before the moment.
type droppedQueue struct {
	home
	end string // they stand before this name
}

func newReaper(c objects.Client, moved *movedLog, o storage.Options) *reaper {
	ctx, stop := context.WithCancel(context.Background())
	r := &reaper{client: c, moved: moved, meter: o.Meter, logger: o.Logger, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		stop: stop, ended: make(chan struct{})}
	go r.run(ctx)
	return r
}

// reap has a segment removed.
func (r *reaper) reap(at ...objects.Path) {
	r.mu.Lock()
	room := max(maxReapable-len(r.names), 0)
	r.names = append(r.names, at[:min(room, len(at))]...)
	r.mu.Unlock()
	r.awake(len(at) - room)
}

// drop has the segments of a queue removed that were made before the moment.
func (r *reaper) drop(h home, moment time.Time) {
	r.queueDropped(droppedQueue{h, h.before(moment)})
}

func (r *reaper) queueDropped(q ...droppedQueue) {
	r.mu.Lock()
	room := max(maxDropped-len(r.dropped), 0)
	r.dropped = append(r.dropped, q[:min(room, len(q))]...)
	r.mu.Unlock()
	r.awake(len(q) - room)
}

func (r *reaper) awake(tooMany int) {
	if tooMany > 0 {
		r.meter.Add("swift_reaping_left_out_total", float64(tooMany))
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reaper) run(ctx context.Context) {
	defer close(r.ended)
	wait := reapEvery
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		if pause.For(ctx, wait) != nil {
			return
		}
		if r.reapNow(ctx) {
			wait = reapEvery
			continue
		}
		wait = min(2*wait, reapAtMost)
		r.awake(0)
	}
}

// close ends the goroutine, and removes what can be removed in a moment.
func (r *reaper) close() {
	r.stop()
	<-r.ended
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	r.reapNow(ctx)
}

// reapNow removes all that waits, and reports whether that was done. If not, it waits on, what failed behind all else.
func (r *reaper) reapNow(ctx context.Context) bool {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-r.turn }()
	names, dropped := r.takeAll()
	if len(names)+len(dropped) == 0 {
		return true
	}
	err := r.moved.catchUp(ctx) // after the messages have gone, not before
	if err == nil {
		names, dropped, err = r.reapAll(ctx, names, dropped)
	}
	if err != nil {
		r.reap(names...)
		r.queueDropped(dropped...)
		if ctx.Err() == nil {
			r.logger.Warn("segments of messages that are gone could not be removed from Swift; it is tried again", slog.Any("error", err))
		}
	}
	return err == nil
}

// reapAll gives what is left, and why.
func (r *reaper) reapAll(ctx context.Context, names []objects.Path, dropped []droppedQueue) ([]objects.Path, []droppedQueue, error) {
	batches := slices.Collect(slices.Chunk(names, reapBatch))
	batches, namesErr := attempt(batches, func(batch []objects.Path) error { return r.remove(ctx, batch) })
	dropped, droppedErr := attempt(dropped, func(q droppedQueue) error { return r.removeBefore(ctx, q) })
	return slices.Concat(batches...), dropped, errors.Join(namesErr, droppedErr)
}

// attempt does what is to be done, until it has failed too often. What is left are those that it did not come to, and behind them
// those that failed, so that these keep nobody waiting.
func attempt[T any](todo []T, do func(T) error) (left []T, err error) {
	var failed []T
	var errs []error
	for len(todo) > 0 && len(errs) < mostFailed {
		if err := do(todo[0]); err != nil {
			failed, errs = append(failed, todo[0]), append(errs, err)
		}
		todo = todo[1:]
	}
	return slices.Concat(todo, failed), errors.Join(errs...)
}

func (r *reaper) takeAll() ([]objects.Path, []droppedQueue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names, dropped := r.names, r.dropped
	r.names, r.dropped = nil, nil
	return names, dropped
}

// remove removes segments, but for those of queues that dead letters have left.
func (r *reaper) remove(ctx context.Context, names []objects.Path) error {
	ctx, cancel := context.WithTimeout(ctx, reapTime)
	defer cancel()
	names = slices.DeleteFunc(slices.Clone(names), func(at objects.Path) bool { return r.moved.has(hashOf(at)) })
	if len(names) == 0 {
		return nil
	}
	if err := r.client.DeleteMany(ctx, names); err != nil {
		return fmt.Errorf("remove %d segments: %w", len(names), err)
	}
	r.meter.Add("swift_segments_reaped_total", float64(len(names)))
	return nil
}

// removeBefore removes the segments of a queue that was dropped, as far as they are listed.
func (r *reaper) removeBefore(ctx context.Context, q droppedQueue) error {
	l := objects.Listing{Prefix: q.hash + "/", End: q.end}
	var failed error
	failures := 0
	for !r.moved.has(q.hash) {
		names, err := r.list(ctx, q, l)
		if err != nil || len(names) == 0 {
			return errors.Join(failed, err)
		}
		left, err := attempt(slices.Collect(slices.Chunk(names, reapBatch)), func(batch []objects.Path) error { return r.remove(ctx, batch) })
		failed, failures = errors.Join(failed, err), failures+len(left)
		if failures >= mostFailed {
			return failed
		}
		l.Marker = names[len(names)-1].Name
	}
	return failed
}

func (r *reaper) list(ctx context.Context, q droppedQueue, l objects.Listing) ([]objects.Path, error) {
	ctx, cancel := context.WithTimeout(ctx, reapTime)
	defer cancel()
	entries, err := r.client.List(ctx, q.container, l)
	if errors.Is(err, objects.ErrContainer) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the segments of a queue that was dropped: %w", err)
	}
	names := make([]objects.Path, len(entries))
	for i, e := range entries {
		names[i] = objects.Path{Container: q.container, Name: e.Name}
	}
	return names, nil
}
