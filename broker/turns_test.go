package broker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// newRigOver is a live rig over a store that something has been put round, with a queue.
func newRigOver(t *testing.T, timeout time.Duration, wrap func(marconi.DataStore) marconi.DataStore) *rig {
	t.Helper()
	r := newLiveRig(t)
	r.Close()
	r.Broker = New(Config{Control: r.control, Data: wrap(r.data), Timeout: timeout})
	t.Cleanup(r.Close)
	if _, err := r.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// narrowStore lists for one caller after the other, each for a millisecond.
type narrowStore struct {
	marconi.DataStore
	one     chan struct{}
	looking *atomic.Int64
	most    *atomic.Int64
}

func (s narrowStore) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	n := s.looking.Add(1)
	defer s.looking.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	select {
	case s.one <- struct{}{}:
	case <-ctx.Done():
		return marconi.Page[marconi.Message]{}, ctx.Err()
	}
	time.Sleep(time.Millisecond)
	<-s.one
	return s.DataStore.List(ctx, q, l)
}

// More come together, and one post wakes more, than the store can serve within the time for one request: they look in turn.
func TestManyLookInTurn(t *testing.T) {
	const readers = 1500
	narrow := narrowStore{one: make(chan struct{}, 1), looking: new(atomic.Int64), most: new(atomic.Int64)}
	r := newRigOver(t, time.Second, func(d marconi.DataStore) marconi.DataStore {
		narrow.DataStore = d
		return narrow
	})
	answers := make(chan got, readers)
	for range readers {
		go func() {
			n, err := waiters["list"](t.Context(), r.Broker, 20)
			answers <- got{n, err}
		}()
	}
	for end := time.Now().Add(time.Minute); r.Waiting() < readers; time.Sleep(10 * time.Millisecond) {
		if len(answers) > 0 || time.Now().After(end) {
			t.Fatalf("%d wait, and %d have an answer; want %d to wait", r.Waiting(), len(answers), readers)
		}
	}
	r.post(t, jobs, 1)
	for range readers {
		if g := <-answers; g.n != 1 || g.err != nil {
			t.Fatalf("a reader got %d messages, %v", g.n, g.err)
		}
	}
	if most := narrow.most.Load(); most > maxLooks {
		t.Errorf("%d looked at once, want %d at most", most, maxLooks)
	}
}

// Who has waited for his first turn for all his time is served like one who would not wait; not if he has gone.
func TestAFirstLookThatHasNoTurn(t *testing.T) {
	r, store := newFickleRig(t)
	r.post(t, jobs, 1)
	for range maxLooks {
		r.turns <- struct{}{}
	}
	ctx, leave := context.WithCancel(t.Context())
	gone := waitFor(ctx, r.Broker, "pop")
	leave()
	if g := <-gone; g.n != 0 || !errors.Is(g.err, marconi.ErrUnavailable) || store.pops.Load() != 0 {
		t.Errorf("who left got %d messages, %v, after %d looks", g.n, g.err, store.pops.Load())
	}
	for _, want := range []int{1, 0} {
		start := time.Now()
		n, err := waiters["pop"](t.Context(), r.Broker, 1)
		if took := time.Since(start); n != want || err != nil || took < time.Second || took > atOnce {
			t.Errorf("got %d messages, %v, after %s; want %d after a second", n, err, took, want)
		}
	}
	answer := waitFor(t.Context(), r.Broker, "pop")
	r.StopWaiting()
	r.want(t, "one to whom the server says good-bye", answer, 0)
	for range maxLooks {
		<-r.turns
	}
}

// fickleStore gives the errors that it holds, one for each pop, before it pops. It counts the pops.
type fickleStore struct {
	marconi.DataStore
	errors chan error
	pops   *atomic.Int64
}

func (s fickleStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	s.pops.Add(1)
	select {
	case err := <-s.errors:
		return nil, err
	default:
		return s.DataStore.Pop(ctx, q, limit)
	}
}

func newFickleRig(t *testing.T) (*rig, fickleStore) {
	t.Helper()
	store := fickleStore{errors: make(chan error, 1000), pops: new(atomic.Int64)}
	return newRigOver(t, 0, func(d marconi.DataStore) marconi.DataStore {
		store.DataStore = d
		return store
	}), store
}

var errBusy = &marconi.Error{Kind: marconi.Unavailable, Code: "busy", Text: "too much to do"}

// That a store has too much to do at the moment is no answer for one who has time.
func TestWhoIsRefusedGoesOnWaiting(t *testing.T) {
	t.Run("until it has time", func(t *testing.T) {
		r, store := newFickleRig(t)
		answer := waitFor(t.Context(), r.Broker, "pop")
		r.wantWaiting(t, 1)
		store.errors <- errBusy
		store.errors <- errBusy
		r.post(t, jobs, 1)
		r.want(t, "pop", answer, 1)
		if n := store.pops.Load(); n != 4 {
			t.Errorf("the store was asked %d times, want 4", n)
		}
	})
	t.Run("until the wait is over", func(t *testing.T) {
		r, store := newFickleRig(t)
		start := time.Now()
		answer := make(chan got, 1)
		go func() {
			n, err := waiters["pop"](t.Context(), r.Broker, 1)
			answer <- got{n, err}
		}()
		r.wantWaiting(t, 1)
		for range 500 {
			store.errors <- errBusy
		}
		r.post(t, jobs, 1)
		g := <-answer
		if took := time.Since(start); g.n != 0 || !hasCode(g.err, "busy") || took < time.Second || took > atOnce {
			t.Errorf("got %d messages, %v, after %s; want what the last look came to, after a second", g.n, g.err, took)
		}
		if n := store.pops.Load(); n > 8 {
			t.Errorf("the store was asked %d times in a second, want at longer and longer intervals", n)
		}
	})
	t.Run("but not if it is full, or does not wait", func(t *testing.T) {
		r, store := newFickleRig(t)
		store.errors <- errBusy
		if g := <-waitFor(t.Context(), r.Broker, "pop"); !hasCode(g.err, "busy") {
			t.Errorf("a first look that is refused gives %v", g.err)
		}
		answer := waitFor(t.Context(), r.Broker, "pop")
		r.wantWaiting(t, 1)
		store.errors <- marconi.ErrFull
		r.post(t, jobs, 1)
		if g := <-answer; !hasCode(g.err, "full") {
			t.Errorf("a full store gives %v", g.err)
		}
	})
}

// A look that failed has taken nothing: the signal goes to the next one.
func TestASignalOutlivesAFailedLook(t *testing.T) {
	r, store := newFickleRig(t)
	first := waitFor(t.Context(), r.Broker, "pop")
	r.wantWaiting(t, 1)
	second := waitFor(t.Context(), r.Broker, "pop")
	r.wantWaiting(t, 2)
	store.errors <- errors.New("the disk is on fire")
	r.post(t, jobs, 1)
	if g := <-first; !hasCode(g.err, marconi.ErrUnavailable.Code) {
		t.Errorf("whose look failed got %d messages, %v", g.n, g.err)
	}
	r.want(t, "the second", second, 1)
}

// Who leaves, or whose time is over, while others look takes nothing, and leaves his signal to the next.
func TestWhoLeavesBeforeHisTurnTakesNothing(t *testing.T) {
	r, store := newFickleRig(t)
	ctx, leave := context.WithCancel(t.Context())
	leaver := waitFor(ctx, r.Broker, "pop")
	r.wantWaiting(t, 1)
	short := make(chan got, 1)
	go func() {
		n, err := waiters["pop"](t.Context(), r.Broker, 1)
		short <- got{n, err}
	}()
	r.wantWaiting(t, 2)
	stayer := waitFor(t.Context(), r.Broker, "pop")
	r.wantWaiting(t, 3)
	for range maxLooks {
		r.turns <- struct{}{}
	}
	looks := store.pops.Load()
	r.post(t, jobs, 1)
	leave()
	if g := <-leaver; !errors.Is(g.err, marconi.ErrUnavailable) {
		t.Errorf("who left got %d messages, %v", g.n, g.err)
	}
	r.want(t, "whose time was over", short, 0)
	if n := store.pops.Load(); n != looks {
		t.Errorf("%d looks were made out of turn", n-looks)
	}
	for range maxLooks {
		<-r.turns
	}
	r.want(t, "who stayed", stayer, 1)
}
