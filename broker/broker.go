// Package broker holds every rule of the service, once for all transports and API versions: what may be asked for, what
// is filled in, when a queue is made, where a message goes that nobody could work off.
//
// It knows no HTTP and no store. A transport reads bytes into the arguments of one operation and calls it; the broker
// asks Admit, checks the arguments, resolves the queue's name to its present incarnation, and calls the stores. What
// differs between API versions is an argument here, named for what it does.
//
// Its errors are [*marconi.Error]. What a store could not name is logged here, once, and comes back as
// [marconi.ErrUnavailable].
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/latedeadline"
)

// A Config is what a broker works with.
type Config struct {
	Control marconi.ControlStore
	Data    marconi.DataStore
	Limits  marconi.Limits // zero: marconi.DefaultLimits
	Logger  *slog.Logger   // nil: nothing is logged

	// Admit is asked before each operation, and its error is the answer. nil allows everything.
	Admit func(ctx context.Context, c marconi.Caller, op marconi.Operation) error

	Shared         bool          // other processes make and delete queues in the control store, too
	Checksums      bool          // keep the MD5 of each message's body with it
	Timeout        time.Duration // for one operation; 0: as long as its context
	HealthInterval time.Duration // how long a health report is given again; 0: each is made anew
}

// A Broker carries out the operations of the service. Its methods are safe for concurrent use.
type Broker struct {
	control   marconi.ControlStore
	data      marconi.DataStore
	limits    marconi.Limits
	log       *slog.Logger
	admit     func(context.Context, marconi.Caller, marconi.Operation) error
	checksums bool
	timeout   time.Duration
	queues    *queueCache
	health    healthReport
	leaving   chan struct{} // closed when nobody may wait any more
	leave     func()
	waiting   atomic.Int64  // callers, at this moment
	releasing chan struct{} // holds one for each claim that is given back beside its caller
	beside    sync.WaitGroup
	trouble   trouble
	turns     chan struct{} // holds one for each that may wait and looks
}

// New makes a broker. The stores remain the caller's to close, after the broker.
func New(c Config) *Broker {
	if c.Limits == (marconi.Limits{}) {
		c.Limits = marconi.DefaultLimits()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	leaving := make(chan struct{})
	return &Broker{
		control:   c.Control,
		data:      c.Data,
		limits:    c.Limits,
		log:       c.Logger,
		admit:     c.Admit,
		checksums: c.Checksums,
		timeout:   c.Timeout,
		queues:    newQueueCache(c.Control, c.Shared),
		health:    healthReport{interval: c.HealthInterval},
		leaving:   leaving,
		leave:     sync.OnceFunc(func() { close(leaving) }),
		turns:     make(chan struct{}, maxLooks),
		releasing: make(chan struct{}, maxReleases),
	}
}

// StopWaiting ends all waiting for messages, now and from now on: those who wait are answered as if their time were over.
func (b *Broker) StopWaiting() { b.leave() }

// Waiting is how many callers wait for messages at this moment: who looks for them, the first time or again, does not.
func (b *Broker) Waiting() int64 { return b.waiting.Load() }

// Close ends the broker's own work; the stores stay open. No operation may be under way.
func (b *Broker) Close() {
	b.beside.Wait()
	b.queues.close()
}

// Limits are the limits that the broker applies.
func (b *Broker) Limits() marconi.Limits { return b.limits }

// Ping reports whether both stores answer.
func (b *Broker) Ping(ctx context.Context) error {
	ctx, bound, err := b.begin(ctx, marconi.OpPing)
	if err != nil {
		return err
	}
	defer bound.End()
	return b.named(ctx, "ping", marconi.QueueKey{}, b.ping(ctx))
}

func (b *Broker) ping(ctx context.Context) error {
	if err := b.control.Ping(ctx); err != nil {
		return fmt.Errorf("ping the control store: %w", err)
	}
	if err := b.data.Ping(ctx); err != nil {
		return fmt.Errorf("ping the data store: %w", err)
	}
	return nil
}

// refusesForNow reports whether the store was well, but would not: the error has a name of its own, which the caller is told.
func refusesForNow(err error) bool {
	var e *marconi.Error
	return errors.As(err, &e) && e.Kind == marconi.Unavailable && e.Code != marconi.ErrUnavailable.Code
}

// begin asks whether the caller may, and bounds the operation's time, as bound does.
func (b *Broker) begin(ctx context.Context, op marconi.Operation) (context.Context, *latedeadline.Context, error) {
	if err := b.may(ctx, op); err != nil {
		return ctx, nil, err
	}
	ctx, bound := b.bound(ctx)
	return ctx, bound, nil
}

func (b *Broker) may(ctx context.Context, op marconi.Operation) error {
	if b.admit == nil {
		return nil
	}
	return b.admit(ctx, marconi.CallerFrom(ctx), op)
}

// bound bounds an operation's time. It gives the bound a second time as what it is, to be ended: a function that ends it
// would be one more allocation for each operation.
func (b *Broker) bound(ctx context.Context) (context.Context, *latedeadline.Context) {
	if b.timeout <= 0 {
		return ctx, nil
	}
	bounded := latedeadline.WithTimeout(ctx, b.timeout)
	return bounded, bounded
}

// named gives an error that a transport can answer. It is where a store's trouble ends: in one line of the log. A store
// that is full, or has too much to do, is in no trouble, and says so itself: a line for each refusal would make it worse.
func (b *Broker) named(ctx context.Context, doing string, q marconi.QueueKey, err error) error {
	if err == nil || refusesForNow(err) {
		return err
	}
	kind := marconi.KindOf(err)
	hidden := kind == marconi.Internal || kind == marconi.Unavailable || errors.Is(err, marconi.ErrSealed)
	if !hidden {
		return err
	}
	if !errors.Is(err, context.Canceled) { // a caller that went away is no trouble
		b.tell(ctx, doing, q, err)
	}
	if kind == marconi.Internal {
		return err
	}
	return marconi.ErrUnavailable
}

// tell has a line in the log about an operation that failed; about a store in trouble not each time.
func (b *Broker) tell(ctx context.Context, doing string, q marconi.QueueKey, err error) {
	attrs := []slog.Attr{
		slog.String("operation", doing),
		slog.String("project", string(q.Project)),
		slog.String("queue", string(q.Name)),
		slog.String("request_id", marconi.CallerFrom(ctx).RequestID),
		slog.Any("error", err),
	}
	if marconi.KindOf(err) != marconi.Internal {
		leftOut, line := b.trouble.tell(time.Now())
		if !line {
			return
		}
		if leftOut > 0 {
			attrs = append(attrs, slog.Int("left_out", leftOut))
		}
	}
	b.log.LogAttrs(ctx, slog.LevelError, "operation failed", attrs...)
}
