//go:build unix

package faults

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// A workloadProducer posts one to three messages at a time.
type workloadProducer struct {
	*workload
	book   *ledger.Producer
	random *workloadRandom
}

func (p *workloadProducer) run(ctx context.Context) {
	for p.posting.Load() {
		life := p.server.await(ctx)
		if life == nil {
			return
		}
		p.post(ctx, life, p.anyQueue())
		time.Sleep(p.random.between(0, 40*time.Millisecond))
	}
}

// anyQueue is most often one from which messages are taken.
func (p *workloadProducer) anyQueue() *workloadQueue {
	return []*workloadQueue{p.kept, p.jobs, p.jobs, p.jobs, p.mixed, p.mixed}[p.random.r.IntN(6)]
}

func (p *workloadProducer) post(ctx context.Context, life *workloadLife, q *workloadQueue) {
	post := p.book.Post(ledger.Posting{
		Queue: q.book, Messages: 1 + p.random.r.IntN(3), TTL: time.Hour, Intended: p.clock.Now(),
	})
	messages := make([]client.NewMessage, post.Len())
	for i := range messages {
		messages[i] = client.NewMessage{TTL: time.Hour, Body: post.Body(i).AppendPadded(nil, 200, 0)}
	}
	call, done := context.WithTimeout(ctx, workloadCallTime)
	defer done()
	sent := p.clock.Now()
	ids, err := life.client.Queue(q.name).Post(call, messages...)
	answered := p.clock.Now()
	switch p.ending(ctx, life, sent, err) {
	case workloadSucceeded:
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = string(id)
		}
		post.Confirmed(texts, answered)
	case workloadRefused, workloadUnsent:
		post.Refused(answered)
	default:
		p.unsure.posts.Add(1)
		post.Unsure()
	}
}

// A workloadWorker claims messages and deletes them. A fickle one also updates claims, and releases or forgets them; one
// that pops makes none.
type workloadWorker struct {
	*workload
	book         *ledger.Worker
	random       *workloadRandom
	queue        *workloadQueue
	pops, fickle bool
}

func (k *workloadWorker) run(ctx context.Context) {
	for k.taking.Load() {
		life := k.server.await(ctx)
		if life == nil {
			return
		}
		if k.pops {
			k.pop(ctx, life)
		} else {
			k.claim(ctx, life)
		}
		time.Sleep(k.random.between(0, 10*time.Millisecond))
	}
}

func (k *workloadWorker) pop(ctx context.Context, life *workloadLife) {
	call, done := context.WithTimeout(ctx, workloadCallTime)
	defer done()
	limit, sent := 1+k.random.r.IntN(3), k.clock.Now()
	got, err := life.client.Queue(k.queue.name).Pop(call, limit)
	switch k.ending(ctx, life, sent, err) {
	case workloadSucceeded:
		k.book.Popped(k.queue.book, ledger.Call{Sent: sent, Answered: k.clock.Now()}, workloadSeen(got))
	case workloadUnanswered, workloadCanceled:
		k.unsure.pops.Add(1)
		k.queue.book.PopUnsure(sent, limit)
	}
}

func (k *workloadWorker) claim(ctx context.Context, life *workloadLife) {
	call, done := context.WithTimeout(ctx, workloadCallTime)
	defer done()
	r := client.ClaimRequest{TTL: workloadClaimTTL, Grace: workloadClaimTTL, Limit: 1 + k.random.r.IntN(10)}
	sent := k.clock.Now()
	got, err := life.client.Queue(k.queue.name).Claim(call, r)
	switch k.ending(ctx, life, sent, err) {
	case workloadSucceeded:
		claim := k.book.Claimed(ledger.Claiming{
			Queue: k.queue.book, ID: string(got.ID), TTL: r.TTL, Grace: r.Grace,
			Call: ledger.Call{Sent: sent, Answered: k.clock.Now()},
		}, workloadSeen(got.Messages))
		k.process(ctx, &workloadHand{k, claim, got.ID, got.Messages})
	case workloadUnanswered, workloadCanceled:
		k.unsure.claims.Add(1)
		k.queue.book.ClaimUnsure(sent, r.TTL)
	}
}

// A workloadHand is a claim that a worker has.
type workloadHand struct {
	*workloadWorker
	book     *ledger.Claim
	id       client.ClaimID
	messages []client.Message
}

func (k *workloadWorker) process(ctx context.Context, h *workloadHand) {
	for i := range h.messages {
		time.Sleep(k.random.between(0, 3*time.Millisecond))
		if k.fickle && !h.change(ctx) {
			return
		}
		h.finish(ctx, i)
	}
}

// change does something else with the claim, or not, and reports whether it is to go on.
func (h *workloadHand) change(ctx context.Context) bool {
	switch h.random.r.IntN(8) {
	case 0:
		h.update(ctx)
	case 1:
		h.release(ctx)
		return false
	case 2:
		h.book.Dropped(h.clock.Now())
		return false
	}
	return true
}

// finish deletes a message. If no answer comes it may ask again: the server will be back, and has to know the claim.
func (h *workloadHand) finish(ctx context.Context, i int) {
	for {
		switch h.delete(ctx, i) {
		case workloadUnsent:
			if !h.server.pause(ctx) {
				return
			}
		case workloadUnanswered:
			if h.random.one(2) {
				return
			}
		default:
			return
		}
	}
}

func (h *workloadHand) delete(ctx context.Context, i int) workloadEnding {
	return h.call(ctx, func(call context.Context, life *workloadLife) workloadEnding {
		sent := h.clock.Now()
		d := h.book.Messages()[i].Deleting(sent, h.book)
		e := h.ending(ctx, life, sent, life.client.Queue(h.queue.name).DeleteMessage(call, h.messages[i].ID, h.id))
		switch e {
		case workloadSucceeded:
			d.Confirmed(h.clock.Now())
		case workloadRefused:
			d.Refused(h.clock.Now())
		case workloadUnanswered, workloadCanceled:
			h.unsure.deletes.Add(1)
			d.Unsure()
		}
		return e
	})
}

func (h *workloadHand) update(ctx context.Context) {
	h.call(ctx, func(call context.Context, life *workloadLife) workloadEnding {
		u := client.ClaimUpdate{TTL: workloadClaimTTL, Grace: workloadClaimTTL}
		sent := h.clock.Now()
		h.book.Updating(sent, u.TTL, u.Grace)
		e := h.ending(ctx, life, sent, life.client.Queue(h.queue.name).UpdateClaim(call, h.id, u))
		switch e {
		case workloadSucceeded:
			h.book.Updated(h.clock.Now())
		case workloadRefused:
			h.book.UpdateRefused(h.clock.Now())
		case workloadUnanswered, workloadCanceled:
			h.unsure.others.Add(1)
		}
		return e
	})
}

func (h *workloadHand) release(ctx context.Context) {
	h.call(ctx, func(call context.Context, life *workloadLife) workloadEnding {
		sent := h.clock.Now()
		h.book.Releasing(sent)
		e := h.ending(ctx, life, sent, life.client.Queue(h.queue.name).ReleaseClaim(call, h.id))
		switch e {
		case workloadSucceeded:
			h.book.Released(h.clock.Now())
		case workloadUnanswered, workloadCanceled:
			h.unsure.others.Add(1)
		}
		return e
	})
}

// call makes one call to the server, when there is one.
func (h *workloadHand) call(ctx context.Context, f func(context.Context, *workloadLife) workloadEnding) workloadEnding {
	life := h.server.await(ctx)
	if life == nil {
		return workloadCanceled
	}
	call, done := context.WithTimeout(ctx, workloadCallTime)
	defer done()
	return f(call, life)
}

// A workloadObserver lists a queue from its beginning to its end, and goes on at its marker whatever becomes of the server.
type workloadObserver struct {
	*workload
	queue   *workloadQueue
	claimed bool
	book    *ledger.Observer
	count   *atomic.Int64 // how much it has been shown; or nil
	marker  string
}

func (o *workloadObserver) run(ctx context.Context) {
	for {
		last := !o.taking.Load() // nothing comes any more
		life := o.server.await(ctx)
		if life == nil {
			return
		}
		n, e := o.look(ctx, life)
		if last && n == 0 && (e == workloadSucceeded || !life.doomed.Load()) { // an error has been complained of
			return
		}
		if n == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func (o *workloadObserver) look(ctx context.Context, life *workloadLife) (n int, e workloadEnding) {
	call, done := context.WithTimeout(ctx, workloadCallTime)
	defer done()
	sent := o.clock.Now()
	l := client.MessageListing{Marker: o.marker, Limit: 20, Echo: true, IncludeClaimed: o.claimed}
	page, err := life.client.Queue(o.queue.name).MessagePage(call, l)
	if e := o.ending(ctx, life, sent, err); e != workloadSucceeded || len(page.Items) == 0 {
		return 0, e
	}
	o.book.Page(ledger.Call{Sent: sent, Answered: o.clock.Now()}, workloadSeen(page.Items))
	if o.count != nil {
		o.count.Add(int64(len(page.Items)))
	}
	o.marker = page.Marker
	return len(page.Items), workloadSucceeded
}
