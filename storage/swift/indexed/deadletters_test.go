//go:build unix

package indexed

import (
	"errors"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// spend makes dead letters of all messages.
func (f *fixture) spend() marconi.Claimed {
	f.t.Helper()
	claim, _ := f.claim(60, 100)
	if err := f.Release(f.ctx(), f.q, claim); err != nil {
		f.t.Fatal(err)
	}
	got, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 100, MaxClaims: 1})
	if err != nil || len(got.Messages) > 0 {
		f.t.Fatalf("Claim of spent messages gave %d others, %v", len(got.Messages), err)
	}
	return got
}

// bury moves dead letters into another queue, and gives a fixture of that.
func (f *fixture) bury(got marconi.Claimed, ttl marconi.Seconds) *fixture {
	f.t.Helper()
	dead := *f
	dead.q = newQueue()
	f.buryIn(&dead, got, ttl)
	return &dead
}

func (f *fixture) buryIn(dead *fixture, got marconi.Claimed, ttl marconi.Seconds) {
	f.t.Helper()
	var ids []marconi.MessageID
	for _, m := range got.Spent {
		ids = append(ids, m.ID)
	}
	if err := f.MoveSpent(f.ctx(), f.q, got.Lease, ids, marconi.DeadLetter{Queue: dead.q, TTL: ttl}); err != nil {
		f.t.Fatalf("MoveSpent: %v", err)
	}
}

// Whatever happens in the queue that a dead letter has left, in whatever process: its body stays.
func TestDeadLettersOutliveTheirQueue(t *testing.T) {
	for name, end := range map[string]func(f, other *fixture, ids []marconi.MessageID) error{
		"deletes": func(f, _ *fixture, ids []marconi.MessageID) error { return f.DeleteMessages(f.ctx(), f.q, ids, nil) },
		"deletes in another process": func(_, other *fixture, ids []marconi.MessageID) error {
			for _, id := range ids {
				if err := other.Delete(other.ctx(), other.q, id, ""); err != nil {
					return err
				}
			}
			return nil
		},
		"a purge":                       func(f, _ *fixture, _ []marconi.MessageID) error { return f.Purge(f.ctx(), f.q) },
		"a purge in another process":    func(_, other *fixture, _ []marconi.MessageID) error { return other.Purge(other.ctx(), other.q) },
		"a deletion":                    func(f, _ *fixture, _ []marconi.MessageID) error { return f.DeleteQueue(f.ctx(), f.q) },
		"a deletion in another process": func(_, other *fixture, _ []marconi.MessageID) error { return other.DeleteQueue(other.ctx(), other.q) },
		"a deletion after a restart": func(f, _ *fixture, _ []marconi.MessageID) error {
			f.close()
			f.open(Options{})
			return f.DeleteQueue(f.ctx(), f.q)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			ids := f.postSingly(600, "1", "2")
			f.clock.pass(2 * time.Minute)
			other := f.beside(Options{})
			other.list() // so that it knows the segments
			dead := f.bury(f.spend(), 0)
			if err := end(f, other, ids); err != nil {
				t.Fatal(err)
			}
			f.collect()
			other.collect()
			dead.forgetSegments()
			f.wantSegments("afterwards", 2)
			dead.movingStore = f.movingStore // which may have been started anew
			dead.want("the dead letters", dead.list(), "1 2")
			dead.want("Pop of them", dead.pop(2), "1 2")
		})
	}
}

// A queue that no dead letter has left is reaped, also where others have left theirs.
func TestOnlyQueuesThatLettersLeftAreSpared(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	f.bury(f.spend(), 0)
	other := *f
	other.q = newQueue()
	other.post(600, "2")
	other.pop(1)
	f.collect()
	f.wantSegments("afterwards", 1)
	queues, err := f.Queues(f.ctx())
	if err != nil || len(queues) != 1 {
		t.Errorf("Queues = %v, %v, want the one of the dead letter", queues, err)
	}
	if v, err := f.Volume(f.ctx()); err != nil || v != (marconi.Volume{Free: 1, Total: 1}) {
		t.Errorf("Volume = %+v, %v, want one message, free", v, err)
	}
}

// A letter that lives longer than its segment has that extended first, and the note that its queue has lost letters, too.
func TestDeadLetterOutlivesItsSegment(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	const ttl = 30 * 24 * 3600
	var dead *fixture
	got := f.spend()
	f.wantCost("a move of a letter that lives long", cost{swifttest.Head: 1, swifttest.Post: 1, indexCalls: 3}, func() { dead = f.bury(got, ttl) })
	f.clock.pass(ttl*time.Second - time.Second)
	f.forgetSegments()
	dead.want("the letter just before its end", dead.list(), "1")
	if err := f.DeleteQueue(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	f.forgetSegments()
	dead.want("the letter after its old queue", dead.list(), "1")

	f.q = newQueue()
	f.post(600, "2")
	got = f.spend()
	f.wantCost("a move of a letter that keeps its TTL", cost{indexCalls: 3}, func() { f.bury(got, 0) })
}

// A letter that is claimed again and again keeps its segment, and that stays spared.
func TestDeadLetterThatIsExtended(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	dead := f.bury(f.spend(), 0)
	claim := newClaimID()
	if _, err := dead.Claim(f.ctx(), dead.q, marconi.ClaimRequest{ID: claim, TTL: 300, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	for range 100 { // days
		for range 24 * 12 {
			if err := dead.UpdateClaim(f.ctx(), dead.q, claim, marconi.ClaimUpdate{TTL: 600}); err != nil {
				t.Fatal(err)
			}
			f.clock.pass(5 * time.Minute)
		}
		if err := f.Purge(f.ctx(), f.q); err != nil {
			t.Fatal(err)
		}
		f.collect()
	}
	f.forgetSegments()
	dead.want("the letter after a hundred days", dead.list(), "1")
	if n := f.swift.Count(swifttest.Post); n > 10 {
		t.Errorf("its segment was extended %d times in a hundred days, want one in a fortnight", n)
	}
}

// Nothing leaves its queue while the note of it can't be taken, or its segment can't be extended.
func TestMoveThatFails(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	got := f.spend()
	move := func() error {
		return f.MoveSpent(f.ctx(), f.q, got.Lease, []marconi.MessageID{got.Spent[0].ID}, marconi.DeadLetter{Queue: newQueue(), TTL: 9_000_000})
	}
	f.index.failing("Post", marconi.ErrUnavailable, false)
	wantUnavailable(t, "MoveSpent without a note", move())
	f.index.failing("Messages", marconi.ErrUnavailable, false)
	wantUnavailable(t, "MoveSpent without a look", move())
	f.index.plan(nil)
	f.swift.FailAll(swifttest.Post, swifttest.Refused)
	wantUnavailable(t, "MoveSpent without an extension", move())
	f.swift.Reset()
	f.want("List", f.list(), "1")
	if err := move(); err != nil {
		t.Fatal(err)
	}
	f.want("List after the move", f.list(), "")
}

// A letter whose segment can't be found stays, and the others go.
func TestMoveBesideALostSegment(t *testing.T) {
	f := newFixture(t, uncached)
	f.postSingly(600, "1", "2", "3")
	got := f.spend()
	dead := *f
	dead.q = newQueue()
	var ids []marconi.MessageID
	for _, m := range got.Spent {
		ids = append(ids, m.ID)
	}
	f.swift.Fail(swifttest.Head, 1, swifttest.Vanished)
	wantUnavailable(t, "MoveSpent", f.MoveSpent(f.ctx(), f.q, got.Lease, ids, marconi.DeadLetter{Queue: dead.q, TTL: 9_000_000}))
	f.want("List", f.list(), "1")
	dead.want("the letters", dead.list(), "2 3")
}

// A full index takes no note that a letter has left its queue, so it stays there.
func TestMoveIntoAFullIndex(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	got := f.spend()
	f.index.failing("Post", marconi.ErrFull, false)
	move := func() error {
		return f.MoveSpent(f.ctx(), f.q, got.Lease, []marconi.MessageID{got.Spent[0].ID}, marconi.DeadLetter{Queue: newQueue()})
	}
	if err := move(); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("MoveSpent: %v, want %v", err, marconi.ErrFull)
	}
	f.want("List", f.list(), "1")
	f.index.plan(nil)
	if err := move(); err != nil {
		t.Errorf("MoveSpent when there is room: %v", err)
	}
}

// Letters that have left their queue are claimed and renewed also while the index is full, as long as the note lasts that they have: to empty the
// index is their consumers' business.
func TestDeadLettersInAFullIndex(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	const days14 = 14 * 24 * 3600
	dead := f.bury(f.spend(), days14)
	f.clock.pass(days14*time.Second - 2*time.Minute)
	f.index.failing("Post", marconi.ErrFull, false)
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: 100_000, Limit: 1}
	if got, err := dead.Claim(f.ctx(), dead.q, c); err != nil || len(got.Messages) != 1 {
		t.Fatalf("Claim: %+v, %v; want the letter", got, err)
	}
	update := func() error { return dead.UpdateClaim(f.ctx(), dead.q, c.ID, marconi.ClaimUpdate{TTL: c.TTL}) }
	f.clock.pass(99_999 * time.Second)
	if err := update(); err != nil {
		t.Errorf("UpdateClaim while the note lasts: %v", err)
	}
	if err := f.Purge(f.ctx(), f.q); err != nil {
		t.Fatal(err)
	}
	f.collect()
	f.forgetSegments()
	dead.want("the letter, after a purge of its old queue", dead.list(), "1")
	f.clock.pass(99_999 * time.Second)
	if err := update(); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("UpdateClaim beyond the note: %v, want %v", err, marconi.ErrFull)
	}
	f.index.plan(nil)
	if err := update(); err != nil {
		t.Errorf("UpdateClaim when there is room: %v", err)
	}
}

// plainIndex is an index that can't move dead letters.
type plainIndex struct{ marconi.DataStore }

func TestMoverOnlyIfTheIndexIsOne(t *testing.T) {
	inner := memory.New(storage.Options{})
	for _, row := range []struct {
		index marconi.DataStore
		want  bool
	}{{inner.Data, true}, {plainIndex{inner.Data}, false}} {
		s, err := New(swifttest.NewMemory(swifttest.Options{}), row.index, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, can := s.(marconi.Mover); can != row.want {
			t.Errorf("over %T the store is a Mover: %v, want %v", row.index, can, row.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := inner.Data.Close(); err != nil {
		t.Error(err)
	}
}
