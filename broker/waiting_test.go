package broker

import (
	"context"
	"errors"
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
