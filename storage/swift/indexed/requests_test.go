//go:build unix

package indexed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A cost is what an operation asks of Swift and of the index, in requests.
type cost map[swifttest.Kind]int

const indexCalls swifttest.Kind = "index"

var kinds = []swifttest.Kind{
	swifttest.Put, swifttest.Get, swifttest.Head, swifttest.Post, swifttest.Delete, swifttest.List, swifttest.PutMany, swifttest.DeleteMany,
	swifttest.MakeContainer, swifttest.DeleteContainer, swifttest.Containers, swifttest.Ping,
}

// costOf is what f asks for.
func (f *fixture) costOf(do func()) cost {
	f.t.Helper()
	before := map[swifttest.Kind]int{}
	for _, k := range kinds {
		before[k] = f.swift.Count(k)
	}
	index := f.index.count()
	do()
	c := cost{}
	if n := f.index.count() - index; n > 0 {
		c[indexCalls] = n
	}
	for _, k := range kinds {
		if n := f.swift.Count(k) - before[k]; n > 0 {
			c[k] = n
		}
	}
	return c
}

func (f *fixture) wantCost(what string, want cost, do func()) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.costOf(do)); diff != "" {
		f.t.Errorf("%s: requests (-want +got):\n%s", what, diff)
	}
}

// TestRequests holds the table of what design A asks for.
func TestRequests(t *testing.T) {
	f := newFixture(t, Options{Containers: 1})
	f.post(600, "0") // which makes the container
	f.pop(1)
	f.collect()
	index := func(n int) cost { return cost{indexCalls: n} }
	get := func(n, calls int) cost { return cost{swifttest.Get: n, indexCalls: calls} }

	var ids []marconi.MessageID
	f.wantCost("a post of ten", cost{swifttest.Put: 1, indexCalls: 1}, func() { ids = f.post(600, numbers(1, 10)...) })
	f.wantCost("a list of what was posted here", index(1), func() { f.list() })
	f.forgetSegments()
	f.wantCost("a list of ten that were posted together", get(1, 1), func() { f.list() })
	f.wantCost("the same again", index(1), func() { f.list() })
	f.forgetSegments()
	f.wantCost("a message", get(1, 1), func() { _, _ = f.Message(f.ctx(), f.q, ids[3]) })
	f.forgetSegments()
	f.wantCost("several messages", get(1, 1), func() { _, _ = f.Messages(f.ctx(), f.q, ids) })
	f.wantCost("stats", index(1), func() { f.total() })
	f.forgetSegments()

	var claim marconi.ClaimID
	f.wantCost("a claim of ten, cold", get(1, 1), func() { claim, _ = f.claim(60, 10) })
	f.wantCost("an update of the claim", index(1), func() { _ = f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 300, Grace: 60}) })
	f.wantCost("the claim", index(1), func() { _, _ = f.Claimed(f.ctx(), f.q, claim) })
	f.wantCost("a release", index(1), func() { _ = f.Release(f.ctx(), f.q, claim) })
	f.wantCost("a claim of ten, warm", index(1), func() { claim, _ = f.claim(60, 10) })
	f.wantCost("a delete", index(1), func() { f.delete(ids[0], claim) })
	f.wantCost("a delete of nine", index(1), func() {
		if err := f.DeleteMessages(f.ctx(), f.q, ids[1:], []marconi.ClaimID{claim}); err != nil {
			t.Error(err)
		}
	})
	f.wantCost("reaping a segment whose ten messages are gone", cost{swifttest.DeleteMany: 1, indexCalls: 1}, f.collect)

	f.postSingly(600, numbers(1, 10)...)
	f.forgetSegments()
	f.wantCost("a claim of ten that were posted singly, cold", get(10, 1), func() { _, _ = f.claim(60, 10) })
	f.postSingly(600, numbers(1, 10)...)
	f.forgetSegments()
	f.wantCost("a pop of ten that were posted singly, cold", get(10, 2), func() { f.pop(10) })
	f.wantCost("a pop of nothing", index(1), func() { f.pop(10) })
	f.wantCost("a deletion of the queue", index(1), func() { _ = f.DeleteQueue(f.ctx(), f.q) })
}

// TestRequestsWithDeadLetters looks ahead of a claim, for an attempt that fails would count: at no body but those that the claim gives, nor
// at those of dead letters, which the claim itself reads.
func TestRequestsWithDeadLetters(t *testing.T) {
	f := newFixture(t, Options{InlineBelow: 10})
	claim := func(limit int) (got marconi.Claimed) {
		t.Helper()
		got, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Grace: 60, Limit: limit, MaxClaims: 2})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	long := make([]string, 30)
	for i := range long {
		long[i] = fmt.Sprintf(`"a long body, %02d"`, i)
	}
	f.post(600, "1")
	f.postSingly(600, long...)
	f.forgetSegments()
	f.wantCost("a claim of one short body", cost{indexCalls: 2}, func() { claim(1) })
	f.wantCost("a claim of three, cold", cost{indexCalls: 2, swifttest.Get: 3}, func() { claim(3) })
	f.clock.pass(2 * time.Minute)
	claim(4)
	f.clock.pass(2 * time.Minute)
	f.forgetSegments()
	f.wantCost("a claim of one behind three dead letters, cold", cost{indexCalls: 2, swifttest.Get: 4}, func() {
		if got := claim(1); len(got.Spent) != 4 || len(got.Messages) != 1 || string(got.Messages[0].Body) != long[3] {
			t.Errorf("got %+v", got)
		}
	})
	away := newFixture(t, Options{InlineBelow: 10})
	away.post(600, "1")
	away.postSingly(600, long...)
	away.forgetSegments()
	away.swift.FailAll(swifttest.Get, swifttest.Refused)
	got, err := away.Claim(away.ctx(), away.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1, MaxClaims: 2})
	if err != nil || len(got.Messages) != 1 {
		t.Errorf("while Swift is away a claim of a short body is %+v, %v", got, err)
	}
}

// TestRequestsOfInlineBodies counts those of what is all in the index.
func TestRequestsOfInlineBodies(t *testing.T) {
	f := newFixture(t, Options{InlineBelow: 10})
	var claim marconi.ClaimID
	var ids []marconi.MessageID
	for _, row := range []struct {
		what string
		do   func()
	}{
		{"a post", func() { ids = f.post(600, numbers(1, 10)...) }},
		{"a list", func() { f.list() }},
		{"a message", func() { _, _ = f.Message(f.ctx(), f.q, ids[0]) }},
		{"a claim", func() { claim, _ = f.claim(60, 5) }},
		{"an update", func() { _ = f.UpdateClaim(f.ctx(), f.q, claim, marconi.ClaimUpdate{TTL: 40_000_000}) }},
		{"a delete", func() { f.delete(ids[0], claim) }},
	} {
		f.wantCost(row.what, cost{indexCalls: 1}, row.do)
	}
	f.wantCost("a pop", cost{indexCalls: 2}, func() { f.pop(5) })
	f.wantCost("collecting", cost{}, f.collect)
}

// One small body beside large ones is kept in the index by itself, and never costs a request.
func TestSmallBodiesBesideLargeOnes(t *testing.T) {
	f := newFixture(t, Options{InlineBelow: 10})
	large := `"` + strings.Repeat("x", 20) + `"`
	exact := `"` + strings.Repeat("y", 8) + `"` // ten bytes: not below
	ids := f.post(600, "1", large, "2", exact)
	f.wantSegments("after a post", 1)
	f.want("List", f.list(), "1 "+large+" 2 "+exact)
	f.forgetSegments()
	f.wantCost("the small one", cost{indexCalls: 1}, func() { _, _ = f.Message(f.ctx(), f.q, ids[2]) })
	f.wantCost("the one at the bound", cost{indexCalls: 1, swifttest.Get: 1}, func() { _, _ = f.Message(f.ctx(), f.q, ids[3]) })
	f.want("Pop", f.pop(4), "1 "+large+" 2 "+exact)
	f.collect()
	f.wantSegments("after the large ones went", 0)
}

// TestRequestsInTheAccessLog counts what the proxy of a real Swift has seen.
func TestRequestsInTheAccessLog(t *testing.T) {
	server := realSwift(t)
	s, err := New(openAccount(t, server.Host), indexInMemory(t), Options{Prefix: fmt.Sprintf("log%d", time.Now().UnixNano()), Containers: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, q := t.Context(), newQueue()
	post := func(n int) {
		t.Helper()
		if _, err := s.Post(ctx, q, marconi.Post{Client: poster, Messages: messagesOf(600, numbers(1, n)...)}); err != nil {
			t.Fatal(err)
		}
	}
	post(1) // which makes the container
	took := func(what string, want string, do func()) {
		t.Helper()
		mark := server.Mark()
		do()
		if got := methods(server.Requests(mark)); got != want {
			t.Errorf("%s: the proxy has seen %q, want %q", what, got, want)
		}
	}
	claim := newClaimID()
	took("a post of ten", "PUT", func() { post(10) })
	took("a list", "", func() { _, _ = s.List(ctx, q, everything) })
	s.(*movingStore).cache.remove(s.(*movingStore).cache.order.Front().Value.(*kept[objects.Path, *segment]).key)
	took("a claim of eleven, of which ten are cold", "GET", func() {
		got, err := s.Claim(ctx, q, marconi.ClaimRequest{ID: claim, TTL: 60, Limit: 20})
		if err != nil || len(got.Messages) != 11 {
			t.Errorf("Claim gave %d messages, %v", len(got.Messages), err)
		}
	})
	took("an update", "", func() { _ = s.UpdateClaim(ctx, q, claim, marconi.ClaimUpdate{TTL: 60}) })
	took("an update past the end", "HEAD HEAD POST POST", func() { _ = s.UpdateClaim(ctx, q, claim, marconi.ClaimUpdate{TTL: 90_000}) })
	took("the next one", "", func() { _ = s.UpdateClaim(ctx, q, claim, marconi.ClaimUpdate{TTL: 90_000}) })
	took("stats", "", func() { _, _ = s.Stats(ctx, q) })
	took("deletions, and their reaping", "POST", func() {
		page, _ := s.List(ctx, q, everything)
		for _, m := range page.Items {
			if err := s.Delete(ctx, q, m.ID, claim); err != nil {
				t.Error(err)
			}
		}
		_, _ = s.Collect(ctx)
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// methods are those of requests for objects, sorted.
func methods(requests []testservices.SwiftRequest) string {
	var all []string
	for _, r := range requests {
		all = append(all, r.Method)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func indexInMemory(t testing.TB) marconi.DataStore {
	s := memory.New(storage.Options{})
	t.Cleanup(func() {
		if err := s.Data.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Data
}
