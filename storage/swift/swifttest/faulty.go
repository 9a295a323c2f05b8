package swifttest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A Kind is a kind of request: the method of [objects.Client] that makes it.
type Kind string

// The kinds.
const (
	Put             Kind = "put"
	Get             Kind = "get"
	Head            Kind = "head"
	Post            Kind = "post"
	Delete          Kind = "delete"
	List            Kind = "list"
	PutMany         Kind = "put-many"
	DeleteMany      Kind = "delete-many"
	MakeContainer   Kind = "make-container"
	DeleteContainer Kind = "delete-container"
	Containers      Kind = "containers"
	Ping            Kind = "ping"
)

// ErrUnavailable is what servers answer that are in trouble: like all such errors of a client it says nothing of what was carried out.
var ErrUnavailable error = &objects.StatusError{Status: http.StatusServiceUnavailable}

var errNoAnswer = errors.New("no answer within 30s")

// A Call is a request that is about to be made.
type Call struct {
	Kind  Kind
	N     int            // of this kind, from 1, since the decorator was made or [Faulty.Reset]
	Paths []objects.Path // what it is about; a listing or a container: without a name
}

// A Fault is what happens to a call, in the order of the fields. The zero Fault lets it pass.
type Fault struct {
	First  func()        // runs before all else
	Delay  time.Duration // wait so long
	Before error         // answer this, and don't carry it out
	Lost   bool          // the request never arrives: wait for the end of the context, and don't carry it out
	Then   func()        // runs after it was carried out
	After  error         // answer this though it was carried out
	Mute   bool          // the answer never arrives: it was carried out, wait for the end of the context
}

// Some faults. The client's own time-out is not the caller's, so it is no DeadlineExceeded.
var (
	Refused  = Fault{Before: ErrUnavailable}       // 503, and nothing was done
	Confused = Fault{After: ErrUnavailable}        // 503, and it was done
	Older    = Fault{Before: objects.ErrNotStored} // 202 to a PUT, something newer is stored
	LostPut  = Fault{After: objects.ErrNotStored}  // 202 to a PUT that some replicas have taken nevertheless
	Vanished = Fault{Before: objects.ErrMissing}   // 404 of a proxy that reaches no replica
	TimedOut = Fault{Before: errNoAnswer}          // no answer in time, nothing was done
	TooLate  = Fault{After: errNoAnswer}           // no answer in time, and it was done
)

// Faulty is a Client that counts what is asked of it, and lets go wrong what a test wants to.
type Faulty struct {
	client objects.Client

	mu     sync.Mutex // guards all below
	counts map[Kind]int
	plans  []func(Call) (Fault, bool)
	lag    time.Duration
	now    func() time.Time
}

var _ objects.Client = (*Faulty)(nil)

// NewFaulty returns a Client that makes its requests to c.
func NewFaulty(c objects.Client) *Faulty {
	return &Faulty{client: c, counts: make(map[Kind]int), now: time.Now}
}

// Count says how many calls of a kind were made, failed ones too.
func (f *Faulty) Count(k Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[k]
}

// Total says how many calls were made, of all kinds.
func (f *Faulty) Total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := 0
	for _, n := range f.counts {
		total += n
	}
	return total
}

// Reset sets the counts to zero and drops all plans and the lag.
func (f *Faulty) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts, f.plans, f.lag = make(map[Kind]int), nil, 0
}

// Fail plans a fault for the n-th call of a kind from now on, 1 being the next.
func (f *Faulty) Fail(k Kind, n int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n += f.counts[k]
	f.plans = append(f.plans, func(c Call) (Fault, bool) { return fault, c.Kind == k && c.N == n })
}

// FailAll plans a fault for all calls of a kind from now on.
func (f *Faulty) FailAll(k Kind, fault Fault) {
	f.Plan(func(c Call) (Fault, bool) { return fault, c.Kind == k })
}

// Plan adds a function that says of every call whether a fault happens to it; the first that says so decides.
// It is called under a lock, so it must not call f: its Fault's First and Then may.
func (f *Faulty) Plan(plan func(Call) (Fault, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans = append(f.plans, plan)
}

// Lag hides from listings what was written less than d ago by the clock given, as container updates that are queued do.
// What was deleted doesn't linger: for that there is the Lag of a Memory.
func (f *Faulty) Lag(d time.Duration, now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lag, f.now = d, now
}

// do makes a call with what was planned for it.
func (f *Faulty) do(ctx context.Context, k Kind, paths []objects.Path, call func() error) error {
	fault := f.next(k, paths)
	if fault.First != nil {
		fault.First()
	}
	if fault.Delay > 0 {
		if err := sleep(ctx, fault.Delay); err != nil {
			return err
		}
	}
	if fault.Before != nil {
		return fault.Before
	}
	if fault.Lost {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	err := call()
	if fault.Then != nil {
		fault.Then()
	}
	if fault.Mute {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if fault.After != nil {
		return fault.After
	}
	return err
}

func (f *Faulty) next(k Kind, paths []objects.Path) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[k]++
	call := Call{Kind: k, N: f.counts[k], Paths: paths}
	for _, plan := range f.plans {
		if fault, ok := plan(call); ok {
			return fault
		}
	}
	return Fault{}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// visible lists what the lag doesn't hide: full pages as long as there is more, since a listing that lags has full pages, too.
func (f *Faulty) visible(ctx context.Context, container string, l objects.Listing) ([]objects.Entry, error) {
	f.mu.Lock()
	lag, now := f.lag, f.now
	f.mu.Unlock()
	if lag == 0 {
		return f.client.List(ctx, container, l)
	}
	limit := f.client.Abilities().Page
	if l.Limit > 0 {
		limit = min(limit, l.Limit)
	}
	horizon := now().Add(-lag)
	var seen []objects.Entry
	for {
		page, err := f.client.List(ctx, container, l)
		if err != nil || len(page) == 0 {
			return seen, err
		}
		l.Marker = page[len(page)-1].Name
		seen = append(seen, slices.DeleteFunc(page, func(e objects.Entry) bool { return e.Modified.After(horizon) })...)
		if len(seen) >= limit {
			return seen[:limit], nil
		}
	}
}
