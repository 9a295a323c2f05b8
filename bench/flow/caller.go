package flow

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// peers answer callers.
const peers plan.Role = "peers"

// newCallers makes the flow of request and reply: a caller posts calls into a queue, its peer reads them there and posts its
// answers into the same one. Both leave out what they have posted themselves.
func (t *Traffic) newCallers() (*producers, error) {
	callers, err := t.newPosters(plan.Callers)
	if err != nil {
		return nil, err
	}
	for n, c := range callers.all {
		q := c.choose()
		caller := &caller{number: n, trip: t.meter(plan.Callers, RoundTrip), answers: map[uint32]int{}}
		t.callers = append(t.callers, caller)
		listen, err := t.newListener(plan.Callers, n, q, c.book)
		if err != nil {
			return nil, err
		}
		listen.saw = caller.saw
		poster := t.Ledger.Producer()
		answer, err := t.newListener(peers, n, q, poster)
		if err != nil {
			return nil, err
		}
		peer := &peer{reader: answer, caller: uint32(n), poster: poster}
		answer.saw, listen.behind = peer.saw, answer
		t.actors = append(t.actors, listen, answer)
	}
	return callers, nil
}

// newListener makes a reader that leaves out what it has posted itself. Whoever has listened to the end and was not shown a call, or an
// answer, has it on the ledger as missed: so each call that was confirmed is answered, if its answer was confirmed.
func (t *Traffic) newListener(role plan.Role, n, q int, own *ledger.Producer) (*reader, error) {
	handles, err := t.handles(role, n)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s %d", singular(role), n)
	return &reader{
		hand: hand{t, role, n}, queue: t.queues[q], handle: handles[q], listing: client.MessageListing{Limit: t.workload.Consuming.Limit},
		book: t.Ledger.Observer(t.queues[q].book, ledger.Observing{Name: name, Without: own}),
	}, nil
}

// A caller knows what it was answered. Its producer has its number, since callers are the first to get one.
type caller struct {
	number  int
	trip    *measure.Meter
	answers map[uint32]int // by the number of the call
	himself int            // messages of its own that it was shown
}

func (c *caller) saw(_ context.Context, got []client.Message, _ []ledger.Message, answered time.Duration) {
	for _, m := range got {
		b, err := ledger.ParseBody(m.Body)
		if err != nil {
			continue // the ledger has been told
		}
		if b.Producer == uint32(c.number) {
			c.himself++
		}
		var to, number uint32
		var intended time.Duration
		if n, _ := fmt.Sscanf(string(b.Filler), answerForm, &to, &number, &intended); n != 3 || to != uint32(c.number) {
			continue
		}
		if c.answers[number]++; c.answers[number] == 1 {
			c.trip.Record(c.number, measure.Sample{Intended: intended, Woke: intended, Sent: intended, Answered: answered, Messages: 1})
		}
	}
}

// answerForm is how the filler of an answer begins: whose call it answers, which, and when that was intended.
const answerForm = "re %d %d %d "

// A peer answers the calls of one caller.
type peer struct {
	*reader
	caller uint32
	poster *ledger.Producer
	posts  int
}

func (p *peer) saw(ctx context.Context, got []client.Message, _ []ledger.Message, _ time.Duration) {
	for _, m := range got {
		if b, err := ledger.ParseBody(m.Body); err == nil && b.Producer == p.caller {
			p.answer(ctx, b)
		}
	}
}

func (p *peer) answer(ctx context.Context, call ledger.Body) {
	at, ttl := p.now(), time.Duration(p.workload.Messages.TTL)
	post := p.poster.Post(ledger.Posting{Queue: p.queue.book, Messages: 1, TTL: ttl, Intended: at.intended})
	size := p.workload.Messages.Size.Draw(schedule.Stream(p.Seed, "answer", p.number, p.posts))
	p.posts++
	body := post.Body(0)
	text := fmt.Appendf(nil, answerForm, call.Producer, call.Number, int64(call.Intended))
	padding := max(size-len(call.Append(nil))+len(call.Filler)-len(text), 0)
	body.Filler = slices.Concat(text, bytes.Repeat([]byte{'x'}, padding))
	message := client.NewMessage{TTL: ttl, Body: body.Append(nil)}
	var ids []client.MessageID
	a := p.call(ctx, "post", at, func(ctx context.Context, a *answer) (err error) {
		a.messages, a.bytes = 1, int64(len(message.Body))
		ids, err = p.handle.Post(ctx, message)
		return err
	})
	(&posting{post: post}).enter(ids, a.ending, a.Answered)
}
