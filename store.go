package marconi

import "context"

// A Capability is what a data store can promise. Pools and flavors count on it.
type Capability uint

// The capabilities.
const (
	FIFO           Capability = 1 << iota // messages keep their order under parallel posts
	Claims                                // a message is under one claim at a time
	Durable                               // what was confirmed survives a crash of the machine
	AtLeastOnce                           // a message is delivered until it is deleted
	HighThroughput                        // made for many small operations
	Polls                                 // Watch looks at the store now and then, once a process
)

// Has reports whether c has all of want.
func (c Capability) Has(want Capability) bool { return c&want == want }

// A ControlCapability is what a control store can promise.
type ControlCapability uint

// The capabilities of control stores.
const (
	// CompareAndSet: what is changed is what was read. Without it the last of two writers wins, and a queue can't be moved
	// from store to store.
	CompareAndSet ControlCapability = 1 << iota
)

// Has reports whether c has all of want.
func (c ControlCapability) Has(want ControlCapability) bool { return c&want == want }

// Stats are the counts of a queue. Free + Claimed = Total; delayed messages count as free.
type Stats struct {
	Free, Claimed, Total int64
	// Oldest and Newest are live messages, claimed ones included; nil if Total is 0. Their bodies may be left out.
	Oldest, Newest *Message
}

// Volume counts the messages of all queues.
type Volume struct {
	Free, Claimed, Total int64
}

// A DataStore holds what flows: messages and claims. All methods are safe for concurrent use, end with their context,
// and cost the same however many messages there are, but where they say otherwise.
type DataStore interface {
	MessageStore
	ClaimStore
	Watcher

	// Stats counts a queue in constant time. Expired messages may count for a second longer; the caller's own writes
	// count at once.
	Stats(ctx context.Context, q QueueRef) (Stats, error)
	// Volume counts all queues; it may take time in proportion to their number.
	Volume(ctx context.Context) (Volume, error)

	// DeleteQueue drops everything of q; what a late call adds to q afterwards ends by its TTL. Purge drops q's messages
	// and claims and leaves q usable: markers keep their meaning. Neither takes time in proportion to the messages.
	DeleteQueue(ctx context.Context, q QueueRef) error
	Purge(ctx context.Context, q QueueRef) error

	// Collect gives back the space of what has expired or was dropped, and returns how many messages that were. It
	// changes no answer, and need not be called: stores collect by themselves now and then.
	Collect(ctx context.Context) (int, error)

	// Bind ties the data to the control store of that ID, for ever: with another ID it is ErrForeignData, unless adopt
	// is set, which ties it anew. So it is with the parts of a store that is made of several: ErrForeignPart.
	Bind(ctx context.Context, control string, adopt bool) error
	// Queues lists the queues that hold messages, for adoption by a new control store.
	Queues(ctx context.Context) ([]QueueRef, error)

	Capabilities() Capability
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
	// Close ends the store's work. Calls under way are finished first; calls after it are Unavailable.
	Close() error
}

// A ControlStore holds what is set up: queues. Pools, flavors and the catalogue stand beside it as interfaces of their
// own. All methods are safe for concurrent use.
type ControlStore interface {
	QueueStore

	// ID is made once, when the store is, and tells it from every other: data belongs to one control store.
	ID(ctx context.Context) (string, error)
	Capabilities() ControlCapability
	Ping(ctx context.Context) error
	Close() error
}

// A Lapser is a ControlStore that may come back without what it has confirmed, as a server does that keeps nothing on a disk, or one that
// took another's place. Lapses changes whenever that may have happened: what was read before no longer counts.
type Lapser interface {
	Lapses() uint64
}
