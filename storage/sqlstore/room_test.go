package sqlstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// roomSlack is what a bounded database may go beyond its bound by, claims apart, as the package's comment says.
const roomSlack = 64 << 10

func openRoom(t testing.TB, size int64, o storage.Options) storage.Opened {
	t.Helper()
	s := mustOpen(t, fmt.Sprintf("%s?max_bytes=%d&synchronous=off", uriOf(filepath.Join(t.TempDir(), "marconi.db")), size), o)
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

// pagesInUse is what the bound is about.
func pagesInUse(t testing.TB, s storage.Opened) int64 {
	t.Helper()
	var free, pages, pageSize int64
	d := s.Data.(*dataStore)
	row := d.engine.(*sqliteEngine).file.readers.QueryRowContext(t.Context(), d.sql.freePages)
	if err := row.Scan(&free, &pages, &pageSize); err != nil {
		t.Fatal(err)
	}
	return (pages - free) * pageSize
}

func bodies(n, size int) marconi.Post {
	p := marconi.Post{Client: "3381af92-2b9e-11e3-b191-71861300734c"}
	for range n {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: 600, Body: []byte(strings.Repeat("x", size))})
	}
	return p
}

// fillUp posts until the store is full, and gives how many messages that were.
func fillUp(t testing.TB, s storage.Opened, q marconi.QueueRef, p marconi.Post) (n int) {
	t.Helper()
	for ; ; n += len(p.Messages) {
		ids, err := s.Data.Post(t.Context(), q, p)
		if errors.Is(err, marconi.ErrFull) && ids == nil {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFull fills stores with messages of several sizes: the bound is kept, and most of it used; consumers go on, and make
// room that is used again.
func TestFull(t *testing.T) {
	size := int64(4 << 20)
	if raceEnabled {
		size /= 4
	}
	for _, c := range []struct{ body, batch int }{{10, 10}, {1000, 10}, {2100, 1}, {4100, 3}, {1 << 18, 1}} {
		t.Run(fmt.Sprint(c.body), func(t *testing.T) {
			s, p := openRoom(t, size, storage.Options{}), bodies(c.batch, c.body)
			n := fillUp(t, s, ref("q"), p)
			least := size - roomFor(p) - roomSlack
			if used := pagesInUse(t, s); used > size+roomSlack || used < least {
				t.Errorf("%d messages of %d bytes fill %d bytes; want from %d to %d", n, c.body, used, least, size)
			}
			taken := takeOut(t, s, min(n, 200))
			if again := fillUp(t, s, ref("q"), p); again < taken/2 || again > n {
				t.Errorf("after %d of %d were taken out, %d fit in", taken, n, again)
			}
			if used := pagesInUse(t, s); used > size+roomSlack {
				t.Errorf("full again, %d bytes are in use", used)
			}
			checkCounts(t, s)
		})
	}
}

// takeOut does what consumers do in a full store, and gives how many messages they took out.
func takeOut(t *testing.T, s storage.Opened, n int) (taken int) {
	t.Helper()
	ctx, q := t.Context(), ref("q")
	got, err := s.Data.Claim(ctx, q, marconi.ClaimRequest{ID: "c", TTL: 60, Limit: max(n/2, 1)})
	if err != nil || len(got.Messages) != max(n/2, 1) {
		t.Fatalf("Claim in a full store = %d messages, %v", len(got.Messages), err)
	}
	if err := s.Data.UpdateClaim(ctx, q, "c", marconi.ClaimUpdate{TTL: 100}); err != nil {
		t.Errorf("UpdateClaim in a full store: %v", err)
	}
	if err := s.Data.Delete(ctx, q, got.Messages[0].ID, "c"); err != nil {
		t.Errorf("Delete in a full store: %v", err)
	}
	if err := s.Data.Release(ctx, q, "c"); err != nil {
		t.Errorf("Release in a full store: %v", err)
	}
	popped, err := s.Data.Pop(ctx, q, n-1)
	if err != nil || len(popped) != n-1 {
		t.Errorf("Pop of a full store = %d messages, %v; want %d", len(popped), err, n-1)
	}
	if _, err := s.Data.List(ctx, q, marconi.Listing{Limit: 5, Echo: true}); err != nil {
		t.Errorf("List of a full store: %v", err)
	}
	if _, err := s.Data.Stats(ctx, q); err != nil {
		t.Errorf("Stats of a full store: %v", err)
	}
	return n
}

// TestADeletedQueueMakesRoom leaves that to the collector, which takes seconds.
func TestADeletedQueueMakesRoom(t *testing.T) {
	s := openRoom(t, 2<<20, storage.Options{})
	for name, remove := range map[string]func() error{
		"delete": func() error { return s.Data.DeleteQueue(t.Context(), ref("q")) },
		"purge":  func() error { return s.Data.Purge(t.Context(), ref("q")) },
	} {
		fillUp(t, s, ref("q"), bodies(10, 5000))
		if err := remove(); err != nil {
			t.Fatalf("%s in a full store: %v", name, err)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			_, err := s.Data.Post(t.Context(), ref("new"), bodies(10, 5000))
			if err == nil {
				break
			}
			if !errors.Is(err, marconi.ErrFull) || time.Now().After(end) {
				t.Fatalf("after %s: %v", name, err)
			}
		}
	}
}

// TestABatchKeepsTheBound commits many posts together that fit in one by one, and not all.
func TestABatchKeepsTheBound(t *testing.T) {
	const size = 1 << 20
	path := "?synchronous=off&max_bytes=" + fmt.Sprint(size)
	r := newRig(t, path)
	letGo := r.hold()
	var wg sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		wg.Go(func() { _, errs[i] = r.opened.Data.Post(t.Context(), ref("q"), bodies(1, 20_000)) })
	}
	for len(r.w.ops) < len(errs) {
		time.Sleep(time.Millisecond)
	}
	letGo()
	wg.Wait()
	posted := 0
	for _, err := range errs {
		switch {
		case err == nil:
			posted++
		case !errors.Is(err, marconi.ErrFull):
			t.Errorf("a post in a batch: %v", err)
		}
	}
	if used := pagesInUse(t, r.opened); used > size+roomSlack || posted < 30 {
		t.Errorf("%d of %d posts in a batch fill %d bytes, want %d at most", posted, len(errs), used, size)
	}
	if got := rowsOf(t, r.opened, "messages"); got != posted {
		t.Errorf("%d posts were confirmed, and %d messages are there", posted, got)
	}
}

// TestABoundBelowWhatIsThere opens a store with more in it than its new bound: it can be emptied, and then filled anew.
func TestABoundBelowWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{})
	for range 30 {
		post(t, s, strings.Repeat("x", 100_000))
	}
	mustClose(t, s)
	s = mustOpen(t, uriOf(path)+"?max_bytes=1000000", storage.Options{})
	defer func() { mustClose(t, s) }()
	small := bodies(1, 1)
	if _, err := s.Data.Post(t.Context(), ref("q"), small); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("Post = %v, want %v", err, marconi.ErrFull)
	}
	if _, _, err := s.Control.CreateQueue(t.Context(), ref("new").QueueKey, nil); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("CreateQueue = %v, want %v", err, marconi.ErrFull)
	}
	if popped, err := s.Data.Pop(t.Context(), ref("q"), 28); err != nil || len(popped) != 28 {
		t.Fatalf("Pop = %d messages, %v", len(popped), err)
	}
	if _, err := s.Data.Post(t.Context(), ref("q"), small); err != nil {
		t.Errorf("Post after a drain: %v", err)
	}
}

// TestADiskIsNotFilledUp leaves what consumers need, and lets them use it.
func TestADiskIsNotFilledUp(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "a", "b")
	for free, want := range map[int64]error{diskReserve - 1: marconi.ErrFull, 0: marconi.ErrFull, 1 << 40: nil} {
		letGo := r.hold()
		r.w.room.disk, r.w.room.looked = func() (int64, error) { return free, nil }, time.Time{}
		letGo()
		_, err := r.opened.Data.Post(t.Context(), ref("q"), bodies(1, 10))
		if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("Post with %d bytes free = %v, want %v", free, err, want)
		}
		if _, err := r.opened.Data.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 1}); err != nil {
			t.Errorf("Claim with %d bytes free: %v", free, err)
		}
	}
	letGo := r.hold()
	r.w.room.disk, r.w.room.looked = func() (int64, error) { return 0, errors.ErrUnsupported }, time.Time{}
	letGo()
	post(t, r.opened, "where nobody knows")
	checkCounts(t, r.opened)
}

// TestQueuesTakeRoom: nobody fills the disk with queues or with their metadata either.
func TestQueuesTakeRoom(t *testing.T) {
	s := openRoom(t, 300_000, storage.Options{})
	ctx := t.Context()
	key := func(i int) marconi.QueueKey { return ref(fmt.Sprint("q", i)).QueueKey }
	long := marconi.Metadata(`{"a": "` + strings.Repeat("x", 3000) + `"}`)
	queues, err := 0, error(nil)
	for ; err == nil && queues < 1000; queues++ {
		_, _, err = s.Control.CreateQueue(ctx, key(queues), long)
	}
	if !errors.Is(err, marconi.ErrFull) || queues < 15 || queues > 100 {
		t.Fatalf("queue number %d: %v", queues, err)
	}
	if _, created, err := s.Control.CreateQueue(ctx, key(0), nil); err != nil || created {
		t.Errorf("a queue that is there: created %v, %v", created, err)
	}
	for err = nil; err == nil; queues++ { // where a long one has no room, a short one may
		_, _, err = s.Control.CreateQueue(ctx, key(queues), nil)
	}
	there, err := s.Control.Queue(ctx, key(0))
	if err != nil {
		t.Fatal(err)
	}
	if adopted, err := s.Control.AdoptQueue(ctx, there.QueueRef); err != nil || adopted {
		t.Errorf("AdoptQueue of one that is there = %v, %v", adopted, err)
	}
	gone := marconi.QueueRef{QueueKey: key(queues), Incarnation: 1}
	if adopted, err := s.Control.AdoptQueue(ctx, gone); adopted || !errors.Is(err, marconi.ErrFull) {
		t.Errorf("AdoptQueue = %v, %v; want %v", adopted, err, marconi.ErrFull)
	}
	longer := marconi.Metadata(`{"a": "` + strings.Repeat("x", 9000) + `"}`)
	if err := s.Control.SetMetadata(ctx, key(0), longer); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("longer metadata: %v, want %v", err, marconi.ErrFull)
	}
	if err := s.Control.SetMetadata(ctx, key(queues), long); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("metadata of no queue: %v, want %v", err, marconi.ErrNoQueue)
	}
	if err := s.Control.SetMetadata(ctx, key(0), nil); err != nil {
		t.Errorf("shorter metadata: %v", err)
	}
	for i := range 10 {
		if _, err := s.Control.DeleteQueue(ctx, key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Control.SetMetadata(ctx, key(queues-2), longer); err != nil {
		t.Errorf("longer metadata with room for it: %v", err)
	}
}

// TestMovesNeedNoRoom: a store that is full of dead letters can be worked off.
func TestMovesNeedNoRoom(t *testing.T) {
	s := openRoom(t, 500_000, storage.Options{})
	ctx, q := t.Context(), ref("q")
	fillUp(t, s, q, bodies(1, 1000))
	if _, err := s.Data.Claim(ctx, q, marconi.ClaimRequest{ID: "1", TTL: 60, Limit: 5}); err != nil {
		t.Fatal(err)
	}
	if err := s.Data.Release(ctx, q, "1"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Data.Claim(ctx, q, marconi.ClaimRequest{ID: "2", TTL: 60, Limit: 1, MaxClaims: 1})
	if err != nil || len(got.Spent) != 5 {
		t.Fatalf("Claim = %d dead letters, %v; want 5", len(got.Spent), err)
	}
	var ids []marconi.MessageID
	for _, m := range got.Spent {
		ids = append(ids, m.ID)
	}
	mover := s.Data.(marconi.Mover)
	if err := mover.MoveSpent(ctx, q, got.Lease, ids, marconi.DeadLetter{Queue: ref("dead")}); err != nil {
		t.Errorf("MoveSpent in a full store: %v", err)
	}
	checkCounts(t, s)
}
