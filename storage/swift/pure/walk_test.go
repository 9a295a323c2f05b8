package pure

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// newPagedFixture opens a store on a Swift whose listings have short pages.
func newPagedFixture(t *testing.T, page, shards int) *fixture {
	t.Helper()
	clock := newTurnedClock()
	account := swifttest.NewMemory(swifttest.Options{Now: clock.Now, Abilities: objects.Abilities{Page: page}})
	f := &fixture{t: t, clock: clock, account: account, faulty: swifttest.NewFaulty(account), q: newQueue("q")}
	f.Store = f.open(clock.Now, func(o *Options) { o.Shards = shards })
	return f
}

// TestRecordsOf looks for some of a queue's messages, and for some that it never had.
func TestRecordsOf(t *testing.T) {
	for _, shards := range []int{1, 3} {
		f := newPagedFixture(t, 7, shards)
		ids := f.post(messages(60, 600)...)
		for range 3 {
			id, _ := f.claim(60, 20)
			f.must(f.Release(t.Context(), f.q, id))
		}
		at := f.placeOf(f.q)
		records, err := f.everything(t.Context(), at)
		f.must(err)
		whole := map[string]record{}
		for _, r := range records {
			whole[r.name] = r
		}
		for range 100 {
			var names []string
			for range 1 + rand.IntN(12) {
				name := string(ids[rand.IntN(len(ids))])
				if rand.IntN(3) == 0 {
					name = name[:nameDigits-2] + randomHex(1)
				}
				names = append(names, name)
			}
			checkRecords(t, f, names, whole)
		}
	}
}

func checkRecords(t *testing.T, f *fixture, names []string, whole map[string]record) {
	t.Helper()
	got, err := f.recordsOf(t.Context(), f.placeOf(f.q), names)
	f.must(err)
	for _, name := range names {
		if got[name] != whole[name] {
			t.Errorf("the record of %s is %+v, want %+v", name, got[name], whole[name])
		}
	}
	for name := range got {
		if !slices.Contains(names, name) {
			t.Errorf("asked for %q, it gave %s as well", names, name)
		}
	}
}

// TestFarApartNamesAreAListingEach has a client ask for IDs at both ends of a long queue.
func TestFarApartNamesAreAListingEach(t *testing.T) {
	f := newPagedFixture(t, 100, 1)
	f.post(messages(3000, 600)...)
	ends := []marconi.MessageID{marconi.MessageID(strings.Repeat("0", nameDigits)), marconi.MessageID(strings.Repeat("f", nameDigits))}
	got := f.counts(func() {
		found, err := f.Messages(t.Context(), f.q, ends)
		if len(found) > 0 || err != nil {
			t.Errorf("Messages = %v, %v; want none", found, err)
		}
	})
	if want := "get 2, list 3"; got != want {
		t.Errorf("getting them makes the requests %q, want %q", got, want)
	}
	f.must(f.DeleteMessages(t.Context(), f.q, ends, nil))
	if got, want := f.counts(func() { f.must(f.reap(t.Context())) }), "list 2"; got != want {
		t.Errorf("what is to be done when they were deleted makes the requests %q, want %q", got, want)
	}
}
