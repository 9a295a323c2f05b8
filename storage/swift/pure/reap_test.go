package pure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// names are those of all objects of the queue, as its listings show them.
func (f *fixture) names() []string {
	f.t.Helper()
	var all []string
	at := f.placeOf(f.q)
	for i := range at.shards {
		entries, err := f.account.List(f.t.Context(), at.shard(i), objects.Listing{})
		if err != nil && !isMissing(err) {
			f.t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name)
		}
	}
	return all
}

// collect collects, as the background does.
func (f *fixture) collect() int {
	f.t.Helper()
	n, err := f.Collect(f.t.Context())
	if err != nil {
		f.t.Fatalf("Collect: %v", err)
	}
	return n
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// claimTwice leaves two leases on each message.
func claimTwice(f *fixture) (marconi.ClaimID, []marconi.Message) {
	f.t.Helper()
	id, _ := f.claim(60, 20)
	if err := f.Release(f.t.Context(), f.q, id); err != nil {
		f.t.Fatal(err)
	}
	return f.claim(60, 20)
}

func TestLeasesGoWithTheirMessage(t *testing.T) {
	for name, remove := range map[string]func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error{
		"deleted": func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error {
			for _, m := range held {
				if err := f.Delete(t.Context(), f.q, m, id); err != nil {
					return err
				}
			}
			return nil
		},
		"deleted in bulk": func(f *fixture, id marconi.ClaimID, held []marconi.MessageID) error {
			return f.DeleteMessages(t.Context(), f.q, held, []marconi.ClaimID{id})
		},
		"deleted in bulk without the claim": func(f *fixture, _ marconi.ClaimID, held []marconi.MessageID) error {
			return f.DeleteMessages(t.Context(), f.q, held, nil)
		},
		"popped": func(f *fixture, id marconi.ClaimID, _ []marconi.MessageID) error {
			if err := f.Release(t.Context(), f.q, id); err != nil {
				return err
			}
			_, err := f.Pop(t.Context(), f.q, 20)
			return err
		},
		"purged": func(f *fixture, _ marconi.ClaimID, _ []marconi.MessageID) error { return f.Purge(t.Context(), f.q) },
		"expired": func(f *fixture, _ marconi.ClaimID, _ []marconi.MessageID) error {
			f.clock.pass(600*time.Second + reapAfter)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Shards = 2 })
			ids := f.post(messages(5, 600)...)
			id, _ := claimTwice(f)
			if err := remove(f, id, ids); err != nil {
				t.Fatal(err)
			}
			f.collect()
			left := slices.DeleteFunc(f.names(), func(name string) bool { return !strings.HasPrefix(name, messagePrefix) })
			if len(left) > 0 {
				t.Errorf("after messages with leases were %s there is still %q", name, left)
			}
		})
	}
}

func TestADeletedQueueGoesAsAWhole(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Shards = 2 })
	f.post(messages(5, 600)...)
	claimTwice(f)
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	containers, err := f.account.Containers(t.Context(), objects.Listing{Prefix: f.placeOf(f.q).stem})
	if err != nil || len(containers) > 0 {
		t.Errorf("the containers %q are left, error %v", containers, err)
	}
	f.post(messages(1, 600)...) // late, and not by its rules, but it must not hurt
	wantBodies(t, "after a late post", f.all(), "1")
}

// TestAPostWhileItsQueueGoes lets a message come between the look that finds the queue empty and the end of its container.
func TestAPostWhileItsQueueGoes(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	f.faulty.Fail(swifttest.DeleteContainer, 1, swifttest.Fault{First: func() { f.post(messages(2, 600)...) }})
	f.collect()
	wantBodies(t, "posted while the queue went", f.all(), "1 2")
	f.wantNoQueues("posted while the queue went")
	f.clock.pass(time.Hour)
	f.collect()
	f.wantNoContainers("when what was posted late has ended,")
}

func TestWhatFailsToBeRemovedIsTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.post(messages(5, 600)...)
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	f.faulty.FailAll(swifttest.DeleteMany, swifttest.Refused)
	if _, err := f.Collect(t.Context()); err == nil {
		t.Error("Collect answered that all is well")
	}
	f.faulty.Reset()
	f.collect()
	if left := f.names(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

func TestCloseRemovesWhatWasWaiting(t *testing.T) {
	f := newFixture(t)
	f.post(messages(5, 600)...)
	s := f.on(mustOpen(t, f.faulty, Options{Now: f.clock.Now, ReapEvery: time.Hour}))
	if err := s.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := f.names(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.post(messages(2, 60)...)
	at := f.placeOf(f.q)
	for _, name := range []string{"m/notes.txt", "m/" + placeAt(1) + ".X", "c/a claim", "z"} {
		if err := f.account.Put(t.Context(), objects.Path{Container: at.stem, Name: name}, []byte("x"), objects.Attributes{}); err != nil {
			t.Fatal(err)
		}
	}
	_, got := f.claim(60, 5)
	wantBodies(t, "a claim beside foreign objects", got, "1 2")
	f.clock.pass(time.Hour)
	if n := f.collect(); n != 2 {
		t.Errorf("Collect = %d, want 2", n)
	}
	if names := f.names(); !slices.Contains(names, "m/notes.txt") || !slices.Contains(names, "z") {
		t.Errorf("of foreign objects there are %q", names)
	}
}

// TestTheRestOfADeletedQueueGoes lets the removal of one of several containers fail: those that are left are still found.
func TestTheRestOfADeletedQueueGoes(t *testing.T) {
	for n := 1; n <= 3; n++ {
		f := newFixture(t, func(o *Options) { o.Shards = 3 })
		f.post(messages(30, 600)...)
		if err := f.DeleteQueue(t.Context(), f.q); err != nil {
			t.Fatal(err)
		}
		f.faulty.Fail(swifttest.DeleteContainer, n, swifttest.Refused)
		if _, err := f.Collect(t.Context()); err == nil {
			t.Errorf("Collect = nil though container %d of 3 was not removed", n)
		}
		f.collect()
		f.wantNoContainers(fmt.Sprintf("after a removal that failed at container %d", n))
	}
}

// TestAQueueThatIsHalfGoneGoes lets the removal of card and claims succeed in part: the claims go all the same, not when they end.
func TestAQueueThatIsHalfGoneGoes(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 600)...)
	f.claim(40_000, 3)
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	halfway := func() { _ = f.account.Delete(t.Context(), f.placeOf(f.q).card()) }
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Fault{First: halfway, Before: swifttest.ErrUnavailable}, c.Kind == swifttest.DeleteMany && slices.Contains(c.Paths, f.placeOf(f.q).card())
	})
	if _, err := f.Collect(t.Context()); err == nil {
		t.Error("Collect = nil though a claim was not removed")
	}
	f.faulty.Reset()
	f.collect()
	f.wantNoContainers("after a bulk delete that was done in part")
}

// TestADeletionOutlivesALongOutage: however often removing a queue's containers has failed, it is tried again.
func TestADeletionOutlivesALongOutage(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 600)...)
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	f.faulty.FailAll(swifttest.List, swifttest.Refused)
	for range 8 {
		if _, err := f.Collect(t.Context()); err == nil {
			t.Fatal("Collect = nil while no container can be listed")
		}
	}
	f.faulty.Reset()
	f.collect()
	all, err := f.account.Containers(t.Context(), objects.Listing{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, []string{"marconi"}) { // the store's own
		t.Errorf("when the outage is over the containers %v are left", all)
	}
}

// TestBulkDeletesPushOutNoDeletion has many bulk deletes wait, and a queue deleted behind them.
func TestBulkDeletesPushOutNoDeletion(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(1, 600)...)
	for range mostTasks {
		f.must(f.DeleteMessages(t.Context(), f.q, ids, nil))
	}
	f.must(f.DeleteQueue(t.Context(), f.q))
	f.must(f.reap(t.Context()))
	f.wantNoContainers("after a deletion behind bulk deletes")
}

// TestWhatWaitsIsBounded has more bulk deletes wait than there is room for.
func TestWhatWaitsIsBounded(t *testing.T) {
	f := newFixture(t)
	at, names := f.placeOf(f.q), make([]string, mostOrphans/3)
	for range 4 {
		f.reaper.addOrphans(at, names)
	}
	if n := len(f.reaper.orphans[at]); n != mostOrphans {
		t.Errorf("%d messages wait for their leases to be removed, want %d", n, mostOrphans)
	}
	f.reaper = newReaper()
}

// TestManyBulkDeletesAreOneListing is what their leases cost that no claim told of.
func TestManyBulkDeletesAreOneListing(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(20, 600)...)
	claimTwice(f)
	for _, id := range ids {
		if err := f.DeleteMessages(t.Context(), f.q, []marconi.MessageID{id}, nil); err != nil {
			t.Fatal(err)
		}
	}
	const want = "delete-many 1, list 1"
	if got := f.counts(func() { f.must(f.reap(t.Context())) }); got != want {
		t.Errorf("after 20 bulk deletes the requests are %q, want %q", got, want)
	}
}

// TestADeletionThatNobodyKnowsOfIsKept fails to write down a deletion when more waits to be done than is kept in memory.
func TestADeletionThatNobodyKnowsOfIsKept(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 600)...)
	for range mostTasks + 1 {
		f.reaper.addTask(task{do: func(context.Context) error { return nil }})
	}
	if n := len(f.reaper.tasks); n != mostTasks {
		t.Errorf("%d tasks wait, want %d at most", n, mostTasks)
	}
	f.faulty.Fail(swifttest.Put, 1, swifttest.Refused)
	f.faulty.Fail(swifttest.Put, 2, swifttest.Refused)
	f.faulty.Fail(swifttest.Put, 3, swifttest.Refused)
	if err := f.DeleteQueue(t.Context(), f.q); err == nil {
		t.Error("DeleteQueue = nil though nothing was stored of it")
	}
	f.must(f.reap(t.Context()))
	f.wantNoContainers("after a deletion that only this process knew of")
}

// TestWhatAClaimGivesBackComesFirst has much to remove wait before it, which may take longer than the claim lives.
func TestWhatAClaimGivesBackComesFirst(t *testing.T) {
	f := newFixture(t)
	other := *f
	other.q = newQueue("other")
	other.post(messages(5, 600)...)
	f.must(f.DeleteQueue(t.Context(), other.q))
	f.reaper.add(f.placeOf(f.q).leases(placeAt(1), 3)...)
	f.claimUnsure()
	early := 0
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		given := func() {
			if f.faulty.Count(swifttest.Post) == 0 {
				early++
			}
		}
		return swifttest.Fault{First: given}, c.Kind == swifttest.List || c.Kind == swifttest.DeleteMany
	})
	f.must(f.reap(t.Context()))
	if early > 0 || f.faulty.Count(swifttest.Post) != 1 {
		t.Errorf("%d requests to remove something came before it; it took %d", early, f.faulty.Count(swifttest.Post))
	}
}

// TestWhatAClaimGivesBackWaitsForNoRemoval has a deleted queue be removed meanwhile, for as long as the claim lives.
func TestWhatAClaimGivesBackWaitsForNoRemoval(t *testing.T) {
	f := newFixture(t)
	f.Store = f.open(f.clock.Now, func(o *Options) { o.ReapEvery = time.Millisecond })
	other := *f
	other.q = newQueue("other")
	other.post(messages(5, 600)...)
	removing, goOn := make(chan struct{}), make(chan struct{})
	f.faulty.Fail(swifttest.List, 1, swifttest.Fault{First: func() { close(removing); <-goOn }})
	f.must(f.DeleteQueue(t.Context(), other.q))
	defer close(goOn)
	<-removing
	given := make(chan struct{})
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Fault{Then: func() { close(given) }}, c.Kind == swifttest.Post
	})
	ids := f.post(messages(2, 6000)...)
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Refused, c.Kind == swifttest.Get && c.Paths[0].Name == messagePrefix+string(ids[0])
	})
	_, got := f.claim(600, 2)
	wantBodies(t, "a claim", got, "2")
	select {
	case <-given:
	case <-time.After(5 * time.Second):
		t.Error("what a claim gives back waits until a deleted queue is removed")
	}
}
