//go:build unix

package swift_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
)

const mebi = 1 << 20

// heap is what is in use, in bytes, after all rubbish has gone.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one found in pools has gone only now
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryIsBounded has a queue of bodies that are eight times what the cache may hold, and goes through it in all ways.
func TestMemoryIsBounded(t *testing.T) {
	const cache, body, posts, each = 4 * mebi, mebi / 4, 12, 10
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	index := openSQLite(t) // on a disk: what is measured is not the index
	store, err := indexed.New(openAccount(t, s), index.Data, indexed.Options{CacheBytes: cache, Containers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeIt(t, store)
		closeIt(t, index.Data)
		closeIt(t, index.Control)
	})
	ctx, q := t.Context(), speedQueue(1)
	before := heap()
	wantBounded := func(what string) {
		t.Helper()
		grown := heap() - before
		t.Logf("%s: %.1f MiB more than at the beginning", what, float64(grown)/mebi)
		if grown > cache+mebi {
			t.Errorf("%s: the heap has grown by %d bytes, with a cache of %d", what, grown, cache)
		}
	}
	var all int
	for range posts {
		p := marconi.Post{Client: newPost(1).Client, Messages: make([]marconi.NewMessage, each)}
		for i := range p.Messages {
			p.Messages[i] = marconi.NewMessage{TTL: 3600, Body: fmt.Appendf(nil, `"%d%s"`, all, bytes.Repeat([]byte("x"), body))}
			all++
		}
		if _, err := store.Post(ctx, q, p); err != nil {
			t.Fatal(err)
		}
	}
	wantBounded("posted")
	listed := 0
	for l := (marconi.Listing{Limit: 7, Echo: true}); ; {
		page, err := store.List(ctx, q, l)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			break
		}
		for _, m := range page.Items {
			if !bytes.HasPrefix(m.Body, fmt.Appendf(nil, `"%dx`, listed)) || len(m.Body) < body {
				t.Fatalf("message %d has the body %.20s…", listed, m.Body)
			}
			listed++
		}
		l.Marker = page.Next
	}
	wantBounded("listed")
	for n := range posts {
		c := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprintf("claim-%d", n)), TTL: 300, Limit: each}
		if got, err := store.Claim(ctx, q, c); err != nil || len(got.Messages) != each {
			t.Fatalf("claim %d: %d messages, %v", n, len(got.Messages), err)
		}
	}
	wantBounded("claimed")
	if listed != all {
		t.Errorf("%d messages were listed, want %d", listed, all)
	}
}
