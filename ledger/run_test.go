package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"go.uber.org/goleak"
)

// A run is producers, workers and observers on a real store, each a goroutine.
type run struct {
	t     *testing.T
	ds    marconi.DataStore
	l     *ledger.Ledger
	clock *ledger.Clock
	ref   marconi.QueueRef
	q     *ledger.Queue

	producing sync.WaitGroup
	taking    sync.WaitGroup
	over      atomic.Bool // all has been posted, and taken as far as it will be
}

const (
	runProducers = 16
	runWorkers   = 16
	runPosts     = 60
)

func TestMemoryKeepsItsPromises(t *testing.T) {
	defer goleak.VerifyNone(t)
	opened := memory.New(storage.Options{})
	defer opened.Data.Close()
	defer opened.Control.Close()
	r := &run{
		t: t, ds: opened.Data, clock: ledger.NewClock(nil),
		l:   ledger.New(ledger.Options{Run: "memory", History: true}),
		ref: marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "q"}, Incarnation: 7},
	}
	r.q = r.l.Queue("p", "q")
	for i := range runProducers {
		r.producing.Go(func() { r.produce(r.l.Producer(), newRandom(i)) })
	}
	for i := range runWorkers {
		r.taking.Go(func() { r.work(r.l.Worker(fmt.Sprintf("w%d", i)), newRandom(100+i)) })
	}
	for _, claimed := range []bool{false, true} {
		r.taking.Go(func() { r.observe(claimed) })
	}
	r.producing.Wait()
	time.Sleep(20 * time.Millisecond)
	r.over.Store(true)
	r.taking.Wait()
	r.drain()

	v := r.l.Verdict()
	if !v.OK() {
		t.Errorf("memory: %s", v.Report())
	}
	if v.Confirmed != v.Posted || v.Deleted == 0 || v.Popped == 0 || v.Leftover == 0 || v.Redelivered.Count == 0 {
		t.Errorf("not much happened: %s", v.Report())
	}
	if got := linear.CheckClaims(r.l.History(), linear.Options{}); !got.OK() || int64(got.Messages) != v.Posted {
		t.Errorf("CheckClaims = %v", got)
	}
}

func newRandom(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }

func (r *run) produce(p *ledger.Producer, random *rand.Rand) {
	for range runPosts {
		post := p.Post(ledger.Posting{Queue: r.q, Messages: 1 + random.IntN(5), TTL: time.Hour, Intended: r.clock.Now()})
		request := marconi.Post{Client: "c"}
		for i := range post.Len() {
			request.Messages = append(request.Messages, marconi.NewMessage{TTL: 3600, Body: post.Body(i).AppendPadded(nil, 200, 0)})
		}
		ids, err := r.ds.Post(r.t.Context(), r.ref, request)
		if err != nil {
			r.t.Error(err)
			post.Unsure()
			return
		}
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = string(id)
		}
		post.Confirmed(texts, r.clock.Now())
	}
}

// work pops, or claims and then deletes, releases or forgets what it has, until the run is over.
func (r *run) work(w *ledger.Worker, random *rand.Rand) {
	ctx := r.t.Context()
	for n := 0; !r.over.Load(); n++ {
		time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond)
		sent := r.clock.Now()
		if random.IntN(4) == 0 {
			got, err := r.ds.Pop(ctx, r.ref, 2)
			if r.failed(err) {
				return
			}
			w.Popped(r.q, ledger.Call{Sent: sent, Answered: r.clock.Now()}, seen(got))
			continue
		}
		id := fmt.Sprintf("%032x", random.Uint64())
		got, err := r.ds.Claim(ctx, r.ref, marconi.ClaimRequest{ID: marconi.ClaimID(id), TTL: 60, Grace: 60, Limit: 5})
		if r.failed(err) {
			return
		}
		claim := w.Claimed(ledger.Claiming{
			Queue: r.q, ID: id, TTL: time.Minute, Grace: time.Minute, Call: ledger.Call{Sent: sent, Answered: r.clock.Now()},
		}, seen(got.Messages))
		r.process(ctx, claim, marconi.ClaimID(id), got.Messages, random)
	}
}

func (r *run) process(ctx context.Context, claim *ledger.Claim, id marconi.ClaimID, messages []marconi.Message, random *rand.Rand) {
	for i, m := range claim.Messages() {
		switch random.IntN(20) {
		case 0:
			claim.Releasing(r.clock.Now())
			r.failed(r.ds.Release(ctx, r.ref, id))
			claim.Released(r.clock.Now())
			return
		case 1:
			claim.Dropped(r.clock.Now())
			return
		}
		d := m.Deleting(r.clock.Now(), claim)
		if err := r.ds.Delete(ctx, r.ref, messages[i].ID, id); err != nil {
			r.t.Errorf("delete: %v", err)
			d.Unsure()
			continue
		}
		d.Confirmed(r.clock.Now())
	}
}

func (r *run) observe(claimed bool) {
	o := r.l.Observer(r.q, ledger.Observing{Name: fmt.Sprintf("observer, %v", claimed), Claimed: claimed})
	for marker := marconi.Marker(""); !r.over.Load(); {
		sent := r.clock.Now()
		page, err := r.ds.List(r.t.Context(), r.ref, marconi.Listing{Marker: marker, Limit: 20, Echo: true, IncludeClaimed: claimed})
		if r.failed(err) {
			return
		}
		o.Page(ledger.Call{Sent: sent, Answered: r.clock.Now()}, seen(page.Items))
		if len(page.Items) > 0 {
			marker = page.Next
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

func (r *run) drain() {
	d := r.l.Drain(r.q, r.clock.Now())
	for marker := marconi.Marker(""); ; {
		sent := r.clock.Now()
		page, err := r.ds.List(r.t.Context(), r.ref, marconi.Listing{Marker: marker, Limit: 100, Echo: true, IncludeClaimed: true})
		if r.failed(err) {
			return
		}
		d.Page(ledger.Call{Sent: sent, Answered: r.clock.Now()}, seen(page.Items))
		if len(page.Items) == 0 {
			break
		}
		marker = page.Next
	}
	d.Done(r.clock.Now())
}

func (r *run) failed(err error) bool {
	if err != nil {
		r.t.Error(err)
	}
	return err != nil
}

func seen(messages []marconi.Message) []ledger.Seen {
	all := make([]ledger.Seen, len(messages))
	for i, m := range messages {
		all[i] = ledger.Seen{ID: string(m.ID), Body: m.Body}
	}
	return all
}
