package pure

import (
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// wantNoContainers checks that of the queue not even a container is left.
func (f *fixture) wantNoContainers(when string) {
	f.t.Helper()
	left, err := f.account.Containers(f.t.Context(), objects.Listing{Prefix: f.placeOf(f.q).stem})
	if err != nil || len(left) > 0 {
		f.t.Errorf("%s the containers %q are left, error %v", when, left, err)
	}
}

// wantNoQueues checks that there is nothing to adopt.
func (f *fixture) wantNoQueues(when string) {
	f.t.Helper()
	queues, err := f.Queues(f.t.Context())
	if err != nil || len(queues) > 0 {
		f.t.Errorf("%s Queues = %v, %v; want none", when, queues, err)
	}
}

// wantNoTrace checks that nothing is left at all, once nobody can come late.
func (f *fixture) wantNoTrace(when string) {
	f.t.Helper()
	f.wantNoContainers(when)
	f.clock.pass(keepDropped + time.Second)
	f.collect()
	left, err := f.account.List(f.t.Context(), f.o.Namespace, objects.Listing{Prefix: droppedPrefix})
	if err != nil || len(left) > 0 {
		f.t.Errorf("%s and an hour there is still %v, error %v", when, left, err)
	}
}

// deleteAndDie lets another process delete the queue, and die once it has said so.
func (f *fixture) deleteAndDie(change ...func(*Options)) {
	f.t.Helper()
	dies := f.open(f.clock.Now, change...)
	if err := dies.DeleteQueue(f.t.Context(), f.q); err != nil {
		f.t.Fatal(err)
	}
	dies.reaper = newReaper()
}

func TestADeletionOutlivesItsProcess(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 6000)...)
	f.claim(40_000, 2)
	f.deleteAndDie()
	f.wantNoQueues("after a deletion")
	f.collect()
	f.wantNoTrace("after another process's sweep")
}

// TestADeletionThatDiesIsFinished lets a process die amid the removal of a queue, before and after each of its requests.
func TestADeletionThatDiesIsFinished(t *testing.T) {
	for name, last := range map[string]swifttest.Fault{"before": swifttest.Refused, "after": swifttest.Confused} {
		for n := 1; ; n++ {
			shards := func(o *Options) { o.Shards = 3 }
			f := newFixture(t, shards)
			f.post(messages(10, 6000)...)
			f.claim(40_000, 5)
			dies := f.open(f.clock.Now, shards)
			if err := dies.DeleteQueue(t.Context(), f.q); err != nil {
				t.Fatal(err)
			}
			last.First = func() { f.faulty.Plan(everyCallFails) }
			died := f.failRequest(n, false, last)
			_ = dies.reap(t.Context())
			dies.reaper = newReaper()
			f.faulty.Reset()
			f.wantNoQueues(fmt.Sprintf("%s request %d of its removal", name, n))
			f.collect()
			f.wantNoTrace(fmt.Sprintf("%s request %d of its removal", name, n))
			if !died() {
				break
			}
		}
	}
}

// TestCloseWhileListingsLag closes a store whose listings still show what it has deleted.
func TestCloseWhileListingsLag(t *testing.T) {
	f := newLaggingFixture(t, func(objects.Path) time.Duration { return 2 * time.Second })
	f.post(messages(3, 6000)...)
	f.clock.pass(10 * time.Second)
	s := mustOpen(t, f.faulty, Options{Now: f.clock.Now, ReapEvery: time.Hour})
	if err := s.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // sweeps: one removes what is listed, the next finds nothing listed any more
		f.clock.pass(10 * time.Second)
		f.collect()
	}
	f.wantNoContainers("after sweeps when listings have caught up")
}

// TestADeletionThatCannotBeNoted is not confirmed, and is done all the same once Swift is back.
func TestADeletionThatCannotBeNoted(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 6000)...)
	f.faulty.FailAll(swifttest.Put, swifttest.Refused)
	if err := f.DeleteQueue(t.Context(), f.q); err == nil {
		t.Error("DeleteQueue = nil though nothing was stored of it")
	}
	wantBodies(t, "after a deletion that failed", f.all(), "")
	f.faulty.Reset()
	f.collect()
	f.wantNoTrace("when Swift is back")
}

// TestLatePostsGoWithTheirQueue has a process post that has not heard of the deletion: as its first, which makes the container anew, or
// not.
func TestLatePostsGoWithTheirQueue(t *testing.T) {
	for name, before := range map[string]int{"its first": 0, "a later one": 1} {
		f := newFixture(t)
		f.post(messages(1, 6000)...)
		late := f.on(f.open(f.clock.Now))
		for range before {
			late.post(messages(1, 6000)...)
		}
		if err := f.DeleteQueue(t.Context(), f.q); err != nil {
			t.Fatal(err)
		}
		f.collect()
		f.clock.pass(5 * time.Second)
		late.post(messages(2, 6000)...)
		f.wantNoQueues("after a late post, " + name + ",")
		f.collect()
		f.wantNoTrace("after a late post, " + name + ",")
	}
}

// A queue can live again under its incarnation: its control store was restored, say. For an hour what is posted to it goes, and no longer.
func TestAQueueThatLivesAgain(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 60_000)...)
	f.deleteAndDie()
	f.collect()
	f.clock.pass(keepDropped - time.Minute)
	again := f.on(f.open(f.clock.Now))
	again.post(messages(2, 60_000)...)
	f.collect()
	if got := again.all(); len(got) > 0 {
		t.Errorf("within an hour of the deletion %d messages stay", len(got))
	}
	f.clock.pass(2 * time.Minute)
	again = f.on(f.open(f.clock.Now))
	again.post(messages(2, 60_000)...)
	for range 3 {
		f.collect()
		f.clock.pass(time.Hour)
	}
	wantBodies(t, "hours later", again.all(), "1 2")
	if queues, err := f.Queues(t.Context()); err != nil || len(queues) != 1 {
		t.Errorf("Queues = %v, %v; want the one that lives", queues, err)
	}
}
