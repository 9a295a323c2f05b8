package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/marconi-mq/marconi"
)

func postingLawCases() []testCase {
	return []testCase{
		{"P1 all or none (Par)", repeated(allOrNone)},
		{"P3 order (Par)", repeated(postingOrder)},
		{"L1 L2 nothing skipped, nothing twice (Par)", repeated(nothingSkipped)},
		{"L2 nothing skipped, nothing twice, beside consumers (Par)", repeated(nothingSkippedBesideConsumers)},
	}
}

// A stamped is the body of a message that says where it belongs.
type stamped struct {
	Producer int `json:"producer"`
	Number   int `json:"number"` // of all that the producer posts
	Batch    int `json:"batch"`  // of all that the producer posts
	Index    int `json:"index"`
	Size     int `json:"size"` // of the batch
}

// A batchKey names a batch.
type batchKey struct{ producer, batch int }

func (s stamped) key() batchKey { return batchKey{s.Producer, s.Batch} }

// A log keeps when batches were sent and answered, and the IDs that came.
type postLog struct {
	order order

	mu             sync.Mutex // guards what follows
	sent, answered map[batchKey]int64
	ids            map[batchKey][]marconi.MessageID
}

func newPostLog() *postLog {
	return &postLog{sent: map[batchKey]int64{}, answered: map[batchKey]int64{}, ids: map[batchKey][]marconi.MessageID{}}
}

// postBatches posts n batches of 1 to 4 messages, one after the other.
func (l *postLog) postBatches(ctx context.Context, q *queue, p, n int) error {
	number := 0
	for b := range n {
		runtime.Gosched() // lets others come between
		size := 1 + (p+b)%4
		if err := l.postBatch(ctx, q, stamped{Producer: p, Number: number, Batch: b, Size: size}); err != nil {
			return err
		}
		number += size
	}
	return nil
}

// postBatch posts a batch that begins with first.
func (l *postLog) postBatch(ctx context.Context, q *queue, first stamped) error {
	post := marconi.Post{Client: producer}
	for s := first; s.Index < s.Size; s.Index, s.Number = s.Index+1, s.Number+1 {
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		post.Messages = append(post.Messages, marconi.NewMessage{TTL: longTTL, Body: body})
	}
	sent := l.order.now()
	ids, err := q.ds.Post(ctx, q.QueueRef, post)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	l.add(first.key(), sent, ids)
	return nil
}

func (l *postLog) add(k batchKey, sent int64, ids []marconi.MessageID) {
	answered := l.order.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[k], l.answered[k], l.ids[k] = sent, answered, ids
}

func stamps(messages []marconi.Message) ([]stamped, error) {
	var all []stamped
	for _, m := range messages {
		var s stamped
		if err := json.Unmarshal(m.Body, &s); err != nil {
			return nil, fmt.Errorf("a listing shows a body that nobody posted: %q", m.Body)
		}
		all = append(all, s)
	}
	return all, nil
}

const (
	parProducers = 4
	parBatches   = 50 // of each
	parMessages  = 1000
)

// everything is a listing in one page: P1 speaks of one answer.
var everything = marconi.Listing{Limit: parMessages, Client: observer, Echo: true, IncludeClaimed: true, IncludeDelayed: true}

// producing runs watch beside producers, until they are done and it has returned, and gives their log.
func producing(t *testing.T, r *rig, q *queue, watch ...func(ctx context.Context, done <-chan struct{}) error) *postLog {
	t.Helper()
	log, done := newPostLog(), make(chan struct{})
	churn := r.churn(t)
	var posts, watches tasks
	for p := range parProducers {
		posts.run(func() error { return log.postBatches(t.Context(), q, p, parBatches) })
	}
	for _, w := range watch {
		watches.run(func() error { return w(t.Context(), done) })
	}
	posts.wg.Wait()
	close(done)
	watches.wait(t)
	posts.wait(t)
	churn.stop(t)
	return log
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// allOrNone lets two producers post the same large batch over and over, with nothing done in between: a store that
// posts it piecemeal is amid one nearly always. Each queue gets a few of them, so that listings stay short.
func allOrNone(t *testing.T, r *rig) {
	r.needFIFO(t)
	const size, rounds = 100, 20
	batch := marconi.Post{Client: producer, Messages: slices.Repeat([]marconi.NewMessage{message(longTTL, "a")}, size)}
	var current atomic.Pointer[queue]
	current.Store(r.queue(t))
	done := make(chan struct{})
	var producers, observers tasks
	for range 2 {
		producers.run(func() error {
			for n := range rounds {
				if n%4 == 3 {
					current.Store(r.queue(t))
				}
				q := current.Load()
				if _, err := q.ds.Post(t.Context(), q.QueueRef, batch); err != nil {
					return fmt.Errorf("post: %w", err)
				}
			}
			return nil
		})
	}
	for range 2 {
		observers.run(func() error {
			for !isDone(done) {
				q := current.Load()
				page, err := q.ds.List(t.Context(), q.QueueRef, everything)
				if err != nil {
					return fmt.Errorf("list: %w", err)
				}
				if n := len(page.Items); n%size != 0 {
					return fmt.Errorf("a listing shows %d messages, where all were posted %d at a time", n, size)
				}
			}
			return nil
		})
	}
	producers.wg.Wait()
	close(done)
	observers.wait(t)
	producers.wait(t)
}

// checkWhole checks that batches are there as a whole, in one run each.
func checkWhole(messages []marconi.Message) error {
	all, err := stamps(messages)
	if err != nil {
		return err
	}
	for i := 0; i < len(all); i += all[i].Size {
		first := all[i]
		for k := range first.Size {
			if i+k >= len(all) {
				return fmt.Errorf("a listing ends with %d of %d messages of batch %+v", k, first.Size, first.key())
			}
			if got := all[i+k]; got.key() != first.key() || got.Index != k {
				return fmt.Errorf("message %d of batch %+v is followed by %+v, where the batch has %d", k-1, first.key(), got, first.Size)
			}
		}
	}
	return nil
}

func postingOrder(t *testing.T, r *rig) {
	r.needFIFO(t)
	q := r.queue(t)
	log := producing(t, r, q)
	page := q.list(everything)
	if err := checkWhole(page.Items); err != nil {
		t.Error(err)
	}
	all, err := stamps(page.Items)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkNumbers(all); err != nil {
		t.Error(err)
	}
	log.checkOrder(t, all)
	log.checkIDs(t, page.Items, all)
}

// checkNumbers checks that each producer's messages are there in order, all of them.
func checkNumbers(all []stamped) error {
	next := [parProducers]int{}
	for _, s := range all {
		if s.Number != next[s.Producer] {
			return fmt.Errorf("producer %d's message %d came where %d was next", s.Producer, s.Number, next[s.Producer])
		}
		next[s.Producer]++
	}
	for p, n := range next {
		if want := messagesOf(p); n != want {
			return fmt.Errorf("producer %d: %d messages came, want %d", p, n, want)
		}
	}
	return nil
}

// messagesOf is how many messages a producer posts in all.
func messagesOf(p int) int {
	n := 0
	for b := range parBatches {
		n += 1 + (p+b)%4
	}
	return n
}

// checkOrder checks that no batch lies before one that was answered before it was sent.
func (l *postLog) checkOrder(t *testing.T, all []stamped) {
	t.Helper()
	latest := stamped{}
	for i, s := range all {
		if i > 0 && l.answered[s.key()] < l.sent[latest.key()] {
			t.Errorf("batch %+v was answered before batch %+v was sent, and lies behind it", s.key(), latest.key())
		}
		if i == 0 || l.sent[s.key()] > l.sent[latest.key()] {
			latest = s
		}
	}
}

func (l *postLog) checkIDs(t *testing.T, messages []marconi.Message, all []stamped) {
	t.Helper()
	for i, s := range all {
		if want := l.ids[s.key()][s.Index]; messages[i].ID != want {
			t.Errorf("message %+v has ID %s, but its post answered %s", s, messages[i].ID, want)
		}
	}
}

// observe pages with the marker of the page before, for ever, until the producers are done and a page is empty.
func observe(ctx context.Context, q *queue, limit int, done <-chan struct{}) ([]marconi.Message, error) {
	var seen []marconi.Message
	l := everything
	l.Limit = limit
	for {
		last := isDone(done)
		page, err := q.ds.List(ctx, q.QueueRef, l)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		if len(page.Items) == 0 && last {
			return seen, nil
		}
		if len(page.Items) > 0 {
			l.Marker = page.Next
		}
		seen = append(seen, page.Items...)
	}
}

func nothingSkipped(t *testing.T, r *rig) {
	r.needFIFO(t)
	q := r.queue(t)
	var observers []func(context.Context, <-chan struct{}) error
	views := make([][]marconi.MessageID, 3)
	for i, limit := range []int{1, 3, 20} {
		observers = append(observers, func(ctx context.Context, done <-chan struct{}) error {
			seen, err := observe(ctx, q, limit, done)
			if err != nil {
				return err
			}
			views[i] = idsOf(seen)
			all, err := stamps(seen)
			if err != nil {
				return err
			}
			return checkNumbers(all)
		})
	}
	producing(t, r, q, observers...)
	for i := range views {
		if !slices.Equal(views[i], views[0]) {
			t.Errorf("two observers saw the messages in different orders:\n%v\n%v", views[0], views[i])
		}
	}
}

// nothingSkippedBesideConsumers lets consumers claim everything, delete what has an odd number and give back the rest,
// which every observer must see once.
func nothingSkippedBesideConsumers(t *testing.T, r *rig) {
	r.needFIFO(t)
	q := r.queue(t)
	observer := func(ctx context.Context, done <-chan struct{}) error {
		seen, err := observe(ctx, q, 5, done)
		if err != nil {
			return err
		}
		return checkEven(seen)
	}
	consumer := func(ctx context.Context, done <-chan struct{}) error { return consumeOdd(ctx, q, done) }
	producing(t, r, q, observer, observer, consumer, consumer)
	if err := checkEven(q.listAll()); err != nil {
		t.Errorf("in the end: %v", err)
	}
}

func checkEven(messages []marconi.Message) error {
	all, err := stamps(messages)
	if err != nil {
		return err
	}
	next, last := [parProducers]int{}, [parProducers]int{-1, -1, -1, -1}
	for _, s := range all {
		if s.Number <= last[s.Producer] {
			return fmt.Errorf("an observer saw message %d of producer %d behind message %d", s.Number, s.Producer, last[s.Producer])
		}
		last[s.Producer] = s.Number
		if s.Number%2 != 0 {
			continue
		}
		if s.Number != next[s.Producer] {
			return fmt.Errorf("an observer missed message %d of producer %d, which nobody deleted", next[s.Producer], s.Producer)
		}
		next[s.Producer] += 2
	}
	for p, n := range next {
		if n < messagesOf(p) {
			return fmt.Errorf("an observer missed message %d of producer %d, which nobody deleted", n, p)
		}
	}
	return nil
}

func consumeOdd(ctx context.Context, q *queue, done <-chan struct{}) error {
	for !isDone(done) {
		id := newClaimID()
		got, err := q.ds.Claim(ctx, q.QueueRef, marconi.ClaimRequest{ID: id, TTL: 60, Limit: 3})
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		all, err := stamps(got.Messages)
		if err != nil {
			return err
		}
		for i, s := range all {
			if s.Number%2 == 0 {
				continue
			}
			if err := q.ds.Delete(ctx, q.QueueRef, got.Messages[i].ID, id); err != nil {
				return fmt.Errorf("delete with its claim: %w", err)
			}
		}
		if err := q.ds.Release(ctx, q.QueueRef, id); err != nil {
			return fmt.Errorf("release: %w", err)
		}
	}
	return nil
}
