package pure

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

const halfDay marconi.Seconds = 43_200

// claimHalfDay claims all there is, for half a day, and has it live for another half.
func (f *fixture) claimHalfDay(id marconi.ClaimID) ([]marconi.Message, error) {
	got, err := f.Claim(f.t.Context(), f.q, marconi.ClaimRequest{ID: id, TTL: halfDay, Grace: halfDay, Limit: 10})
	return got.Messages, err
}

// worn12h is n messages of a minute that a claim has made live for a day, of which half is over: Swift keeps them half a day longer, and whoever
// claims them again has to have them kept for longer than that.
func worn12h(t *testing.T, n int) (*fixture, []marconi.MessageID) {
	t.Helper()
	f := newFixture(t)
	ids := f.post(messages(n, 60)...)
	if got, err := f.claimHalfDay(newClaimID()); err != nil || len(got) != n {
		t.Fatalf("the first claim: %d messages, %v", len(got), err)
	}
	f.clock.pass(halfDay.Duration() + 3*time.Second)
	return f, ids
}

// wantKept looks for messages at an end of 36 h: they have to be there still when Swift would have removed them had they not been kept longer.
func (f *fixture) wantKept(want string) {
	f.t.Helper()
	f.clock.pass(halfDay.Duration() + 2*time.Minute)
	f.account.Expire()
	wantBodies(f.t, "half a day before their end", f.all(), want)
}

// keeping are the requests that keep the object of a message longer, if they fail like that.
func keeping(id marconi.MessageID, fault swifttest.Fault) func(swifttest.Call) (swifttest.Fault, bool) {
	return func(c swifttest.Call) (swifttest.Fault, bool) {
		return fault, c.Kind == swifttest.Post && c.Paths[0].Name == messagePrefix+string(id)
	}
}

func keepFaults() map[string]swifttest.Fault {
	return map[string]swifttest.Fault{"503": swifttest.Refused, "503 though it was done": swifttest.Confused, "404": swifttest.Vanished}
}

// TestAClaimKeepsItsMessageBesideAFault has the POST that keeps a message longer fail once.
func TestAClaimKeepsItsMessageBesideAFault(t *testing.T) {
	for name, fault := range keepFaults() {
		t.Run(name, func(t *testing.T) {
			f, _ := worn12h(t, 1)
			f.faulty.Fail(swifttest.Post, 1, fault)
			got, err := f.claimHalfDay(newClaimID())
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "the claim", got, "1")
			f.wantKept("1")
		})
	}
}

// TestAClaimThatCannotKeepAMessage does not hand it out, and gives it back.
func TestAClaimThatCannotKeepAMessage(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{"503": swifttest.Refused, "404": swifttest.Vanished} {
		t.Run(name, func(t *testing.T) {
			f, ids := worn12h(t, 2)
			f.faulty.Plan(keeping(ids[0], fault))
			got, err := f.claimHalfDay(newClaimID())
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "a claim", got, "2")
			f.faulty.Reset()
			f.collect()
			got, err = f.on(f.open(f.clock.Now)).claimHalfDay(newClaimID())
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "a claim by another process", got, "1")
			f.wantKept("1 2")
		})
		t.Run(name+" of all there is", func(t *testing.T) {
			f, _ := worn12h(t, 1)
			f.faulty.FailAll(swifttest.Post, fault)
			if got, err := f.claimHalfDay(newClaimID()); err == nil || marconi.KindOf(err) != marconi.Unavailable {
				t.Errorf("a claim gave %q and %v, want an error that is Unavailable", bodiesOf(got), err)
			}
			f.faulty.Reset()
			_, got := f.on(f.open(f.clock.Now)).claim(60, 1)
			wantBodies(t, "a claim by another process", got, "1")
		})
	}
}

// TestAClaimThatDiedBeforeItKeptItsMessage is found again by another process, which does what the first one did not come to.
func TestAClaimThatDiedBeforeItKeptItsMessage(t *testing.T) {
	f, _ := worn12h(t, 1)
	id := newClaimID()
	f.faulty.Fail(swifttest.Post, 1, swifttest.Fault{First: func() { f.faulty.Plan(everyCallFails) }, Before: swifttest.ErrUnavailable})
	if _, err := f.claimHalfDay(id); err == nil {
		t.Fatal("no error")
	}
	f.faulty.Reset()
	got, err := f.on(f.open(f.clock.Now)).claimHalfDay(id)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "the same claim again", got, "1")
	f.wantKept("1")
}

// TestARenewalThatCannotKeepItsMessage is refused, and keeps it when it comes again.
func TestARenewalThatCannotKeepItsMessage(t *testing.T) {
	for name, fails := range map[string]struct {
		kind  swifttest.Kind
		fault swifttest.Fault
	}{
		"a HEAD that finds nothing": {swifttest.Head, swifttest.Vanished},
		"a POST that finds nothing": {swifttest.Post, swifttest.Vanished},
		"a POST that is refused":    {swifttest.Post, swifttest.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			mid := f.post(messages(1, 60)...)[0]
			id, _ := f.claim(2*halfDay, 1)
			f.clock.pass(2*halfDay.Duration() - 100*time.Second)
			update := func() error { return f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 2 * halfDay}) }
			f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
				return fails.fault, c.Kind == fails.kind && c.Paths[0].Name == messagePrefix+string(mid)
			})
			if err := update(); err == nil || marconi.KindOf(err) != marconi.Unavailable {
				t.Errorf("a renewal: %v, want an error that is Unavailable", err)
			}
			f.faulty.Reset()
			f.must(update())
			f.clock.pass(300 * time.Second)
			f.account.Expire()
			c, err := f.Claimed(t.Context(), f.q, id)
			if err != nil {
				t.Fatal(err)
			}
			wantBodies(t, "200 s after its former end the claim", c.Messages, "1")
		})
	}
}

// TestARenewalPassesOverWhatWasDeleted by another process, once its listing knows of that.
func TestARenewalPassesOverWhatWasDeleted(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(2, 60)...)
	id, _ := f.claim(2*halfDay, 2)
	other := f.on(f.open(f.clock.Now))
	f.must(other.Delete(t.Context(), f.q, ids[0], id))
	f.clock.pass(2*halfDay.Duration() - 100*time.Second)
	f.must(f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 2 * halfDay}))
	f.clock.pass(300 * time.Second)
	f.account.Expire()
	wantBodies(t, "after the claim's former end", f.all(), "2")
}

// TestWhatIsKeptLongerIsNotKeptForLess has two processes renew a claim, and the answer be lost of the one that keeps its message less long: it asks
// again when the other has done.
func TestWhatIsKeptLongerIsNotKeptForLess(t *testing.T) {
	f := newFixture(t)
	mid := f.post(messages(1, 60)...)[0]
	id, _ := f.claim(2*halfDay, 1)
	f.clock.pass(2*halfDay.Duration() - 100*time.Second)
	other := f.open(f.clock.Now)
	f.faulty.Fail(swifttest.Post, 1, swifttest.Fault{
		Then:  func() { f.must(other.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 8 * halfDay})) },
		After: swifttest.ErrUnavailable,
	})
	f.must(f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 2 * halfDay}))
	o, err := f.account.Head(t.Context(), f.placeOf(f.q).message(string(mid)), true)
	if err != nil {
		t.Fatal(err)
	}
	if want := f.clock.Now().Add(8 * halfDay.Duration()); o.DeleteAt.Before(want) {
		t.Errorf("the message is kept until %s, want %s at least", o.DeleteAt, want)
	}
}
