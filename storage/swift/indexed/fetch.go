package indexed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const (
	// tries is how often a request is made whose repetition does no harm.
	tries = 3
	// pauseBetween is how long the second try waits; the third waits twice as long.
	pauseBetween = 50 * time.Millisecond
)

// errLost says that Swift has no such segment, or none that can be read, whichever replica is asked.
var errLost = fmt.Errorf("a message's body can't be found in Swift at present: %w", marconi.ErrUnavailable)

// A fetcher gets segments: each once, however many want it, and not too many at a time.
//
// (golang.org/x/sync/singleflight leaves nobody to wait for a request whose callers have all gone away, or to end it.)
type fetcher struct {
	client objects.Client
	meter  storage.Meter
	cache  *lru[objects.Path, *segment]
	slots  chan struct{}  // one is taken by each request under way
	group  sync.WaitGroup // of requests under way
	unwell atomic.Bool    // the last request ended without an answer

	mu    sync.Mutex // guards what follows, and the waiters of each fetch
	under map[objects.Path]*fetch
}

// A fetch is a segment that is being got.
type fetch struct {
	at      objects.Path
	cancel  context.CancelFunc
	waiters int
	done    chan struct{} // closed when what follows is there
	fetched
}

// What was fetched is a segment or an error.
type fetched struct {
	segment *segment
	err     error
}

// join begins to get a segment, or joins those who wait for it. Each who joins has to wait.
func (f *fetcher) join(ctx context.Context, at objects.Path) *fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.under[at]
	if g == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		g = &fetch{at: at, cancel: cancel, done: make(chan struct{})}
		f.under[at] = g
		f.group.Go(func() { f.run(ctx, g) })
	}
	g.waiters++
	return g
}

// wait gives the segment. The last one whose context ends takes the request with it.
func (f *fetcher) wait(ctx context.Context, g *fetch) fetched {
	select {
	case <-g.done:
		return g.fetched
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.waiters--; g.waiters == 0 {
		g.cancel()
		f.forget(g)
	}
	return fetched{err: fmt.Errorf("get segment %s: %w", g.at.Name, context.Cause(ctx))}
}

func (f *fetcher) forget(g *fetch) {
	if f.under[g.at] == g {
		delete(f.under, g.at)
	}
}

func (f *fetcher) run(ctx context.Context, g *fetch) {
	defer g.cancel()
	g.segment, g.err = f.take(ctx, g.at)
	if g.err == nil {
		f.cache.put(g.at, g.segment)
	}
	f.mu.Lock()
	f.forget(g)
	f.mu.Unlock()
	close(g.done)
}

// take gets a segment once there is a slot for the request.
func (f *fetcher) take(ctx context.Context, at objects.Path) (*segment, error) {
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("get segment %s: %w", at.Name, ctx.Err())
	}
	defer func() { <-f.slots }()
	s, err := f.get(ctx, at)
	if ctx.Err() == nil {
		f.unwell.Store(err != nil && !errors.Is(err, errLost))
	}
	return s, err
}

// get asks for a segment as often as may help: a proxy says 404 of an object that is there when it reaches only replicas
// that haven't got it yet, so all are asked before it is believed.
func (f *fetcher) get(ctx context.Context, at objects.Path) (*segment, error) {
	begun := time.Now()
	defer func() { f.meter.Observe("swift_segment_get_seconds", time.Since(begun).Seconds()) }()
	for try := 1; ; try++ {
		s, err := f.getOnce(ctx, at, try > 1)
		lost := errors.Is(err, errLost)
		if err == nil || lost && try > 1 || try == tries {
			return s, err
		}
		if !lost && !rest(ctx, try) {
			return nil, err
		}
	}
}

func (f *fetcher) getOnce(ctx context.Context, at objects.Path, newest bool) (*segment, error) {
	o, err := f.client.Get(ctx, at, newest)
	if errors.Is(err, objects.ErrMissing) {
		return nil, fmt.Errorf("get segment %s: %w", at.Name, errLost)
	}
	if err != nil {
		return nil, fmt.Errorf("get segment %s: %w", at.Name, err)
	}
	s, err := parseSegment(at.Name, o.Body)
	if err != nil {
		return nil, fmt.Errorf("get segment %s: %w: %w", at.Name, err, errLost)
	}
	return s, nil
}

// rest waits before another try, and reports whether there is time for one.
func rest(ctx context.Context, try int) bool {
	return pause.For(ctx, time.Duration(try)*pauseBetween) == nil
}
