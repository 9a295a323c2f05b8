//go:build unix

package swift_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/pure"
)

// kindOf is what a request is, in a word.
func kindOf(r testservices.SwiftRequest) string {
	switch {
	case strings.HasPrefix(r.Query, "bulk-delete"):
		return "bulk-delete"
	case strings.HasPrefix(r.Query, "extract-archive"):
		return "archive"
	case r.Object == "" && r.Method == http.MethodGet:
		return "list"
	}
	return r.Method
}

// requestsOf are the requests that something sends to Swift by the log of its proxy, as "10 GET, 1 list".
func requestsOf(t *testing.T, s *testservices.Swift, do func() error) string {
	t.Helper()
	mark := s.Mark()
	if err := do(); err != nil {
		t.Errorf("it failed: %v", err)
	}
	return summary(s.Requests(mark))
}

func summary(requests []testservices.SwiftRequest) string {
	counts := map[string]int{}
	for _, r := range requests {
		counts[kindOf(r)]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// A costCase is what an operation sends, and by which requests.
type costCase struct {
	name string
	do   func() error
	want string
}

func wantCosts(t *testing.T, s *testservices.Swift, all []costCase) {
	t.Helper()
	for _, c := range all {
		if got := requestsOf(t, s, c.do); got != c.want {
			t.Errorf("%s sends %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRequests counts what operations send to Swift.
func TestRequests(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	t.Run("upstream's pattern", func(t *testing.T) { patternRequests(t, s) })
	t.Run("with an index", func(t *testing.T) { indexedRequests(t, s) })
	t.Run("with an index, reaping", func(t *testing.T) { reapingRequests(t, s) })
	t.Run("alone", func(t *testing.T) { aloneRequests(t, s) })
}

// The pattern beside which the benchmark puts our stores is what it says.
func patternRequests(t *testing.T, s *testservices.Swift) {
	ctx, p := t.Context(), newPattern(t, s)
	if err := p.create(ctx, "q"); err != nil {
		t.Fatal(err)
	}
	marker := ""
	wantCosts(t, s, []costCase{
		{"post 1", func() error { return p.post(ctx, "q", speedBodies(1)) }, "1 PUT"},
		{"post 24", func() error { return p.post(ctx, "q", speedBodies(24)) }, "24 PUT"},
		{"claim 10", func() error {
			names, err := p.claim(ctx, "q", "", 10)
			if err == nil && len(names) == 10 {
				marker = names[9]
			}
			return err
		}, "20 GET, 11 PUT, 1 list"},
		{"pop 10", func() error { _, err := p.pop(ctx, "q", marker, 10); return err }, "10 DELETE, 20 GET, 11 PUT, 1 list"},
		{"stats of 15", func() error { _, err := p.stats(ctx, "q"); return err }, "15 HEAD, 1 list"},
	})
}

// A costs is a store whose requests are counted.
type costs struct {
	marconi.DataStore
	q marconi.QueueRef
}

func (c costs) postSome(ctx context.Context, n int) ([]marconi.MessageID, error) {
	return c.Post(ctx, c.q, newPost(n))
}

func (c costs) claimSome(ctx context.Context, id marconi.ClaimID, n int) error {
	got, err := c.Claim(ctx, c.q, marconi.ClaimRequest{ID: id, TTL: 300, Grace: 60, Limit: n})
	if err == nil && len(got.Messages) != n {
		err = fmt.Errorf("%d messages claimed, want %d", len(got.Messages), n)
	}
	return err
}

func (c costs) listSome(ctx context.Context, n int) error {
	page, err := c.List(ctx, c.q, marconi.Listing{Limit: n, Echo: true})
	if err == nil && len(page.Items) != n {
		err = fmt.Errorf("%d messages listed, want %d", len(page.Items), n)
	}
	return err
}

func (c costs) popSome(ctx context.Context, n int) error {
	got, err := c.Pop(ctx, c.q, n)
	if err == nil && len(got) != n {
		err = fmt.Errorf("%d messages popped, want %d", len(got), n)
	}
	return err
}

func (c costs) getSome(ctx context.Context, ids []marconi.MessageID) error {
	got, err := c.Messages(ctx, c.q, ids)
	if err == nil && len(got) != len(ids) {
		err = fmt.Errorf("%d messages, want %d", len(got), len(ids))
	}
	return err
}

func newCosts(d marconi.DataStore, queue int) costs { return costs{d, speedQueue(queue)} }

// must posts, and gives the IDs.
func (c costs) must(t *testing.T, n int) []marconi.MessageID {
	t.Helper()
	ids, err := c.postSome(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// With an index only bodies cost requests: one to put those of a post, one to read them where they are not cached.
func indexedRequests(t *testing.T, s *testservices.Swift) {
	ctx, index := t.Context(), memory.New(storage.Options{})
	store := newIndexedContender(t, s, "requests", index)
	warm := newCosts(store, 1)
	var ids []marconi.MessageID
	for _, n := range []int{10, 10, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1} {
		ids = append(ids, warm.must(t, n)...)
	}
	cold := func() costs { // what follows finds nothing in memory
		if err := store.forget(); err != nil {
			t.Fatal(err)
		}
		return newCosts(store.DataStore, 1)
	}
	wantCosts(t, s, []costCase{
		{"post 1", func() error { _, err := warm.postSome(ctx, 1); return err }, "1 PUT"},
		{"post 10", func() error { _, err := warm.postSome(ctx, 10); return err }, "1 PUT"},
		{"list 20 that are cached", func() error { return warm.listSome(ctx, 20) }, ""},
		{"get 40 that are cached", func() error { return warm.getSome(ctx, ids) }, ""},
		{"stats", func() error { _, err := warm.Stats(ctx, warm.q); return err }, ""},
	})
	c := cold()
	wantCosts(t, s, []costCase{
		{"get 1", func() error { _, err := c.Message(ctx, c.q, ids[0]); return err }, "1 GET"},
		{"get another of its post", func() error { _, err := c.Message(ctx, c.q, ids[9]); return err }, ""},
		{"get 20 of three posts, one of them cached", func() error { return c.getSome(ctx, ids[5:25]) }, "2 GET"},
		{"get 10 posted singly", func() error { return c.getSome(ctx, ids[30:40]) }, "10 GET"},
	})
	c = cold()
	wantCosts(t, s, []costCase{
		{"list 20", func() error { return c.listSome(ctx, 20) }, "2 GET"},
		{"claim 10 that are cached", func() error { return c.claimSome(ctx, "warm", 10) }, ""},
		{"get a claim", func() error { _, err := c.Claimed(ctx, c.q, "warm"); return err }, ""},
		{"update a claim", func() error { return c.UpdateClaim(ctx, c.q, "warm", marconi.ClaimUpdate{TTL: 400, Grace: 60}) }, ""},
		{"delete with a claim", func() error { return c.Delete(ctx, c.q, ids[0], "warm") }, ""},
		{"delete 5 with a claim", func() error { return c.DeleteMessages(ctx, c.q, ids[1:6], []marconi.ClaimID{"warm"}) }, ""},
		{"release", func() error { return c.Release(ctx, c.q, "warm") }, ""},
	})
	c = cold()
	wantCosts(t, s, []costCase{
		{"claim 14 of two posts", func() error { return c.claimSome(ctx, "cold", 14) }, "2 GET"},
		{"claim past the segment's end", func() error {
			_, err := c.Claim(ctx, c.q, marconi.ClaimRequest{ID: "long", TTL: 2 * 24 * 3600, Limit: 1})
			return err
		}, "1 GET, 1 HEAD, 1 POST"},
		{"update past the ends of two segments", func() error {
			return c.UpdateClaim(ctx, c.q, "cold", marconi.ClaimUpdate{TTL: 3 * 24 * 3600})
		}, "2 HEAD, 2 POST"},
		{"the same again", func() error {
			return c.UpdateClaim(ctx, c.q, "cold", marconi.ClaimUpdate{TTL: 3 * 24 * 3600})
		}, ""},
		{"pop 9 that are cached", func() error { return c.popSome(ctx, 9) }, ""},
	})
	c = cold()
	wantCosts(t, s, []costCase{
		{"pop 10 posted singly", func() error { return c.popSome(ctx, 10) }, "10 GET"},
		{"delete without a claim", func() error { return c.DeleteMessages(ctx, c.q, ids[:3], nil) }, ""},
		{"delete the queue", func() error { return c.DeleteQueue(ctx, c.q) }, ""},
	})
	inline := newCosts(overIndex(t, s, "inline", indexed.Options{InlineBelow: 4096}), 2)
	wantCosts(t, s, []costCase{
		{"post 10 small ones", func() error { _, err := inline.postSome(ctx, 10); return err }, ""},
		{"claim 10 small ones", func() error { return inline.claimSome(ctx, "inline", 10) }, ""},
	})
}

// overIndex is a store over an index in memory of its own.
func overIndex(t testing.TB, s *testservices.Swift, prefix string, o indexed.Options) marconi.DataStore {
	t.Helper()
	o.Prefix, o.Containers = prefix, 1
	index := memory.New(o.Options)
	store, err := indexed.New(openAccount(t, s), index.Data, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeIt(t, store)
		closeIt(t, index.Data)
		closeIt(t, index.Control)
	})
	return store
}

// What is deleted costs one request for many, later; and what is left of a post costs none before its last message has gone.
func reapingRequests(t *testing.T, s *testservices.Swift) {
	ctx, c := t.Context(), newCosts(overIndex(t, s, "reaping", indexed.Options{}), 1)
	var ids []marconi.MessageID
	for range 12 {
		ids = append(ids, c.must(t, 3)...)
	}
	mark := s.Mark()
	if err := c.DeleteMessages(ctx, c.q, ids[1:], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if got := summary(s.Requests(mark)); got != "1 bulk-delete" {
		t.Errorf("deleting 11 posts and two thirds of another sends %q, want one request", got)
	}
	if m, err := c.Message(ctx, c.q, ids[0]); err != nil || string(m.Body) != string(speedBody) {
		t.Errorf("what is left of a post: %v", err)
	}
	mark = s.Mark()
	if err := c.Delete(ctx, c.q, ids[0], ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if got := summary(s.Requests(mark)); got != "1 DELETE" {
		t.Errorf("deleting the last of a post sends %q, want one request", got)
	}
}

// Without an index each message is an object of its own.
func aloneRequests(t *testing.T, s *testservices.Swift) {
	ctx := t.Context()
	c := newCosts(openPure(t, s, pure.Options{ReapEvery: time.Hour, SweepEvery: time.Hour}), 1)
	ids := c.must(t, 40)
	wantCosts(t, s, []costCase{
		{"post 1", func() error { _, err := c.postSome(ctx, 1); return err }, "1 PUT"},
		{"post 10", func() error { _, err := c.postSome(ctx, 10); return err }, "1 archive"},
		{"list 10", func() error { return c.listSome(ctx, 10) }, "10 GET, 2 list"},
		{"get 1", func() error { _, err := c.Message(ctx, c.q, ids[0]); return err }, "1 GET, 1 list"},
		{"get 10", func() error { return c.getSome(ctx, ids[:10]) }, "10 GET, 2 list"},
		{"stats", func() error { _, err := c.Stats(ctx, c.q); return err }, "2 list"},
		{"claim 10", func() error { return c.claimSome(ctx, "one", 10) }, "10 GET, 10 HEAD, 12 PUT, 2 list"},
		{"get a claim", func() error { _, err := c.Claimed(ctx, c.q, "one"); return err }, "11 GET"},
		{"get 1 that is claimed", func() error { _, err := c.Message(ctx, c.q, ids[0]); return err }, "1 GET, 1 HEAD, 1 list"},
		{"update a claim", func() error { return c.UpdateClaim(ctx, c.q, "one", marconi.ClaimUpdate{TTL: 400}) }, "1 GET, 1 PUT, 1 list"},
		{"update a claim past the ends of messages", func() error {
			return c.UpdateClaim(ctx, c.q, "one", marconi.ClaimUpdate{TTL: 2 * patternTTL})
		}, "1 GET, 10 POST, 1 PUT, 1 list"},
		{"delete with a claim", func() error { return c.Delete(ctx, c.q, ids[0], "one") }, "1 DELETE, 1 GET"},
		{"delete 5 with a claim", func() error { return c.DeleteMessages(ctx, c.q, ids[1:6], []marconi.ClaimID{"one"}) }, "1 GET, 1 bulk-delete"},
		{"release", func() error { return c.Release(ctx, c.q, "one") }, "1 DELETE"},
		{"claim 4 that were claimed before", func() error { return c.claimSome(ctx, "two", 4) }, "4 GET, 9 HEAD, 6 PUT, 2 list"},
		{"delete without a claim", func() error { return c.Delete(ctx, c.q, ids[39], "") }, "1 DELETE, 1 HEAD, 1 list"},
		{"delete 5 without a claim", func() error { return c.DeleteMessages(ctx, c.q, ids[34:39], nil) }, "1 bulk-delete"},
		{"pop 10", func() error { return c.popSome(ctx, 10) }, "10 GET, 10 HEAD, 11 PUT, 2 bulk-delete, 2 list"},
		{"delete the queue", func() error { return c.DeleteQueue(ctx, c.q) }, "1 PUT"},
	})
}
