package pure

import (
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// purgedByTheDead is a queue of three messages of a fortnight that a process has purged, and died.
func purgedByTheDead(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.post(messages(3, 14*24*3600)...)
	f.clock.pass(5 * time.Minute)
	dies := f.open(f.clock.Now)
	if err := dies.Purge(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	dies.reaper = newReaper()
	return f
}

// TestAPurgeOutlivesItsProcess has no server run for days.
func TestAPurgeOutlivesItsProcess(t *testing.T) {
	f := purgedByTheDead(t)
	f.clock.pass(3 * 24 * time.Hour)
	f.account.Expire()
	wantBodies(t, "three days after a purge", f.all(), "")
	if n := f.collect(); n != 3 {
		t.Errorf("Collect = %d, want the 3 that were purged", n)
	}
	if left := f.names(); !slices.Equal(left, []string{nameCard}) {
		t.Errorf("when all has been removed there is still %q", left)
	}
}

// TestAPurgeIsKeptUntilItIsDone has nothing deleted for days.
func TestAPurgeIsKeptUntilItIsDone(t *testing.T) {
	f := purgedByTheDead(t)
	f.faulty.FailAll(swifttest.DeleteMany, swifttest.Refused)
	for range 3 {
		f.clock.pass(24 * time.Hour)
		f.account.Expire()
		if _, err := f.Collect(t.Context()); err == nil {
			t.Error("Collect = nil though nothing was removed")
		}
		wantBodies(t, "while nothing can be removed", f.all(), "")
	}
	f.faulty.Reset()
	f.collect()
	f.clock.pass(24 * time.Hour)
	wantBodies(t, "after the removal", f.all(), "")
}

// TestAPurgeIsNotForgottenForAnEarlierOne has another process purge while a sweep ends that has seen the purge before.
func TestAPurgeIsNotForgottenForAnEarlierOne(t *testing.T) {
	f := purgedByTheDead(t)
	late := f.on(f.open(f.clock.Now))
	f.clock.pass(3 * 24 * time.Hour)
	late.post(messages(2, 14*24*3600)...)
	f.faulty.Fail(swifttest.DeleteMany, 1, swifttest.Fault{Then: func() {
		f.clock.pass(time.Minute)
		if err := late.Purge(t.Context(), f.q); err != nil {
			t.Error(err)
		}
		late.reaper = newReaper()
	}})
	f.collect()
	if left := f.names(); !slices.Contains(left, purgeMark) {
		t.Errorf("of a later purge nothing is left, only %q", left)
	}
}
