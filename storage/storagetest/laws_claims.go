package storagetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func claimLawCases() []testCase {
	return []testCase{
		{"C1 each message is claimed once (Par)", repeated(claimedOnce)},
		{"C1 each message is popped once (Par)", repeated(poppedOnce)},
		{"C1 exclusive, while claims end (Par)", exclusiveClaims},
		{"C1 calls take effect one after the other (Par)", repeated(callsHaveAnOrder)},
		{"C6 an update beside deletes brings nothing back (Par)", repeated(updateBesideDeletes)},
		{"D2 each dead letter ends in one place (Par)", repeated(deadLettersOnce)},
	}
}

const (
	claimWorkers  = 8
	claimMessages = 400
)

// shared is what workers of a case take, by message.
type shared struct {
	mu  sync.Mutex // guards got
	got map[marconi.MessageID]int
}

func (s *shared) add(messages []marconi.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.got[m.ID]++
	}
}

// drain lets workers take messages until there are none, and checks that each got out once.
func drain(t *testing.T, r *rig, take func(ctx context.Context, q *queue, worker int) ([]marconi.Message, error)) {
	q := r.queue(t)
	ids := q.post(labels(1, claimMessages)...)
	churn := r.churn(t)
	taken := shared{got: map[marconi.MessageID]int{}}
	var workers tasks
	for w := range claimWorkers {
		workers.run(func() error {
			for range claimMessages { // more often only if messages are taken twice
				got, err := take(t.Context(), q, w)
				if err != nil || len(got) == 0 {
					return err
				}
				taken.add(got)
				runtime.Gosched() // or one worker takes all before the next begins
			}
			return nil
		})
	}
	workers.wait(t)
	churn.stop(t)
	for _, id := range ids {
		if n := taken.got[id]; n != 1 {
			t.Fatalf("message %s was taken %d times, want once", id, n)
		}
	}
	if len(taken.got) != len(ids) {
		t.Errorf("%d messages were taken, want %d", len(taken.got), len(ids))
	}
}

func claimNext(ctx context.Context, q *queue, limit int) ([]marconi.Message, error) {
	got, err := q.ds.Claim(ctx, q.QueueRef, marconi.ClaimRequest{ID: newClaimID(), TTL: 600, Limit: limit})
	return got.Messages, err
}

func claimedOnce(t *testing.T, r *rig) {
	r.needExclusiveClaims(t)
	drain(t, r, func(ctx context.Context, q *queue, worker int) ([]marconi.Message, error) {
		return claimNext(ctx, q, 1+worker%3)
	})
}

// poppedOnce lets half of the workers pop and the other half claim: of both at most one gets a message.
func poppedOnce(t *testing.T, r *rig) {
	r.needExclusiveClaims(t)
	drain(t, r, func(ctx context.Context, q *queue, worker int) ([]marconi.Message, error) {
		if worker%2 == 0 {
			return claimNext(ctx, q, 1+worker%3)
		}
		return q.ds.Pop(ctx, q.QueueRef, 1+worker%3)
	})
}

// A hold is the time in which a message was surely one claim's, or gone: from the answer to the claim or pop until the
// release or delete was sent, or the claim may have ended. It is judged by the order of moments, and by the clock as
// it stood when the claim was sent and when it was answered.
type hold struct {
	what         string
	gone         bool      // the message was deleted
	from, until  int64     // moments
	begun, ended time.Time // by the store's clock, at the latest and at the earliest; ended is zero if only a moment ends it
}

// overlaps reports whether both were sure at one moment. That a message is gone can be seen by several: a delete of
// one that was popped, or deleted by the next claim, goes well.
func (h hold) overlaps(other hold) bool {
	bothGone := h.until == never && other.until == never && h.ended.IsZero() && other.ended.IsZero() && (h.gone || other.gone)
	return !bothGone && h.precedesEnd(other) && other.precedesEnd(h)
}

// precedesEnd reports whether h began surely before other ended.
func (h hold) precedesEnd(other hold) bool {
	return h.from < other.until && (other.ended.IsZero() || h.begun.Before(other.ended))
}

// holds are those of a case, by message.
type holds struct {
	order order
	clock *clock

	mu  sync.Mutex // guards all
	all map[marconi.MessageID][]*hold
}

func (hs *holds) add(id marconi.MessageID, h *hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.all[id] = append(hs.all[id], h)
}

// exclusiveClaims lets claims of one second end by themselves while workers claim, release, delete and pop.
func exclusiveClaims(t *testing.T, r *rig) {
	r.needExclusiveClaims(t)
	q := r.queue(t)
	hs := &holds{clock: r.clock, all: map[marconi.MessageID][]*hold{}}
	done := make(chan struct{})
	var workers tasks
	for w := range claimWorkers {
		workers.run(func() error { return hs.work(t.Context(), q, w, done) })
	}
	turns := 60
	if !r.clock.turned() {
		turns = 5 // of a second, which may have to be waited for
	}
	for range turns {
		q.post(labels(1, 20)...)
		time.Sleep(2 * time.Millisecond) // for the workers to do something at this time
		r.pass(t, max(r.clock.step(), 300*time.Millisecond))
	}
	close(done)
	workers.wait(t)
	hs.check(t)
	if !r.clock.turned() {
		r.pass(t, 2*time.Second) // or the last claims end while they are counted
	}
	wantQuietStats(t, q)
}

// work does what a worker does, again and again.
func (hs *holds) work(ctx context.Context, q *queue, worker int, done <-chan struct{}) error {
	for round := worker; !isDone(done); round++ {
		do := hs.claim
		if round%5 == 0 {
			do = hs.pop
		}
		if err := do(ctx, q, round); err != nil {
			return err
		}
		runtime.Gosched() // or one worker takes all before the next begins
	}
	return nil
}

func (hs *holds) pop(ctx context.Context, q *queue, _ int) error {
	got, err := q.ds.Pop(ctx, q.QueueRef, 1)
	if err != nil {
		return fmt.Errorf("pop: %w", err)
	}
	for _, m := range got {
		hs.add(m.ID, &hold{what: "popped", from: hs.order.now(), until: never, begun: hs.clock.latest()})
	}
	return nil
}

// claim claims up to 3 messages. Then it releases them, deletes one, or lets them be.
func (hs *holds) claim(ctx context.Context, q *queue, round int) error {
	const ttl = 1
	id, sent := newClaimID(), hs.clock.Now()
	got, err := q.ds.Claim(ctx, q.QueueRef, marconi.ClaimRequest{ID: id, TTL: ttl, Limit: 3})
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	from, answered := hs.order.now(), hs.clock.latest()
	mine := make([]*hold, len(got.Messages))
	for i, m := range got.Messages {
		mine[i] = &hold{what: "claimed by " + string(id), from: from, until: never, begun: answered, ended: sent.Add(ttl * time.Second)}
		hs.add(m.ID, mine[i])
	}
	switch {
	case len(mine) == 0 || round%3 == 0:
		return nil
	case round%3 == 1:
		return hs.release(ctx, q, id, mine)
	}
	return hs.delete(ctx, q, got.Messages[0].ID, id, mine[0])
}

func (hs *holds) release(ctx context.Context, q *queue, id marconi.ClaimID, mine []*hold) error {
	hs.end(mine...)
	if err := q.ds.Release(ctx, q.QueueRef, id); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// end ends holds as of now: what is sent next may free the messages.
func (hs *holds) end(mine ...*hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range mine {
		h.until = hs.order.now()
	}
}

// delete deletes a message with its claim. If that goes well the message is gone: nobody may hold it afterwards.
func (hs *holds) delete(ctx context.Context, q *queue, m marconi.MessageID, id marconi.ClaimID, mine *hold) error {
	hs.end(mine)
	err := q.ds.Delete(ctx, q.QueueRef, m, id)
	if err == nil {
		hs.add(m, &hold{what: "deleted by " + string(id), gone: true, from: hs.order.now(), until: never, begun: hs.clock.latest()})
		return nil
	}
	if isErr(err, marconi.ErrNoClaim) || isErr(err, marconi.ErrNotClaimed) {
		return nil // the claim has ended meanwhile
	}
	return fmt.Errorf("delete with the claim that took it: %w", err)
}

// check checks that no two holds of a message overlap.
func (hs *holds) check(t *testing.T) {
	t.Helper()
	for id, all := range hs.all {
		for i, h := range all {
			for _, other := range all[:i] {
				if h.overlaps(*other) {
					t.Errorf("message %s was %s and %s at the same time", id, other.what, h.what)
				}
			}
		}
	}
}

// wantQuietStats checks the counts against a listing, when nobody does anything.
func wantQuietStats(t *testing.T, q *queue) {
	t.Helper()
	var free, claimed int64
	for _, m := range q.listAll() {
		if m.Claim == "" {
			free++
		} else {
			claimed++
		}
	}
	q.wantCounts(free, claimed)
}

// updateBesideDeletes is where a store fails that reads a claim's messages, changes them and writes them back.
func updateBesideDeletes(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.postLiving(20, labels(1, 100)...)
	claim, _ := q.claim(10, len(ids))
	var workers tasks
	half := len(ids) / 2
	for _, part := range [][]marconi.MessageID{ids[:half], ids[half : len(ids)-1]} {
		workers.run(func() error {
			for i, id := range part {
				var err error
				if i%2 == 0 {
					err = q.ds.Delete(t.Context(), q.QueueRef, id, claim)
				} else {
					err = q.ds.DeleteMessages(t.Context(), q.QueueRef, []marconi.MessageID{id}, nil)
				}
				if err != nil {
					return fmt.Errorf("delete beside updates: %w", err)
				}
			}
			return nil
		})
	}
	for i := range 2 {
		workers.run(func() error {
			for n := range 40 {
				u := marconi.ClaimUpdate{TTL: marconi.Seconds(100 + 10*n + i), Grace: 5}
				if err := q.ds.UpdateClaim(t.Context(), q.QueueRef, claim, u); err != nil {
					return fmt.Errorf("UpdateClaim beside deletes: %w", err)
				}
			}
			return nil
		})
	}
	workers.wait(t)
	q.wantAll("100")
	q.wantCounts(0, 1)
	q.delete(ids[len(ids)-1], claim)
	q.wantNoClaim("without a message left", claim)
}

// deadLettersOnce lets workers wear messages out and move them, as the broker does.
func deadLettersOnce(t *testing.T, r *rig) {
	r.needExclusiveClaims(t)
	q, dead := r.queue(t), r.queue(t)
	want := labels(1, 100)
	q.post(want...)
	churn := r.churn(t)
	var workers tasks
	for range 4 {
		workers.run(func() error { return wearOut(t.Context(), q, dead.QueueRef) })
	}
	workers.wait(t)
	churn.stop(t)
	q.wantAll()
	q.wantCounts(0, 0)
	got := bodies(dead.listAll())
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("dead letters = %v, want %v", got, want)
	}
}

// wearOut claims and releases until the queue is empty. Each message may be claimed once.
func wearOut(ctx context.Context, q *queue, dead marconi.QueueRef) error {
	for progress := time.Now(); time.Since(progress) < missed; {
		id := newClaimID()
		got, err := q.ds.Claim(ctx, q.QueueRef, marconi.ClaimRequest{ID: id, TTL: 60, Limit: 5, MaxClaims: 1})
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if err := q.ds.Release(ctx, q.QueueRef, id); err != nil {
			return fmt.Errorf("release: %w", err)
		}
		if err := bury(ctx, q, got, dead); err != nil {
			return err
		}
		if len(got.Messages)+len(got.Spent) > 0 {
			progress = time.Now()
			continue
		}
		left, err := q.ds.List(ctx, q.QueueRef, everything)
		if err != nil || len(left.Items) == 0 {
			return err
		}
		time.Sleep(time.Millisecond) // others have them, or will have deleted them soon
	}
	return fmt.Errorf("dead letters are still where they were moved from after %v", missed)
}

// bury moves dead letters: in one transaction where the store has one, else by a post and a delete.
func bury(ctx context.Context, q *queue, got marconi.Claimed, dead marconi.QueueRef) error {
	if len(got.Spent) == 0 {
		return nil
	}
	if m, ok := q.ds.(marconi.Mover); ok {
		return m.MoveSpent(ctx, q.QueueRef, got.Lease, idsOf(got.Spent), marconi.DeadLetter{Queue: dead})
	}
	post := marconi.Post{Client: producer}
	for _, m := range got.Spent {
		post.Messages = append(post.Messages, marconi.NewMessage{TTL: m.TTL, Body: m.Body})
	}
	if _, err := q.ds.Post(ctx, dead, post); err != nil {
		return fmt.Errorf("post of dead letters: %w", err)
	}
	return q.ds.DeleteMessages(ctx, q.QueueRef, idsOf(got.Spent), []marconi.ClaimID{got.Lease})
}
