//go:build unix

package indexed

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

func TestSegmentGoesWithItsLastMessage(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.post(600, "1", "2", "3")
	claim, _ := f.claim(60, 1)
	f.delete(ids[0], claim)
	f.delete(ids[0], "") // a repeat counts for nothing
	f.delete(ids[0], claim)
	if err := f.DeleteMessages(f.ctx(), f.q, ids[:2], nil); err != nil {
		t.Fatal(err)
	}
	f.collect()
	f.wantSegments("while a message is left", 1)
	f.pop(1)
	f.collect()
	f.wantSegments("after the last message", 0)
}

// What a delete was refused for stays, and so does its body.
func TestRefusedDeletesCountForNothing(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.post(600, "1")
	f.claim(60, 1)
	if err := f.Delete(f.ctx(), f.q, ids[0], ""); err == nil {
		t.Error("a claimed message was deleted without its claim")
	}
	if err := f.DeleteMessages(f.ctx(), f.q, ids, []marconi.ClaimID{newClaimID()}); err == nil {
		t.Error("a claimed message was deleted with another claim")
	}
	f.index.failing("Delete", marconi.ErrUnavailable, false)
	wantUnavailable(t, "Delete", f.Delete(f.ctx(), f.q, ids[0], ""))
	f.index.plan(nil)
	f.collect()
	f.wantSegments("after refused deletes", 1)
}

// A process that is started anew knows of no segment what went before: it removes those only that it has seen going as a whole.
func TestReapingAfterARestart(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1", "2")
	single := f.post(600, "3")
	f.pop(1)
	f.close()
	f.open(Options{})
	f.want("Pop of the second", f.pop(1), "2")
	f.list()
	f.delete(single[0], "")
	f.collect()
	f.wantSegments("after a restart between two messages of a segment", 1)
	f.clock.pass(600*time.Second + reserve)
	f.wantSegments("after the reserve", 0)
}

// What passes through several processes is left to expire.
func TestSegmentBetweenProcesses(t *testing.T) {
	f := newFixture(t, Options{})
	other := f.beside(Options{})
	f.post(600, "1", "2")
	f.pop(1)
	other.pop(1)
	f.collect()
	other.collect()
	f.wantSegments("after two processes popped a message each", 1)
}

func TestDroppedQueuesAreReaped(t *testing.T) {
	for name, drop := range map[string]func(*fixture) error{
		"purge":    func(f *fixture) error { return f.Purge(f.ctx(), f.q) },
		"deletion": func(f *fixture) error { return f.DeleteQueue(f.ctx(), f.q) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{Containers: 1})
			f.postSingly(600, numbers(1, 5)...)
			other := f.beside(Options{Containers: 1})
			other.q = newQueue() // in the same container
			other.post(600, "other")
			f.clock.pass(time.Minute)
			f.post(600, "not older than a minute")
			f.clock.pass(time.Millisecond)
			f.post(600, "young")
			if err := drop(f); err != nil {
				t.Fatal(err)
			}
			f.post(600, "posted afterwards")
			f.wantCost("reaping", cost{swifttest.List: 2, swifttest.DeleteMany: 1, indexCalls: 1}, f.collect)
			f.forgetSegments()
			f.want("List", f.list(), "posted afterwards")
			f.wantSegments("afterwards", 4)
			other.forgetSegments()
			other.want("another queue's List", other.list(), "other")
		})
	}
}

// A post that was on its way when the queue was purged finds its segment.
func TestPostBesideAPurge(t *testing.T) {
	f := newFixture(t, Options{})
	f.index.plan(func(name string) (before, after error) {
		if name == "Post" {
			f.clock.pass(postTime)
			if err := f.Purge(f.ctx(), f.q); err != nil {
				t.Error(err)
			}
			f.collect()
		}
		return nil, nil
	})
	f.post(600, "1")
	f.index.plan(nil)
	f.forgetSegments()
	f.want("List", f.list(), "1")
}

// A listing that lags hides segments, which then expire; it never makes the reaper take what it should not.
func TestReapingByALaggingListing(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, "1", "2")
	f.clock.pass(2 * time.Minute)
	f.post(600, "3")
	f.swift.Lag(150*time.Second, f.clock.Now)
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	f.wantSegments("while the listing shows nothing", 3)
	f.clock.pass(time.Minute)
	f.post(600, "4")
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	f.wantSegments("when it shows the first two", 2)
	f.clock.pass(600*time.Second + reserve)
	f.wantSegments("after the reserve", 0)
}

// Requests have at most a thousand names, and pages of listings are gone through.
func TestReapingInBatches(t *testing.T) {
	f := newFixture(t, Options{})
	f.account = swifttest.NewMemory(swifttest.Options{Now: f.clock.Now, Abilities: objects.Abilities{Page: 700}})
	f.swift = swifttest.NewFaulty(f.account)
	f.close()
	f.open(Options{})
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		if c.Kind == swifttest.DeleteMany && len(c.Paths) > reapBatch {
			t.Errorf("%d names in one request", len(c.Paths))
		}
		return swifttest.Fault{}, false
	})
	f.postSingly(600, numbers(1, 2500)...)
	for range 25 {
		f.pop(100)
	}
	f.wantCost("reaping 2500 names", cost{swifttest.DeleteMany: 3, indexCalls: 1}, f.collect)
	f.wantSegments("afterwards", 0)
	f.postSingly(600, numbers(1, 1500)...)
	f.clock.pass(2 * time.Minute)
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.wantCost("reaping a queue of 1500", cost{swifttest.List: 4, swifttest.DeleteMany: 3, indexCalls: 1}, f.collect)
	f.wantSegments("afterwards", 0)
}

// What could not be removed is tried again; what is too much is left to expire, and counted.
func TestReapingIsTriedAgain(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, "1", "2", "3")
	f.pop(2)
	f.clock.pass(2 * time.Minute)
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	for _, k := range []swifttest.Kind{swifttest.DeleteMany, swifttest.List} {
		f.swift.Fail(k, 1, swifttest.Refused)
	}
	f.collect()
	f.collect()
	f.collect()
	f.wantSegments("in the end", 0)
	f.index.failing("List", marconi.ErrUnavailable, false)
	f.post(600, "4")
	f.index.plan(nil)
	f.pop(1)
	f.index.failing("List", marconi.ErrUnavailable, false)
	f.collect()
	f.wantSegments("while nobody knows what was moved", 1)
	f.index.plan(nil)
	f.collect()
	f.wantSegments("afterwards", 0)
}

// A name that Swift does not let go keeps neither the names behind it waiting nor the queues; those that fail come last the next time.
func TestReapingGoesOnBehindWhatFails(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, "1", "2")
	f.clock.pass(2 * time.Minute)
	names := make([]objects.Path, 5*reapBatch)
	for i := range names {
		names[i] = objects.Path{Container: "c", Name: fmt.Sprintf("hash/%05d", i)}
	}
	f.reaper.turn <- struct{}{} // or it takes some
	f.reaper.reap(names...)
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	<-f.reaper.turn
	bad := map[objects.Path]bool{names[0]: true, names[reapBatch]: true}
	removed := 0
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		if c.Kind != swifttest.DeleteMany || bad[c.Paths[0]] {
			return swifttest.Refused, c.Kind == swifttest.DeleteMany
		}
		removed += len(c.Paths)
		return swifttest.Fault{}, false
	})
	f.collect()
	f.wantSegments("of the queue that was purged", 0)
	f.collect()
	if want := 3*reapBatch + 2; removed != want {
		t.Errorf("%d names were removed behind two that can't be, want %d", removed, want)
	}
	bad = nil
	f.collect()
	if want := len(names) + 2; removed != want {
		t.Errorf("%d names were removed in the end, want %d", removed, want)
	}
}

// A queue that was dropped loses what Swift lets go, whatever fails; an outage ends the round soon.
func TestAQueueIsReapedAroundWhatFails(t *testing.T) {
	f := newFixture(t, Options{})
	f.account = swifttest.NewMemory(swifttest.Options{Now: f.clock.Now, Abilities: objects.Abilities{Page: 2}})
	f.swift = swifttest.NewFaulty(f.account)
	f.close()
	f.open(Options{})
	f.postSingly(600, numbers(1, 8)...)
	f.clock.pass(2 * time.Minute)
	f.swift.FailAll(swifttest.DeleteMany, swifttest.Refused)
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	if n := f.swift.Count(swifttest.DeleteMany); n != mostFailed {
		t.Errorf("%d requests of a round in an outage, want %d", n, mostFailed)
	}
	f.swift.Reset()
	f.swift.Fail(swifttest.DeleteMany, 1, swifttest.Refused)
	f.collect()
	f.wantSegments("after one request of four has failed", 2)
	f.collect()
	f.wantSegments("in the end", 0)
}

func TestReapingIsBounded(t *testing.T) {
	f := newFixture(t, Options{})
	names := make([]objects.Path, maxReapable+5)
	f.reaper.turn <- struct{}{} // or it takes some
	f.reaper.reap(names...)
	for range maxDropped + 7 {
		f.reaper.drop(f.o.layout().home(f.q), f.clock.Now())
	}
	names, dropped := f.reaper.takeAll()
	<-f.reaper.turn
	if len(names) != maxReapable || len(dropped) != maxDropped {
		t.Errorf("%d names and %d queues wait, want %d and %d", len(names), len(dropped), maxReapable, maxDropped)
	}
	if n := f.meter.of("swift_reaping_left_out_total"); n != 12 {
		t.Errorf("%v are counted as left out, want 12", n)
	}
}

// The reaper works by itself, waits longer and longer while Swift does not answer, and does what it can when it is closed.
func TestReaperGoesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New(storage.Options{})
		account := swifttest.NewMemory(swifttest.Options{})
		swift := swifttest.NewFaulty(account)
		s, err := New(swift, inner.Data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		q := newQueue()
		postAndPop := func() {
			t.Helper()
			if _, err := s.Post(t.Context(), q, marconi.Post{Client: poster, Messages: messagesOf(600, "1")}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Pop(t.Context(), q, 1); err != nil {
				t.Fatal(err)
			}
		}
		postAndPop()
		time.Sleep(reapEvery + time.Millisecond)
		if n := swift.Count(swifttest.DeleteMany); n != 1 {
			t.Errorf("%d requests after a second, want 1", n)
		}
		swift.FailAll(swifttest.DeleteMany, swifttest.Refused)
		postAndPop()
		time.Sleep(5 * time.Minute)
		if n := swift.Count(swifttest.DeleteMany); n < 8 || n > 14 {
			t.Errorf("%d requests in five minutes of an outage, want about ten", n)
		}
		time.Sleep(reapAtMost)
		swift.Reset()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := swift.Count(swifttest.DeleteMany); n != 1 {
			t.Errorf("%d requests when it is closed, want 1", n)
		}
		if err := inner.Data.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The tally's memory is bounded, whatever goes by.
func TestTallyIsBounded(t *testing.T) {
	const most = 64 << 10
	tl := newTally(most)
	q := newQueue()
	for i := range 5000 {
		at := objects.Path{Container: "c", Name: strings.Repeat("a", hashLength) + fmt.Sprint("/", i)}
		tl.know(q, &entry{Message: marconi.Message{ID: marconi.MessageID(fmt.Sprint(i))}, ref: reference{at: at, count: 1}})
	}
	if size := tl.segments.size(); size > most || size < most/2 {
		t.Errorf("the tally takes %d bytes, want at most %d", size, most)
	}
	if len(tl.messages) != len(tl.segments.byKey) {
		t.Errorf("it knows %d messages of %d segments of one", len(tl.messages), len(tl.segments.byKey))
	}
	if _, empty := tl.gone(q, "0"); empty {
		t.Error("it knows the oldest one still")
	}
	if _, empty := tl.gone(q, "4999"); !empty {
		t.Error("it does not know the newest one")
	}
	huge := &entry{Message: marconi.Message{ID: "huge"}, ref: reference{at: objects.Path{Name: "huge"}, count: most}}
	tl.know(q, huge)
	if _, empty := tl.gone(q, "huge"); empty || tl.segments.size() > most {
		t.Error("it has kept a segment larger than itself")
	}
}

// Many who delete the messages of one segment see it empty once.
func TestTallyOfParallelDeletes(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.post(600, numbers(1, 64)...)
	var deletes sync.WaitGroup
	for w := range 8 {
		deletes.Go(func() {
			for _, id := range ids[8*w : 8*w+8] {
				if err := f.Delete(f.ctx(), f.q, id, ""); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		})
	}
	deletes.Wait()
	f.collect()
	f.wantSegments("afterwards", 0)
	if n := f.meter.of("swift_segments_reaped_total"); n != 1 {
		t.Errorf("%v segments are counted as reaped, want 1", n)
	}
}
