package pure

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

const (
	producer marconi.ClientID = "2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e"
	observer marconi.ClientID = "7b9d0f11-0a2b-4c3d-8e4f-5a6b7c8d9e0f"
)

// A turnedClock stands still unless it is turned.
type turnedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func newTurnedClock() *turnedClock {
	return &turnedClock{now: time.Date(2031, time.March, 4, 5, 6, 7, 891_000_000, time.UTC)}
}

func (c *turnedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *turnedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// off is the clock of a process that goes wrong by d.
func (c *turnedClock) off(d time.Duration) func() time.Time {
	return func() time.Time { return c.Now().Add(d) }
}

// A fixture is an account in memory, in which things can go wrong, and a store on it with a queue.
type fixture struct {
	*Store
	t       testing.TB
	clock   *turnedClock
	account *swifttest.Memory
	faulty  *swifttest.Faulty
	q       marconi.QueueRef
}

// newFixture opens a store that removes nothing in the background, so that requests can be counted.
func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	return newLaggingFixture(t, nil, change...)
}

// newLaggingFixture opens a store over listings that lag.
func newLaggingFixture(t testing.TB, lag func(objects.Path) time.Duration, change ...func(*Options)) *fixture {
	t.Helper()
	clock := newTurnedClock()
	account := swifttest.NewMemory(swifttest.Options{Now: clock.Now, Lag: lag})
	f := &fixture{t: t, clock: clock, account: account, faulty: swifttest.NewFaulty(account), q: newQueue("q")}
	f.Store = f.open(clock.Now, change...)
	return f
}

// open opens another store on the same account, as another process would.
func (f *fixture) open(now func() time.Time, change ...func(*Options)) *Store {
	f.t.Helper()
	o := Options{Now: now, ReapEvery: time.Hour}
	for _, c := range change {
		c(&o)
	}
	s := mustOpen(f.t, f.faulty, o)
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return s
}

// on is the fixture with another store.
func (f *fixture) on(s *Store) *fixture {
	other := *f
	other.Store = s
	return &other
}

func newQueue(n marconi.QueueName) marconi.QueueRef {
	key := marconi.QueueKey{Project: "p", Name: n}
	return marconi.QueueRef{QueueKey: key, Incarnation: marconi.Incarnation(time.Now().UnixNano() >> 8)}
}

func newClaimID() marconi.ClaimID { return marconi.ClaimID(randomHex(16)) }

// messages are n of them, with bodies from 1.
func messages(n int, ttl marconi.Seconds) []marconi.NewMessage {
	all := make([]marconi.NewMessage, n)
	for i := range all {
		all[i] = marconi.NewMessage{TTL: ttl, Body: fmt.Append(nil, i+1)}
	}
	return all
}

func (f *fixture) post(all ...marconi.NewMessage) []marconi.MessageID {
	f.t.Helper()
	ids, err := f.Post(f.t.Context(), f.q, marconi.Post{Client: producer, Messages: all})
	if err != nil {
		f.t.Fatalf("Post: %v", err)
	}
	return ids
}

func (f *fixture) claim(ttl marconi.Seconds, limit int) (marconi.ClaimID, []marconi.Message) {
	f.t.Helper()
	id := newClaimID()
	got, err := f.Claim(f.t.Context(), f.q, marconi.ClaimRequest{ID: id, TTL: ttl, Limit: limit})
	if err != nil {
		f.t.Fatalf("Claim: %v", err)
	}
	return id, got.Messages
}

var everything = marconi.Listing{Limit: 1000, Client: observer, Echo: true, IncludeClaimed: true, IncludeDelayed: true}

func (f *fixture) all() []marconi.Message {
	f.t.Helper()
	return f.list(everything).Items
}

func (f *fixture) list(l marconi.Listing) marconi.Page[marconi.Message] {
	f.t.Helper()
	page, err := f.List(f.t.Context(), f.q, l)
	if err != nil {
		f.t.Fatalf("List: %v", err)
	}
	return page
}

func bodiesOf(all []marconi.Message) string {
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = string(m.Body)
	}
	return strings.Join(texts, " ")
}

// wantBodies checks which messages there are.
func wantBodies(t testing.TB, what string, got []marconi.Message, want string) {
	t.Helper()
	if bodies := bodiesOf(got); bodies != want {
		t.Errorf("%s: messages %q, want %q", what, bodies, want)
	}
}

// counts are the requests that a call makes, as "get 2, list 1".
func (f *fixture) counts(call func()) string {
	f.t.Helper()
	f.faulty.Reset()
	call()
	var all []string
	for _, k := range []swifttest.Kind{
		swifttest.Put, swifttest.Get, swifttest.Head, swifttest.Post, swifttest.Delete, swifttest.List, swifttest.PutMany, swifttest.DeleteMany,
		swifttest.MakeContainer, swifttest.DeleteContainer, swifttest.Containers, swifttest.Ping,
	} {
		if n := f.faulty.Count(k); n > 0 {
			all = append(all, fmt.Sprintf("%s %d", k, n))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
