package pure

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// TestAReleaseBesideARenewalHolds releases a claim whose renewal has read it, but not stored it yet: the heartbeat of a worker that
// is done.
func TestAReleaseBesideARenewalHolds(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 6000)...)
	id, _ := f.claim(60, 1)
	released := make(chan error, 1)
	f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() {
		go func() { released <- f.Release(t.Context(), f.q, id) }()
		for len(released) == 0 && f.renewing.waiting(f.placeOf(f.q).claim(id)) == 0 {
			runtime.Gosched()
		}
	}})
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 4000}); err != nil {
		t.Errorf("UpdateClaim: %v", err)
	}
	if err := <-released; err != nil {
		t.Errorf("Release: %v", err)
	}
	if c, err := f.Claimed(t.Context(), f.q, id); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("the claim that was released holds %d messages, %v", len(c.Messages), err)
	}
	_, got := f.claim(60, 1)
	wantBodies(t, "a claim after the release", got, "1")
}

// waiting is how many wait for a key that one has.
func (l *locks) waiting(key objects.Path) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.all[key]; one != nil {
		return one.users - 1
	}
	return 0
}

// TestWhoWaitsForARenewalWaitsNoLongerThanItsCaller has the PUT of a renewal hang, and others wait for it whose callers go away.
func TestWhoWaitsForARenewalWaitsNoLongerThanItsCaller(t *testing.T) {
	for name, call := range map[string]func(context.Context, *fixture, marconi.ClaimID) error{
		"a release": func(ctx context.Context, f *fixture, id marconi.ClaimID) error { return f.Release(ctx, f.q, id) },
		"another renewal": func(ctx context.Context, f *fixture, id marconi.ClaimID) error {
			return f.UpdateClaim(ctx, f.q, id, marconi.ClaimUpdate{TTL: 60})
		},
		"a claim": func(ctx context.Context, f *fixture, _ marconi.ClaimID) error {
			_, err := f.Claim(ctx, f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1})
			return cmp.Or(err, ctx.Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 6000)...)
			id, _ := f.claim(60, 1)
			f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() {
				f.clock.pass(time.Minute) // for the claim, which asks for one that seems to have ended
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- call(ctx, f, id) }()
				for len(ended) == 0 && f.renewing.waiting(f.placeOf(f.q).claim(id)) == 0 {
					runtime.Gosched()
				}
				cancel()
				select {
				case err := <-ended:
					if !errors.Is(err, context.Canceled) {
						t.Errorf("it answers %v, want that its caller has gone", err)
					}
				case <-time.After(10 * time.Second):
					t.Error("it still waits for the renewal")
				}
			}})
			if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 600}); err != nil {
				t.Errorf("UpdateClaim: %v", err)
			}
		})
	}
}

// leasesLag makes listings show leases late, by what is stored in lag.
func leasesLag(lag *atomic.Int64) func(objects.Path) time.Duration {
	return func(at objects.Path) time.Duration {
		if strings.Contains(at.Name, ".L") {
			return time.Duration(lag.Load())
		}
		return 0
	}
}

// TestARenewalByAnotherProcessAtTheEnd has the process that made a claim take its message at the end, while another one, whose clock may
// be behind, puts that end off. Listings don't show yet what was taken.
func TestARenewalByAnotherProcessAtTheEnd(t *testing.T) {
	for name, behind := range map[string]time.Duration{"of the same time": 0, "that is behind": time.Second} {
		t.Run(name, func(t *testing.T) {
			var lag atomic.Int64
			f := newLaggingFixture(t, leasesLag(&lag))
			other := f.on(f.open(f.clock.off(-behind)))
			f.post(messages(2, 6000)...)
			id, _ := f.claim(60, 2)
			f.clock.pass(60*time.Second - 10*time.Millisecond)
			lag.Store(int64(500 * time.Millisecond))
			var taken []marconi.Message
			f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() { // that of the renewal, which takes 20 ms
				f.clock.pass(20 * time.Millisecond)
				_, taken = f.claim(60, 1)
			}})
			err := other.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 600})
			if err != nil {
				t.Errorf("UpdateClaim: %v", err)
			}
			wantBodies(t, "a claim at the end", taken, "1")
			for name, g := range map[string]*fixture{"the process that made it": f, "the other": other} {
				c, err := g.Claimed(t.Context(), f.q, id)
				if err != nil {
					t.Error(err)
				}
				wantBodies(t, "the renewed claim, for "+name, c.Messages, "2")
			}
		})
	}
}

// TestARenewalAtTheEndThatIsRepeated takes a message of a claim whose end is being put off, and lets the look for what was taken fail. The
// renewal that comes next finds the end far off, and looks all the same.
func TestARenewalAtTheEndThatIsRepeated(t *testing.T) {
	refuse := func(k swifttest.Kind, suffix string) func(swifttest.Call) (swifttest.Fault, bool) {
		return func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Refused, c.Kind == k && strings.HasSuffix(c.Paths[0].Name, suffix)
		}
	}
	for _, c := range []struct {
		name  string
		left  time.Duration // of the claim when the renewal begins
		fails func(swifttest.Call) (swifttest.Fault, bool)
	}{
		{"the next leases can't be asked for", 10 * time.Millisecond, refuse(swifttest.Head, ".L002")},
		{"the messages can't be listed", 10 * time.Millisecond, refuse(swifttest.List, "")},
		{"what is left can't be stored", 10 * time.Millisecond, refuse(swifttest.Put, "")},
		{"the renewal is long on its way", 10 * time.Second, refuse(swifttest.Head, ".L002")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lag atomic.Int64
			f := newLaggingFixture(t, leasesLag(&lag))
			other := f.on(f.open(f.clock.Now))
			f.post(messages(2, 6000)...)
			id, _ := f.claim(60, 2)
			f.clock.pass(60*time.Second - c.left)
			lag.Store(int64(500 * time.Millisecond))
			f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{
				First: func() {
					f.clock.pass(c.left + 10*time.Millisecond)
					_, taken := f.claim(6000, 1)
					wantBodies(t, "a claim at the end", taken, "1")
				},
				Then: func() { f.faulty.Plan(c.fails) },
			})
			update := func() error { return other.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 600}) }
			if err := update(); err == nil || marconi.KindOf(err) != marconi.Unavailable {
				t.Errorf("UpdateClaim: %v, want an error that is Unavailable", err)
			}
			f.faulty.Reset()
			f.must(update())
			held, err := other.Claimed(t.Context(), f.q, id)
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "the renewed claim", held.Messages, "2")
			requests := f.counts(func() { f.must(update()) })
			if want := "get 1, list 1, put 1"; requests != want {
				t.Errorf("one more renewal makes the requests %q, want %q", requests, want)
			}
		})
	}
}

// TestARenewalWithoutAnAnswerUntilTheEndIsNear stores the claim again, with the note that others may have taken its messages.
func TestARenewalWithoutAnAnswerUntilTheEndIsNear(t *testing.T) {
	f := newFixture(t)
	f.post(messages(2, 6000)...)
	id, _ := f.claim(60, 2)
	f.clock.pass(time.Minute - clockMargin - 20*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	requests := f.counts(func() {
		f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Mute: true})
		f.must(f.UpdateClaim(ctx, f.q, id, marconi.ClaimUpdate{TTL: 600}))
	})
	if want := "get 1, head 2, list 1, put 3"; requests != want {
		t.Errorf("it makes the requests %q, want %q", requests, want)
	}
}

// TestAnExtensionOutlivesItsClaimWhereListingsLag has a worker put off the end of its message and release it at once. Another one
// takes it, of a listing that shows the lease as it was before.
func TestAnExtensionOutlivesItsClaimWhereListingsLag(t *testing.T) {
	var lag atomic.Int64
	f := newLaggingFixture(t, leasesLag(&lag))
	f.post(messages(1, 100)...)
	id, _ := f.claim(60, 1)
	f.clock.pass(30 * time.Second)
	lag.Store(int64(3 * time.Second))
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 3600, Grace: 3600}); err != nil {
		t.Fatal(err)
	}
	if err := f.Release(t.Context(), f.q, id); err != nil {
		t.Fatal(err)
	}
	lag.Store(0)
	f.clock.pass(time.Second)
	_, got := f.on(f.open(f.clock.Now)).claim(60, 1)
	wantBodies(t, "the other worker", got, "1")
	if got[0].TTL != 7200 {
		t.Errorf("its message has TTL %d, want 7200", got[0].TTL)
	}
	f.clock.pass(80 * time.Minute)
	wantBodies(t, "80 minutes after the extension by 2 hours", f.all(), "1")
}

// TestAFormerLeaseThatIsHidden keeps its message from being claimed: nobody knows when it ends.
func TestAFormerLeaseThatIsHidden(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{"a 404": swifttest.Vanished, "a 503": swifttest.Refused} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 600)...)
			id, _ := f.claim(60, 1)
			if err := f.Release(t.Context(), f.q, id); err != nil {
				t.Fatal(err)
			}
			f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
				return fault, c.Kind == swifttest.Head && strings.HasSuffix(c.Paths[0].Name, ".L001")
			})
			if _, got := f.claim(60, 1); len(got) > 0 {
				t.Error("the message was claimed")
			}
			f.faulty.Reset()
			_, got := f.claim(60, 1)
			wantBodies(t, "a claim that finds it", got, "1")
		})
	}
}

// TestALeaseThatIsLostIsToldOnce has a lease stay in listings that is nowhere else: when it is old enough not to have been deleted a moment ago,
// and its message is there. Once it has gone from them, the message is free.
func TestALeaseThatIsLostIsToldOnce(t *testing.T) {
	var log strings.Builder
	f := newFixture(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	id := f.post(messages(1, 60_000)...)[0]
	claim, _ := f.claim(60, 1)
	f.must(f.Release(t.Context(), f.q, claim))
	lease := f.placeOf(f.q).lease(string(id), 1)
	tells := func(when string, want int) {
		t.Helper()
		if _, got := f.claim(60, 1); len(got) > 0 {
			t.Errorf("%s the message was claimed", when)
		}
		if n := strings.Count(log.String(), lease.Name); n != want {
			t.Errorf("%s the lease was told of %d times, want %d: %s", when, n, want, log.String())
		}
	}
	hide := func(at objects.Path) {
		f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Vanished, c.Kind == swifttest.Head && c.Paths[0] == at
		})
	}
	hide(lease)
	tells("at once", 0)
	f.clock.pass(hiddenFor + time.Second)
	hide(f.placeOf(f.q).message(string(id)))
	tells("without its message", 0)
	f.faulty.Reset()
	hide(lease)
	tells("after an hour", 1)
	tells("after that", 1)
	f.faulty.Reset()
	f.must(f.account.Delete(t.Context(), lease))
	_, got := f.claim(60, 1)
	wantBodies(t, "a claim when it was deleted", got, "1")
}

// TestAClaimBehindManyListsClaimsTwice has free messages behind pages of claimed ones.
func TestAClaimBehindManyListsClaimsTwice(t *testing.T) {
	clock := newTurnedClock()
	account := swifttest.NewMemory(swifttest.Options{Now: clock.Now, Abilities: objects.Abilities{Page: 20}})
	f := &fixture{t: t, clock: clock, account: account, faulty: swifttest.NewFaulty(account), q: newQueue("q")}
	f.Store = f.open(clock.Now)
	f.post(messages(205, 600)...)
	for range 10 {
		f.claim(60, 20)
	}
	var got []marconi.Message
	requests := f.counts(func() { _, got = f.claim(60, 20) })
	wantBodies(t, "a claim", got, "201 202 203 204 205")
	if want := "get 5, head 5, list 23, put 7"; requests != want { // 21 pages of messages and leases
		t.Errorf("it makes the requests %q, want %q", requests, want)
	}
}

// TestAClaimGivesBackWhatItIsNotSureOf takes two messages, of one of which Swift gives no clear answer. It is not hidden by the claim of the
// other one, however long that lives.
func TestAClaimGivesBackWhatItIsNotSureOf(t *testing.T) {
	isLease := func(c swifttest.Call, k swifttest.Kind) bool {
		return c.Kind == k && strings.HasSuffix(c.Paths[0].Name, ".L001")
	}
	for name, plan := range map[string]func(swifttest.Call) (swifttest.Fault, bool){
		"a lease stored without an answer, and hidden": func(c swifttest.Call) (swifttest.Fault, bool) {
			if isLease(c, swifttest.Head) {
				return swifttest.Refused, true
			}
			return swifttest.Confused, isLease(c, swifttest.Put)
		},
		"a lease that can't be verified": func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Refused, isLease(c, swifttest.Head)
		},
		"a body that can't be got": func(c swifttest.Call) (swifttest.Fault, bool) {
			return swifttest.Refused, c.Kind == swifttest.Get && len(c.Paths[0].Name) == len(messagePrefix)+nameDigits
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			ids := f.post(messages(2, 6000)...)
			f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
				if !strings.Contains(c.Paths[0].Name, string(ids[0])) {
					return swifttest.Fault{}, false
				}
				return plan(c)
			})
			claim, got := f.claim(600, 2)
			wantBodies(t, "a claim", got, "2")
			f.faulty.Reset()
			f.collect()
			other := f.on(f.open(f.clock.Now))
			if stats, err := other.Stats(t.Context(), f.q); err != nil || stats.Claimed != 1 {
				t.Errorf("%d messages are claimed, %v; want 1", stats.Claimed, err)
			}
			_, got = other.claim(60, 2)
			wantBodies(t, "a claim by another process", got, "1")
			if len(got) > 0 && got[0].ClaimCount != 1 {
				t.Errorf("its message was claimed %d times, want 1", got[0].ClaimCount)
			}
			if c, err := other.Claimed(t.Context(), f.q, claim); err != nil || bodiesOf(c.Messages) != "2" {
				t.Errorf("the first claim holds %q, %v", bodiesOf(c.Messages), err)
			}
		})
	}
}

// claimUnsure posts two messages and claims both: the second, for Swift does not give the body of the first.
func (f *fixture) claimUnsure() marconi.ClaimID {
	f.t.Helper()
	ids := f.post(messages(2, 6000)...)
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Refused, c.Kind == swifttest.Get && c.Paths[0].Name == messagePrefix+string(ids[0])
	})
	id, got := f.claim(600, 2)
	wantBodies(f.t, "a claim", got, "2")
	f.faulty.Reset()
	return id
}

// TestACountThatListingsShowTooHigh is that of a lease that a claim has disowned, as listings show it before they have heard.
func TestACountThatListingsShowTooHigh(t *testing.T) {
	var lag atomic.Int64
	f := newLaggingFixture(t, leasesLag(&lag))
	id := f.claimUnsure()
	lag.Store(int64(time.Minute))
	f.collect()
	f.must(f.Release(t.Context(), f.q, id))
	lag.Store(0)

	other := f.on(f.open(f.clock.Now))
	claim := func() marconi.Claimed {
		t.Helper()
		got, err := other.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 5, MaxClaims: 1})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := claim()
	wantBodies(t, "dead letters", first.Spent, "2")
	wantBodies(t, "a claim while listings show the former count", first.Messages, "")
	_, got := other.claim(60, 1)
	wantBodies(t, "a claim where there are no dead letters", got, "1")
	if len(got) > 0 && got[0].ClaimCount != 1 {
		t.Errorf("its message was claimed %d times, want 1", got[0].ClaimCount)
	}
}

// giveUpClaim claims the one message of a queue; what the claim holds can't be written down, nor can it be removed.
func (f *fixture) giveUpClaim() marconi.ClaimRequest {
	f.t.Helper()
	f.post(messages(1, 600)...)
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1}
	f.faulty.FailAll(swifttest.Delete, swifttest.Refused)
	begun := f.faulty.Count(swifttest.Put)
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Refused, c.Kind == swifttest.Put && c.N > begun+2
	})
	if got, err := f.Claim(f.t.Context(), f.q, c); err == nil {
		f.t.Fatalf("a claim gave %q and no error", bodiesOf(got.Messages))
	}
	f.faulty.Reset()
	return c
}

// TestAClaimThatWasGivenUp is removed later, which frees its message, but not if it has been made anew meanwhile.
func TestAClaimThatWasGivenUp(t *testing.T) {
	again := func(f *fixture, c marconi.ClaimRequest) {
		f.t.Helper()
		got, err := f.Claim(f.t.Context(), f.q, c)
		if err != nil {
			f.t.Error(err)
		}
		wantBodies(f.t, "the claim made anew", got.Messages, "1")
	}
	stays := func(f *fixture, c marconi.ClaimRequest) {
		f.t.Helper()
		f.must(f.reap(f.t.Context()))
		_, got := f.on(f.open(f.clock.Now)).claim(60, 1)
		wantBodies(f.t, "another claim", got, "")
		held, err := f.Claimed(f.t.Context(), f.q, c.ID)
		if err != nil {
			f.t.Error(err)
		}
		wantBodies(f.t, "the claim made anew, later", held.Messages, "1")
	}
	t.Run("and not made anew", func(t *testing.T) {
		f := newFixture(t)
		f.giveUpClaim()
		f.must(f.reap(t.Context()))
		_, got := f.on(f.open(f.clock.Now)).claim(60, 1)
		wantBodies(t, "another claim", got, "1")
	})
	t.Run("and made anew", func(t *testing.T) {
		f := newFixture(t)
		c := f.giveUpClaim()
		again(f, c)
		stays(f, c)
	})
	t.Run("and made anew while it is removed", func(t *testing.T) {
		f := newFixture(t)
		c := f.giveUpClaim()
		made := make(chan struct{}, 1)
		f.faulty.Fail(swifttest.Delete, 1, swifttest.Fault{First: func() {
			go func() { again(f, c); made <- struct{}{} }()
			for len(made) == 0 && f.renewing.waiting(f.placeOf(f.q).claim(c.ID)) == 0 {
				runtime.Gosched()
			}
		}})
		f.must(f.reap(t.Context()))
		if f.faulty.Count(swifttest.Delete) == 0 {
			t.Fatal("nothing was removed")
		}
		<-made
		stays(f, c)
	})
	t.Run("and given up again", func(t *testing.T) {
		f := newFixture(t)
		c := f.giveUpClaim()
		f.faulty.FailAll(swifttest.Put, swifttest.Refused)
		f.faulty.FailAll(swifttest.Delete, swifttest.Refused)
		if _, err := f.Claim(t.Context(), f.q, c); err == nil {
			t.Fatal("no error")
		}
		f.faulty.Reset()
		f.must(f.reap(t.Context()))
		_, got := f.on(f.open(f.clock.Now)).claim(60, 1)
		wantBodies(t, "another claim", got, "1")
	})
}
