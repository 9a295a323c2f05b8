package pure

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
	"pgregory.net/rapid"
)

// lagUpTo makes listings show each object after a while of its own.
func lagUpTo(most time.Duration) func(objects.Path) time.Duration {
	return func(at objects.Path) time.Duration {
		h := fnv.New64a()
		h.Write([]byte(at.Name))
		return time.Duration(h.Sum64() % uint64(most))
	}
}

// A reader pages through a queue with the marker of the page before, for ever.
type reader struct {
	l    marconi.Listing
	seen map[marconi.MessageID]int
}

func newReader(limit int) *reader {
	return &reader{l: marconi.Listing{Limit: limit, Client: observer}, seen: map[marconi.MessageID]int{}}
}

// read reads at most n pages.
func (r *reader) read(f *fixture, n int) {
	f.t.Helper()
	for range n {
		page := f.list(r.l)
		if len(page.Items) == 0 {
			return
		}
		for _, m := range page.Items {
			r.seen[m.ID]++
		}
		r.l.Marker = page.Next
	}
}

// check wants everything seen at least once, and counts what was seen more often.
func (r *reader) check(t interface{ Errorf(string, ...any) }, ids []marconi.MessageID) (duplicates int) {
	for _, id := range ids {
		if r.seen[id] == 0 {
			t.Errorf("a reader in pages of %d never saw message %s", r.l.Limit, id)
		}
		duplicates += max(0, r.seen[id]-1)
	}
	return duplicates
}

// TestNothingIsLostBehindAMarker has listings that lag by up to 3 s, and a process whose clock is 1.5 s behind. Readers see
// everything; and each message once, as long as fewer than 128 are younger than the horizon.
func TestNothingIsLostBehindAMarker(t *testing.T) {
	for _, c := range []struct {
		rate       int // messages a turn of 500 ms
		duplicates bool
	}{{1, false}, {3, false}, {40, true}} {
		t.Run(fmt.Sprintf("%d a turn", c.rate), func(t *testing.T) {
			f := newLaggingFixture(t, lagUpTo(3*time.Second))
			slow := f.on(f.open(f.clock.off(-1500 * time.Millisecond)))
			var ids []marconi.MessageID
			readers := []*reader{newReader(1), newReader(3), newReader(20), newReader(1000)}
			for turn := range 60 {
				poster := []*fixture{f, slow}[turn%2]
				if turn < 40 {
					ids = append(ids, poster.post(messages(c.rate, 6000)...)...)
				}
				for i, r := range readers {
					r.read([]*fixture{slow, f}[(turn+i)%2], 1+rand.IntN(100))
				}
				f.clock.pass(500 * time.Millisecond)
			}
			for _, r := range readers {
				r.read(f, 2*len(ids)+1)
				n := r.check(t, ids)
				if n > 0 && !c.duplicates || n > len(ids) {
					t.Errorf("a reader in pages of %d saw %d of %d messages again", r.l.Limit, n, len(ids))
				}
			}
		})
	}
}

// TestReadersSeeWhatWasLongOnItsWay has a post take nearly as long as one may, by its name's clock, and then be listed late.
func TestReadersSeeWhatWasLongOnItsWay(t *testing.T) {
	const turn = 500 * time.Millisecond
	f := newLaggingFixture(t, func(objects.Path) time.Duration { return 4 * time.Second }, func(o *Options) { o.PostTime = 6 * time.Second })
	other := f.on(f.open(f.clock.Now, func(o *Options) { o.PostTime = 6 * time.Second }))
	r := newReader(100)
	pass := func(turns int) {
		for range turns {
			f.clock.pass(turn)
			f.post(messages(1, 6000)...)
			r.read(f, 10)
		}
	}
	other.post(messages(1, 6000)...) // the first post makes the container
	pass(20)
	f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() {
		f.faulty.Reset()
		pass(11)
	}})
	ids := other.post(messages(1, 6000)...)
	pass(40)
	r.check(t, ids)
}

// TestReadersSeeWhatIsListedBehindItsLease reads from a container server that has heard of a message's lease, and not of itself.
func TestReadersSeeWhatIsListedBehindItsLease(t *testing.T) {
	f := newFixture(t)
	there := &forgetful{Client: f.faulty}
	there.not.Store("")
	s := f.on(mustOpen(t, there, Options{Now: f.clock.Now, ReapEvery: time.Hour}))
	defer s.Close()
	ids := f.post(messages(3, 6000)...)
	f.claim(60, 3)
	there.not.Store(messagePrefix + string(ids[1]))
	r := newReader(10)
	r.l.IncludeClaimed = true
	r.read(s, 1)
	there.not.Store("")
	r.read(s, 1)
	if n := r.check(t, ids); n > 0 {
		t.Errorf("%d messages were shown again", n)
	}
}

// A forgetful client leaves a name out of listings.
type forgetful struct {
	objects.Client
	not atomic.Value // string
}

func (c *forgetful) List(ctx context.Context, container string, l objects.Listing) ([]objects.Entry, error) {
	page, err := c.Client.List(ctx, container, l)
	return slices.DeleteFunc(page, func(e objects.Entry) bool { return e.Name == c.not.Load() }), err
}

// A post that has no answer in its time fails: stored later, it might stand behind readers.
func TestAPostTakesNoLongerThanItMay(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.PostTime = 20 * time.Millisecond })
	f.faulty.FailAll(swifttest.PutMany, swifttest.Fault{Mute: true})
	if _, err := f.Post(t.Context(), f.q, marconi.Post{Messages: messages(2, 60)}); err == nil || errors.Is(err, errTooMany) {
		t.Errorf("a post of two: %v", err)
	}
	if _, err := f.Post(t.Context(), f.q, marconi.Post{Messages: messages(manyMessages, 60)}); !errors.Is(err, errTooMany) {
		t.Errorf("a post of many: %v", err)
	}
	if n := f.faulty.Count(swifttest.DeleteMany); n > 0 {
		t.Errorf("who has waited too long waits for %d requests more", n)
	}
	f.collect()
	wantBodies(t, "of posts that failed", f.all(), "")
	f.faulty.Reset()
	f.faulty.FailAll(swifttest.PutMany, swifttest.Refused)
	f.faulty.FailAll(swifttest.DeleteMany, swifttest.Fault{Delay: 50 * time.Millisecond})
	f.Store.o.PostTime = time.Second
	if _, err := f.Post(t.Context(), f.q, marconi.Post{Messages: messages(manyMessages, 60)}); err == nil || errors.Is(err, errTooMany) {
		t.Errorf("a post of many that is refused: %v", err)
	}
}

// TestTakersLoseNothingWhileListingsLag claims and pops in two processes, over listings that show everything late.
func TestTakersLoseNothingWhileListingsLag(t *testing.T) {
	f := newLaggingFixture(t, lagUpTo(4*time.Second))
	stores := []*Store{f.Store, f.open(f.clock.off(-time.Second))}
	d := &deliveries{of: map[marconi.MessageID]int{}}
	var ids []marconi.MessageID
	for turn := range 120 {
		g := f.on(stores[turn%2])
		if turn < 60 {
			ids = append(ids, g.post(messages(3, 6000)...)...)
		}
		var err error
		switch turn % 3 {
		case 0:
			_, err = claimAndDelete(t.Context(), g.Store, f.q, d)
		case 1:
			id, _ := g.claim(60, 2)
			err = g.Release(t.Context(), f.q, id)
		case 2:
			var got []marconi.Message
			got, err = g.Pop(t.Context(), f.q, 5)
			d.add(got)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.clock.pass(300 * time.Millisecond)
	}
	f.clock.pass(2 * time.Minute)
	for {
		n, err := claimAndDelete(t.Context(), f.Store, f.q, d)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if n := d.check(t, ids); n != 0 {
		t.Errorf("%d of %d messages were handed out twice", n, len(ids))
	}
}

// TestAFreshMessageIsDeletedThoughNoListingShowsIt is a producer that takes back what it has posted.
func TestAFreshMessageIsDeletedThoughNoListingShowsIt(t *testing.T) {
	f := newLaggingFixture(t, lagUpTo(time.Minute))
	id := f.post(messages(1, 600)...)[0]
	if m, err := f.Message(t.Context(), f.q, id); err != nil || string(m.Body) != "1" {
		t.Errorf("Message = %q, %v", m.Body, err)
	}
	if err := f.Delete(t.Context(), f.q, id, ""); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(time.Minute)
	wantBodies(t, "after the listing has caught up", f.all(), "")
}

// TestAnExtensionThatIsNotListedKeepsItsMessage lets a sweep see a message, but not the lease that has put off its end.
func TestAnExtensionThatIsNotListedKeepsItsMessage(t *testing.T) {
	f := newLaggingFixture(t, func(at objects.Path) time.Duration {
		if strings.Contains(at.Name, ".L") {
			return time.Hour
		}
		return 0
	})
	id := f.post(messages(1, 60)...)[0]
	claim, _ := f.claim(600, 1)
	f.clock.pass(300 * time.Second)
	if n, err := f.Collect(t.Context()); n != 0 || err != nil {
		t.Errorf("Collect = %d, %v", n, err)
	}
	f.clock.pass(time.Hour)
	f.account.Settle()
	if _, err := f.account.Head(t.Context(), f.placeOf(f.q).message(string(id)), true); err != nil {
		t.Errorf("the message of a claim of 600 s, %s, after 300 s: %v", claim, err)
	}
}

// renewedUnlisted is a message of 60 s under a claim that was renewed for 600 s, 300 s later, where listings show the lease as it was before.
func renewedUnlisted(t *testing.T) (f *fixture, id marconi.MessageID, claim marconi.ClaimID) {
	t.Helper()
	var lag atomic.Int64
	f = newLaggingFixture(t, func(at objects.Path) time.Duration {
		if strings.Contains(at.Name, ".L") {
			return time.Duration(lag.Load())
		}
		return 0
	})
	id = f.post(messages(1, 60)...)[0]
	claim, _ = f.claim(60, 1)
	lag.Store(int64(time.Hour))
	if err := f.UpdateClaim(t.Context(), f.q, claim, marconi.ClaimUpdate{TTL: 600}); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(300 * time.Second)
	return f, id, claim
}

// TestARenewalThatIsNotListedKeepsItsMessage lets a sweep see a lease as it was before its claim was renewed.
func TestARenewalThatIsNotListedKeepsItsMessage(t *testing.T) {
	f, id, _ := renewedUnlisted(t)
	if n, err := f.Collect(t.Context()); n != 0 || err != nil {
		t.Errorf("Collect = %d, %v", n, err)
	}
	if _, err := f.account.Head(t.Context(), f.placeOf(f.q).message(string(id)), true); err != nil {
		t.Errorf("the message of a claim that was renewed for 600 s, after 300 s: %v", err)
	}
}

// TestALeaseThatIsHiddenKeepsItsMessage lets a sweep see a lease as it was before its claim was renewed, and then not find it: its servers are away.
func TestALeaseThatIsHiddenKeepsItsMessage(t *testing.T) {
	f, id, claim := renewedUnlisted(t)
	f.faulty.FailAll(swifttest.Head, swifttest.Vanished)
	if n, err := f.Collect(t.Context()); n != 0 || err != nil {
		t.Errorf("Collect = %d, %v", n, err)
	}
	f.faulty.Reset()
	if c, err := f.Claimed(t.Context(), f.q, claim); err != nil || len(c.Messages) != 1 || c.Messages[0].ID != id {
		t.Errorf("the claim that was renewed for 600 s holds %d messages after 300 s, %v", len(c.Messages), err)
	}
}

// TestARenewalThatFindsNoLease is not confirmed while the message is there, for that would end before its claim.
func TestARenewalThatFindsNoLease(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(2, 60)...)
	claim, _ := f.claim(60, 2)
	update := func() error { return f.UpdateClaim(t.Context(), f.q, claim, marconi.ClaimUpdate{TTL: 600}) }
	f.faulty.Fail(swifttest.Post, 1, swifttest.Vanished)
	if err := update(); err == nil || marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("a renewal whose lease is hidden: %v, want one that is Unavailable", err)
	}
	if c, err := f.Claimed(t.Context(), f.q, claim); err != nil || c.TTL != 60 {
		t.Errorf("the claim has TTL %d, %v; want it as it was", c.TTL, err)
	}
	if err := f.Delete(t.Context(), f.q, ids[0], claim); err != nil {
		t.Fatal(err)
	}
	f.collect() // and with the message its lease
	if err := update(); err != nil {
		t.Errorf("a renewal of a claim one of whose messages was deleted: %v", err)
	}
	f.clock.pass(500 * time.Second)
	wantBodies(t, "after 500 s", f.all(), "2")
}

// TestAMessageThatIsListedIsFound where one proxy answers 404: it reaches only servers that don't have it yet.
func TestAMessageThatIsListedIsFound(t *testing.T) {
	f := newFixture(t)
	ids := f.post(messages(2, 60)...)
	once := func() { f.faulty.Fail(swifttest.Get, 1, swifttest.Vanished) }
	once()
	if m, err := f.Message(t.Context(), f.q, ids[0]); err != nil || string(m.Body) != "1" {
		t.Errorf("Message = %q, %v", m.Body, err)
	}
	once()
	got, err := f.Messages(t.Context(), f.q, ids)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "Messages", got, "1 2")
	claim, _ := f.claim(60, 1)
	f.faulty.Fail(swifttest.Get, 2, swifttest.Vanished) // behind the claim
	if err := f.DeleteMessages(t.Context(), f.q, ids, []marconi.ClaimID{claim}); err == nil {
		t.Error("messages were deleted with a claim that does not hold all of them")
	}
	wantBodies(t, "after a deletion that was refused", f.all(), "1 2")
}

// TestReaders is the marker alone, over any order in which names come to be listed: nothing that comes within the horizon is
// missed, and nothing comes twice unless a marker has had to forget.
func TestReaders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const horizon = 100
		crowd := rapid.IntRange(1, 30).Draw(t, "names a turn")
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		appears := map[int]int{} // name → turn at which it is listed
		shown, forgot := map[int]int{}, false
		p := position{whole: true}
		next := 0
		for now := range 25 {
			for range rapid.IntRange(0, crowd).Draw(t, "posted") {
				stamp := (now+20)*10*1000 + next
				appears[stamp] = now + rapid.IntRange(0, horizon/10-2).Draw(t, "lag")
				next++
			}
			for range rapid.IntRange(0, 3).Draw(t, "pages") {
				marker := p.encode()
				back, ok := parseMarker(marker)
				if !ok || back.encode() != marker {
					t.Fatalf("marker %q reads as %+v", marker, back)
				}
				p, _ = readTurn(back, now, horizon, limit, appears, shown)
				forgot = forgot || !p.whole
			}
		}
		for n := 1; n > 0; {
			p, n = readTurn(p, 1000, horizon, limit, appears, shown)
		}
		for stamp := range appears {
			if n := shown[stamp]; n == 0 || n > 1 && !forgot || n > 2 {
				t.Errorf("name %d, listed at %d, was shown %d times", stamp, appears[stamp], n)
			}
		}
	})
}

// readTurn reads a page at a time, in turns of ten, and says how many names it showed. An empty page gives no marker.
func readTurn(p position, now, horizon, limit int, appears, shown map[int]int) (next position, n int) {
	r := readBehind(p, placeAt(int64(((now+20)*10-horizon)*1000)))
	last := ""
	for _, stamp := range sortedStamps(appears) {
		name := placeAt(int64(stamp))
		if appears[stamp] > now || name <= r.begin || n == limit {
			continue
		}
		if r.fresh(name) {
			shown[stamp]++
			last = name
			n++
		}
	}
	if n == 0 {
		return p, 0
	}
	return r.next(last, n == limit), n
}
