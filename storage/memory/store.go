// Package memory keeps everything in the memory of the process. It is the reference: what the other stores do is what
// this one does, and it is the fastest; but what it holds ends with the process.
//
//	memory://
//	memory://NAME
//	memory://NAME?max_bytes=N
//
// Each URI is a store of its own; the name only tells stores apart.
//
// With max_bytes a post, a new queue and longer metadata for which there is no room in N bytes fail with
// [marconi.ErrFull]. All that makes room goes on as ever: claims, pops, deletions, and moves of dead letters, which need
// none. What is held counts with an estimate of what the store needs beside it, so that the heap stays below N; but for claims,
// which nothing refuses and which take up to 300 bytes for each message that they hold. What expires in a queue that
// nobody calls gives its room back within ten seconds.
//
// # Layout
//
// A queue is a row of segments, each of up to 256 messages in the order of their posting. A message that goes leaves a
// gap, so that places never change; a segment of mostly gaps closes up, an empty one goes as a whole. A second row holds
// the segments that have free messages: a claim, pop or list goes there, and so never sees the 100 000 claimed ones
// that lie before. A heap holds the segments by the moment at which something in them ends: a message by its TTL, a claim,
// a delay. Every call first settles what has ended until now, by the clock of that call; thus all counts are right to
// the millisecond, and what comes back is in its old place. Segments keep that cheap: one costs 300 ns, whether one
// message in it ends or all.
//
// A queue has one lock, which no call holds longer than about 2 ms: longer work gives way in between.
//
// The sequence number of a message is that of [seqid.Next]. It is the position that markers speak of; with the queue's
// incarnation it is the message's ID.
//
// Every ten seconds, the store gives back the space of what has expired.
package memory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/internal/wake"
	"github.com/marconi-mq/marconi/storage"
)

const (
	shardCount = 64

	// collectEvery is how often expired messages are given back of queues that nobody calls.
	collectEvery = 10 * time.Second

	// maxRoom is how many entries of an answer room is made for at once, whatever the limit.
	maxRoom = 32
)

var errClosed = fmt.Errorf("the store in memory is closed: %w", marconi.ErrUnavailable)

// form is what a URI looks like.
const form = "the URI has the form memory://NAME or memory://NAME?max_bytes=N"

// Open makes an empty store, both planes; see the package for its URI, and [storage.Driver].
func Open(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	if err := ctx.Err(); err != nil {
		return storage.Opened{}, err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open a store in memory: the URI can't be read: %s", form)
	}
	r, sound := roomOf(u.RawQuery)
	name := url.URL{Scheme: "memory", Host: u.Host, RawQuery: u.RawQuery}
	if *u != name || u.Port() != "" || !sound {
		return storage.Opened{}, fmt.Errorf("open a store in memory: %s: %s", u.Redacted(), form)
	}
	return newStore(o, r), nil
}

// roomOf reads the URI's parameters.
func roomOf(query string) (*room, bool) {
	if query == "" {
		return nil, true
	}
	number, found := strings.CutPrefix(query, "max_bytes=")
	size, err := strconv.ParseInt(number, 10, 64)
	return &room{size: size}, found && err == nil && size > 0
}

// New makes an empty store, both planes; the data plane is a [marconi.Mover] too. Each is to be closed.
func New(o storage.Options) storage.Opened { return newStore(o, nil) }

func newStore(o storage.Options, r *room) storage.Opened {
	return storage.Opened{Data: newDataStore(o.WithDefaults(), r), Control: newControlStore(r), Alone: true}
}

// A dataStore is a marconi.DataStore and marconi.Mover.
type dataStore struct {
	now    func() time.Time
	meter  storage.Meter
	room   *room
	hub    *wake.Hub[marconi.QueueRef, event]
	stop   context.CancelFunc // ends the collector,
	ended  chan struct{}      // which then closes this
	seed   maphash.Seed
	shards [shardCount]shard

	numbers atomic.Int64 // given to queues
	floor   atomic.Int64 // the highest sequence number of any queue that is gone: new ones begin above it

	mu      sync.Mutex // guards what follows
	control string     // the control store that the data belongs to; "" until it is bound
}

// A shard is a part of the queues.
type shard struct {
	door door.Door // each call goes through it

	mu     sync.RWMutex // guards queues
	queues map[marconi.QueueRef]*queue
}

func newDataStore(o storage.Options, r *room) *dataStore {
	ctx, stop := context.WithCancel(context.Background())
	d := &dataStore{now: o.Now, meter: o.Meter, room: r, stop: stop, ended: make(chan struct{}), seed: maphash.MakeSeed()}
	d.hub = wake.New(o.Now, d.freed)
	for i := range d.shards {
		d.shards[i].queues = map[marconi.QueueRef]*queue{}
	}
	go d.collectNowAndThen(ctx)
	return d
}

// Close implements [marconi.DataStore]: it waits for the calls under way.
func (d *dataStore) Close() error {
	for i := range d.shards {
		d.shards[i].door.Shut()
	}
	d.hub.Close()
	d.stop()
	<-d.ended
	return nil
}

// Ping implements [marconi.DataStore].
func (d *dataStore) Ping(ctx context.Context) error { return d.pass(ctx, &d.shards[0], func() {}) }

// Capabilities implements [marconi.DataStore].
func (d *dataStore) Capabilities() marconi.Capability {
	return marconi.FIFO | marconi.Claims | marconi.AtLeastOnce | marconi.HighThroughput
}

// Bind implements [marconi.DataStore].
func (d *dataStore) Bind(ctx context.Context, control string, adopt bool) (err error) {
	gone := d.pass(ctx, &d.shards[0], func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.control != "" && d.control != control && !adopt {
			err = fmt.Errorf("bind a store in memory to control store %s: %w", control, marconi.ErrForeignData)
			return
		}
		d.control = control
	})
	if gone != nil {
		return gone
	}
	return err
}

// pass calls f unless ctx has ended or the store is closed.
func (d *dataStore) pass(ctx context.Context, sh *shard, f func()) error {
	if err := sh.door.Enter(ctx); err != nil {
		if errors.Is(err, door.ErrShut) {
			return errClosed
		}
		return err
	}
	defer sh.door.Leave()
	f()
	return nil
}

// visit calls f with the queue, if there is one, locked and settled.
func (d *dataStore) visit(ctx context.Context, ref marconi.QueueRef, f func(*queue)) error {
	sh := d.shard(ref)
	return d.pass(ctx, sh, func() {
		for q := sh.queue(ref); q != nil && !d.inside(q, f); {
			q = sh.queue(ref)
		}
	})
}

// visitOrMake is visit for what makes the queue if there is none.
func (d *dataStore) visitOrMake(ctx context.Context, ref marconi.QueueRef, f func(*queue)) error {
	sh := d.shard(ref)
	return d.pass(ctx, sh, func() {
		for !d.inside(d.queue(sh, ref), f) {
			continue
		}
	})
}

// inside calls f in the queue. If that turns out to be gone, it sees to it that nobody finds it again.
func (d *dataStore) inside(q *queue, f func(*queue)) bool {
	if !d.enter(q) {
		d.shard(q.ref).drop(q)
		return false
	}
	defer d.leave(q)
	f(q)
	return true
}

// enter locks the queue and settles it, unless it is gone.
func (d *dataStore) enter(q *queue) bool {
	for {
		q.mu.Lock()
		if q.gone {
			q.mu.Unlock()
			return false
		}
		q.now = d.now().UnixMilli()
		// Who begins to wait after this looks after this call, as it holds the lock.
		q.watched = d.hub.Watched(q.ref)
		if q.settle() {
			return true
		}
		d.leave(q)
	}
}

// leave unlocks the queue and tells those who wait what has happened.
func (d *dataStore) leave(q *queue) {
	q.forget(maxForgotten)
	n := q.news
	q.news = news{}
	q.mu.Unlock()
	d.tell(q.ref, n)
}

func (d *dataStore) shard(ref marconi.QueueRef) *shard {
	return &d.shards[maphash.Comparable(d.seed, ref)%shardCount]
}

// queue is the queue of that reference, or nil.
func (sh *shard) queue(ref marconi.QueueRef) *queue {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.queues[ref]
}

// drop forgets a queue that is gone.
func (sh *shard) drop(q *queue) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.queues[q.ref] == q {
		delete(sh.queues, q.ref)
	}
}

// refs are the references of the shard's queues.
func (sh *shard) refs() []marconi.QueueRef {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	refs := make([]marconi.QueueRef, 0, len(sh.queues))
	for ref := range sh.queues {
		refs = append(refs, ref)
	}
	return refs
}

// queue is the queue of that reference, made if there was none.
func (d *dataStore) queue(sh *shard, ref marconi.QueueRef) *queue {
	if q := sh.queue(ref); q != nil {
		return q
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	q := sh.queues[ref]
	if q == nil {
		q = &queue{ref: ref, number: d.numbers.Add(1), last: d.floor.Load(), room: d.room}
		d.room.force(queueOverhead)
		sh.queues[ref] = q
	}
	return q
}

// each visits all queues.
func (d *dataStore) each(ctx context.Context, f func(*queue)) error {
	for i := range d.shards {
		if err := d.pass(ctx, &d.shards[i], func() {}); err != nil {
			return err
		}
		for _, ref := range d.shards[i].refs() {
			if err := d.visit(ctx, ref, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// end lets go of a queue. Its numbers are never given again, not even to a queue made anew under its name.
func (d *dataStore) end(q *queue) {
	q.gone = true
	for floor := d.floor.Load(); floor < q.last && !d.floor.CompareAndSwap(floor, q.last); {
		floor = d.floor.Load()
	}
	q.clear()
	d.room.give(queueOverhead)
}
