package pure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// deliveries count how often each message was handed out.
type deliveries struct {
	mu sync.Mutex // guards of
	of map[marconi.MessageID]int
}

func (d *deliveries) add(all []marconi.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range all {
		d.of[m.ID]++
	}
}

// check counts what was handed out more than once, and wants all of it handed out.
func (d *deliveries) check(t *testing.T, ids []marconi.MessageID) (duplicates int) {
	t.Helper()
	for _, id := range ids {
		if d.of[id] == 0 {
			t.Errorf("message %s was never handed out", id)
		}
		duplicates += max(0, d.of[id]-1)
	}
	return duplicates
}

// workTogether lets workers of several processes claim or pop until nothing is left: they delete most of what they claim, and
// give the rest back.
func workTogether(t *testing.T, f *fixture, stores []*Store, each int) *deliveries {
	t.Helper()
	d := &deliveries{of: map[marconi.MessageID]int{}}
	var workers sync.WaitGroup
	for i, s := range stores {
		for w := range each {
			workers.Go(func() {
				take := func() (int, error) { return claimAndDelete(t.Context(), s, f.q, d) }
				if (i+w)%3 == 0 {
					take = func() (int, error) {
						got, err := s.Pop(t.Context(), f.q, 2)
						d.add(got)
						return len(got), err
					}
				}
				if err := untilEmpty(t.Context(), s, f.q, take); err != nil {
					t.Errorf("worker %d of process %d: %v", w, i, err)
				}
			})
		}
	}
	workers.Wait()
	return d
}

func claimAndDelete(ctx context.Context, s *Store, q marconi.QueueRef, d *deliveries) (int, error) {
	id := newClaimID()
	got, err := s.Claim(ctx, q, marconi.ClaimRequest{ID: id, TTL: 60, Limit: 3})
	if err != nil {
		return 0, err
	}
	d.add(got.Messages)
	for _, m := range got.Messages {
		if err := s.Delete(ctx, q, m.ID, id); err != nil {
			return 0, err
		}
	}
	return len(got.Messages), nil
}

// untilEmpty takes until the queue is empty: beside others, getting nothing doesn't say that.
func untilEmpty(ctx context.Context, s *Store, q marconi.QueueRef, take func() (int, error)) error {
	for {
		n, err := take()
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		stats, err := s.Stats(ctx, q)
		if err != nil || stats.Total == 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTwoProcessesTakeEachMessageOnce(t *testing.T) {
	for range 5 {
		f := newFixture(t)
		ids := f.post(messages(150, 600)...)
		d := workTogether(t, f, []*Store{f.Store, f.open(f.clock.Now)}, 4)
		if n := d.check(t, ids); n != 0 {
			t.Fatalf("%d of %d messages were handed out twice", n, len(ids))
		}
	}
}

func TestOneProcessTakesEachMessageOnce(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(200, 600)...)
	d := workTogether(t, f, []*Store{f.Store}, 8)
	if n := d.check(t, ids); n != 0 {
		t.Errorf("%d of %d messages were handed out twice", n, len(ids))
	}
}

// A slack account looks at If-None-Match before a PUT, and stores later: as Swift does, where a disk stalls.
type slack struct {
	objects.Client
	between func(at objects.Path) // is called between the two
}

func (s *slack) Put(ctx context.Context, at objects.Path, body []byte, a objects.Attributes, options ...objects.PutOption) error {
	if !slices.Contains(options, objects.Anew) {
		return s.Client.Put(ctx, at, body, a, options...)
	}
	if _, err := s.Head(ctx, at, true); err == nil {
		return objects.ErrExists
	}
	s.between(at)
	return s.Client.Put(ctx, at, body, a)
}

// TestTheWindow shows what the package says it can't exclude: a lease whose PUT was looked at before another's, and stored after that
// one was verified. With a wait before the verification that is longer than the PUT, it is excluded.
func TestTheWindow(t *testing.T) {
	for _, c := range []struct {
		name   string
		settle time.Duration
		want   int
	}{
		{"without a wait both get the message", 0, 2},
		{"with a wait one gets it", 500 * time.Millisecond, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 600)...)
			looked, stall := make(chan struct{}), make(chan struct{})
			late := &slack{Client: f.faulty, between: func(at objects.Path) {
				if at.Name[0] == 'm' {
					close(looked)
					<-stall
				}
			}}
			slow := mustOpen(t, late, Options{Now: f.clock.Now, LeaseSettle: c.settle})
			fast := f.on(f.open(f.clock.Now, func(o *Options) { o.LeaseSettle = c.settle }))

			taken := make(chan int)
			go func() {
				got, _ := slow.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1})
				taken <- len(got.Messages)
			}()
			<-looked
			if c.settle > 0 {
				time.AfterFunc(c.settle/5, func() { close(stall) })
			}
			_, got := fast.claim(60, 1)
			if c.settle == 0 {
				close(stall)
			}
			if n := <-taken + len(got); n != c.want {
				t.Errorf("the message was handed out %d times, want %d", n, c.want)
			}
			if err := slow.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAClaimsEndIsExactInItsProcessAndSafeInOthers(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	other := f.on(f.open(f.clock.Now))
	ahead := f.on(f.open(f.clock.off(1900 * time.Millisecond)))
	f.claim(10, 1)

	f.clock.pass(10*time.Second - time.Millisecond)
	for name, g := range map[string]*fixture{"its own": f, "another": other, "one that is ahead": ahead} {
		if _, got := g.claim(60, 1); len(got) > 0 {
			t.Errorf("1 ms before its end %s process took the claim's message", name)
		}
	}
	f.clock.pass(time.Millisecond)
	if _, got := other.claim(60, 1); len(got) > 0 {
		t.Error("at its end, before Swift has let go of the claim, another process took its message")
	}
	_, got := f.claim(10, 1)
	wantBodies(t, "a claim in its own process at the end", got, "1")

	f.clock.pass(12 * time.Second) // Swift lets go of it at the next whole second
	_, got = other.claim(10, 1)
	wantBodies(t, "a claim of another process 2 s after the end", got, "1")
	if got[0].ClaimCount != 3 {
		t.Errorf("claim count = %d, want 3", got[0].ClaimCount)
	}
}

// TestALiveClaimIsNotTakenOver lets listings show no claim at all: what a claim asks for itself has to keep it.
func TestALiveClaimIsNotTakenOver(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{
		"that listings don't show": {}, "that can't be asked for": swifttest.Refused, "that times out": swifttest.TimedOut,
	} {
		t.Run(name, func(t *testing.T) {
			f := newLaggingFixture(t, hideClaims)
			f.post(messages(1, 600)...)
			id, _ := f.claim(10, 1)
			f.clock.pass(9 * time.Second)
			if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 100}); err != nil {
				t.Fatal(err)
			}
			f.clock.pass(20 * time.Second)
			other := f.on(f.open(f.clock.Now))
			wantBodies(t, "a listing that shows the message as free", other.list(marconi.Listing{Limit: 5}).Items, "1")
			f.faulty.FailAll(swifttest.Head, fault)
			if _, got := other.claim(60, 1); len(got) > 0 {
				t.Error("another process took the message")
			}
			f.faulty.Reset()
			c, err := f.Claimed(t.Context(), f.q, id)
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "the claim", c.Messages, "1")
		})
	}
}

func hideClaims(at objects.Path) time.Duration {
	if strings.HasPrefix(at.Name, claimPrefix) {
		return time.Hour
	}
	return 0
}

func TestARenewalAtTheEndIsRefused(t *testing.T) {
	for name, late := range map[string]time.Duration{"at its end": 0, "after its end": time.Second, "before its end": -time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 600)...)
			id, _ := f.claim(10, 1)
			f.clock.pass(10*time.Second + late)
			err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 60})
			if late < 0 && err != nil || late >= 0 && !errors.Is(err, marconi.ErrNoClaim) {
				t.Errorf("UpdateClaim: %v", err)
			}
		})
	}
}

// TestARenewalIsRefusedIfTheEndComesAmidIt stalls the request before the one that would put the end off.
func TestARenewalIsRefusedIfTheEndComesAmidIt(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	id, _ := f.claim(10, 1)
	f.faulty.Fail(swifttest.Post, 1, swifttest.Fault{First: func() { f.clock.pass(10 * time.Second) }})
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 6000}); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("UpdateClaim: %v, want ErrNoClaim", err)
	}
	_, got := f.claim(60, 1)
	wantBodies(t, "a claim after it", got, "1")
}

// TestARenewalLosesWhatAnotherHas is a renewal that was slow: when it is stored, another process has found the claim ended.
func TestARenewalLosesWhatAnotherHas(t *testing.T) {
	f := newFixture(t)
	f.post(messages(2, 600)...)
	id, _ := f.claim(10, 2)
	other := f.on(f.open(f.clock.Now))
	f.clock.pass(9 * time.Second)
	f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() {
		f.clock.pass(13 * time.Second)
		if _, got := other.claim(60, 1); len(got) != 1 {
			t.Errorf("another process got %q", bodiesOf(got))
		}
	}})
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 60}); err != nil {
		t.Fatal(err)
	}
	c, err := f.Claimed(t.Context(), f.q, id)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "the claim after its renewal", c.Messages, "2")
}

func TestALongClaimKeepsItsMessage(t *testing.T) {
	const day = 86400
	f := newFixture(t)
	id := f.post(messages(1, 60)...)[0]
	claim := newClaimID()
	if _, err := f.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: claim, TTL: day, Grace: 10, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		f.clock.pass((day - 1) * time.Second)
		f.account.Expire()
		var err error
		if i%2 == 0 {
			err = f.UpdateClaim(t.Context(), f.q, claim, marconi.ClaimUpdate{TTL: day, Grace: 10})
		} else {
			f.clock.pass(5 * time.Second)
			claim = newClaimID()
			_, err = f.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: claim, TTL: day, Grace: 10, Limit: 1})
		}
		if err != nil {
			t.Fatalf("after %d days: %v", i+1, err)
		}
		m, err := f.Message(t.Context(), f.q, id)
		if err != nil || m.Claim != claim || m.TTL != day+10 {
			t.Fatalf("after %d days the message is %+v, error %v", i+1, m, err)
		}
	}
}

func TestOtherProcessesSeeAPurge(t *testing.T) {
	f := newFixture(t)
	other := f.on(f.open(f.clock.off(-3 * time.Second))) // whose clock is behind
	f.post(messages(2, 600)...)
	other.post(messages(2, 600)...)
	if err := f.Purge(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	other.post(marconi.NewMessage{TTL: 600, Body: []byte("3")})
	for name, g := range map[string]*fixture{"the process that purged": f, "another": other} {
		wantBodies(t, "a listing of "+name, g.all(), "3")
	}
	_, got := other.claim(60, 5)
	wantBodies(t, "a claim", got, "3")
}

// TestAPurgeOfOldMessages leaves their removal to whoever sweeps next.
func TestAPurgeOfOldMessages(t *testing.T) {
	f := newFixture(t)
	other := f.on(f.open(f.clock.off(-3 * time.Second)))
	f.post(messages(2, 600)...)
	other.post(messages(2, 600)...)
	f.clock.pass(2 * time.Minute)
	requests := f.counts(func() {
		if err := f.Purge(t.Context(), f.q); err != nil {
			t.Fatal(err)
		}
	})
	if requests != "head 1, list 1, put 1" {
		t.Errorf("the purge took %s", requests)
	}
	other.post(marconi.NewMessage{TTL: 600, Body: []byte("3")})
	for name, g := range map[string]*fixture{"the process that purged": f, "another": other} {
		wantBodies(t, "a listing of "+name, g.all(), "3")
	}
	if n, err := other.Collect(t.Context()); n != 4 || err != nil {
		t.Errorf("Collect by another process = %d, %v; want the 4 that were purged", n, err)
	}
	wantBodies(t, "after that", other.all(), "3")
}

// TestAPurgeLeavesWhatIsPostedAfterIt has proxies whose clocks differ: what is stored behind a purge has an older stamp.
func TestAPurgeLeavesWhatIsPostedAfterIt(t *testing.T) {
	f := newFixture(t)
	s := mustOpen(t, f.account.Through(9*time.Second), Options{Now: f.clock.Now, ReapEvery: time.Hour})
	defer s.Close()
	other := f.on(s)
	f.post(messages(2, 600)...)
	other.post(messages(2, 600)...)
	claim, _ := other.claim(300, 1)
	if err := other.Purge(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	id := f.post(marconi.NewMessage{TTL: 600, Body: []byte("3")})[0]
	for name, g := range map[string]*fixture{"the process that purged": other, "another": f} {
		wantBodies(t, "a listing of "+name, g.all(), "3")
	}
	if c, err := f.Claimed(t.Context(), f.q, claim); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("the claim of what was purged is %+v, %v", c, err)
	}
	f.clock.pass(10 * time.Second) // until the proxy that is behind can remove what came through the other
	for _, g := range []*fixture{f, other} {
		if _, err := g.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := other.Message(t.Context(), f.q, id); err != nil || string(m.Body) != "3" {
		t.Errorf("the message behind the purge is %q, %v", m.Body, err)
	}
}

// TestAPurgeSparesAProcessOfThePast has a process whose clock is further behind than any may be: what it posts after a purge stays.
func TestAPurgeSparesAProcessOfThePast(t *testing.T) {
	f := newFixture(t)
	past := f.on(f.open(f.clock.off(-2 * time.Minute)))
	past.post(messages(2, 600)...)
	if err := f.Purge(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	past.post(marconi.NewMessage{TTL: 600, Body: []byte("3")})
	if _, err := f.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "after the purge", f.all(), "3")
}

// TestWhatIsPurgedStaysSoThoughItIsListedLate has a process purge what it has posted itself a moment before.
func TestWhatIsPurgedStaysSoThoughItIsListedLate(t *testing.T) {
	f := newLaggingFixture(t, func(at objects.Path) time.Duration {
		if strings.HasPrefix(at.Name, messagePrefix) {
			return 5 * time.Second
		}
		return 0
	})
	other := f.on(f.open(f.clock.Now))
	f.post(messages(2, 600)...)
	for _, g := range []*fixture{f, other} { // the later purge leaves alone what the other process has just posted
		if err := g.Purge(t.Context(), f.q); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.pass(6 * time.Second)
	for name, g := range map[string]*fixture{"the process that purged": f, "another": other, "a third": f.on(f.open(f.clock.Now))} {
		wantBodies(t, "a listing of "+name, g.all(), "")
	}
}

// TestAProxyThatFindsNothing says 404 of an object that is there: a page that left it out would have its marker behind it.
func TestAProxyThatFindsNothing(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 600)...)
	f.faulty.Fail(swifttest.Get, 2, swifttest.Vanished)
	page := f.list(marconi.Listing{Limit: 2, Echo: true})
	wantBodies(t, "a page", page.Items, "1 2")
	f.faulty.Fail(swifttest.Get, 1, swifttest.Vanished)
	m, err := f.First(t.Context(), f.q, marconi.Oldest)
	if err != nil || string(m.Body) != "1" {
		t.Errorf("First = %q, %v", m.Body, err)
	}
}

// TestWhoWaitsHearsOfOthers waits for what another process does.
func TestWhoWaitsHearsOfOthers(t *testing.T) {
	account := swifttest.NewMemory(swifttest.Options{})
	here := mustOpen(t, account, Options{PollEvery: 20 * time.Millisecond})
	there := mustOpen(t, account, Options{})
	defer here.Close()
	defer there.Close()
	q := newQueue("q")
	watches := make([]marconi.Watch, 3)
	for i := range watches {
		watches[i] = here.Watch(q, marconi.Interest{Take: true})
		defer watches[i].Close()
	}
	lister := here.Watch(q, marconi.Interest{Client: observer})
	defer lister.Close()

	post := marconi.Post{Client: producer, Messages: messages(1, 60)}
	if _, err := there.Post(t.Context(), q, post); err != nil {
		t.Fatal(err)
	}
	wait(t, "the lister", lister)
	time.Sleep(100 * time.Millisecond) // several looks
	woken := 0
	for _, w := range watches {
		select {
		case <-w.C():
			woken++
		default:
		}
	}
	if woken != 1 {
		t.Errorf("another process's post of one woke %d of those who take, want 1", woken)
	}
	claim := newClaimID()
	if _, err := there.Claim(t.Context(), q, marconi.ClaimRequest{ID: claim, TTL: 60, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if err := there.Release(t.Context(), q, claim); err != nil {
		t.Fatal(err)
	}
	wait(t, "the lister, after a release that it hardly saw", lister)
}

func wait(t *testing.T, who string, w marconi.Watch) {
	t.Helper()
	select {
	case <-w.C():
	case <-time.After(5 * time.Second):
		t.Fatalf("%s was not woken", who)
	}
}

func TestShardsBelongToTheData(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Shards = 4 })
	f.post(messages(5, 60)...)
	if s, err := New(t.Context(), f.faulty, Options{Shards: 2, Now: f.clock.Now}); err == nil {
		t.Error("a store opened data in 4 shards as if there were 2")
		_ = s.Close()
	}
	for _, n := range []int{-1, MostShards + 1} {
		if s, err := New(t.Context(), f.faulty, Options{Shards: n, Namespace: fmt.Sprint("n", n)}); err == nil {
			t.Errorf("a store opened with %d shards", n)
			_ = s.Close()
		}
	}
	f.Store = f.open(f.clock.Now, func(o *Options) { o.Shards, o.Namespace = MostShards, "most" })
	f.post(messages(5, 60)...)
	wantBodies(t, "in as many shards as there may be", f.all(), "1 2 3 4 5")
}

// TestAClaimThatDiedIsFoundAgain lets a process die amid a claim, after each of its requests; another is asked for the same claim. It
// gets what the first one took, or if that was nothing as much as ever.
func TestAClaimThatDiedIsFoundAgain(t *testing.T) {
	for n := 1; ; n++ {
		f := newFixture(t)
		f.post(messages(3, 600)...)
		c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 2}
		dies := f.failRequest(n, false, swifttest.Fault{First: func() { f.faulty.Plan(everyCallFails) }})
		if _, err := f.Claim(t.Context(), f.q, c); err == nil {
			return
		}
		if !dies() {
			t.Fatalf("the claim failed, though not at request %d", n)
		}
		f.faulty.Reset()
		other := f.on(f.open(f.clock.Now))
		got, err := other.Claim(t.Context(), f.q, c)
		if err != nil {
			t.Fatal(err)
		}
		counts := 0
		for _, m := range got.Messages {
			counts += m.ClaimCount
		}
		if len(got.Messages) == 0 || counts != len(got.Messages) {
			t.Errorf("after a death at request %d the same claim has %q, claimed %d times", n, bodiesOf(got.Messages), counts)
		}
		again, err := other.Claimed(t.Context(), f.q, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantBodies(t, "Claimed", again.Messages, bodiesOf(got.Messages))
		if _, rest := other.claim(60, 5); len(rest)+len(got.Messages) != 3 {
			t.Errorf("after a death at request %d there are %q and %q", n, bodiesOf(got.Messages), bodiesOf(rest))
		}
	}
}

func everyCallFails(swifttest.Call) (swifttest.Fault, bool) { return swifttest.Refused, true }

// A forwardClient is a Swift that knows of no listing from the end.
type forwardClient struct{ objects.Client }

func (c forwardClient) List(ctx context.Context, container string, l objects.Listing) ([]objects.Entry, error) {
	l.Reverse = false
	return c.Client.List(ctx, container, l)
}

// TestASwiftThatListsForwardOnly gives the newest message all the same.
func TestASwiftThatListsForwardOnly(t *testing.T) {
	account := swifttest.NewMemory(swifttest.Options{Abilities: objects.Abilities{Page: 3}})
	f := &fixture{t: t, account: account, q: newQueue("q")}
	f.Store = mustOpen(t, forwardClient{account}, Options{Shards: 2, ReapEvery: time.Hour})
	defer f.Close()
	f.post(messages(20, 600)...)
	_, held := f.claim(60, 20)
	if err := f.Delete(t.Context(), f.q, held[19].ID, held[19].Claim); err != nil {
		t.Fatal(err)
	}
	m, err := f.First(t.Context(), f.q, marconi.Newest)
	if err != nil || string(m.Body) != "19" {
		t.Errorf("the newest message is %q, %v; want 19", m.Body, err)
	}
}
