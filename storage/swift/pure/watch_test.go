package pure

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

var takes = marconi.Interest{Take: true}

// watch waits for the fixture's queue.
func (f *fixture) watch(i marconi.Interest) marconi.Watch {
	f.t.Helper()
	w := f.Watch(f.q, i)
	f.t.Cleanup(w.Close)
	return w
}

// asks does what the hub does when its time has come, and waits for the look that this may begin.
func (f *fixture) asks() {
	f.t.Helper()
	events, _ := f.ask(f.q)
	f.hub.Notify(f.q, events...)
	f.awaitLook(f.watched.at(f.q))
}

// awaitLook waits until no look is under way.
func (f *fixture) awaitLook(w *waiting) {
	f.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		looking := w.looking
		w.mu.Unlock()
		if !looking {
			return
		}
		if time.Now().After(end) {
			f.t.Fatal("a look goes on for ever")
		}
	}
}

// isToldWithin lets time pass until w is told.
func (f *fixture) isToldWithin(d time.Duration, w marconi.Watch) bool {
	f.t.Helper()
	const step = 1100 * time.Millisecond
	for range d / step {
		f.clock.pass(step)
		if f.asks(); isTold(w) {
			return true
		}
	}
	return false
}

func isTold(w marconi.Watch) bool {
	select {
	case <-w.C():
		return true
	default:
		return false
	}
}

func (f *fixture) wantNothing(what string) {
	f.t.Helper()
	if _, got := f.claim(60, 1); len(got) > 0 {
		f.t.Fatalf("%s: message %s was claimed, want none", what, got[0].ID)
	}
}

func (f *fixture) known() int {
	w := f.watched.at(f.q)
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.known)
}

// TestWhoLooksTooEarlyIsToldAgain is about what this process does and a listing shows 200 ms later: who is told at once, and looks at once,
// does not find it.
func TestWhoLooksTooEarlyIsToldAgain(t *testing.T) {
	release := func(f *fixture) func() {
		f.post(messages(1, 600)...)
		f.clock.pass(500 * time.Millisecond)
		id, _ := f.claim(600, 1)
		f.clock.pass(500 * time.Millisecond)
		return func() {
			if err := f.Release(f.t.Context(), f.q, id); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	post := func(f *fixture) func() { return func() { f.post(messages(1, 600)...) } }
	for _, c := range []struct {
		what    string
		prepare func(f *fixture) (happen func())
		before  bool          // it happens before anybody waits
		pass    time.Duration // after it was told, until Swift is looked at
	}{
		{"a post", post, false, 0},
		{"a post that a look shows at once", post, false, 200 * time.Millisecond},
		{"a release", release, false, 0},
		{"a release that a look shows at once", release, false, 200 * time.Millisecond},
		{"a post before the wait", post, true, 0},
		{"a release before the wait", release, true, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := newLaggingFixture(t, func(objects.Path) time.Duration { return 200 * time.Millisecond })
			happen := c.prepare(f)
			if c.before {
				happen()
				f.faulty.Fail(swifttest.List, 1, swifttest.Fault{First: f.account.Settle}) // the look asks one that is not behind
			}
			w := f.watch(takes)
			f.faulty.Reset()
			if !c.before {
				f.wantNothing("before")
				f.clock.pass(1100 * time.Millisecond)
				f.asks()
				happen()
				if !isTold(w) {
					t.Fatal("nobody was told")
				}
				f.wantNothing("at once")
			}
			f.clock.pass(c.pass)
			f.lookSoon(f.q)
			f.asks()
			isTold(w)
			if !f.isToldWithin(4*time.Second, w) {
				t.Fatal("nobody was told again")
			}
			if _, got := f.claim(60, 1); len(got) != 1 {
				t.Error("nothing is there")
			}
			if f.isToldWithin(10*time.Second, w) {
				t.Error("who waits is told a third time")
			}
		})
	}
}

// TestWhoListsClaimedMessagesIsToldOfThem though a claim here comes by another process's message before the next look.
func TestWhoListsClaimedMessagesIsToldOfThem(t *testing.T) {
	f := newFixture(t)
	other := f.on(f.open(f.clock.Now))
	w := f.watch(marconi.Interest{Client: observer, IncludeClaimed: true})
	other.post(messages(1, 600)...)
	f.claim(60, 1)
	if !f.isToldWithin(4*time.Second, w) {
		t.Error("nobody was told of a message that is under a claim")
	}
}

// TestWhoWaitsDoesNotWakeHimself with an attempt in vain; he is told when there is another chance.
func TestWhoWaitsDoesNotWakeHimself(t *testing.T) {
	t.Run("a claim of another has hardly ended", func(t *testing.T) {
		f := newFixture(t)
		f.post(messages(1, 600)...)
		other := f.on(f.open(f.clock.Now))
		other.claim(10, 1)
		w := f.watch(takes)
		f.clock.pass(10*time.Second + 50*time.Millisecond) // Swift has it until the next whole second
		f.asks()
		if !isTold(w) {
			t.Fatal("nobody was told of the end")
		}
		f.wantNothing("at the end of another process's claim")
		if isTold(w) {
			t.Error("who waits was told by what he did himself")
		}
		if !f.isToldWithin(clockMargin+1100*time.Millisecond, w) {
			t.Fatal("nobody was told when the message was to be had")
		}
		if _, got := f.claim(60, 1); len(got) != 1 {
			t.Error("nothing is to be had")
		}
	})
	t.Run("a lease is hidden", func(t *testing.T) {
		f := newFixture(t)
		name := string(f.post(messages(1, 600)...)[0])
		id, _ := f.claim(60, 1)
		if err := f.Release(t.Context(), f.q, id); err != nil {
			t.Fatal(err)
		}
		w := f.watch(takes)
		lease := messagePrefix + leaseName(name, 1)
		f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Vanished, c.Kind == swifttest.Head && c.Paths[0].Name == lease
		})
		looks := 1
		f.wantNothing("a lease is hidden")
		for range 600 {
			for isTold(w) && looks < 100 {
				looks++
				f.wantNothing("a lease is hidden")
			}
			f.clock.pass(100 * time.Millisecond)
			f.asks()
		}
		if looks > 7 {
			t.Errorf("in a minute who waits looked %d times for a message that nobody gets", looks)
		}
		f.faulty.Reset()
		if !f.isToldWithin(longestVain+2*time.Second, w) {
			t.Error("nobody was told that the message is to be had again")
		}
	})
}

// TestWhoWasInTheWayTells of what he did not get, but only if somebody has passed it over.
func TestWhoWasInTheWayTells(t *testing.T) {
	for _, others := range []int{0, 1} {
		f := newFixture(t)
		f.post(messages(1, 600)...)
		w := f.watch(takes)
		f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Before: swifttest.ErrUnavailable, First: func() {
			for range others {
				f.wantNothing("a message that another call is about to take")
			}
		}})
		f.faulty.FailAll(swifttest.Head, swifttest.Refused)
		c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1}
		if _, err := f.Claim(t.Context(), f.q, c); err == nil {
			t.Fatal("no error")
		}
		if told := isTold(w); told != (others > 0) {
			t.Errorf("%d passed the message over: who waits was told: %v", others, told)
		}
	}
}

// TestWhoComesTooLateForAMessage leaves known when the claim ends that was faster.
func TestWhoComesTooLateForAMessage(t *testing.T) {
	f := newFixture(t)
	id := f.post(messages(1, 600)...)[0]
	f.watch(takes)
	late := record{name: string(id)}
	f.claim(60, 1)
	f.tellLost(f.q, []record{late})
	f.clock.pass(30 * time.Second)
	if f.asks(); f.known() != 1 {
		t.Fatalf("%d messages are known, want 1", f.known())
	}
	late.generation = 1 // as long as a renewal is not listed, it looks free
	f.tellLost(f.q, []record{late})
	f.clock.pass(29 * time.Second)
	if events, _ := f.ask(f.q); len(events) > 0 {
		t.Errorf("before the claim's end there is told %v", events)
	}
	f.clock.pass(time.Second)
	if events, _ := f.ask(f.q); len(events) != 1 {
		t.Errorf("at the claim's end there is told %v, want that a message is free", events)
	}
}

// TestWhatIsNotListedIsForgotten lets messages be taken before a look shows them, as long as somebody waits.
func TestWhatIsNotListedIsForgotten(t *testing.T) {
	for what, take := range map[string]func(f, other *fixture) error{
		"popped here": func(f, _ *fixture) error {
			_, err := f.Pop(f.t.Context(), f.q, 10)
			return err
		},
		"popped by another": func(_, other *fixture) error {
			_, err := other.Pop(other.t.Context(), other.q, 10)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFixture(t)
			other := f.on(f.open(f.clock.Now))
			f.watch(marconi.Interest{Client: observer})
			for range 20 {
				f.post(messages(10, 60)...)
				if err := take(f, other); err != nil {
					t.Fatal(err)
				}
				f.clock.pass(2 * time.Second)
				f.asks()
			}
			if n := f.known(); n > 0 {
				t.Errorf("of an empty queue %d messages are known", n)
			}
		})
	}
	t.Run("claimed here, deleted by another", func(t *testing.T) {
		f := newFixture(t)
		other := f.on(f.open(f.clock.Now))
		f.watch(marconi.Interest{Client: observer})
		ids := f.post(messages(10, 600)...)
		f.claim(600, 10)
		if err := other.DeleteMessages(t.Context(), f.q, ids, nil); err != nil {
			t.Fatal(err)
		}
		f.clock.pass(6 * time.Second)
		f.asks()
		if n := f.known(); n > 0 {
			t.Errorf("of an empty queue %d messages are known", n)
		}
	})
	t.Run("more than are remembered", func(t *testing.T) {
		f := newFixture(t)
		f.watch(marconi.Interest{Client: observer})
		f.tellPosted(f.q, f.Store.names.next(mostKnown+10), marconi.Post{Messages: messages(mostKnown+10, 600)}, f.millis())
		if n := f.known(); n > mostKnown {
			t.Errorf("%d messages are known, want %d at most", n, mostKnown)
		}
	})
}

// TestAFirstLookThatFails comes behind no one's back: what the next one finds may be new.
func TestAFirstLookThatFails(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	f.claim(600, 1)
	other := f.on(f.open(f.clock.Now))
	f.faulty.FailAll(swifttest.List, swifttest.Refused)
	w := f.watch(takes)
	f.faulty.Reset()
	f.wantNothing("the look of who waits")
	other.post(messages(1, 600)...)
	f.clock.pass(time.Minute)
	if f.asks(); !isTold(w) {
		t.Error("nobody was told")
	}
}

// TestALookThatFails lets nothing be forgotten that is known to come, and is soon followed by another.
func TestALookThatFails(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	f.watch(takes)
	f.claim(60, 1)
	end := f.clock.Now().Add(60 * time.Second)
	f.clock.pass(30 * time.Second)
	slow := func(d time.Duration) {
		f.faulty.Reset()
		f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Fault{First: func() { f.clock.pass(d) }, Before: swifttest.ErrUnavailable}, c.Kind == swifttest.List
		})
	}
	next := func() time.Time { return f.watched.at(f.q).next() }
	slow(3 * time.Second)
	f.asks()
	if now := f.clock.Now(); next().Before(now) || next().After(now.Add(longestBlind)) {
		t.Errorf("%s after a look that failed comes the next one, want at most %s", next().Sub(now), longestBlind)
	}
	f.clock.pass(longestBlind)
	slow(time.Second)
	f.asks()
	if !next().Equal(end) {
		t.Errorf("after a look that failed the hub asks at %s, the claim ends at %s", next().Format(time.StampMilli), end.Format(time.StampMilli))
	}
}

// TestAWatchWhileSwiftIsSilent begins without delay, and is told all the same: of what happens here, and when Swift is back of all.
func TestAWatchWhileSwiftIsSilent(t *testing.T) {
	f := newFixture(t)
	f.post(messages(2, 600)...)
	back := make(chan struct{})
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Fault{First: func() { <-back }}, c.Kind == swifttest.List
	})
	begun := time.Now()
	w := f.watch(takes)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("to begin to wait took %s", took)
	}
	f.post(messages(1, 600)...)
	if !isTold(w) {
		t.Error("nobody was told of a post")
	}
	close(back)
	f.faulty.Reset()
	if f.asks(); !isTold(w) {
		t.Error("nobody was told of what the first look found")
	}
}

// TestWhoGoesAwayTakesHisLookAlong while Swift gives no answer.
func TestWhoGoesAwayTakesHisLookAlong(t *testing.T) {
	f := newFixture(t)
	f.faulty.FailAll(swifttest.List, swifttest.Fault{Lost: true})
	w := f.Watch(f.q, takes)
	one := f.watched.at(f.q)
	w.Close()
	f.awaitLook(one)
}

// TestAnEndThatComesWhileSwiftIsSilent is told all the same.
func TestAnEndThatComesWhileSwiftIsSilent(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	f.watch(takes)
	f.claim(60, 1)
	f.clock.pass(30 * time.Second)
	back := make(chan struct{})
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Fault{First: func() { <-back }}, c.Kind == swifttest.List
	})
	defer f.asks()
	defer f.faulty.Reset()
	defer close(back)
	if _, next := f.ask(f.q); !next.Equal(f.clock.Now().Add(30 * time.Second)) {
		t.Errorf("during a look the hub is to ask again at %s", next)
	}
	f.clock.pass(30 * time.Second)
	if events, _ := f.ask(f.q); len(events) != 1 || events[0].change != released {
		t.Errorf("during a look a claim's end is told as %v", events)
	}
}
