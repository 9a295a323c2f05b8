package memory

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestURIs(t *testing.T) {
	for uri, good := range map[string]bool{
		"memory://":             true,
		"memory:":               true,
		"memory://main":         true,
		"MEMORY://two":          true,
		"memory://main/":        false,
		"memory:///path":        false,
		"memory:main":           false,
		"memory://main:80":      false,
		"memory://me:secret@x":  false,
		"memory://main?size=1":  false,
		"memory://main#part":    false,
		"memory://ma%zzin":      false,
		"memory://m:secret@%zz": false,

		"memory://?max_bytes=100000":      true,
		"memory://two?max_bytes=1":        true,
		"memory://two?max_bytes=0":        false,
		"memory://two?max_bytes=-1":       false,
		"memory://two?max_bytes=":         false,
		"memory://two?max_bytes=1M":       false,
		"memory://two?max_bytes=1&x=2":    false,
		"memory://two?max_bytes=1#part":   false,
		"memory://me:secret@x?max_bytes=": false,
	} {
		opened, err := Open(t.Context(), uri, storage.Options{})
		if (err == nil) != good {
			t.Errorf("Open(%q) = %v, want success: %v", uri, err, good)
		}
		if err != nil {
			if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "memory://NAME") {
				t.Errorf("Open(%q) = %q; want to be told the form, and no secret", uri, err)
			}
			continue
		}
		_ = opened.Data.Close()
		_ = opened.Control.Close()
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, "memory://", storage.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a cancelled context: %v", err)
	}
}

// What each store hands out is the caller's: to change it changes nothing here.
func TestNothingOfTheStoreCanBeChangedFromOutside(t *testing.T) {
	c := newControlStore(nil)
	key := marconi.QueueKey{Project: "p", Name: "q"}
	given := marconi.Metadata(`{"a": 1}`)
	made, _, err := c.CreateQueue(t.Context(), key, given)
	if err != nil {
		t.Fatal(err)
	}
	given[1], made.Metadata[1] = 'x', 'x'
	if q, _ := c.Queue(t.Context(), key); string(q.Metadata) != `{"a": 1}` {
		t.Errorf("the metadata has become %s", q.Metadata)
	}

	d, _ := turnedStore(t)
	fill(t, d, 2)
	page, err := d.List(t.Context(), benchRef, marconi.Listing{Limit: 2, Echo: true})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("List = %d messages, %v", len(page.Items), err)
	}
	_ = append(page.Items[0].Body, "more"...)
	if n := cap(page.Items[0].Body); n != len(page.Items[0].Body) {
		t.Errorf("a body has room for %d bytes, so that two who append to it would meet", n)
	}
}

// The clock of a machine may be set. What is over stays so; order and markers hold.
func TestTheClockIsSetBack(t *testing.T) {
	d, clock := turnedStore(t)
	ctx := t.Context()
	fill(t, d, 3)
	before, err := d.Claim(ctx, benchRef, marconi.ClaimRequest{ID: "before", TTL: 60, Grace: 60, Limit: 1})
	if err != nil || len(before.Messages) != 1 {
		t.Fatalf("Claim = %v, %v", before, err)
	}
	clock.pass(60 * time.Second)
	if stats, _ := d.Stats(ctx, benchRef); stats.Free != 3 {
		t.Fatalf("%d are free after the claim's end, want 3", stats.Free)
	}
	page, _ := d.List(ctx, benchRef, marconi.Listing{Limit: 3, Echo: true})

	clock.pass(-time.Hour)
	if _, err := d.Claimed(ctx, benchRef, "before"); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("a claim that was over: %v, want %v", err, marconi.ErrNoClaim)
	}
	if got, _ := d.Message(ctx, benchRef, before.Messages[0].ID); got.Age != 0 || got.Claim != "" {
		t.Errorf("age %d, claim %q; want 0 and none", got.Age, got.Claim)
	}
	fill(t, d, 1)
	later, _ := d.List(ctx, benchRef, marconi.Listing{Limit: 3, Echo: true, Marker: page.Next})
	if len(later.Items) != 1 {
		t.Errorf("%d messages lie behind what was shown before, want the one posted since", len(later.Items))
	}
	after, _ := d.Claim(ctx, benchRef, marconi.ClaimRequest{ID: "after", TTL: 60, Grace: 60, Limit: 4})
	clock.pass(time.Minute)
	if stats, _ := d.Stats(ctx, benchRef); len(after.Messages) != 4 || stats.Free != 4 {
		t.Errorf("%d were claimed and %d are free a minute later, want 4 and 4", len(after.Messages), stats.Free)
	}
}

// Beyond every place there is nothing, also where counting ends.
func TestTheLastMarker(t *testing.T) {
	d, _ := turnedStore(t)
	fill(t, d, 3)
	page, err := d.List(t.Context(), benchRef, marconi.Listing{Marker: "9223372036854775807", Limit: 3, Echo: true})
	if err != nil || len(page.Items) != 0 || page.Next != "" {
		t.Errorf("List behind the last place = %+v, %v; want an empty page", page, err)
	}
}

// However many messages end at once, no call keeps the queue's lock for all of them.
func TestSettlingGivesWay(t *testing.T) {
	d, clock := turnedStore(t)
	fill(t, d, (maxTurn+10)*segmentSize)
	clock.pass(time.Hour)
	q := d.shard(benchRef).queue(benchRef)
	q.mu.Lock()
	q.now = clock.now().UnixMilli()
	first, second := q.settle(), q.settle()
	left := q.live
	q.mu.Unlock()
	if first || !second || left != 0 {
		t.Errorf("settled after one turn: %v, after two: %v, with %d left; want false, true, 0", first, second, left)
	}

	fill(t, d, (maxTurn+10)*segmentSize)
	clock.pass(time.Hour)
	if stats, err := d.Stats(t.Context(), benchRef); err != nil || stats.Total != 0 {
		t.Errorf("Stats = %+v, %v; want none", stats, err)
	}
}

// A listing that finds nothing for long gives way, and yet finds what comes at last.
func TestListingGivesWay(t *testing.T) {
	d, _ := turnedStore(t)
	fill(t, d, 2*maxLooked*segmentSize)
	q := d.shard(benchRef).queue(benchRef)
	for _, s := range q.all {
		s.mixed = true // as if some of each had been another's
	}
	last, err := d.Post(t.Context(), benchRef, marconi.Post{Client: "other", Messages: []marconi.NewMessage{{TTL: 60}}})
	if err != nil {
		t.Fatal(err)
	}
	me := q.all[0].author
	if l := (look{Listing: marconi.Listing{Limit: 1, Client: me}}); !q.look(&l) || len(l.found) != 0 {
		t.Error("one look went through all")
	}
	page, err := d.List(t.Context(), benchRef, marconi.Listing{Limit: 1, Client: me})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != last[0] {
		t.Errorf("List = %v, %v; want %s", page.Items, err, last[0])
	}
}

// Empty queues are dropped by Collect while others post to them: nothing may fall between.
func TestCollectingLosesNothing(t *testing.T) {
	const posters, each = 4, 500
	d := benchStore(t)
	ctx := t.Context()
	stop := make(chan struct{})
	var collector, all sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = d.Collect(ctx)
			}
		}
	})
	var mu sync.Mutex
	popped := map[marconi.MessageID]bool{}
	for range posters {
		all.Go(func() {
			for range each {
				post(t, d, 1)
				got, _ := d.Pop(ctx, benchRef, 1)
				mu.Lock()
				for _, m := range got {
					popped[m.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	close(stop)
	collector.Wait()
	if len(popped) != posters*each {
		t.Errorf("%d messages came out, %d went in", len(popped), posters*each)
	}
}

// What nobody calls is given back all the same.
func TestAnIdleStoreCollectsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDataStore(storage.Options{}.WithDefaults(), nil)
		defer func() { _ = d.Close() }()
		fill(t, d, 1000)
		time.Sleep(time.Hour + 2*collectEvery)
		if q := d.shard(benchRef).queue(benchRef); q != nil {
			t.Errorf("the queue is still there, with %d messages", q.live)
		}
	})
}

// Dead letters of two queues that are each other's dead-letter queue cross without stopping each other.
func TestDeadLettersCross(t *testing.T) {
	d := benchStore(t)
	ctx := t.Context()
	var all sync.WaitGroup
	for _, way := range [][2]marconi.QueueRef{{benchRef, otherRef}, {otherRef, benchRef}, {benchRef, benchRef}} {
		all.Go(func() {
			for n := range 300 {
				_, _ = d.Post(ctx, way[0], marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 60}}})
				got, _ := d.Claim(ctx, way[0], marconi.ClaimRequest{ID: marconi.ClaimID(rune(n)), TTL: 60, Limit: 1, MaxClaims: 1})
				_ = d.Release(ctx, way[0], marconi.ClaimID(rune(n)))
				var ids []marconi.MessageID
				for _, m := range got.Spent {
					ids = append(ids, m.ID)
				}
				if err := d.MoveSpent(ctx, way[0], got.Lease, ids, marconi.DeadLetter{Queue: way[1]}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if v, err := d.Volume(ctx); err != nil || v.Total != 900 {
		t.Errorf("Volume = %+v, %v; want 900 messages", v, err)
	}
}

func TestClosing(t *testing.T) {
	d := newDataStore(storage.Options{}.WithDefaults(), nil)
	waiting := d.Watch(benchRef, marconi.Interest{Take: true})
	defer waiting.Close()

	begun, finish := make(chan struct{}), make(chan struct{})
	var call, closing sync.WaitGroup
	call.Go(func() {
		_ = d.visitOrMake(context.Background(), benchRef, func(*queue) {
			close(begun)
			<-finish
		})
	})
	<-begun
	closed := make(chan struct{})
	closing.Go(func() {
		_ = d.Close()
		close(closed)
	})
	select {
	case <-closed:
		t.Error("closed with a call under way")
	case <-time.After(20 * time.Millisecond):
	}
	close(finish)
	call.Wait()
	closing.Wait()

	<-waiting.C()
	if _, err := d.Stats(context.Background(), benchRef); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("Stats of a closed store: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
