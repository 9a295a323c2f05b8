//go:build unix

package indexed

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// newFetcher gets segments from an account with n of them.
func newFetcher(t *testing.T, n, parallel int) (*fetcher, *swifttest.Faulty, []objects.Path) {
	t.Helper()
	account := swifttest.NewMemory(swifttest.Options{})
	if err := account.MakeContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	var paths []objects.Path
	for i := range n {
		at := objects.Path{Container: "c", Name: fmt.Sprint("h/", i)}
		if err := account.Put(t.Context(), at, newSegment(at.Name, [][]byte{[]byte("1")}).raw, objects.Attributes{}); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, at)
	}
	swift := swifttest.NewFaulty(account)
	return &fetcher{
		client: swift, meter: storage.Options{}.WithDefaults().Meter, cache: newLRU[objects.Path](1<<20, (*segment).size),
		slots: make(chan struct{}, parallel), under: map[objects.Path]*fetch{},
	}, swift, paths
}

func (f *fetcher) fetch(ctx context.Context, at objects.Path) error {
	return f.wait(ctx, f.join(ctx, at)).err
}

func TestOneRequestForAllWhoWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, swift, paths := newFetcher(t, 1, 4)
		letGo := make(chan struct{})
		swift.FailAll(swifttest.Get, swifttest.Fault{First: func() { <-letGo }})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := f.fetch(t.Context(), paths[0]); err != nil {
					t.Errorf("fetch: %v", err)
				}
			})
		}
		synctest.Wait()
		close(letGo)
		all.Wait()
		f.group.Wait()
		if n := swift.Count(swifttest.Get); n != 1 {
			t.Errorf("%d requests for one segment that fifty want, want 1", n)
		}
		if _, cached := f.cache.get(paths[0]); !cached || len(f.under) != 0 {
			t.Errorf("the segment is cached: %v, and %d are under way", cached, len(f.under))
		}
	})
}

// Who goes away takes nothing from those who stay; the last one takes the request along.
func TestWhoGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, swift, paths := newFetcher(t, 1, 4)
		swift.Fail(swifttest.Get, 1, swifttest.Fault{Lost: true})
		first, leaveFirst := context.WithCancel(t.Context())
		second, leaveSecond := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { errs <- f.fetch(first, paths[0]) }()
		synctest.Wait()
		go func() { errs <- f.fetch(second, paths[0]) }()
		synctest.Wait()
		leaveFirst()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away: %v", err)
		}
		synctest.Wait()
		if len(f.under) != 1 {
			t.Fatal("the request has ended with the first of two who want it")
		}
		leaveSecond()
		<-errs
		f.group.Wait() // the request has ended, or this waits for ever
		if f.unwell.Load() {
			t.Error("Swift is held to be unwell, for its callers went away")
		}
		if err := f.fetch(t.Context(), paths[0]); err != nil {
			t.Errorf("the next fetch: %v", err)
		}
	})
}

func TestRequestsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, swift, paths := newFetcher(t, 30, 4)
		var now, most atomic.Int64
		letGo := make(chan struct{})
		swift.FailAll(swifttest.Get, swifttest.Fault{
			First: func() { most.Store(max(most.Load(), now.Add(1))); <-letGo },
			Then:  func() { now.Add(-1) },
		})
		var all sync.WaitGroup
		for _, at := range paths {
			all.Go(func() {
				if err := f.fetch(t.Context(), at); err != nil {
					t.Errorf("fetch: %v", err)
				}
			})
		}
		synctest.Wait()
		if n := most.Load(); n != 4 {
			t.Errorf("%d requests at once, want 4", n)
		}
		close(letGo)
		all.Wait()
	})
}

func TestUnwell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, swift, paths := newFetcher(t, 1, 4)
		for _, row := range []struct {
			fault swifttest.Fault
			want  bool
		}{{swifttest.Refused, true}, {swifttest.Vanished, false}, {swifttest.TimedOut, true}, {swifttest.Fault{}, false}} {
			swift.Reset()
			swift.FailAll(swifttest.Get, row.fault)
			_ = f.fetch(t.Context(), paths[0])
			f.group.Wait()
			if got := f.unwell.Load(); got != row.want {
				t.Errorf("after %+v Swift is unwell: %v, want %v", row.fault, got, row.want)
			}
		}
	})
}

// Reads that fail now and then are repeated.
func TestGetIsRepeated(t *testing.T) {
	for _, fault := range []swifttest.Fault{swifttest.Refused, swifttest.TimedOut} {
		f, swift, paths := newFetcher(t, 1, 4)
		swift.Fail(swifttest.Get, 1, fault)
		swift.Fail(swifttest.Get, 2, fault)
		if err := f.fetch(t.Context(), paths[0]); err != nil {
			t.Errorf("fetch with two of %+v: %v", fault, err)
		}
	}
}

// The memory that a store takes for bodies is bounded by its cache, whatever goes through it.
func TestMemoryIsBounded(t *testing.T) {
	const most = 1 << 20
	f := newFixture(t, Options{CacheBytes: most})
	body := `"` + strings.Repeat("x", 2000) + `"`
	var ids []marconi.MessageID
	for range 200 {
		ids = append(ids, f.post(600, slices.Repeat([]string{body}, 20)...)...)
	}
	pages := 0
	for l := everything; ; {
		l.Limit = 100
		page, err := f.List(f.ctx(), f.q, l)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			break
		}
		l.Marker = page.Next
		pages++
	}
	if pages != 40 {
		t.Fatalf("%d pages of 100 of %d messages", pages, len(ids))
	}
	sum := f.cache.size() + f.tally.segments.size() + f.ends.claims.size() + f.ends.segments.size()
	if sum > most || f.cache.size() < most/2 {
		t.Errorf("the store reckons that it takes %d bytes, want at most %d", sum, most)
	}
	held := storagetest.HeapSize(t, storage.Opened{})
	f.cache.most, f.tally.segments.most = 0, 0
	f.cache.put(objects.Path{}, &segment{})
	f.tally.know(f.q, &entry{Message: marconi.Message{ID: "x"}, ref: reference{count: 1}})
	freed := held - storagetest.HeapSize(t, storage.Opened{})
	if freed > most*5/4 {
		t.Errorf("emptying a cache of %d bytes has freed %d", most, freed)
	}
	runtime.KeepAlive(ids)
}
