//go:build unix

package indexed

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A claim's first extension lies within the reserve, and costs nothing; the body lives as long as the message.
func TestExtensionWithinTheReserve(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1", "2")
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: 43_000, Grace: 43_000, Limit: 10}
	f.wantCost("a claim that extends", cost{indexCalls: 1}, func() { _, _ = f.Claim(f.ctx(), f.q, c) })
	f.clock.pass(86_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before their end", f.list(), "1 2")
	f.clock.pass(time.Second)
	f.want("at their end", f.list(), "")
}

// A claim that extends beyond the reserve takes the segment along, once for all its messages.
func TestClaimExtendsSegments(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1", "2")
	f.post(60, "3")
	f.post(10_000_000, "lives longer than the claim")
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: 100_000, Limit: 10}
	f.wantCost("a claim", cost{indexCalls: 1, swifttest.Head: 2, swifttest.Post: 2}, func() { _, _ = f.Claim(f.ctx(), f.q, c) })
	f.wantCost("the same again", cost{indexCalls: 1}, func() { _, _ = f.Claim(f.ctx(), f.q, c) })
	f.clock.pass(100_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before their end", f.list(), "1 2 3 lives longer than the claim")
}

func TestUpdateExtendsSegments(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1")
	claim, _ := f.claim(60, 1)
	order := ""
	f.index.plan(func(name string) (before, after error) {
		order += name + " "
		return nil, nil
	})
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		order += string(c.Kind) + " "
		return swifttest.Fault{}, false
	})
	update := func() error {
		return f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 40_000, Grace: 60_000})
	}
	if err := update(); err != nil || order != "Claimed head post UpdateClaim " {
		t.Errorf("UpdateClaim: %v, with %q; the segment comes first", err, order)
	}
	f.index.plan(nil)
	other := f.beside(Options{}) // which has to look what the claim holds
	other.wantCost("an update in another process", cost{indexCalls: 2, swifttest.Head: 1}, func() {
		_ = other.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 40_000, Grace: 60_000})
	})
	f.clock.pass(100_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before its end", f.list(), "1")
}

// No claim is prolonged whose bodies would not be.
func TestExtensionThatFails(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1")
	claim, _ := f.claim(60, 1)
	f.swift.FailAll(swifttest.Post, swifttest.Refused)
	err := f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 100_000})
	wantUnavailable(t, "UpdateClaim", err)
	if c, err := f.Claimed(f.ctx(), f.q, claim); err != nil || c.TTL != 60 {
		t.Errorf("the claim has TTL %d, %v; want it as it was", c.TTL, err)
	}
	if err := f.Release(f.ctx(), f.q, claim); err != nil {
		t.Fatal(err)
	}
	_, err = f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 100_000, Limit: 1})
	wantUnavailable(t, "Claim", err)
	stats, err := f.Stats(f.ctx(), f.q)
	if err != nil || stats.Free != 1 {
		t.Errorf("Stats = %+v, %v; want the message free again", stats, err)
	}
}

// What was extended ends by itself as well, and keeps its type: a POST that leaves either out drops it.
func TestExtendedSegmentsEnd(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1", "2")
	f.claim(100_000, 2)
	l := marconi.DefaultLimits()
	life := (l.MaxMessageTTL + l.MaxClaimTTL + l.MaxClaimGrace).Duration()
	o, err := f.account.Head(f.ctx(), f.segments()[0], true)
	if want := f.clock.Now().Add(life); err != nil || !o.DeleteAt.Equal(want) || o.ContentType != "application/x-marconi-segment; n=2" {
		t.Errorf("the segment has %+v, %v; want its end at %v, and n=2", o.Attributes, err, want)
	}
	f.clock.pass(life)
	f.wantSegments("at its end", 0)
}

// What a claim has extended in the index, whose process then died or was refused by Swift, the next claim makes up for, though it extends
// nothing itself: the body lives as long as its message.
func TestExtensionThatIsMadeUpFor(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1", "2")
	f.swift.FailAll(swifttest.Post, swifttest.Refused)
	_, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 100_000, Limit: 2})
	wantUnavailable(t, "Claim", err)
	f.swift.Reset()
	f.wantCost("the next claim", cost{swifttest.Head: 1, swifttest.Post: 1, indexCalls: 1}, func() { f.claim(60, 2) })
	f.clock.pass(100_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before its end", f.list(), "1 2")
}

// A claim costs no POST for messages that others have held before, unless their life may go beyond the reserve.
func TestNoExtensionOfWhatWasClaimedBefore(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	for range 3 {
		f.wantCost("a claim", cost{indexCalls: 1}, func() { f.claim(60, 1) })
		f.clock.pass(61 * time.Second)
	}
}

// A segment that can't be found to be extended is stored again by who has it.
func TestExtensionOfASegmentThatIsGone(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1", "2")
	if err := f.account.Delete(f.ctx(), f.segments()[0]); err != nil {
		t.Fatal(err)
	}
	f.wantCost("a claim", cost{swifttest.Head: 1, swifttest.Put: 1, indexCalls: 1}, func() { f.claim(100_000, 2) })
	f.clock.pass(100_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before their end", f.list(), "1 2")
}

// uncached keeps no segment in memory.
var uncached = Options{CacheBytes: 1}

// A segment that can't be found to be extended, and that nobody has: its message stays under a new claim, and hidden.
func TestClaimOfALostSegment(t *testing.T) {
	f := newFixture(t, uncached)
	f.postSingly(60, "1", "2")
	f.swift.Fail(swifttest.Head, 1, swifttest.Vanished)
	claim, got := f.claim(100_000, 2)
	f.want("Claim", got, "2")
	for _, m := range f.list() {
		if m.Claim != claim {
			t.Errorf("message %s is under %q, want it under the claim", m.Body, m.Claim)
		}
	}
}

// What could not be extended is not confirmed: when the servers are back that have the segment, it would end before its message.
func TestRenewalThatFindsNoSegment(t *testing.T) {
	f := newFixture(t, uncached)
	f.post(60, "1")
	claim, _ := f.claim(60, 1)
	update := func() error { return f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 100_000}) }
	f.swift.Fail(swifttest.Head, 1, swifttest.Vanished)
	wantUnavailable(t, "UpdateClaim", update())
	if c, err := f.Claimed(f.ctx(), f.q, claim); err != nil || c.TTL != 60 {
		t.Errorf("the claim has TTL %d, %v; want it as it was", c.TTL, err)
	}
	if err := update(); err != nil {
		t.Errorf("UpdateClaim when it is there again: %v", err)
	}
	f.clock.pass(100_000*time.Second - time.Second)
	f.want("just before its end", f.list(), "1")
}

// A segment that is past its end does not come back, so nobody is kept from renewing what else his claim holds.
func TestRenewalOfWhatHasEnded(t *testing.T) {
	f := newFixture(t, uncached)
	f.post(60, "1")
	claim, _ := f.claim(60, 1)
	if err := f.account.Delete(f.ctx(), f.segments()[0]); err != nil {
		t.Fatal(err)
	}
	// Renewed all the while by a process that knows of a later end.
	if err := f.index.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 100_000}); err != nil {
		t.Fatal(err)
	}
	update := func() error { return f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 600}) }
	f.clock.pass(reserve)
	wantUnavailable(t, "UpdateClaim before the end of the segment", update())
	f.clock.pass(time.Minute + skew)
	if err := update(); err != nil {
		t.Errorf("UpdateClaim past the end of the segment: %v", err)
	}
}

// A 404 of a proxy that does not reach the replicas which have the segment is not believed.
func TestExtensionOfASegmentThatIsThere(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(60, "1")
	f.swift.Fail(swifttest.Post, 1, swifttest.Vanished)
	want := cost{swifttest.Post: 2, swifttest.Head: 2, indexCalls: 1}
	f.wantCost("a claim with one 404", want, func() { f.claim(100_000, 1) })
	f.clock.pass(100_000*time.Second - time.Second)
	f.forgetSegments()
	f.want("just before its end", f.list(), "1")
	f.swift.FailAll(swifttest.Post, swifttest.Vanished)
	f.post(60, "2")
	_, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 100_000, Limit: 1})
	wantUnavailable(t, "Claim of what is there and can't be extended", err)
}

// A segment's end never comes nearer, whoever extends it: not by a process with smaller limits, nor by one that does not know how long other
// messages of it live.
func TestExtensionsNeverShorten(t *testing.T) {
	smaller := marconi.DefaultLimits()
	smaller.MaxMessageTTL, smaller.MaxClaimTTL, smaller.MaxClaimGrace = 3600, 600, 600
	const day = 24 * 3600
	for name, tt := range map[string]struct {
		life    marconi.Seconds
		another Options
	}{
		"by a process that has just started": {40 * day, Options{}}, // more than the limits allow
		"by one with smaller limits":         {14 * day, Options{Options: storage.Options{Limits: smaller}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.post(600, "1", "2")
			got := f.spend()
			got.Spent = got.Spent[:1]
			dead := f.bury(got, tt.life)
			other := f.beside(tt.another)
			f.clock.pass(marconi.SpentLease)
			claim, _ := f.claim(60, 1) // the second, of the same segment
			f.clock.pass(50 * time.Second)
			if err := other.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 100_000}); err != nil {
				t.Fatal(err)
			}
			f.clock.pass(tt.life.Duration() - 2*time.Minute)
			f.forgetSegments()
			dead.want("the letter before its end", dead.list(), "1")
		})
	}
}

func TestUpdateOfWhatIsNoClaim(t *testing.T) {
	f := newFixture(t, Options{})
	for _, ttl := range []marconi.Seconds{60, 1_000_000} {
		if err := f.UpdateClaim(f.ctx(), f.q, newClaimID(), marconi.ClaimUpdate{TTL: ttl}); marconi.KindOf(err) != marconi.NotFound {
			t.Errorf("UpdateClaim of what is none, TTL %d: %v, want %v", ttl, err, marconi.ErrNoClaim)
		}
	}
}

// Processes that extend one segment at the same time, for claims of different lengths, leave it the longest life.
func TestParallelExtensions(t *testing.T) {
	f := newFixture(t, Options{})
	const n = 16
	f.post(60, numbers(1, n)...)
	longest := marconi.Seconds(0)
	var workers sync.WaitGroup
	errs := make(chan error, 2*n)
	for i := range n {
		p := f.beside(Options{})
		ttl := marconi.Seconds(90_000 + 1000*((i*7)%n))
		longest = max(longest, ttl)
		workers.Go(func() {
			c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1}
			_, err := p.Claim(context.Background(), f.q, c)
			errs <- err
			errs <- p.UpdateClaim(context.Background(), f.q, c.ID, marconi.ClaimUpdate{TTL: ttl})
		})
	}
	workers.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	f.clock.pass(longest.Duration() - time.Second)
	f.forgetSegments()
	if got := f.list(); len(got) != 1 {
		t.Errorf("just before the last message's end there are %d, want 1", len(got))
	}
}

// What is known of ends is bounded.
func TestEndsAreBounded(t *testing.T) {
	n := newEnds(20_000)
	for i := range 1000 {
		n.claimed(marconi.ClaimID(fmt.Sprint(i)), nil)
	}
	if size := n.claims.size(); size > 10_000 || size < 9000 {
		t.Errorf("what is known of claims takes %d bytes, want at most 10000", size)
	}
	if !n.claimOutlives("999", time.Now()) || n.claimOutlives("0", time.Now()) {
		t.Error("the newest claim is not known, or the oldest still is")
	}
}

// A message that a pop puts back may live longer than its segment, which the next claim takes along.
func TestClaimExtendsWhatWasPutBack(t *testing.T) {
	f := newFixture(t, Options{})
	const day = 24 * time.Hour
	f.post(10*24*3600, "1")
	claim, _ := f.claim(60, 1)
	if err := f.Release(f.ctx(), f.q, claim); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(9 * day)
	popped, err := f.index.Pop(f.ctx(), f.q, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.putBack(f.ctx(), f.q, entriesOf(popped)); err != nil {
		t.Fatal(err)
	}
	claim, _ = f.claim(60, 1)
	if err := f.Release(f.ctx(), f.q, claim); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(3 * day)
	f.forgetSegments()
	f.want("beyond the former end of its segment", f.list(), "1")
}
