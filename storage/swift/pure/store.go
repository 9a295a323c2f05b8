package pure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/internal/recent"
	"github.com/marconi-mq/marconi/internal/wake"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// MostShards is into how many containers a queue may be divided.
const MostShards = 256

// Options are what a store is made with. The zero value is good.
type Options struct {
	Namespace string // begins the names of all containers; "" is "marconi"
	// Shards is into how many containers a queue is divided, up to [MostShards]; 0 is 1. It belongs to the data: a store that finds another
	// number does not open.
	Shards int
	// ListingHorizon is how long after it was posted a message may come to be listed, and still no reader misses it; 0 is 5 s. It has
	// to cover what the clocks of the processes differ by, too.
	ListingHorizon time.Duration
	// PostTime is how long a post may take, here and in other processes; 0 is 5 s. One that takes longer fails. A name tells when its
	// post began, so readers look back this much further.
	PostTime time.Duration
	// LeaseSettle is how long a claim waits before it looks whether its leases are its own; 0 is not at all.
	LeaseSettle time.Duration
	// Parallel is how many requests a call makes at once, at most; 0 is 32.
	Parallel int
	// PollEvery is how often a process looks for what others did to a queue that somebody waits for; 0 is a second.
	PollEvery time.Duration
	// ReapEvery is how often what was deleted is removed, in the background; 0 is a second.
	ReapEvery time.Duration
	// SweepEvery is how often all queues are looked through for what has expired; 0 is an hour. The first time comes in a twelfth of that.
	SweepEvery time.Duration

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // for trouble in the background; nil: nothing is logged

	settle time.Duration // from making a setting until it is read back; 0: [objects.SettleTime]; less: none, as tests have it
}

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	o.Namespace = cmp.Or(o.Namespace, "marconi")
	o.Shards = cmp.Or(o.Shards, 1)
	o.ListingHorizon = cmp.Or(o.ListingHorizon, 5*time.Second)
	o.PostTime = cmp.Or(o.PostTime, 5*time.Second)
	o.Parallel = cmp.Or(o.Parallel, 32)
	o.PollEvery = cmp.Or(o.PollEvery, time.Second)
	o.ReapEvery = cmp.Or(o.ReapEvery, time.Second)
	o.SweepEvery = cmp.Or(o.SweepEvery, time.Hour)
	o.settle = cmp.Or(o.settle, objects.SettleTime)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// mostDeleted is how many of the messages that this process has deleted it remembers.
const mostDeleted = 20_000

// mostHidden is how many of the leases that can't be found are told of once and no more.
const mostHidden = 1000

// Store is a [marconi.DataStore] in Swift. Its methods promise what those of the interface do, but for what the package
// says.
type Store struct {
	c     objects.Client
	o     Options
	names *nameClock
	door  door.Door
	hub   *wake.Hub[marconi.QueueRef, event]

	watched  watched
	marks    marks
	ready    ready
	deleted  *recent.Set[objects.Path] // messages, which listings may go on to show
	hidden   *recent.Set[objects.Path] // leases that were told of, for they can't be found
	givenUp  *recent.Set[objects.Path] // claims that failed, are still to be removed, and have not been made anew
	reserved keySet                    // messages that calls of this process are about to take
	renewing locks                     // claims that calls of this process renew or release

	reaper  reaper
	living  context.Context // ends with the store
	kill    context.CancelFunc
	workers sync.WaitGroup // what works in the background
}

var _ marconi.DataStore = (*Store)(nil)

// New opens the store that c's account holds in a namespace; closing it leaves c open. It asks Swift for one object, and
// stores that if it is the first to open the namespace.
func New(ctx context.Context, c objects.Client, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		c: patient{c}, o: o, names: newNameClock(o.Now), deleted: recent.NewSet[objects.Path](mostDeleted),
		hidden: recent.NewSet[objects.Path](mostHidden), givenUp: recent.NewSet[objects.Path](mostTasks), reaper: newReaper(),
	}
	if err := s.checkShards(ctx); err != nil {
		return nil, fmt.Errorf("open queues in Swift: %w", err)
	}
	s.living, s.kill = context.WithCancel(context.Background())
	s.hub = wake.New(o.Now, s.ask)
	s.workers.Go(s.reapAlways)
	s.workers.Go(s.sweepAlways)
	return s, nil
}

// Close implements [marconi.DataStore]. What is still to be removed of queues is removed by the next store that looks through all, and the
// rest by Swift.
func (s *Store) Close() error {
	if !s.door.Shut() {
		return nil
	}
	s.kill()
	s.hub.Close()
	s.workers.Wait()
	return nil
}

// Capabilities implements [marconi.DataStore].
func (s *Store) Capabilities() marconi.Capability {
	return marconi.Durable | marconi.AtLeastOnce | marconi.Polls
}

// Ping implements [marconi.DataStore].
func (s *Store) Ping(ctx context.Context) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.c.Ping(ctx); err != nil {
		return fmt.Errorf("ping Swift: %w", err)
	}
	return nil
}

// millis is the time by which all is judged.
func (s *Store) millis() int64 { return s.o.Now().UnixMilli() }

// settings is where the namespace keeps what holds of all its queues.
func (s *Store) settings(name string) objects.Path {
	return objects.Path{Container: s.o.Namespace, Name: name}
}

// checkShards compares the number of shards with that of the data.
func (s *Store) checkShards(ctx context.Context) error {
	if s.o.Shards < 1 || s.o.Shards > MostShards {
		return fmt.Errorf("shards is %d, want 1 to %d", s.o.Shards, MostShards)
	}
	want := strconv.Itoa(s.o.Shards)
	found, err := s.settle(ctx, s.settings("shards"), want)
	if err != nil {
		return err
	}
	if found != want {
		return fmt.Errorf("the data is in %s shards a queue, and shards=%s was asked for", found, want)
	}
	return nil
}

// Bind implements [marconi.DataStore].
func (s *Store) Bind(ctx context.Context, control string, adopt bool) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	at := s.settings("control")
	found, err := s.settle(ctx, at, control)
	if err != nil {
		return fmt.Errorf("bind to a control store: %w", err)
	}
	if found == control {
		return nil
	}
	if !adopt {
		return marconi.ErrForeignData
	}
	if err := s.put(ctx, at, []byte(control), plainText(control)); err != nil {
		return fmt.Errorf("bind to another control store: %w", err)
	}
	return nil
}

// settle gives the text that is kept there for ever: the given one if there was none. Of two that settle at one moment
// both may be told 201, so what counts is what is read back when both PUTs are over.
func (s *Store) settle(ctx context.Context, at objects.Path, text string) (string, error) {
	found, err := s.c.Get(ctx, at, true)
	if err == nil || !errors.Is(err, objects.ErrMissing) {
		return string(found.Body), err
	}
	listed, err := s.c.List(ctx, at.Container, objects.Listing{Prefix: at.Name, Limit: 1})
	if err != nil && !errors.Is(err, objects.ErrContainer) {
		return "", err
	}
	if len(listed) > 0 && listed[0].Name == at.Name {
		if found, err = s.c.Get(ctx, at, true); errors.Is(err, objects.ErrMissing) { // not just made by another process
			err = fmt.Errorf("%s/%s is listed, and can't be found in Swift at present", at.Container, at.Name)
		}
		return string(found.Body), err
	}
	if err := s.c.MakeContainer(ctx, at.Container); err != nil {
		return "", err
	}
	err = s.c.Put(ctx, at, []byte(text), plainText(text), objects.Anew)
	if err != nil && !errors.Is(err, objects.ErrExists) {
		return "", err
	}
	if err := pause.For(ctx, s.o.settle); err != nil {
		return "", err
	}
	found, err = s.c.Get(ctx, at, true)
	return string(found.Body), err
}

// plainText is the content type of a text, which it names.
func plainText(text string) objects.Attributes {
	b := parameters("text/plain")
	b.text("v", text)
	return objects.Attributes{ContentType: string(b)}
}
