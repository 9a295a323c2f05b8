package storagetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func queueLawCases() []testCase {
	return []testCase{
		{"Q2 a queue made anew has nothing of the old one, beside posts (Par)", anewBesidePosts},
		{"Q4 deleted is deleted, beside posts (Par)", deletedBesidePosts},
		{"Q4 purged is purged, beside posts (Par)", purgedBesidePosts},
		{"G2 no leak", noLeak},
		{"a store that is closed finishes its calls (Par)", closeFinishesCalls},
	}
}

// emptyings is how often a queue is deleted or purged beside posts, a millisecond apart.
func (r *rig) emptyings() int { return cmp.Or(r.h.Emptyings, 100) }

// anewBesidePosts lets producers post to a queue that is deleted and made anew, each to the incarnation that it knows.
func anewBesidePosts(t *testing.T, r *rig) {
	key := newRef().QueueKey
	anew := func() *queue { return r.queueAt(t, refOf(key.Project, key.Name)) }
	var current atomic.Pointer[queue] // what a server would find now
	current.Store(anew())
	churn := r.churn(t)
	done := make(chan struct{})
	var producers tasks
	for range 3 {
		producers.run(func() error {
			for !isDone(done) {
				known := current.Load()
				for range 3 { // the last ones late, perhaps
					if err := known.postOwn(t.Context()); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	for range r.emptyings() {
		time.Sleep(time.Millisecond)
		fresh := anew()
		current.Swap(fresh).drop()
		fresh.wantOwn()
	}
	close(done)
	producers.wait(t)
	churn.stop(t)
	current.Load().wantOwn()
}

// postOwn posts a message that says which incarnation it was meant for.
func (q *queue) postOwn(ctx context.Context) error {
	m := message(longTTL, fmt.Sprint(q.Incarnation))
	if _, err := q.ds.Post(ctx, q.QueueRef, marconi.Post{Client: producer, Messages: []marconi.NewMessage{m}}); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// wantOwn checks that the queue holds only what was meant for it.
func (q *queue) wantOwn() {
	q.t.Helper()
	for _, got := range bodies(q.list(everything).Items) {
		if want := fmt.Sprint(q.Incarnation); got != want {
			q.t.Fatalf("incarnation %s of the queue shows a message posted to incarnation %s", want, got)
		}
	}
}

func deletedBesidePosts(t *testing.T, r *rig) {
	emptiedBesidePosts(t, r, "DeleteQueue", (*queue).drop)
}

func purgedBesidePosts(t *testing.T, r *rig) { emptiedBesidePosts(t, r, "Purge", (*queue).purge) }

// emptiedBesidePosts checks that what a listing shows after a queue was emptied was posted after that was asked for.
func emptiedBesidePosts(t *testing.T, r *rig, what string, empty func(*queue)) {
	q := r.queue(t)
	log := newPostLog()
	churn := r.churn(t)
	done := make(chan struct{})
	var producers tasks
	for p := range parProducers {
		producers.run(func() error {
			for round := 0; !isDone(done); round++ {
				if err := log.postBatches(t.Context(), q, p+parProducers*round, 3); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range r.emptyings() {
		time.Sleep(time.Millisecond)
		asked := log.order.now()
		empty(q)
		all, err := stamps(q.list(everything).Items)
		if err != nil {
			t.Fatal(err)
		}
		if old := log.before(asked, all); len(old) > 0 {
			t.Errorf("after %s there is still what was posted before: %+v", what, old)
			break
		}
	}
	close(done)
	producers.wait(t)
	churn.stop(t)
}

// before are those whose posts were answered before the moment.
func (l *postLog) before(moment int64, all []stamped) []stamped {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(all, func(s stamped) bool {
		answered, known := l.answered[s.key()]
		return !known || answered > moment
	})
}

// noLeak fills a store twice: what the first round leaves behind for good (pages, pools, caches) the second one uses.
func noLeak(t *testing.T, r *rig) {
	if r.h.Size == nil {
		t.Skip("nobody knows how much the store holds: Harness.Size is nil")
	}
	r = r.fresh(t)
	fillAndExpire(t, r)
	before := r.h.Size(t, r.opened)
	fillAndExpire(t, r)
	after := r.h.Size(t, r.opened)
	if grown := after - before; grown > leakSize/4 {
		t.Errorf("%d bytes of messages went by, and the store grew by %d bytes", leakSize, grown)
	}
}

const (
	leakMessages = 3000
	leakBody     = 1000
	leakSize     = leakMessages * leakBody
)

// fillAndExpire uses all that a message can go through, and lets it end in every way.
func fillAndExpire(t *testing.T, r *rig) {
	body := append(append([]byte(`"`), make([]byte, leakBody)...), '"')
	for i := range body[1 : leakBody+1] {
		body[i+1] = 'x'
	}
	for round := range leakMessages / 100 {
		q := r.queue(t)
		batch := make([]marconi.NewMessage, 100)
		for i := range batch {
			batch[i] = marconi.NewMessage{TTL: 60, Delay: marconi.Seconds(i % 2), Body: body}
		}
		ids := q.postMessages(batch...)
		claim, _ := q.claim(50, 20)
		q.release(claim)
		q.claim(90, 10)
		q.spend(10, 1)
		q.pop(5)
		q.deleteMessages(ids[60:70])
		if round%2 == 0 { // the others are left to time
			q.drop()
		}
	}
	r.pass(t, 200*time.Second)
	for range 100 {
		n, err := r.data(t).Collect(t.Context())
		if err != nil {
			t.Fatalf("Collect: %v", err)
		}
		if n == 0 {
			return
		}
	}
	t.Error("Collect found something to collect a hundred times")
}

// closeFinishesCalls closes a store amid posts: each is either done or Unavailable, and what was confirmed is there.
func closeFinishesCalls(t *testing.T, r *rig) {
	r = r.fresh(t)
	q := r.queue(t)
	var mu sync.Mutex
	confirmed := map[marconi.MessageID]bool{}
	var producers tasks
	for range 4 {
		producers.run(func() error {
			for range 100_000 {
				post := marconi.Post{Client: producer, Messages: []marconi.NewMessage{message(longTTL, "a")}}
				ids, err := q.ds.Post(t.Context(), q.QueueRef, post)
				if err != nil && marconi.KindOf(err) == marconi.Unavailable {
					return nil
				}
				if err != nil {
					return fmt.Errorf("post beside Close: %w, want it done or Unavailable", err)
				}
				mu.Lock()
				confirmed[ids[0]] = true
				mu.Unlock()
			}
			return nil
		})
	}
	time.Sleep(20 * time.Millisecond)
	if r.h.Restart == nil {
		r.close(t)
		producers.wait(t)
		return
	}
	r.restart(t)
	producers.wait(t)
	q = r.queueAt(t, q.QueueRef)
	for _, id := range idsOf(q.listAll()) {
		delete(confirmed, id)
	}
	if len(confirmed) > 0 {
		t.Errorf("%d messages whose posts were confirmed are not there after Close and a restart", len(confirmed))
	}
}
