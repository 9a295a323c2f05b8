package broker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// atOnce is how soon one who waits has to have an answer: far more than it takes, far less than the wait.
const atOnce = 5 * time.Second

// newLiveRig is a rig by the real clock.
func newLiveRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.Close()
	opened := openMemory(t, storage.Options{})
	r.data, r.control = opened.Data, opened.Control
	r.Broker = New(Config{Control: r.control, Data: r.data})
	return r
}

// waiters are the three ways to wait for a message of jobs. Each gives how many it got.
var waiters = map[string]func(ctx context.Context, b *Broker, seconds int) (int, error){
	"claim": func(ctx context.Context, b *Broker, seconds int) (int, error) {
		c, err := b.ClaimMessages(ctx, Claim{Queue: jobs, Wait: Some(seconds)})
		return len(c.Messages), err
	},
	"pop": func(ctx context.Context, b *Broker, seconds int) (int, error) {
		m, err := b.PopMessages(ctx, Pop{Queue: jobs, Limit: 1, Wait: Some(seconds)})
		return len(m), err
	},
	"list": func(ctx context.Context, b *Broker, seconds int) (int, error) {
		p, err := b.ListMessages(ctx, Listing{Queue: jobs, Client: "reader", Wait: Some(seconds)})
		return len(p.Items), err
	},
}

type got struct {
	n   int
	err error
}

// waitFor lets somebody wait, and returns when the wait has begun.
func waitFor(ctx context.Context, b *Broker, way string) <-chan got {
	answer := make(chan got, 1)
	go func() {
		n, err := waiters[way](ctx, b, 20)
		answer <- got{n, err}
	}()
	time.Sleep(50 * time.Millisecond) // nothing depends on it: a post that comes first is found by the first look
	return answer
}

func (r *rig) want(t *testing.T, what string, answer <-chan got, n int) {
	t.Helper()
	select {
	case g := <-answer:
		if g.err != nil || g.n != n {
			t.Errorf("%s: got %d messages, %v, want %d", what, g.n, g.err, n)
		}
	case <-time.After(atOnce):
		t.Errorf("%s: goes on waiting", what)
	}
}

func TestWaitingEnds(t *testing.T) {
	for way := range waiters {
		t.Run(way, func(t *testing.T) {
			t.Run("with a post", func(t *testing.T) {
				r := newLiveRig(t)
				r.post(t, jobs, 1)
				drain(t, r)
				answer := waitFor(t.Context(), r.Broker, way)
				r.post(t, jobs, 1)
				r.want(t, way, answer, 1)
			})
			t.Run("with the first post to a queue", func(t *testing.T) {
				r := newLiveRig(t)
				answer := waitFor(t.Context(), r.Broker, way)
				r.post(t, jobs, 1)
				r.want(t, way, answer, 1)
			})
			t.Run("with a post to a queue made anew", func(t *testing.T) {
				r := newLiveRig(t)
				if _, err := r.CreateQueue(t.Context(), jobs, nil); err != nil {
					t.Fatal(err)
				}
				answer := waitFor(t.Context(), r.Broker, way)
				if err := r.DeleteQueue(t.Context(), jobs); err != nil {
					t.Fatal(err)
				}
				r.post(t, jobs, 1)
				r.want(t, way, answer, 1)
			})
			t.Run("with the server's leaving", func(t *testing.T) {
				r := newLiveRig(t)
				answer := waitFor(t.Context(), r.Broker, way)
				r.StopWaiting()
				r.want(t, way, answer, 0)
				r.want(t, way+" afterwards", waitFor(t.Context(), r.Broker, way), 0)
			})
			t.Run("with its time", func(t *testing.T) {
				r := newLiveRig(t)
				start := time.Now()
				n, err := waiters[way](t.Context(), r.Broker, 1)
				if took := time.Since(start); n != 0 || err != nil || took < time.Second || took > atOnce {
					t.Errorf("a wait of 1 s: %d messages, %v, after %s", n, err, took)
				}
			})
			t.Run("with its caller, who takes nothing", func(t *testing.T) {
				r := newLiveRig(t)
				ctx, leave := context.WithCancel(t.Context())
				gone := waitFor(ctx, r.Broker, way)
				leave()
				if g := <-gone; g.n != 0 || !errors.Is(g.err, marconi.ErrUnavailable) {
					t.Errorf("one who left got %d messages, %v", g.n, g.err)
				}
				r.post(t, jobs, 1)
				if stats, err := r.Stats(t.Context(), jobs); err != nil || stats.Free != 1 {
					t.Errorf("stats: %+v, %v", stats, err)
				}
			})
		})
	}
}

// Who waits for a queue that another server makes, or makes anew, is woken, too.
func TestWaitingForAnotherServersQueue(t *testing.T) {
	pair := func(t *testing.T) (here, there *rig) {
		t.Helper()
		here = newLiveRig(t)
		here.Close()
		here.Broker = New(Config{Control: here.control, Data: here.data, Shared: true})
		there = &rig{Broker: New(Config{Control: here.control, Data: here.data, Shared: true}), control: here.control, data: here.data}
		t.Cleanup(there.Close)
		return here, there
	}
	for way := range waiters {
		t.Run(way+" from its first post", func(t *testing.T) {
			t.Parallel()
			here, there := pair(t)
			answer := waitFor(t.Context(), here.Broker, way)
			there.post(t, jobs, 1)
			here.want(t, way, answer, 1)
		})
		t.Run(way+" made anew", func(t *testing.T) {
			t.Parallel()
			here, there := pair(t)
			there.post(t, jobs, 1)
			drain(t, here)
			answer := waitFor(t.Context(), here.Broker, way)
			if err := there.DeleteQueue(t.Context(), jobs); err != nil {
				t.Fatal(err)
			}
			there.post(t, jobs, 1)
			time.Sleep(cacheLife - time.Second) // the queue that has gone is known for so long
			here.want(t, way, answer, 1)
		})
	}
}

// One who waits asks the control store for the queue no more often because other servers may make it anew.
func TestWaitingAsksForTheNameSparingly(t *testing.T) {
	r := newLiveRig(t)
	r.Close()
	control := &countingControl{ControlStore: r.control}
	r.Broker = New(Config{Control: control, Data: r.data, Shared: true})
	r.post(t, jobs, 1)
	drain(t, r)
	r.queues.takeOut(jobs)
	control.asked.Store(0)
	looks := &countingData{DataStore: r.data}
	r.Broker.data = looks
	var all []<-chan got
	for range 10 {
		all = append(all, waitFor(t.Context(), r.Broker, "claim"))
	}
	time.Sleep(2 * nameInterval)
	if asked, looked := control.asked.Load(), looks.claims.Load(); asked != 1 || looked != 10 {
		t.Errorf("ten who wait asked for the queue %d times, and looked %d times; want once, and ten times", asked, looked)
	}
	r.StopWaiting()
	for _, answer := range all {
		r.want(t, "claim", answer, 0)
	}
}

type countingControl struct {
	marconi.ControlStore
	asked atomic.Int64
}

func (c *countingControl) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	c.asked.Add(1)
	return c.ControlStore.Queue(ctx, key)
}

type countingData struct {
	marconi.DataStore
	claims atomic.Int64
}

func (d *countingData) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	d.claims.Add(1)
	return d.DataStore.Claim(ctx, q, c)
}

// drain takes what is there, so that a wait begins with nothing.
func drain(t *testing.T, r *rig) {
	t.Helper()
	if m, err := r.PopMessages(t.Context(), Pop{Queue: jobs, Limit: 1}); err != nil || len(m) != 1 {
		t.Fatalf("drain: %d, %v", len(m), err)
	}
}

// Many wait and leave while messages come: whoever stays gets them all.
func TestASignalForOneWhoLeftGoesToTheNext(t *testing.T) {
	r := newLiveRig(t)
	if _, err := r.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		ctx, leave := context.WithCancel(t.Context())
		leaver := waitFor(ctx, r.Broker, "claim")
		stayer := waitFor(t.Context(), r.Broker, "pop")
		go leave()
		r.post(t, jobs, 1)
		if g := <-leaver; g.n == 1 { // it was faster than its end
			r.post(t, jobs, 1)
		}
		r.want(t, "the one who stayed", stayer, 1)
	}
}

func TestOnesOwnMessagesEndNoList(t *testing.T) {
	r := newLiveRig(t)
	answer := make(chan got, 1)
	go func() {
		p, err := r.ListMessages(t.Context(), Listing{Queue: jobs, Client: "c", Wait: Some(1)})
		answer <- got{len(p.Items), err}
	}()
	r.post(t, jobs, 1) // by client c
	r.want(t, "list", answer, 0)
}

func TestWaitRange(t *testing.T) {
	r := newRig(t)
	for way, wait := range waiters {
		for _, seconds := range []int{-1, 21} {
			if _, err := wait(t.Context(), r.Broker, seconds); !hasCode(err, "wait-range") {
				t.Errorf("%s with a wait of %d: %v", way, seconds, err)
			}
		}
		if _, err := wait(t.Context(), r.Broker, 0); err != nil {
			t.Errorf("%s without a wait: %v", way, err)
		}
	}
}

// lateStore gets a message just after the first look at it.
type lateStore struct {
	marconi.DataStore
	looked bool
}

func (s *lateStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	m, err := s.DataStore.Pop(ctx, q, limit)
	if !s.looked {
		s.looked = true
		post := marconi.Post{Messages: []marconi.NewMessage{{TTL: 60, Body: []byte("1")}}}
		if _, err := s.DataStore.Post(ctx, q, post); err != nil {
			return nil, err
		}
	}
	return m, err
}

func TestNothingIsMissedBetweenLookAndWait(t *testing.T) {
	opened := openMemory(t, storage.Options{})
	b := New(Config{Control: opened.Control, Data: &lateStore{DataStore: opened.Data}})
	defer b.Close()
	if _, err := b.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	m, err := b.PopMessages(t.Context(), Pop{Queue: jobs, Limit: 1, Wait: Some(20)})
	if took := time.Since(start); err != nil || len(m) != 1 || took > atOnce {
		t.Errorf("got %d messages, %v, after %s", len(m), err, took)
	}
}

// claimLooks gets a message after each look, and what the look before has brought is gone: the second one is refused.
type claimLooks struct {
	marconi.DataStore
	ids []marconi.ClaimID
}

func (s *claimLooks) Claim(ctx context.Context, q marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	s.ids = append(s.ids, r.ID)
	if len(s.ids) == 3 {
		return s.DataStore.Claim(ctx, q, r)
	}
	post := marconi.Post{Messages: []marconi.NewMessage{{TTL: 60, Body: []byte("1")}}}
	if _, err := s.DataStore.Post(ctx, q, post); err != nil {
		return marconi.Claimed{}, err
	}
	if len(s.ids) == 2 {
		return marconi.Claimed{}, errBusy
	}
	return marconi.Claimed{}, nil
}

// TestALookThatFindsNothingIsNoEarlierTry has a claim that waits look anew under another ID, for what a store can't show may stay under the
// first; but what was refused may have been done, and is asked for under the same.
func TestALookThatFindsNothingIsNoEarlierTry(t *testing.T) {
	opened := openMemory(t, storage.Options{})
	looks := &claimLooks{DataStore: opened.Data}
	b := New(Config{Control: opened.Control, Data: looks})
	defer b.Close()
	if _, err := b.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	c, err := b.ClaimMessages(t.Context(), Claim{Queue: jobs, Wait: Some(20)})
	if err != nil || len(c.Messages) == 0 {
		t.Fatalf("got %+v, %v", c, err)
	}
	if ids := looks.ids; ids[0] == ids[1] || ids[1] != ids[2] || c.ID != ids[2] {
		t.Errorf("claim %s was asked for as %v", c.ID, ids)
	}
}

// heldStore lets a pop go on only when it is told to.
type heldStore struct {
	marconi.DataStore
	looks, goOn chan struct{}
}

func (s heldStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	s.looks <- struct{}{}
	<-s.goOn
	return s.DataStore.Pop(ctx, q, limit)
}

// Who asks to wait is counted while there is nothing for him, and not while the store is at work.
func TestThoseWhoWaitAreCounted(t *testing.T) {
	r := newLiveRig(t)
	slow := heldStore{r.data, make(chan struct{}), make(chan struct{})}
	r.Close()
	r.Broker = New(Config{Control: r.control, Data: slow})
	defer r.Close()
	if _, err := r.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	leaver, stayer := waitFor(ctx, r.Broker, "pop"), waitFor(t.Context(), r.Broker, "pop")
	for _, want := range []int64{0, 1} { // the first of the two looks, then the second
		<-slow.looks
		if n := r.Waiting(); n > want {
			t.Errorf("%d wait while one looks, want %d at most", n, want)
		}
		slow.goOn <- struct{}{}
	}
	r.wantWaiting(t, 2)
	leave()
	<-leaver
	r.wantWaiting(t, 1)
	r.post(t, jobs, 1)
	<-slow.looks
	r.wantWaiting(t, 0)
	slow.goOn <- struct{}{}
	r.want(t, "the one who stayed", stayer, 1)
}

func (r *rig) wantWaiting(t *testing.T, n int64) {
	t.Helper()
	for end := time.Now().Add(atOnce); r.Waiting() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d wait, want %d", r.Waiting(), n)
		}
	}
}

// A hangingStore neither claims nor releases in time.
type hangingStore struct {
	marconi.DataStore
	releasing, released chan marconi.ClaimID
}

func (s hangingStore) Claim(ctx context.Context, _ marconi.QueueRef, _ marconi.ClaimRequest) (marconi.Claimed, error) {
	<-ctx.Done()
	return marconi.Claimed{}, ctx.Err()
}

func (s hangingStore) Release(_ context.Context, _ marconi.QueueRef, id marconi.ClaimID) error {
	s.releasing <- id
	time.Sleep(200 * time.Millisecond)
	s.released <- id
	return nil
}

// A claim that comes too late is given back, and its caller doesn't wait for that; who closes the broker does.
func TestALateClaimIsGivenBackBeside(t *testing.T) {
	r := newLiveRig(t)
	r.post(t, jobs, 1)
	r.Close()
	store := hangingStore{r.data, make(chan marconi.ClaimID, 1), make(chan marconi.ClaimID, 1)}
	r.Broker = New(Config{Control: r.control, Data: store, Timeout: 50 * time.Millisecond})
	start := time.Now()
	_, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs})
	if took := time.Since(start); !errors.Is(err, marconi.ErrUnavailable) || took > 200*time.Millisecond {
		t.Errorf("a claim on a store that hangs: %v after %v, want unavailable after 50 ms", err, took)
	}
	<-store.releasing
	r.Close()
	if len(store.released) != 1 {
		t.Error("the broker was closed before the claim was given back")
	}
}
