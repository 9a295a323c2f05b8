package observed

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
)

// A Recorder takes what calls came to. Record is called by many goroutines at once, at the end of each call, and has to
// be quick.
type Recorder interface {
	Record(op Operation, came Outcome, took time.Duration)
}

// Options are what an Observer does. The zero value only counts the calls under way.
type Options struct {
	Recorder Recorder      // nil: nothing is recorded
	Slow     time.Duration // from when on a call is slow; 0: none is
	Logger   *slog.Logger  // nil: nothing is logged

	// MaxCalls is how many calls may be under way at once; 0: any number. One more is refused with [ErrBusy] before it
	// reaches the store: what has piled up is finished, and nobody waits behind it for a time-out. Pings and what
	// cleans up, such as Release, neither count nor are refused. A post of many messages counts for several.
	MaxCalls int
	// MayTake is asked before messages are claimed or popped, whose answer can't be refused afterwards. No: the call is
	// refused with [ErrUnread] before it reaches the store. nil: it may always be.
	MayTake func() bool
	// OnRefusal is called when a call was refused, with [ErrBusy], [ErrUnread] or [marconi.ErrFull]. nil: nobody is told.
	OnRefusal func(err *marconi.Error)
}

// ErrBusy says that there are as many calls under way as there may be.
var ErrBusy = &marconi.Error{
	Kind: marconi.Unavailable, Code: "busy", Text: "the server has more to do at the moment than it can do in time",
}

// ErrUnread says that clients have yet to read as many bytes of answers as they may.
var ErrUnread = &marconi.Error{
	Kind: marconi.Unavailable, Code: "unread", Text: "the server is giving out as many bytes at the moment as it may",
}

// An Observer watches the stores of a service. Its methods are safe for concurrent use.
type Observer struct {
	o     Options
	made  time.Time
	calls atomic.Int64
}

// New makes an observer. It has nothing to close.
func New(o Options) *Observer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnRefusal == nil {
		o.OnRefusal = func(*marconi.Error) {}
	}
	if o.MayTake == nil {
		o.MayTake = func() bool { return true }
	}
	return &Observer{o: o, made: time.Now()}
}

// Calls is how many calls are under way, of those that count.
func (o *Observer) Calls() int { return int(o.calls.Load()) }

// Data puts the observer round a data store. What comes back is a [marconi.Mover] if d is one; Close closes d.
func (o *Observer) Data(d marconi.DataStore) marconi.DataStore {
	watched := &dataStore{DataStore: d, o: o}
	if mover, can := d.(marconi.Mover); can {
		return &movingStore{watched, mover}
	}
	return watched
}

// Control puts the observer round a control store. Close closes c.
func (o *Observer) Control(c marconi.ControlStore) marconi.ControlStore {
	return &controlStore{ControlStore: c, o: o}
}

// messagesPerCall is how many messages of a post are as much work for a store as a call.
const messagesPerCall = 64

// weight is how many calls more a post of so many messages counts for. One that is alone is always let in.
func (o *Observer) weight(messages int) int64 {
	more := messages / messagesPerCall
	if o.o.MaxCalls > 0 {
		more = min(more, o.o.MaxCalls-1)
	}
	return int64(more)
}

// nothing is the result of a call that has none.
type nothing struct{}

// run makes a call that has no result.
func (o *Observer) run(ctx context.Context, op Operation, q marconi.QueueKey, do func() error) error {
	_, err := result(ctx, o, op, q, func() (nothing, error) { return nothing{}, do() })
	return err
}

// result makes a call.
func result[T any](ctx context.Context, o *Observer, op Operation, q marconi.QueueKey, do func() (T, error)) (got T, err error) {
	if op.bounded() {
		defer o.calls.Add(-1)
		if n := o.calls.Add(1); o.o.MaxCalls > 0 && n > int64(o.o.MaxCalls) {
			o.o.OnRefusal(ErrBusy)
			return got, ErrBusy
		}
	}
	if op.takes() && !o.o.MayTake() {
		o.o.OnRefusal(ErrUnread)
		return got, ErrUnread
	}
	start := o.clock()
	got, err = do()
	o.note(ctx, op, q, o.clock()-start, err)
	return got, err
}

// clock is a time to be subtracted from another. It takes half as long as [time.Now], which asks for the date as well.
func (o *Observer) clock() time.Duration { return time.Since(o.made) }

// note tells all who want to know what a call came to.
func (o *Observer) note(ctx context.Context, op Operation, q marconi.QueueKey, took time.Duration, err error) {
	came := outcome(err)
	if o.o.Recorder != nil {
		o.o.Recorder.Record(op, came, took)
	}
	if came == Full {
		o.o.OnRefusal(marconi.ErrFull)
	}
	if share := shareOf(ctx); share != nil {
		share.add(op, took)
		return
	}
	if o.o.Slow > 0 && took >= o.o.Slow {
		o.o.Logger.LogAttrs(ctx, slog.LevelWarn, "slow call of a store",
			slog.String("plane", op.Plane()),
			slog.String("operation", op.Name()),
			slog.String("outcome", came.String()),
			slog.Duration("duration", took),
			slog.String("project", string(q.Project)),
			slog.String("queue", string(q.Name)),
			slog.String("request_id", marconi.CallerFrom(ctx).RequestID))
	}
}

func outcome(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, marconi.ErrFull):
		return Full
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	if kind := marconi.KindOf(err); kind == marconi.Internal || kind == marconi.Unavailable {
		return Failed
	}
	return Refused
}
