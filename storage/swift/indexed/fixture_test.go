//go:build unix

package indexed

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

const poster marconi.ClientID = "2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e"

// A turnedClock stands still unless it is turned.
type turnedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
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

// figures are what a store has metered.
type figures struct {
	mu    sync.Mutex // guards added
	added map[string]float64
}

func (f *figures) Add(name string, n float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added[name] += n
}

func (f *figures) Observe(string, float64) {}

func (f *figures) of(name string) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.added[name]
}

// A fixture is a store over an index and an account in memory, by a clock that is turned, and a queue there.
type fixture struct {
	*movingStore
	t       testing.TB
	clock   *turnedClock
	account *swifttest.Memory
	swift   *swifttest.Faulty // stands before the account
	index   *faultyIndex
	meter   *figures
	q       marconi.QueueRef
}

func newFixture(t testing.TB, o Options) *fixture {
	t.Helper()
	clock := &turnedClock{now: time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)}
	account := swifttest.NewMemory(swifttest.Options{Now: clock.Now})
	inner := memory.New(storage.Options{Now: clock.Now}).Data
	f := &fixture{t: t, clock: clock, account: account, swift: swifttest.NewFaulty(account), q: newQueue()}
	f.index = &faultyIndex{DataStore: inner, Mover: inner.(marconi.Mover)}
	f.open(o)
	t.Cleanup(func() {
		f.close()
		if err := inner.Close(); err != nil {
			t.Errorf("Close of the index: %v", err)
		}
	})
	return f
}

// open opens a store on what the fixture has, as a process does that is started.
func (f *fixture) open(o Options) {
	f.t.Helper()
	f.meter = &figures{added: map[string]float64{}}
	o.Now, o.Meter = f.clock.Now, f.meter
	s, err := New(f.swift, f.index, o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.movingStore = s.(*movingStore)
}

func (f *fixture) close() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Errorf("Close: %v", err)
	}
}

// beside is another process on the same index and account.
func (f *fixture) beside(o Options) *fixture {
	f.t.Helper()
	other := *f
	other.swift = swifttest.NewFaulty(f.account)
	other.open(o)
	f.t.Cleanup(other.close)
	return &other
}

func newQueue() marconi.QueueRef {
	name := marconi.QueueName("queue-" + strconv.Itoa(rand.IntN(1e9)))
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: name}, Incarnation: marconi.Incarnation(rand.Int64N(1<<53-1) + 1)}
}

func newClaimID() marconi.ClaimID {
	raw := make([]byte, 16)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return marconi.ClaimID(hex.EncodeToString(raw))
}

// messagesOf are messages of a TTL with these bodies.
func messagesOf(ttl marconi.Seconds, bodies ...string) []marconi.NewMessage {
	messages := make([]marconi.NewMessage, len(bodies))
	for i, b := range bodies {
		messages[i] = marconi.NewMessage{TTL: ttl, Body: []byte(b)}
	}
	return messages
}

// numbers are from, from+1, … to, as bodies.
func numbers(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func (f *fixture) ctx() context.Context { return f.t.Context() }

func (f *fixture) post(ttl marconi.Seconds, bodies ...string) []marconi.MessageID {
	f.t.Helper()
	ids, err := f.Post(f.ctx(), f.q, marconi.Post{Client: poster, Messages: messagesOf(ttl, bodies...)})
	if err != nil {
		f.t.Fatalf("Post: %v", err)
	}
	return ids
}

// postSingly posts each in a post of its own.
func (f *fixture) postSingly(ttl marconi.Seconds, bodies ...string) []marconi.MessageID {
	f.t.Helper()
	var ids []marconi.MessageID
	for _, b := range bodies {
		ids = append(ids, f.post(ttl, b)...)
	}
	return ids
}

func (f *fixture) claim(ttl marconi.Seconds, limit int) (marconi.ClaimID, []marconi.Message) {
	f.t.Helper()
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: ttl, Limit: limit}
	got, err := f.Claim(f.ctx(), f.q, c)
	if err != nil {
		f.t.Fatalf("Claim: %v", err)
	}
	return c.ID, got.Messages
}

func (f *fixture) pop(limit int) []marconi.Message {
	f.t.Helper()
	got, err := f.Pop(f.ctx(), f.q, limit)
	if err != nil {
		f.t.Fatalf("Pop: %v", err)
	}
	return got
}

var everything = marconi.Listing{Limit: 1000, Echo: true, IncludeClaimed: true, IncludeDelayed: true}

func (f *fixture) list() []marconi.Message {
	f.t.Helper()
	page, err := f.List(f.ctx(), f.q, everything)
	if err != nil {
		f.t.Fatalf("List: %v", err)
	}
	return page.Items
}

func (f *fixture) delete(id marconi.MessageID, claim marconi.ClaimID) {
	f.t.Helper()
	if err := f.Delete(f.ctx(), f.q, id, claim); err != nil {
		f.t.Fatalf("Delete: %v", err)
	}
}

// collect has the reaper do at once what it has to do.
func (f *fixture) collect() {
	f.t.Helper()
	if _, err := f.Collect(f.ctx()); err != nil {
		f.t.Fatalf("Collect: %v", err)
	}
}

func (f *fixture) total() int64 {
	f.t.Helper()
	stats, err := f.Stats(f.ctx(), f.q)
	if err != nil {
		f.t.Fatalf("Stats: %v", err)
	}
	return stats.Total
}

// forgetSegments empties the cache, so that what follows is read from Swift.
func (f *fixture) forgetSegments() {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	for _, e := range f.cache.byKey {
		f.cache.drop(e)
	}
}

// segments are those that Swift holds and that have not expired.
func (f *fixture) segments() []objects.Path {
	f.t.Helper()
	f.account.Settle()
	containers, err := f.account.Containers(f.ctx(), objects.Listing{})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []objects.Path
	for _, c := range containers {
		entries, err := f.account.List(f.ctx(), c, objects.Listing{})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range entries {
			at := objects.Path{Container: c, Name: e.Name}
			if _, err := f.account.Head(f.ctx(), at, true); err == nil {
				all = append(all, at)
			}
		}
	}
	return all
}

func (f *fixture) wantSegments(when string, n int) {
	f.t.Helper()
	if got := f.segments(); len(got) != n {
		f.t.Errorf("%s Swift holds %d segments, want %d", when, len(got), n)
	}
}

func bodiesOf(messages []marconi.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, string(m.Body))
	}
	return strings.Join(all, " ")
}

func (f *fixture) want(what string, got []marconi.Message, bodies string) {
	f.t.Helper()
	if b := bodiesOf(got); b != bodies {
		f.t.Errorf("%s gave %q, want %q", what, b, bodies)
	}
}

func wantUnavailable(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil || marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("%s: %v, want an error that is Unavailable", what, err)
	}
}

// A faultyIndex counts the calls that change or read the index's queues, and lets go wrong what a test wants to.
type faultyIndex struct {
	marconi.DataStore
	marconi.Mover

	mu    sync.Mutex // guards what follows
	calls int
	fail  func(name string) (before, after error) // nil: nothing goes wrong
}

// do makes a call with what was planned for it.
func (x *faultyIndex) do(name string, call func() error) error {
	x.mu.Lock()
	x.calls++
	fail := x.fail
	x.mu.Unlock()
	var before, after error
	if fail != nil {
		before, after = fail(name)
	}
	if before != nil {
		return before
	}
	if err := call(); err != nil {
		return err
	}
	return after
}

func (x *faultyIndex) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.calls
}

// failing lets calls of a name end with an error: the call is made or not.
func (x *faultyIndex) failing(name string, err error, made bool) {
	x.plan(func(called string) (before, after error) {
		switch {
		case called != name:
			return nil, nil
		case made:
			return nil, err
		}
		return err, nil
	})
}

func (x *faultyIndex) plan(fail func(string) (before, after error)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fail = fail
}

func answered[T any](x *faultyIndex, name string, call func() (T, error)) (T, error) {
	var answer T
	err := x.do(name, func() (err error) {
		answer, err = call()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return answer, nil
}

func (x *faultyIndex) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	return answered(x, "Post", func() ([]marconi.MessageID, error) { return x.DataStore.Post(ctx, q, p) })
}

func (x *faultyIndex) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	return answered(x, "List", func() (marconi.Page[marconi.Message], error) { return x.DataStore.List(ctx, q, l) })
}

func (x *faultyIndex) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	return answered(x, "Message", func() (marconi.Message, error) { return x.DataStore.Message(ctx, q, id) })
}

func (x *faultyIndex) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	return answered(x, "Messages", func() ([]marconi.Message, error) { return x.DataStore.Messages(ctx, q, ids) })
}

func (x *faultyIndex) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	return x.do("Delete", func() error { return x.DataStore.Delete(ctx, q, id, claim) })
}

func (x *faultyIndex) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	return x.do("DeleteMessages", func() error { return x.DataStore.DeleteMessages(ctx, q, ids, claims) })
}

func (x *faultyIndex) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	return answered(x, "Pop", func() ([]marconi.Message, error) { return x.DataStore.Pop(ctx, q, limit) })
}

func (x *faultyIndex) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	return answered(x, "Claim", func() (marconi.Claimed, error) { return x.DataStore.Claim(ctx, q, c) })
}

func (x *faultyIndex) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	return answered(x, "Claimed", func() (marconi.Claim, error) { return x.DataStore.Claimed(ctx, q, id) })
}

func (x *faultyIndex) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	return x.do("UpdateClaim", func() error { return x.DataStore.UpdateClaim(ctx, q, id, u) })
}

func (x *faultyIndex) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	return x.do("Release", func() error { return x.DataStore.Release(ctx, q, id) })
}

func (x *faultyIndex) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error {
	return x.do("MoveSpent", func() error { return x.Mover.MoveSpent(ctx, from, lease, ids, d) })
}

func (x *faultyIndex) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	return answered(x, "Stats", func() (marconi.Stats, error) { return x.DataStore.Stats(ctx, q) })
}

func (x *faultyIndex) Purge(ctx context.Context, q marconi.QueueRef) error {
	return x.do("Purge", func() error { return x.DataStore.Purge(ctx, q) })
}

func (x *faultyIndex) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	return x.do("DeleteQueue", func() error { return x.DataStore.DeleteQueue(ctx, q) })
}
