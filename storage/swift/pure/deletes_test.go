package pure

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// TestADeleteTrustsNoListing deletes a claimed message where listings show nothing of it yet.
func TestADeleteTrustsNoListing(t *testing.T) {
	for _, c := range []struct {
		name    string
		pass    time.Duration // until the deletion, of a claim of 60 s
		claim   bool          // it is deleted with it
		deleted bool          // before
		want    error
		left    string
	}{
		{"with a claim that has ended", time.Minute, true, false, marconi.ErrNotClaimed, "1"},
		{"with a claim that has ended, after a deletion", time.Minute, true, true, nil, ""},
		{"without its claim", 0, false, false, marconi.ErrClaimed, "1"},
		{"without its claim, after a deletion", 0, false, true, nil, ""},
		{"without a claim that has ended", time.Minute, false, false, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 600)...)
			for range 2 { // leases that count no longer
				f.clock.pass(time.Minute)
				f.claim(60, 1)
			}
			f.clock.pass(time.Minute)
			id, got := f.claim(60, 1)
			if c.deleted {
				if err := f.Delete(t.Context(), f.q, got[0].ID, id); err != nil {
					t.Fatal(err)
				}
			}
			f.clock.pass(c.pass)
			if !c.claim {
				id = ""
			}
			f.faulty.Lag(time.Hour, f.clock.Now)
			other := f.on(f.open(f.clock.Now))
			if err := other.Delete(t.Context(), f.q, got[0].ID, id); !errors.Is(err, c.want) {
				t.Errorf("Delete: %v, want %v", err, c.want)
			}
			f.faulty.Reset()
			wantBodies(t, "after it", f.all(), c.left)
		})
	}
}

// TestADeleteOfWhatListingsGoOnToShow is done, also if the claim under which the message was deleted lives.
func TestADeleteOfWhatListingsGoOnToShow(t *testing.T) {
	var lag atomic.Int64
	f := newLaggingFixture(t, func(at objects.Path) time.Duration {
		if strings.HasPrefix(at.Name, messagePrefix) {
			return time.Duration(lag.Load())
		}
		return 0
	})
	f.post(messages(1, 600)...)
	id, got := f.claim(60, 1)
	lag.Store(int64(time.Hour))
	if err := f.Delete(t.Context(), f.q, got[0].ID, id); err != nil {
		t.Fatal(err)
	}
	other := f.on(f.open(f.clock.Now))
	if err := other.Delete(t.Context(), f.q, got[0].ID, ""); err != nil {
		t.Errorf("Delete by another process: %v", err)
	}
}

// TestADeleteOfWhatARenewalKeeps meets a message that has expired, as far as listings show.
func TestADeleteOfWhatARenewalKeeps(t *testing.T) {
	f, id, claim := renewedUnlisted(t)
	if err := f.Delete(t.Context(), f.q, id, ""); !errors.Is(err, marconi.ErrClaimed) {
		t.Errorf("Delete without its claim: %v, want ErrClaimed", err)
	}
	if err := f.Release(t.Context(), f.q, claim); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), f.q, id, claim); !errors.Is(err, marconi.ErrNotClaimed) {
		t.Errorf("Delete with a claim that was released: %v, want ErrNotClaimed", err)
	}
	if err := f.Delete(t.Context(), f.q, id, ""); err != nil {
		t.Fatal(err)
	}
	f.account.Settle()
	wantBodies(t, "after it", f.all(), "")
}

// TestADeleteWithAClaimOfWhatALeaseKeeps meets a message that has expired, as far as listings show, for they don't show the lease that has
// put its end off.
func TestADeleteWithAClaimOfWhatALeaseKeeps(t *testing.T) {
	type call func(f *fixture, id marconi.MessageID, claim marconi.ClaimID) error
	remove := func(f *fixture, id marconi.MessageID, claim marconi.ClaimID) error {
		return f.Delete(t.Context(), f.q, id, claim)
	}
	bulk := func(f *fixture, id marconi.MessageID, claim marconi.ClaimID) error {
		return f.DeleteMessages(t.Context(), f.q, []marconi.MessageID{id}, []marconi.ClaimID{claim})
	}
	for _, c := range []struct {
		name   string
		call   call
		leases int  // that no listing shows
		held   bool // by the last of them
		want   error
	}{
		{"that was released", remove, 1, false, marconi.ErrNotClaimed},
		{"that was released, after another", remove, 2, false, marconi.ErrNotClaimed},
		{"in bulk, that was released", bulk, 1, false, marconi.ErrNotClaimed},
		{"in bulk, that was released, another having the message", bulk, 2, true, marconi.ErrNotOwner},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			id := f.post(messages(1, 60)...)[0]
			f.clock.pass(58 * time.Second)
			claim, _ := f.claim(600, 1)
			f.must(f.Release(t.Context(), f.q, claim))
			if c.leases > 1 {
				other, _ := f.claim(600, 1)
				if !c.held {
					f.must(f.Release(t.Context(), f.q, other))
				}
			}
			f.faulty.Lag(30*time.Second, f.clock.Now) // shows the message
			f.clock.pass(3 * time.Second)
			if err := c.call(f.on(f.open(f.clock.Now)), id, claim); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			f.faulty.Reset()
			wantBodies(t, "after it", f.all(), "1")
		})
	}
}

// A message that a claim has put off is there, though no listing shows the lease.
func TestGettingWhatALeaseKeeps(t *testing.T) {
	f := newFixture(t)
	id := f.post(messages(1, 60)...)[0]
	f.clock.pass(58 * time.Second)
	claim, _ := f.claim(600, 1)
	f.faulty.Lag(30*time.Second, f.clock.Now) // shows the message
	f.clock.pass(3 * time.Second)
	m, err := f.on(f.open(f.clock.Now)).Message(t.Context(), f.q, id)
	if err != nil || m.Claim != claim {
		t.Errorf("it is %q under %q, %v; want it under the claim", m.Body, m.Claim, err)
	}
	f.clock.pass(601 * time.Second)
	if _, err := f.Message(t.Context(), f.q, id); !errors.Is(err, marconi.ErrNoMessage) {
		t.Errorf("at its end: %v", err)
	}
}
