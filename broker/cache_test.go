package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
)

// A renewingControl has every queue, with another incarnation each time that it is asked.
type renewingControl struct {
	marconi.ControlStore
	asked int
}

func (c *renewingControl) Queue(_ context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	c.asked++
	return marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key, Incarnation: marconi.Incarnation(c.asked)}}, nil
}

// size is how many records there are, and whether the cache has a timer.
func (c *queueCache) size() (records int, turns bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.young) + len(c.old), c.turn != nil
}

// A record is remembered for half its life at least, and for the whole of it at most, whether or not it is asked for.
func TestRecordsGrowOld(t *testing.T) {
	for _, between := range []time.Duration{0, cacheLife / 4, cacheLife/2 - time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			control := &renewingControl{}
			c := newQueueCache(control, false)
			defer c.close()
			first, second := marconi.QueueKey{Name: "first"}, marconi.QueueKey{Name: "second"}
			get := func(key marconi.QueueKey) marconi.Incarnation {
				record, err := c.get(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				return record.ref.Incarnation
			}
			get(first)
			time.Sleep(between)
			known := get(second)
			for range 9 {
				time.Sleep(cacheLife / 20)
				if got := get(second); got != known {
					t.Fatalf("a young record is %d, want %d as before", got, known)
				}
			}
			time.Sleep(cacheLife*11/20 + time.Millisecond)
			if got := get(second); got == known {
				t.Error("a record is remembered beyond its life")
			}
			time.Sleep(2 * cacheLife)
			if n, turns := c.size(); n != 0 || turns {
				t.Errorf("of a cache that nobody uses there are %d records, and a timer: %v", n, turns)
			}
		})
	}
}

func TestRecordsAreBounded(t *testing.T) {
	c := newQueueCache(&renewingControl{}, false)
	defer c.close()
	for i := range 2 * cacheSize {
		key := marconi.QueueKey{Name: marconi.QueueName(fmt.Sprint(i))}
		if _, err := c.get(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, known, _ := c.known(key); !known {
			t.Fatalf("queue %d is forgotten at once", i)
		}
		if n, _ := c.size(); n > cacheSize {
			t.Fatalf("%d queues are remembered, want at most %d", n, cacheSize)
		}
	}
}

// What was read before something was taken out is not kept: it may be what was taken out.
func TestWhatWasReadBeforeAChangeIsNotKept(t *testing.T) {
	c := newQueueCache(&renewingControl{}, false)
	defer c.close()
	key := marconi.QueueKey{Name: "q"}
	_, _, before := c.known(key)
	c.forget(marconi.QueueKey{Name: "other"})
	c.keep(marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key}}, before)
	if _, known, _ := c.known(key); known {
		t.Error("it is kept")
	}
}

// A lapsingControl may have lost what it confirmed.
type lapsingControl struct {
	renewingControl
	lapses uint64
}

func (c *lapsingControl) Lapses() uint64 { return c.lapses }

// A store that may have lost its queues is asked again.
func TestRecordsEndWithALapse(t *testing.T) {
	control := &lapsingControl{}
	c := newQueueCache(control, false)
	defer c.close()
	key := marconi.QueueKey{Name: "q"}
	for want := marconi.Incarnation(1); want <= 3; want++ {
		for range 2 {
			if record, err := c.get(t.Context(), key); err != nil || record.ref.Incarnation != want {
				t.Errorf("after %d lapses: incarnation %d, %v; want %d", control.lapses, record.ref.Incarnation, err, want)
			}
		}
		control.lapses++
	}
	_, _, before := c.known(key)
	control.lapses++
	c.keep(marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key}}, before)
	if _, known, _ := c.known(key); known {
		t.Error("what was read before a lapse is kept")
	}
}

// A lossyStore loses the queue while something is posted to it.
type lossyStore struct {
	marconi.DataStore
	lose func()
}

func (s *lossyStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	s.lose()
	return s.DataStore.Post(ctx, q, p)
}

// A lossyControl is a store of queues that may lapse.
type lossyControl struct {
	marconi.ControlStore
	lapses atomic.Uint64
}

func (c *lossyControl) Lapses() uint64 { return c.lapses.Load() }

// What is posted to a queue that was lost on the way is not confirmed; a lapse in which it was not lost is none of the producer's business.
func TestPostsToAQueueThatIsLost(t *testing.T) {
	control, store := &lossyControl{}, &lossyStore{lose: func() {}}
	r := newRig(t, func(c *Config) {
		control.ControlStore, store.DataStore = c.Control, c.Data
		c.Control, c.Data = control, store
	})
	r.post(t, jobs, 1)
	store.lose = func() { control.lapses.Add(1) }
	r.post(t, jobs, 1)
	store.lose = func() {
		control.lapses.Add(1)
		if _, err := control.DeleteQueue(t.Context(), jobs); err != nil {
			t.Error(err)
		}
	}
	_, err := r.PostMessages(t.Context(), Post{Queue: jobs, Client: "c", Messages: []Message{{Body: []byte("1")}}, CreateQueue: true})
	if !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("a post to a queue that was lost on the way: %v", err)
	}
	store.lose = func() {}
	r.post(t, jobs, 1)
	if there := len(r.list(t, jobs)); there != 1 {
		t.Errorf("%d messages are in the new queue, want 1", there)
	}
}
