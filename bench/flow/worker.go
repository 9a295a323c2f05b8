package flow

import (
	"context"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// A taker goes round its share of the queues, and takes what it finds: as a worker that claims and deletes, or as a popper.
type taker struct {
	hand
	handles []*client.Queue // of its share
	queues  []*queue
	book    *ledger.Worker
	claims  int
	take    func(ctx context.Context, i int, at moment) (found int, e ending)
}

func (t *Traffic) castWorker(n int) error {
	k, err := t.newTaker(plan.Workers, n)
	if err != nil {
		return err
	}
	k.take = k.claim
	t.actors = append(t.actors, k)
	return nil
}

func (t *Traffic) castPopper(n int) error {
	k, err := t.newTaker(plan.Poppers, n)
	if err != nil {
		return err
	}
	k.take = k.pop
	t.actors = append(t.actors, k)
	return nil
}

func (t *Traffic) newTaker(role plan.Role, n int) (*taker, error) {
	handles, err := t.handles(role, n)
	if err != nil {
		return nil, err
	}
	k := &taker{hand: hand{t, role, n}, book: t.Ledger.Worker(fmt.Sprintf("%s %d", singular(role), n))}
	for i, q := range t.queues {
		if share(n, t.workload.Count(role), i, len(t.queues)) {
			k.handles, k.queues = append(k.handles, handles[i]), append(k.queues, q)
		}
	}
	return k, nil
}

// share reports whether the n-th of so many takers has that queue: each queue has one, and each taker.
func share(n, takers, queue, queues int) bool {
	if takers <= queues {
		return queue%takers == n
	}
	return n%queues == queue
}

// act goes round as long as there is something, and rests when a round found nothing. A round that begins when nothing more
// comes, and finds nothing, is the last.
func (k *taker) act(ctx context.Context) {
	rhythm := newRhythm(k.Clock, schedule.Stream(k.Seed, "rhythm of "+string(k.role), k.number, 0), k.rest(k.role), k.Clock.Now())
	at := rhythm.wait(ctx)
	for ctx.Err() == nil {
		last := k.draining.Load()
		found, complete := k.round(ctx, at)
		switch {
		case found > 0:
			at = k.now()
		case last && complete:
			return
		default:
			at = rhythm.wait(ctx)
		}
	}
}

// round looks once into each queue. Complete: all of them answered.
func (k *taker) round(ctx context.Context, at moment) (found int, complete bool) {
	complete = true
	for i := range k.queues {
		n, e := k.take(ctx, i, at)
		found += n
		complete = complete && e == succeeded
		if ctx.Err() != nil {
			return found, false
		}
		at = k.now()
	}
	return found, complete
}

// claim makes a claim and works through it.
func (k *taker) claim(ctx context.Context, i int, at moment) (found int, e ending) {
	c := k.workload.Consuming
	request := client.ClaimRequest{TTL: time.Duration(c.ClaimTTL), Grace: time.Duration(c.Grace), Limit: c.Limit}
	var claim *client.Claim
	a := k.call(ctx, "claim", at, func(ctx context.Context, a *answer) (err error) {
		if claim, err = k.handles[i].Claim(ctx, request); err == nil {
			a.messages, a.bytes = len(claim.Messages), bytesOf(claim.Messages)
		}
		return err
	})
	switch a.ending {
	case succeeded:
		book := k.book.Claimed(ledger.Claiming{
			Queue: k.queues[i].book, ID: string(claim.ID), TTL: request.TTL, Grace: request.Grace, Call: a.Call,
		}, seen(claim.Messages))
		if len(claim.Messages) > 0 {
			k.work(ctx, &lease{taker: k, number: k.queues[i].number, queue: k.handles[i], claim: claim, book: book, until: a.Answered + request.TTL})
		} else if k.givenUp != nil {
			k.givenUp.nothing(k.queues[i].number, a.Sent)
		}
	case unknown, abandoned:
		k.queues[i].book.ClaimUnsure(a.Sent, request.TTL)
		k.unclear(k.queues[i].number)
	}
	return a.messages, a.ending
}

// A lease is a claim that a worker has.
type lease struct {
	*taker
	number int // of the queue
	queue  *client.Queue
	claim  *client.Claim
	book   *ledger.Claim
	until  time.Duration // it is over by then
}

// unclear notes that a call in a queue did not tell how it ended.
func (t *Traffic) unclear(queue int) {
	if t.givenUp != nil {
		t.givenUp.unclear(queue)
	}
}

// work does what a claim is for, or, as a crasher, gives it up.
func (k *taker) work(ctx context.Context, l *lease) {
	random := schedule.Stream(k.Seed, "work", k.number, k.claims)
	k.claims++
	if random.Float64() < k.workload.Crash {
		l.giveUp(ctx)
		return
	}
	for i := range l.claim.Messages {
		if takes := time.Duration(k.workload.Consuming.Process.Draw(random)); takes > 0 {
			k.Clock.SleepUntil(ctx, k.Clock.Now()+takes)
		}
		if ctx.Err() != nil {
			return
		}
		if k.workload.Consuming.Delete == "each" {
			l.delete(ctx, i)
		}
	}
	if k.workload.Consuming.Delete == "bulk" {
		l.deleteAll(ctx)
	}
}

// giveUp releases the claim or, if it is to expire, just does nothing more with it.
func (l *lease) giveUp(ctx context.Context) {
	at := l.now()
	if l.workload.CrashBy == "expiry" {
		const slack = time.Second // of the store's clock
		l.book.Dropped(at.intended)
		l.givenUp.add(l.number, l.book.Messages(), l.until+slack)
		return
	}
	l.book.Releasing(at.intended)
	a := l.call(ctx, "release", at, func(ctx context.Context, _ *answer) error { return l.claim.Release(ctx) })
	if a.ending != succeeded {
		l.unclear(l.number)
		return
	}
	l.book.Released(a.Answered)
	l.givenUp.add(l.number, l.book.Messages(), a.Answered)
}

func (l *lease) delete(ctx context.Context, i int) {
	at := l.now()
	d := l.book.Messages()[i].Deleting(at.intended, l.book)
	a := l.call(ctx, "delete", at, func(ctx context.Context, a *answer) error {
		a.messages = 1
		return l.claim.Delete(ctx, l.claim.Messages[i].ID)
	})
	end(d, a)
}

// deleteAll deletes all messages of the claim in one request, which names no claim.
func (l *lease) deleteAll(ctx context.Context) {
	at := l.now()
	ids, deletions := make([]client.MessageID, len(l.claim.Messages)), make([]ledger.Deletion, len(l.claim.Messages))
	for i, m := range l.claim.Messages {
		ids[i] = m.ID
		deletions[i] = l.book.Messages()[i].DeletingAnyway(at.intended)
	}
	a := l.call(ctx, "bulk_delete", at, func(ctx context.Context, a *answer) error {
		a.messages = len(ids)
		return l.queue.DeleteMessages(ctx, ids...)
	})
	for _, d := range deletions {
		end(d, a)
	}
}

// end tells the ledger how a deletion ended.
func end(d ledger.Deletion, a answer) {
	switch a.ending {
	case succeeded:
		d.Confirmed(a.Answered)
	case refused:
		d.Refused(a.Answered)
	default:
		d.Unsure()
	}
}

// pop takes messages for good.
func (k *taker) pop(ctx context.Context, i int, at moment) (found int, e ending) {
	var got []client.Message
	limit := k.workload.Consuming.Limit
	a := k.call(ctx, "pop", at, func(ctx context.Context, a *answer) (err error) {
		got, err = k.handles[i].Pop(ctx, limit)
		a.messages, a.bytes = len(got), bytesOf(got)
		return err
	})
	switch a.ending {
	case succeeded:
		k.book.Popped(k.queues[i].book, a.Call, seen(got))
	case unknown, abandoned:
		k.queues[i].book.PopUnsure(a.Sent, limit)
		k.unclear(k.queues[i].number)
	}
	return a.messages, a.ending
}

// rest is how long someone of a role waits who has found nothing: what the plan says, or, where his looks are what drives,
// what the rate says.
func (t *Traffic) rest(role plan.Role) time.Duration {
	if t.workload.Describe().Drives == role && t.Cell.Level.Mode == plan.OpenLoop {
		return time.Duration(float64(t.workload.Count(role)) / t.Cell.Level.Rate * float64(time.Second))
	}
	return time.Duration(t.workload.Consuming.IdleWait)
}

// A resting driver lets the time pass: those who are driven by their own rhythm need none.
type resting struct{ *Traffic }

func (r *resting) drive(ctx context.Context, start, length time.Duration) error {
	r.Clock.SleepUntil(ctx, start+length)
	return ctx.Err()
}

// sequence is the hash of nothing: what is looked at, and when, depends on what was found.
func (r *resting) sequence(time.Duration) (string, error) { return "", nil }
