package pure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// faults are what can happen to a request, by name.
func faults() map[string]swifttest.Fault {
	return map[string]swifttest.Fault{
		"503, and nothing was done": swifttest.Refused,
		"503, and it was done":      swifttest.Confused,
		"time-out before":           swifttest.TimedOut,
		"time-out after":            swifttest.TooLate,
		"202, and nothing was done": swifttest.Older,
		"202, and it was done":      swifttest.LostPut,
	}
}

// A trial is a call, and what must hold after it, however it went.
type trial struct {
	what  string
	setUp func(f *fixture) *outcome
	call  func(f *fixture, o *outcome) error
	check func(f *fixture, o *outcome, err error)
}

// An outcome is what a trial knows of its queue.
type outcome struct {
	ids   []marconi.MessageID
	claim marconi.ClaimID
	got   []marconi.Message
}

// fivePosted posts five messages, of which the first two are claimed.
func fivePosted(f *fixture) *outcome {
	o := &outcome{ids: f.post(messages(5, 600)...)}
	o.claim, o.got = f.claim(60, 2)
	return o
}

// worn posts three messages, claimed once and released.
func worn(f *fixture) *outcome {
	o := &outcome{ids: f.post(messages(3, 600)...)}
	id, _ := f.claim(60, 3)
	if err := f.Release(f.t.Context(), f.q, id); err != nil {
		f.t.Fatal(err)
	}
	return o
}

// wantAllAfterClaims checks that nothing is lost: when all claims have ended, all messages can be claimed.
func wantAllAfterClaims(f *fixture, want string) {
	f.t.Helper()
	f.clock.pass(70 * time.Second)
	_, got := f.claim(60, 20)
	wantBodies(f.t, "a claim after all claims have ended", got, want)
}

func trials() []trial {
	return []trial{
		{"a first post", func(*fixture) *outcome { return &outcome{} }, postThree, checkPosted},
		{"a post", func(f *fixture) *outcome { f.post(messages(1, 1)...); f.clock.pass(time.Second); return &outcome{} }, postThree, checkPosted},
		{"a post of one", func(f *fixture) *outcome { f.post(messages(1, 1)...); f.clock.pass(time.Second); return &outcome{} }, postOne, checkPostedOne},
		{"a claim", worn, claimTwo, checkClaimed},
		{"a claim of dead letters", worn, claimSpent, checkSpent},
		{"a pop", fivePosted, popTwo, checkPopped},
		{"a claim that is got", fivePosted, func(f *fixture, o *outcome) error {
			c, err := f.Claimed(f.t.Context(), f.q, o.claim)
			if err == nil {
				wantBodies(f.t, "Claimed", c.Messages, "1 2")
			}
			return err
		}, nothingLost},
		{"an update", fivePosted, func(f *fixture, o *outcome) error {
			return f.UpdateClaim(f.t.Context(), f.q, o.claim, marconi.ClaimUpdate{TTL: 900, Grace: 100})
		}, checkUpdated},
		{"a release", fivePosted, func(f *fixture, o *outcome) error { return f.Release(f.t.Context(), f.q, o.claim) }, checkReleased},
		{"a delete", fivePosted, func(f *fixture, o *outcome) error { return f.Delete(f.t.Context(), f.q, o.ids[0], o.claim) }, checkDeleted(1)},
		{"a delete without a claim", fivePosted, func(f *fixture, o *outcome) error { return f.Delete(f.t.Context(), f.q, o.ids[2], "") }, checkDeleted(3)},
		{"a bulk delete", fivePosted, func(f *fixture, o *outcome) error {
			return f.DeleteMessages(f.t.Context(), f.q, o.ids[:2], []marconi.ClaimID{o.claim})
		}, checkDeleted(1, 2)},
		{"a bulk delete that is refused", fivePosted, func(f *fixture, o *outcome) error {
			err := f.DeleteMessages(f.t.Context(), f.q, o.ids[:3], []marconi.ClaimID{o.claim})
			if errors.Is(err, marconi.ErrNotClaimed) {
				return nil
			}
			if err == nil {
				f.t.Error("a bulk delete of a free message with a claim went well")
			}
			return err
		}, nothingLost},
		{"a listing", fivePosted, func(f *fixture, _ *outcome) error {
			page, err := f.List(f.t.Context(), f.q, marconi.Listing{Limit: 9, Client: observer})
			if err == nil {
				wantBodies(f.t, "List", page.Items, "3 4 5")
			}
			return err
		}, nothingLost},
		{"a message", fivePosted, func(f *fixture, o *outcome) error {
			m, err := f.Message(f.t.Context(), f.q, o.ids[0])
			if err == nil && (string(m.Body) != "1" || m.Claim != o.claim) {
				f.t.Errorf("Message gave %q under claim %q", m.Body, m.Claim)
			}
			return err
		}, nothingLost},
		{"messages", fivePosted, func(f *fixture, o *outcome) error {
			got, err := f.Messages(f.t.Context(), f.q, o.ids)
			if err == nil {
				wantBodies(f.t, "Messages", got, "1 2 3 4 5")
			}
			return err
		}, nothingLost},
		{"stats", fivePosted, func(f *fixture, _ *outcome) error {
			s, err := f.Stats(f.t.Context(), f.q)
			if err == nil && (s.Claimed != 2 || s.Free != 3) {
				f.t.Errorf("Stats = %+v", s)
			}
			return err
		}, nothingLost},
		{"a collection", fivePosted, func(f *fixture, _ *outcome) error { _, err := f.Collect(f.t.Context()); return err }, nothingLost},
		{"a purge", fivePosted, func(f *fixture, _ *outcome) error { return f.Purge(f.t.Context(), f.q) }, checkPurged},
		{"a binding", fivePosted, func(f *fixture, _ *outcome) error { return f.Bind(f.t.Context(), "one", false) }, checkBound},
	}
}

// TestEachRequestFails lets each request of each call go wrong in each way, one at a time. A call ends well or is Unavailable,
// and nothing that was confirmed is lost.
func TestEachRequestFails(t *testing.T) {
	for name, fault := range faults() {
		for _, tr := range trials() {
			t.Run(tr.what+"/"+name, func(t *testing.T) { tr.run(t, name, fault) })
		}
	}
}

// run lets request 1 of a call fail, then request 2 of the next, until a call makes fewer.
func (tr trial) run(t *testing.T, name string, fault swifttest.Fault) {
	const most = 60
	for n := 1; n <= most; n++ {
		f := newFixture(t)
		o := tr.setUp(f)
		struck := f.failRequest(n, strings.HasPrefix(name, "202"), fault)
		err := tr.call(f, o)
		f.faulty.Reset()
		if err != nil && marconi.KindOf(err) != marconi.Unavailable {
			t.Errorf("request %d: %v, want success or Unavailable", n, err)
		}
		tr.check(f, o, err)
		if t.Failed() {
			t.Fatalf("request %d of the call went wrong; it answered: %v", n, err)
		}
		if !struck() {
			return
		}
	}
	t.Fatalf("the call made %d requests", most)
}

// failRequest plans a fault for request n from now on, of those that can end so: 202 answers only PUTs.
func (f *fixture) failRequest(n int, puts bool, fault swifttest.Fault) (struck func() bool) {
	var count atomic.Int32
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		if puts && c.Kind != swifttest.Put {
			return swifttest.Fault{}, false
		}
		return fault, count.Add(1) == int32(n)
	})
	return func() bool { return count.Load() >= int32(n) }
}

func postThree(f *fixture, o *outcome) (err error) {
	o.ids, err = f.Post(f.t.Context(), f.q, marconi.Post{Client: producer, Messages: messages(3, 600)})
	return err
}

func postOne(f *fixture, o *outcome) (err error) {
	o.ids, err = f.Post(f.t.Context(), f.q, marconi.Post{Client: producer, Messages: messages(1, 600)})
	return err
}

func checkPosted(f *fixture, _ *outcome, err error) {
	want := "1 2 3"
	if err != nil {
		want = ""
	}
	wantBodies(f.t, "after the post", f.all(), want)
	f.post(messages(1, 600)...)
	if n := len(f.all()); n != len(strings.Fields(want))+1 {
		f.t.Errorf("after a further post there are %d messages", n)
	}
}

func checkPostedOne(f *fixture, _ *outcome, err error) {
	if n := len(f.all()); n != 1 && (err == nil || n != 0) {
		f.t.Errorf("after the post there are %d messages", n)
	}
}

func claimTwo(f *fixture, o *outcome) error {
	o.claim = newClaimID()
	got, err := f.Claim(f.t.Context(), f.q, marconi.ClaimRequest{ID: o.claim, TTL: 60, Limit: 2})
	o.got = got.Messages
	return err
}

func checkClaimed(f *fixture, o *outcome, err error) {
	if err == nil && len(o.got) > 0 {
		c, err := f.Claimed(f.t.Context(), f.q, o.claim)
		if err != nil {
			f.t.Errorf("Claimed after a claim that went well: %v", err)
		}
		wantBodies(f.t, "Claimed after a claim that went well", c.Messages, bodiesOf(o.got))
	}
	again, err := f.Claim(f.t.Context(), f.q, marconi.ClaimRequest{ID: o.claim, TTL: 60, Limit: 2})
	if err != nil {
		f.t.Errorf("the same claim again: %v", err)
	}
	if len(o.got) > 0 {
		wantBodies(f.t, "the same claim again", again.Messages, bodiesOf(o.got))
	}
	wantAllAfterClaims(f, "1 2 3")
}

func claimSpent(f *fixture, o *outcome) error {
	got, err := f.Claim(f.t.Context(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 2, MaxClaims: 1})
	o.claim, o.got = got.Lease, got.Spent
	return err
}

func checkSpent(f *fixture, o *outcome, err error) {
	if err == nil && len(o.got) > 0 {
		if err := f.DeleteMessages(f.t.Context(), f.q, []marconi.MessageID{o.got[0].ID}, []marconi.ClaimID{o.claim}); err != nil {
			f.t.Errorf("delete with the lease: %v", err)
		}
		others := slices.DeleteFunc([]string{"1", "2", "3"}, func(b string) bool { return b == string(o.got[0].Body) })
		wantAllAfterClaims(f, strings.Join(others, " "))
		return
	}
	wantAllAfterClaims(f, "1 2 3")
}

func popTwo(f *fixture, o *outcome) (err error) {
	o.got, err = f.Pop(f.t.Context(), f.q, 2)
	return err
}

func checkPopped(f *fixture, o *outcome, err error) {
	f.clock.pass(70 * time.Second)
	left := strings.Fields(bodiesOf(f.all()))
	for _, m := range o.got {
		if slices.Contains(left, string(m.Body)) {
			f.t.Errorf("message %s was popped and is there", m.Body)
		}
	}
	if len(left)+len(o.got) != 5 || len(left) < 3 {
		f.t.Errorf("a pop gave %q, error %v, and left %v", bodiesOf(o.got), err, left)
	}
	_, got := f.claim(60, 20)
	wantBodies(f.t, "a claim of the rest", got, strings.Join(left, " "))
}

func nothingLost(f *fixture, _ *outcome, _ error) { wantAllAfterClaims(f, "1 2 3 4 5") }

func checkUpdated(f *fixture, o *outcome, err error) {
	if err != nil {
		wantAllAfterUpdate(f)
		return
	}
	f.clock.pass(899 * time.Second)
	c, claimedErr := f.Claimed(f.t.Context(), f.q, o.claim)
	if claimedErr != nil {
		f.t.Errorf("Claimed before the end of a claim that was updated: %v", claimedErr)
	}
	wantBodies(f.t, "Claimed before its end", c.Messages, "1 2")
	f.clock.pass(50 * time.Second)
	_, got := f.claim(60, 20)
	wantBodies(f.t, "a claim of what was extended", got, "1 2")
}

// wantAllAfterUpdate checks that nothing is lost, whether the claim ends as it was or as it should be.
func wantAllAfterUpdate(f *fixture) {
	f.t.Helper()
	f.clock.pass(70 * time.Second)
	wantBodies(f.t, "after the claim's first end", f.all(), "1 2 3 4 5")
}

func checkReleased(f *fixture, _ *outcome, err error) {
	if err == nil {
		_, got := f.claim(60, 20)
		wantBodies(f.t, "a claim after the release", got, "1 2 3 4 5")
	}
	wantAllAfterClaims(f, "1 2 3 4 5")
}

// checkDeleted checks that a delete that went well deleted these, and one that did not only these.
func checkDeleted(gone ...int) func(f *fixture, o *outcome, err error) {
	return func(f *fixture, _ *outcome, err error) {
		var kept []string
		for i := 1; i <= 5; i++ {
			if !slices.Contains(gone, i) {
				kept = append(kept, fmt.Sprint(i))
			}
		}
		left := strings.Fields(bodiesOf(f.all()))
		rest := slices.DeleteFunc(slices.Clone(left), func(b string) bool { return !slices.Contains(kept, b) })
		if !slices.Equal(rest, kept) {
			f.t.Errorf("a delete of %v left %v", gone, left)
		}
		if err == nil && len(left) != len(kept) {
			f.t.Errorf("a delete of %v that went well left %v", gone, left)
		}
		wantAllAfterClaims(f, strings.Join(left, " "))
	}
}

func checkPurged(f *fixture, _ *outcome, err error) {
	if err == nil {
		wantBodies(f.t, "after a purge", f.all(), "")
	}
	f.clock.pass(time.Second)
	id := f.post(messages(1, 600)...)[0]
	if _, err := f.Message(f.t.Context(), f.q, id); err != nil {
		f.t.Errorf("a message posted after a purge: %v", err)
	}
}

func checkBound(f *fixture, _ *outcome, err error) {
	if err == nil {
		if err := f.Bind(f.t.Context(), "two", false); !errors.Is(err, marconi.ErrForeignData) {
			f.t.Errorf("Bind to another control store: %v", err)
		}
	}
	if err := f.Bind(f.t.Context(), "one", false); err != nil {
		f.t.Errorf("Bind again: %v", err)
	}
}

// A purge or a deletion of many removes them though one request has no answer.
func TestRemovalsAreTriedAgain(t *testing.T) {
	for _, k := range []swifttest.Kind{swifttest.Delete, swifttest.DeleteMany} {
		for _, fault := range []swifttest.Fault{swifttest.Refused, swifttest.Confused} {
			f := newFixture(t)
			ids := f.post(messages(3, 600)...)
			f.faulty.Fail(k, 1, fault)
			err := f.DeleteMessages(t.Context(), f.q, ids[:2], nil)
			if err == nil {
				err = f.Delete(t.Context(), f.q, ids[2], "")
			}
			if got := f.all(); err != nil || len(got) > 0 {
				t.Errorf("%s: %v; %d of 3 messages are left", k, err, len(got))
			}
		}
	}
}
