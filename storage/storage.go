// Package storage opens stores by the scheme of their URI.
//
// It knows no driver: the list of drivers is a value ([Drivers]) that the program hands in, so that one kept in another
// repository joins by one line. Each driver parses its own URIs.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
)

// Opened is what a URI leads to. A driver that holds only one of the two planes leaves the other nil.
type Opened struct {
	Data    marconi.DataStore
	Control marconi.ControlStore
	// ControlURI is where Control is, if that is another store than the one at the URI: one that keeps messages only
	// brings the control store of its index along.
	ControlURI string
	// Alone says that no other process works on the store meanwhile: what happens in it happens here.
	Alone bool
}

// ErrNotYet says that a store can't be opened at the moment, and may be soon: what keeps it is starting.
var ErrNotYet = errors.New("the store is not there yet")

// Options are what a driver gets from the program. The zero value is good for tests.
type Options struct {
	Now    func() time.Time // the clock of stores that have none of their own; nil: time.Now
	Logger *slog.Logger     // for what happens outside of any call; nil: nothing is logged
	Limits marconi.Limits   // zero: marconi.DefaultLimits
	Meter  Meter            // nil: nothing is metered

	// CallTime is how long a call may take, here and in other processes that work on the store: they end it then, and confirm nothing. Zero: 5 s.
	CallTime time.Duration

	// Namespace keeps several stores apart at one URI: a prefix of keys, a schema, a file of its own. "" is the main one.
	Namespace string
	// Plane says what of the store is wanted; zero: both planes. A driver for which that makes no difference may give more.
	Plane Plane
	// Embedded gives the URI of the store that the program carries in itself, for a driver that needs another store and was
	// told of none. It makes room for it first, a folder say. Nil: there is no such store, or it would be out of place.
	Embedded func() (uri string, err error)
	// Open opens the store that a driver puts its own index or the like into. The registry sets it.
	Open func(ctx context.Context, uri string, o Options) (Opened, error)
}

// WithDefaults fills what was left out.
func (o Options) WithDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limits == (marconi.Limits{}) {
		o.Limits = marconi.DefaultLimits()
	}
	if o.Meter == nil {
		o.Meter = nopMeter{}
	}
	if o.CallTime == 0 {
		o.CallTime = 5 * time.Second
	}
	if o.Plane == 0 {
		o.Plane = BothPlanes
	}
	return o
}

// A Plane is a part of what a store can hold.
type Plane uint

// The planes.
const (
	DataPlane    Plane = 1 << iota // messages and claims: Opened.Data
	ControlPlane                   // queues and what else is managed: Opened.Control
	BothPlanes   = DataPlane | ControlPlane
)

// Has reports whether p has all of want.
func (p Plane) Has(want Plane) bool { return p&want == want }

// A Meter takes a driver's figures about what it does beside answering calls: commits, batches, retries, collections.
// Names are lower case with underscores and end in their unit. Its methods are safe for concurrent use and cheap.
type Meter interface {
	Add(name string, n float64)     // adds to a counter
	Observe(name string, v float64) // adds a value to a distribution
}

type nopMeter struct{}

func (nopMeter) Add(string, float64)     {}
func (nopMeter) Observe(string, float64) {}

// A Driver opens the store at a URI. Its errors name the URI without secrets.
type Driver func(ctx context.Context, uri string, o Options) (Opened, error)

// Drivers are drivers by the scheme of their URIs, lower case.
type Drivers map[string]Driver

// A Registry opens stores. The same URI in the same namespace is opened once: whoever asks again gets the same store. Only what
// nobody has asked for before, and is not there anyway, is opened later: the other plane.
type Registry struct {
	drivers Drivers

	mu     sync.Mutex // guards what follows
	opened map[string]*entry
	order  []*entry
}

type entry struct {
	plane  Plane // that it was asked for
	once   sync.Once
	opened Opened
	err    error
}

// planes are those that need not be asked for again.
func (e *entry) planes() Plane {
	p := e.plane
	if e.opened.Data != nil {
		p |= DataPlane
	}
	if e.opened.Control != nil {
		p |= ControlPlane
	}
	return p
}

// with adds what is only in other.
func (o Opened) with(other Opened) Opened {
	if o.Data == nil {
		o.Data = other.Data
	}
	if o.Control == nil {
		o.Control, o.ControlURI = other.Control, other.ControlURI
	}
	o.Alone = o.Alone && other.Alone
	return o
}

// NewRegistry makes a registry of the drivers given.
func NewRegistry(d Drivers) *Registry {
	return &Registry{drivers: maps.Clone(d), opened: map[string]*entry{}}
}

// Schemes lists what URIs may begin with, sorted.
func (r *Registry) Schemes() []string { return slices.Sorted(maps.Keys(r.drivers)) }

// Open opens the store at uri, or gives the one that was opened there before.
func (r *Registry) Open(ctx context.Context, uri string, o Options) (Opened, error) {
	scheme, _, found := strings.Cut(uri, ":")
	driver := r.drivers[strings.ToLower(scheme)]
	if !found || driver == nil {
		return Opened{}, fmt.Errorf("open a store: a URI begins with one of %s", strings.Join(r.Schemes(), ":, ")+":")
	}
	o = o.WithDefaults()
	o.Open = r.Open

	key := o.Namespace + "\x00" + uri
	first := r.open(ctx, key, driver, uri, o)
	missing := o.Plane &^ first.planes()
	if first.err != nil || missing == 0 {
		return first.opened, first.err
	}
	o.Plane = missing
	second := r.open(ctx, key+"\x00other plane", driver, uri, o)
	return first.opened.with(second.opened), second.err
}

// open opens what goes by this key, once.
func (r *Registry) open(ctx context.Context, key string, driver Driver, uri string, o Options) *entry {
	e := r.entry(key, o.Plane)
	e.once.Do(func() {
		o.Plane = e.plane // of whoever came first
		e.opened, e.err = driver(ctx, uri, o)
		r.keep(key, e)
	})
	return e
}

func (r *Registry) entry(key string, p Plane) *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.opened[key]
	if e == nil {
		e = &entry{plane: p}
		r.opened[key] = e
	}
	return e
}

// keep puts a store in its place among those to be closed: behind the ones that it opened for itself. One that could not be
// opened is forgotten, so that it can be tried again.
func (r *Registry) keep(key string, e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.err != nil {
		delete(r.opened, key)
		return
	}
	r.order = append(r.order, e)
}

// Close closes what was opened, last first: a store that others have put things into outlives them.
func (r *Registry) Close() error {
	r.mu.Lock()
	order := r.order
	r.opened, r.order = map[string]*entry{}, nil
	r.mu.Unlock()

	var errs []error
	for _, e := range slices.Backward(order) {
		if e.opened.Data != nil {
			errs = append(errs, e.opened.Data.Close())
		}
		if e.opened.Control != nil {
			errs = append(errs, e.opened.Control.Close())
		}
	}
	return errors.Join(errs...)
}
