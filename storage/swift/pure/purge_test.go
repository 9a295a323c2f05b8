package pure

import (
	"slices"
	"strings"
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
	if purgeMarks(f) != 1 {
		t.Errorf("of a later purge nothing is left, only %q", f.names())
	}
}

// purgeMarks counts the marks of purges.
func purgeMarks(f *fixture) (n int) {
	for _, name := range f.names() {
		if strings.HasPrefix(name, purgePrefix) {
			n++
		}
	}
	return n
}

// TestPurgesDoNotPileUp has two processes purge a queue every few seconds.
func TestPurgesDoNotPileUp(t *testing.T) {
	f := newFixture(t)
	other := f.on(f.open(f.clock.Now))
	for range 20 {
		for _, g := range []*fixture{f, other} {
			g.post(messages(2, 14*24*3600)...)
			f.clock.pass(5 * time.Second)
			if err := g.Purge(t.Context(), f.q); err != nil {
				t.Fatal(err)
			}
			f.collect()
			wantBodies(t, "after a purge", g.all(), "")
		}
		if n := purgeMarks(f); n > 6 { // of the last 15 s, and the one behind which all is superseded
			t.Fatalf("%d marks of purges are kept", n)
		}
	}
	f.clock.pass(26 * time.Hour)
	f.account.Expire()
	f.collect()
	if n := purgeMarks(f); n > 0 {
		t.Errorf("a day later %d marks of purges are left", n)
	}
}

// TestPurgesSupersedeEachOther says what a later purge makes needless.
func TestPurgesSupersedeEachOther(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	place := func(s int) string { return placeAt(at(s).UnixMicro()) }
	made := func(node string, s int) purge {
		return purge{purgeAttributes{before: place(s - 70), emptied: place(s), node: node, text: node + place(s)}, at(s)}
	}
	for _, c := range []struct {
		what string
		late purge
		want bool
	}{
		{"of the same process", made("aaaa", 1001), true},
		{"of the same process whose clock went back", purge{purgeAttributes{before: place(900), emptied: place(999), node: "aaaa"}, at(1001)}, false},
		{"of another, a moment later", made("bbbb", 1069), false},
		{"of another, when nothing is on its way any more", made("bbbb", 1070), true},
		{"of another, before", made("bbbb", 999), false},
	} {
		early := made("aaaa", 1000)
		if got := c.late.supersedes(&early); got != c.want {
			t.Errorf("a purge %s supersedes it: %v, want %v", c.what, got, c.want)
		}
		var all, back purges
		all.note(early)
		shared := all
		all.note(c.late)
		back.note(c.late)
		back.note(early)
		if len(all) != len(back) || len(shared) != 1 || shared[0] != early {
			t.Errorf("a purge %s: %d are kept in one order, %d in the other, and of those before %v", c.what, len(all), len(back), shared)
		}
	}
}
