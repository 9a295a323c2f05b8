package flow

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// A reader follows one queue behind a marker of its own: as an observer, or as an auditor, who sees what is claimed, too.
type reader struct {
	hand
	queue   *queue
	handle  *client.Queue
	book    *ledger.Observer
	listing client.MessageListing
	saw     func(ctx context.Context, got []client.Message, books []ledger.Message, answered time.Duration)
	until   func() time.Duration // the end of its time; nil: as long as something comes
	behind  *reader              // who may post for as long as it reads; nil: nobody does once the drain has begun
	from    func() time.Duration // its beginning; nil: at once
	ended   atomic.Bool          // it reads no more
}

// castObserver makes a reader for each queue of the observer.
func (t *Traffic) castObserver(n int) error {
	handles, err := t.handles(plan.Observers, n)
	if err != nil {
		return err
	}
	if t.fanout == nil {
		t.fanout = t.newFanout(t.workload.Observers)
	}
	for i, q := range t.queues {
		name := fmt.Sprintf("observer %d", n)
		t.actors = append(t.actors, &reader{
			hand: hand{t, plan.Observers, n}, queue: q, handle: handles[i],
			book:    t.Ledger.Observer(q.book, ledger.Observing{Name: name}),
			listing: client.MessageListing{Limit: t.workload.Consuming.Limit},
			saw: func(_ context.Context, got []client.Message, _ []ledger.Message, answered time.Duration) {
				for _, m := range got {
					t.fanout.delivered(n, m.Body, answered)
				}
			},
		})
	}
	return nil
}

// act reads on while pages are full, and rests when one was not. A page that is asked for when nothing more comes, and has
// nothing, is the last.
func (r *reader) act(ctx context.Context) {
	defer r.ended.Store(true)
	if r.from != nil {
		r.Clock.SleepUntil(ctx, r.from())
	}
	stream := schedule.Stream(r.Seed, "rhythm of "+string(r.role), r.number, r.queue.number)
	rhythm := newRhythm(r.Clock, stream, r.rest(r.role), r.Clock.Now())
	at := rhythm.wait(ctx)
	for ctx.Err() == nil {
		last := r.over()
		a := r.page(ctx, at)
		switch {
		case a.messages == r.listing.Limit:
			at = r.now()
		case last && a.messages == 0 && a.ending == succeeded:
			if r.role != plan.Auditors { // they have missed what a page went past, and an empty one goes past nothing
				r.book.Done(a.Call)
			}
			return
		default:
			at = rhythm.wait(ctx)
		}
	}
}

func (r *reader) over() bool {
	if r.until != nil {
		return r.Clock.Now() >= r.until()
	}
	return r.draining.Load() && (r.behind == nil || r.behind.ended.Load())
}

// page reads one page.
func (r *reader) page(ctx context.Context, at moment) answer {
	var page client.Page[client.Message]
	a := r.call(ctx, "list", at, func(ctx context.Context, a *answer) (err error) {
		page, err = r.handle.MessagePage(ctx, r.listing)
		a.messages, a.bytes = len(page.Items), bytesOf(page.Items)
		return err
	})
	if a.ending == succeeded && len(page.Items) > 0 {
		books := r.book.Page(a.Call, seen(page.Items))
		r.listing.Marker = page.Marker
		r.saw(ctx, page.Items, books, a.Answered)
	}
	return a
}

// A fanout times each delivery to each observer, and how long it takes until the last of them has a message.
type fanout struct {
	observers int
	each      *measure.Meter
	last      *measure.Meter
	shards    [16]struct {
		sync.Mutex
		missing map[uint64]int // observers that have not seen a message, by its producer and number
	}
}

// What is timed beside requests.
const (
	Delivery     = "delivery"      // of each message to each observer
	LastDelivery = "last_delivery" // to the last of them
	RoundTrip    = "round_trip"    // of a call and its answer
)

func (t *Traffic) newFanout(observers int) *fanout {
	f := &fanout{observers: observers, each: t.meter(plan.Observers, Delivery), last: t.meter(plan.Observers, LastDelivery)}
	for i := range f.shards {
		f.shards[i].missing = map[uint64]int{}
	}
	return f
}

// delivered counts a message that an observer was shown. What is damaged is the ledger's affair.
func (f *fanout) delivered(observer int, body []byte, answered time.Duration) {
	b, err := ledger.ParseBody(body)
	if err != nil {
		return
	}
	s := measure.Sample{Intended: b.Intended, Woke: b.Intended, Sent: b.Intended, Answered: answered, Messages: 1}
	f.each.Record(observer, s)
	if f.seenByAll(uint64(b.Producer)<<32 | uint64(b.Number)) {
		f.last.Record(observer, s)
	}
}

func (f *fanout) seenByAll(message uint64) bool {
	shard := &f.shards[message%uint64(len(f.shards))]
	shard.Lock()
	defer shard.Unlock()
	left, known := shard.missing[message]
	if !known {
		left = f.observers
	}
	if left--; left == 0 {
		delete(shard.missing, message)
		return true
	}
	shard.missing[message] = left
	return false
}

// A monitor asks for the statistics of each queue at a slow rate.
type monitor struct {
	hand
	handles []*client.Queue
}

// monitorEvery is a second: what a dashboard would do.
const monitorEvery = time.Second

func (t *Traffic) castMonitor(n int) error {
	handles, err := t.handles(plan.Monitors, n)
	if err != nil {
		return err
	}
	t.actors = append(t.actors, &monitor{hand{t, plan.Monitors, n}, handles})
	return nil
}

func (m *monitor) act(ctx context.Context) {
	rhythm := newRhythm(m.Clock, schedule.Stream(m.Seed, "rhythm of monitor", m.number, 0), monitorEvery, m.Clock.Now())
	for ctx.Err() == nil && !m.draining.Load() {
		at := rhythm.wait(ctx)
		for i := range m.handles {
			m.ask(ctx, i, at)
		}
	}
}

// ask asks for the statistics of a queue.
func (m *monitor) ask(ctx context.Context, i int, at moment) {
	m.call(ctx, "stats", at, func(ctx context.Context, _ *answer) error {
		_, err := m.handles[i].Stats(ctx)
		return err
	})
}
