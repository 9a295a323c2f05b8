package memory

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

func openRoom(t testing.TB, size int, o storage.Options) (*dataStore, *controlStore) {
	t.Helper()
	s, err := Open(t.Context(), fmt.Sprintf("memory://small?max_bytes=%d", size), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(s.Data.Close(), s.Control.Close()) })
	return s.Data.(*dataStore), s.Control.(*controlStore)
}

func bodies(n, size int) marconi.Post {
	p := marconi.Post{Client: "3381af92-2b9e-11e3-b191-71861300734c"}
	for range n {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: 600, Body: make([]byte, size)})
	}
	return p
}

// fillUp posts until the store is full, and gives how many messages that were.
func fillUp(t testing.TB, d *dataStore, ref marconi.QueueRef, p marconi.Post) int {
	t.Helper()
	for n := 0; ; n += len(p.Messages) {
		ids, err := d.Post(t.Context(), ref, p)
		if errors.Is(err, marconi.ErrFull) && ids == nil {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What can't be posted is refused as a whole; what makes room makes room again to the byte.
func TestFull(t *testing.T) {
	d, _ := openRoom(t, 100_000, storage.Options{})
	ctx := t.Context()
	n := fillUp(t, d, benchRef, bodies(10, 100))
	if n < 200 || n > 400 {
		t.Fatalf("%d messages of 100 bytes fit into 100 000 bytes", n)
	}
	if s, _ := d.Stats(ctx, benchRef); s.Total != int64(n) {
		t.Errorf("%d messages are there and %d were confirmed", s.Total, n)
	}
	if _, err := d.Post(ctx, benchRef, bodies(1, 100_000)); !errors.Is(err, marconi.ErrFull) || marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("one too large: %v", err)
	}
	if popped, err := d.Pop(ctx, benchRef, 10); err != nil || len(popped) != 10 {
		t.Fatalf("Pop of a full store = %d messages, %v", len(popped), err)
	}
	got, err := d.Claim(ctx, benchRef, marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 10})
	if err != nil || len(got.Messages) != 10 {
		t.Fatalf("Claim in a full store = %d messages, %v", len(got.Messages), err)
	}
	for _, m := range got.Messages {
		if err := d.Delete(ctx, benchRef, m.ID, "c"); err != nil {
			t.Fatal(err)
		}
	}
	if again := fillUp(t, d, benchRef, bodies(10, 100)); again != 20 {
		t.Errorf("after 20 were taken out, %d fit in", again)
	}
	if err := d.Purge(ctx, benchRef); err != nil {
		t.Fatal(err)
	}
	if again := fillUp(t, d, benchRef, bodies(10, 100)); again != n {
		t.Errorf("after a purge %d fit in, and %d at first", again, n)
	}
}

func TestWhatExpiresMakesRoom(t *testing.T) {
	clock := &turnedClock{t: time.Unix(2e9, 0)}
	d, _ := openRoom(t, 50_000, storage.Options{Now: clock.now})
	n := fillUp(t, d, benchRef, bodies(1, 100))
	clock.pass(601 * time.Second)
	if _, err := d.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := fillUp(t, d, otherRef, bodies(1, 100)); again != n {
		t.Errorf("after all have expired %d fit in, and %d at first", again, n)
	}
}

// Queues take room as well, and so do the queues' records: nobody fills the memory with either.
func TestQueuesTakeRoom(t *testing.T) {
	d, c := openRoom(t, 100_000, storage.Options{})
	ctx := t.Context()
	key := func(i int) marconi.QueueKey {
		return marconi.QueueKey{Project: "p", Name: marconi.QueueName(fmt.Sprint("q", i))}
	}
	var err error
	queues := 0
	for ; err == nil; queues++ {
		_, _, err = c.CreateQueue(ctx, key(queues), nil)
	}
	if !errors.Is(err, marconi.ErrFull) || queues < 100 || queues > 400 {
		t.Fatalf("queue number %d: %v", queues, err)
	}
	if _, created, err := c.CreateQueue(ctx, key(0), nil); err != nil || created {
		t.Errorf("a queue that is there: created %v, %v", created, err)
	}
	if adopted, err := c.AdoptQueue(ctx, marconi.QueueRef{QueueKey: key(queues), Incarnation: 1}); adopted || !errors.Is(err, marconi.ErrFull) {
		t.Errorf("AdoptQueue = %v, %v", adopted, err)
	}
	long := marconi.Metadata(`{"a": "` + strings.Repeat("x", 300) + `"}`)
	if err := c.SetMetadata(ctx, key(0), long); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("SetMetadata: %v", err)
	}
	if q, err := c.Queue(ctx, key(0)); err != nil || string(q.Metadata) != "{}" {
		t.Errorf("after metadata that were refused: %s, %v", q.Metadata, err)
	}
	for i := range 2 {
		if _, err := c.DeleteQueue(ctx, key(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetMetadata(ctx, key(0), long); err != nil {
		t.Errorf("SetMetadata with room for it: %v", err)
	}
	if err := c.SetMetadata(ctx, key(0), nil); err != nil {
		t.Errorf("SetMetadata to less: %v", err)
	}
	for i := range queues {
		if _, err := c.DeleteQueue(ctx, key(i)); err != nil && !errors.Is(err, marconi.ErrNoQueue) {
			t.Fatal(err)
		}
	}
	if held := d.room.held.Load(); held != 0 {
		t.Errorf("%d bytes are held for nothing", held)
	}

	small := 0
	for err = nil; err == nil; small++ {
		_, err = d.Post(ctx, marconi.QueueRef{QueueKey: key(small), Incarnation: 1}, bodies(1, 1))
	}
	if small > 100 || !errors.Is(err, marconi.ErrFull) {
		t.Errorf("queue number %d of one message: %v", small, err)
	}
}

// A move needs no room: what is full of dead letters can be worked off.
func TestMovesNeedNoRoom(t *testing.T) {
	d, _ := openRoom(t, 20_000, storage.Options{})
	ctx := t.Context()
	fillUp(t, d, benchRef, bodies(1, 10))
	before := d.room.held.Load()
	if _, err := d.Claim(ctx, benchRef, marconi.ClaimRequest{ID: "1", TTL: 60, Limit: 5}); err != nil {
		t.Fatal(err)
	}
	if err := d.Release(ctx, benchRef, "1"); err != nil {
		t.Fatal(err)
	}
	got, err := d.Claim(ctx, benchRef, marconi.ClaimRequest{ID: "2", TTL: 60, Limit: 1, MaxClaims: 1})
	if err != nil || len(got.Spent) != 5 {
		t.Fatalf("Claim = %d dead letters, %v; want 5", len(got.Spent), err)
	}
	var ids []marconi.MessageID
	for _, m := range got.Spent {
		ids = append(ids, m.ID)
	}
	if err := d.MoveSpent(ctx, benchRef, got.Lease, ids, marconi.DeadLetter{Queue: otherRef}); err != nil {
		t.Errorf("MoveSpent in a full store: %v", err)
	}
	if s, _ := d.Stats(ctx, otherRef); s.Total != 5 {
		t.Errorf("%d dead letters came over, want 5", s.Total)
	}
	if after := d.room.held.Load(); after != before+queueOverhead {
		t.Errorf("%d bytes are held after the move, and %d were before; want the new queue's %d more", after, before, queueOverhead)
	}
}

// Whatever is done, what is held is what is there.
func TestRoomIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := &turnedClock{t: time.Unix(2e9, 0)}
		d, _ := openRoom(t, 8000, storage.Options{Now: clock.now})
		defer func() { _ = d.Close() }()
		ctx := t.Context()
		refs := []marconi.QueueRef{benchRef, otherRef}
		var ids []marconi.MessageID
		var lease marconi.ClaimID
		ref := func(rt *rapid.T) marconi.QueueRef { return rapid.SampledFrom(refs).Draw(rt, "queue") }
		rt.Repeat(map[string]func(*rapid.T){
			"post": func(rt *rapid.T) {
				p := bodies(rapid.IntRange(1, 5).Draw(rt, "n"), rapid.IntRange(0, 300).Draw(rt, "size"))
				p.Messages[0].TTL = 60
				got, _ := d.Post(ctx, ref(rt), p)
				ids = append(ids, got...)
			},
			"pop": func(rt *rapid.T) { _, _ = d.Pop(ctx, ref(rt), 3) },
			"claim": func(rt *rapid.T) {
				got, _ := d.Claim(ctx, ref(rt), marconi.ClaimRequest{ID: "c", TTL: 60, Grace: 60, Limit: 3, MaxClaims: 1})
				if got.Lease != "" {
					lease = got.Lease
				}
			},
			"release": func(rt *rapid.T) { _ = d.Release(ctx, ref(rt), "c") },
			"move": func(rt *rapid.T) {
				_ = d.MoveSpent(ctx, ref(rt), lease, ids, marconi.DeadLetter{Queue: ref(rt)})
			},
			"delete": func(rt *rapid.T) {
				if len(ids) > 0 {
					_ = d.DeleteMessages(ctx, ref(rt), ids[:1+len(ids)/2], nil)
				}
			},
			"purge":       func(rt *rapid.T) { _ = d.Purge(ctx, ref(rt)) },
			"drop":        func(rt *rapid.T) { _ = d.DeleteQueue(ctx, ref(rt)) },
			"collect":     func(*rapid.T) { _, _ = d.Collect(ctx) },
			"a minute on": func(*rapid.T) { clock.pass(time.Minute) },
			"": func(rt *rapid.T) {
				if held, there := d.room.held.Load(), weigh(d); held != there {
					rt.Fatalf("%d bytes are held, %d are there", held, there)
				}
			},
		})
	})
}

// weigh counts anew what is there.
func weigh(d *dataStore) int64 {
	var n int64
	for i := range d.shards {
		for _, q := range d.shards[i].queues {
			n += queueOverhead
			for _, s := range q.all {
				for j := range s.marks {
					if !s.marks[j].gone() {
						n += s.content[j].room()
					}
				}
			}
		}
	}
	return n
}

// The estimate is on the safe side: a full store's heap is below what it may take.
func TestTheHeapKeepsBelowMaxBytes(t *testing.T) {
	const size = 8 << 20
	for _, body := range []int{1, 100, 1026} {
		before := heapSize()
		d, _ := openRoom(t, size, storage.Options{})
		n := 0
		for ; ; n++ {
			if _, err := d.Post(t.Context(), benchRef, bodies(10, body)); err != nil {
				break
			}
		}
		if grown := heapSize() - before; grown > size || grown < size/2 {
			t.Errorf("%d messages of %d bytes that fill %d bytes take %d", 10*n, body, size, grown)
		}
		runtime.KeepAlive(d)
	}
}
