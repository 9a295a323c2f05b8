package indexed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// What stands for the zero values of [Options].
const (
	DefaultPrefix     = "marconi"
	DefaultContainers = 64
	DefaultCacheBytes = 64 << 20
	DefaultParallel   = 64
)

// DefaultInlineBelow is for those who have no reason to choose: a body that is kept in the index costs no request, and one
// of this size not much of its memory.
const DefaultInlineBelow = 1024

const (
	// reserve is how much longer than its messages a segment lives.
	reserve = 24 * time.Hour
	// skew is how far the clocks of the index and of the processes that work on it may be apart, at most.
	skew = time.Minute
	// cleanUpTime bounds what is done for a caller who has gone away.
	cleanUpTime = 5 * time.Second
)

// Options are what a store is made with. The zero value is good.
type Options struct {
	storage.Options // of these Now, Logger, Limits and Meter

	Prefix      string // of the names of containers
	Containers  int    // over which queues are spread; another number leaves what is in the others to expire
	InlineBelow int    // bytes; a shorter body is kept in the index. 0: none is; see DefaultInlineBelow
	CacheBytes  int64  // memory for segments, and an eighth of that for what is known of them
	Parallel    int    // segments that are got at once
}

func (o Options) withDefaults() Options {
	o.Options = o.Options.WithDefaults()
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Containers == 0 {
		o.Containers = DefaultContainers
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.Parallel == 0 {
		o.Parallel = DefaultParallel
	}
	return o
}

func (o Options) layout() layout { return layout{o.Prefix, o.Containers} }

func (o Options) check() error {
	if o.InlineBelow < 0 || o.CacheBytes < 0 || o.Parallel < 0 {
		return errors.New("sizes and numbers are not negative")
	}
	return o.layout().check()
}

var errClosed = fmt.Errorf("the store on Swift is closed: %w", marconi.ErrUnavailable)

// A Store keeps bodies in Swift and all else in its index. It is a [marconi.DataStore].
type Store struct {
	o       Options
	client  objects.Client
	index   marconi.DataStore
	door    door.Door // each call goes through it
	cache   *lru[objects.Path, *segment]
	fetcher *fetcher
	ends    *ends
	tally   *tally
	moved   *movedLog
	pairing *pairing
	reaper  *reaper
}

// A movingStore is one whose index moves dead letters.
type movingStore struct {
	*Store
	mover marconi.Mover
}

// New makes a store of an account and an index, which has to keep messages in order and claims apart: one that is a
// [marconi.Mover] makes the store one. What is in both stays there.
//
// The store closes the account when it is closed. The index is closed by who opened it, afterwards.
func New(c objects.Client, index marconi.DataStore, o Options) (marconi.DataStore, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open a store on Swift: %w", err)
	}
	if !index.Capabilities().Has(marconi.FIFO | marconi.Claims) {
		return nil, errors.New("open a store on Swift: its index has to keep messages in order, and claims apart")
	}
	s := newStore(c, index, o)
	if mover, can := index.(marconi.Mover); can {
		return &movingStore{s, mover}, nil
	}
	return s, nil
}

func newStore(c objects.Client, index marconi.DataStore, o Options) *Store {
	s := &Store{
		o: o, client: c, index: index,
		cache: newLRU[objects.Path](o.CacheBytes-o.CacheBytes/8, (*segment).size),
		ends:  newEnds(o.CacheBytes / 64),
		tally: newTally(o.CacheBytes / 16),
		moved: newMovedLog(index, o.Now), pairing: &pairing{index: index, client: c, prefix: o.Prefix, settle: objects.SettleTime, log: o.Logger},
	}
	s.fetcher = &fetcher{client: c, meter: o.Meter, cache: s.cache, slots: make(chan struct{}, o.Parallel), under: map[objects.Path]*fetch{}}
	s.reaper = newReaper(c, s.moved, o.Options)
	return s
}

// Close implements [marconi.DataStore]: it waits for the calls under way.
func (s *Store) Close() error {
	if !s.door.Shut() {
		return nil
	}
	s.fetcher.group.Wait()
	s.reaper.close()
	return s.client.Close()
}

// enter lets a call in, which has to leave by the door.
func (s *Store) enter(ctx context.Context) error {
	err := s.door.Enter(ctx)
	if errors.Is(err, door.ErrShut) {
		return errClosed
	}
	return err
}

// Capabilities implements [marconi.DataStore]: order and claims are the index's, and so is what a crash leaves of them.
func (s *Store) Capabilities() marconi.Capability {
	return s.index.Capabilities() &^ marconi.HighThroughput
}

// Ping implements [marconi.DataStore]: both have to answer.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.index.Ping(ctx); err != nil {
		return err
	}
	return s.client.Ping(ctx)
}

// Bind implements [marconi.DataStore]. An index has to belong to the containers in Swift, too: else it is [marconi.ErrForeignPart].
func (s *Store) Bind(ctx context.Context, control string, adopt bool) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.pairing.tie(ctx, adopt); err != nil {
		return err
	}
	return s.index.Bind(ctx, control, adopt)
}

// Watch implements [marconi.DataStore].
func (s *Store) Watch(q marconi.QueueRef, interest marconi.Interest) marconi.Watch {
	return s.index.Watch(q, interest)
}
