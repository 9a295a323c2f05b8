package pure

import (
	"errors"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// TestRequests counts the requests of each call: what the package says that it costs.
func TestRequests(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(what, want string, call func()) {
		t.Helper()
		if got := f.counts(call); got != want {
			t.Errorf("%s makes the requests %q, want %q", what, got, want)
		}
	}

	var ids []marconi.MessageID
	check("the first post of a process to a queue", "put-many 1", func() { f.post(messages(1, 600)...) })
	check("a post of one", "put 1", func() { f.post(messages(1, 600)...) })
	check("a post of twenty", "put-many 1", func() { ids = f.post(messages(20, 600)...) })
	check("a page of ten", "get 10, list 2", func() { f.list(marconi.Listing{Limit: 10}) })
	check("a page of none", "list 2", func() { f.list(marconi.Listing{Limit: 10, Client: producer}) })
	check("a message", "get 1, list 1", func() { _, err := f.Message(ctx, f.q, ids[3]); must(err) })
	check("five messages", "get 5, list 2", func() { _, err := f.Messages(ctx, f.q, ids[:5]); must(err) })
	check("the first message", "get 1, list 2", func() { _, err := f.First(ctx, f.q, marconi.Oldest); must(err) })
	check("the last message", "get 1, list 2", func() { _, err := f.First(ctx, f.q, marconi.Newest); must(err) })
	check("stats", "list 2", func() { _, err := f.Stats(ctx, f.q); must(err) })

	var claim marconi.ClaimID
	var got []marconi.Message
	check("a claim of ten", "get 10, head 10, list 2, put 12", func() { claim, got = f.claim(60, 10) })
	check("a claimed message", "get 1, head 1, list 1", func() { _, err := f.Message(ctx, f.q, got[3].ID); must(err) })
	check("a claim that is got", "get 11", func() { _, err := f.Claimed(ctx, f.q, claim); must(err) })
	must(f.Release(ctx, f.q, claim))
	check("a claim of ten that were claimed before", "get 10, head 21, list 2, put 12", func() { f.claim(60, 10) })
	check("a delete of a free message", "delete 1, head 1, list 1", func() { must(f.Delete(ctx, f.q, ids[19], "")) })
	check("a pop of five", "delete-many 2, get 5, head 5, list 2, put 6", func() { _, err := f.Pop(ctx, f.q, 5); must(err) })
	check("a claim of nothing", "list 2", func() { f.claim(60, 10); f.faulty.Reset(); f.claim(60, 10) })
	check("a deletion of the queue", "put 1", func() { must(f.DeleteQueue(ctx, f.q)) })
	check("its removal later", "delete-container 1, delete-many 3, list 4", func() { must(f.reap(ctx)) })
}

// TestRequestsOfClaims is about what happens to a claim of ten messages once it is made.
func TestRequestsOfClaims(t *testing.T) {
	type call func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error
	update := func(ttl marconi.Seconds) call {
		return func(f *fixture, id marconi.ClaimID, _ []marconi.MessageID) error {
			return f.UpdateClaim(f.t.Context(), f.q, id, marconi.ClaimUpdate{TTL: ttl})
		}
	}
	for _, c := range []struct {
		what, want string
		call       call
	}{
		{"an update", "get 1, list 1, put 1", update(70)},
		{"an update that extends", "get 1, list 1, post 10, put 1", update(6000)},
		{"an update that extends beyond a day", "get 1, head 10, list 1, post 20, put 1", update(100_000)},
		{"an update in the last moment", "get 1, head 10, list 1, put 2", func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error {
			f.clock.pass(59 * time.Second)
			return update(70)(f, id, held)
		}},
		{"a release", "delete 1", func(f *fixture, id marconi.ClaimID, _ []marconi.MessageID) error {
			return f.Release(f.t.Context(), f.q, id)
		}},
		{"a delete", "delete 1, get 1", func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error {
			return f.Delete(f.t.Context(), f.q, held[0], id)
		}},
		{"a bulk delete", "delete-many 1, get 1", func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error {
			return f.DeleteMessages(f.t.Context(), f.q, held[:5], []marconi.ClaimID{id})
		}},
		{"a bulk delete without the claim", "delete-many 1", func(f *fixture, _ marconi.ClaimID, held []marconi.MessageID) error {
			return f.DeleteMessages(f.t.Context(), f.q, held[:5], nil)
		}},
		{"a purge", "delete-many 1, head 1, list 1, put 1", func(f *fixture, _ marconi.ClaimID, _ []marconi.MessageID) error {
			return f.Purge(f.t.Context(), f.q)
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := newFixture(t)
			ids := f.post(messages(20, 600)...)
			id, _ := f.claim(60, 10)
			got := f.counts(func() {
				if err := c.call(f, id, ids[:10]); err != nil {
					t.Error(err)
				}
			})
			if got != c.want {
				t.Errorf("the requests are %q, want %q", got, c.want)
			}
		})
	}
}

// TestRequestsOfADeleteThatListingsDontHelp is about a message whose leases no listing shows.
func TestRequestsOfADeleteThatListingsDontHelp(t *testing.T) {
	for _, c := range []struct {
		what, want string
		pass       time.Duration // behind the last claim, of 60 s
		err        error
	}{
		{"that is done", "delete 1, head 61, list 1", time.Minute, nil},
		{"that is refused", "head 62, list 1", 0, marconi.ErrClaimed},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := newFixture(t)
			id := f.post(messages(1, 6000)...)[0]
			for n := range 30 {
				if n > 0 {
					f.clock.pass(time.Minute)
				}
				f.claim(60, 1)
			}
			f.clock.pass(c.pass)
			other := f.open(f.clock.Now)
			requests := f.counts(func() {
				f.faulty.Lag(2*time.Hour, f.clock.Now)
				if err := other.Delete(t.Context(), f.q, id, ""); !errors.Is(err, c.err) {
					t.Errorf("Delete: %v, want %v", err, c.err)
				}
			})
			if requests != c.want {
				t.Errorf("the requests are %q, want %q", requests, c.want)
			}
		})
	}
}

// TestRequestsOfADeleteOfWhatLooksExpired is about a message whose lease has put its end off, and is listed as it was before.
func TestRequestsOfADeleteOfWhatLooksExpired(t *testing.T) {
	f, id, _ := renewedUnlisted(t)
	requests := f.counts(func() {
		if err := f.Delete(t.Context(), f.q, id, ""); !errors.Is(err, marconi.ErrClaimed) {
			t.Errorf("Delete: %v, want ErrClaimed", err)
		}
	})
	if want := "head 4, list 1"; requests != want {
		t.Errorf("the requests are %q, want %q", requests, want)
	}
}
