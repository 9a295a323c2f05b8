package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// auditPhases are the parts of an audit: the work alone, the work watched, and the work alone again, by which one knows
// whether the machine has changed meanwhile.
var auditPhases = []string{"before", "during", "after"}

// audits is what all auditors have seen.
type audits struct {
	during   span
	deliver  *measure.Meter
	all      []*auditing
	inSpan   func() span
	pages    atomic.Int64
	messages atomic.Int64
	claimed  atomic.Int64 // pages that show a claim
	fetched  atomic.Int64 // messages by their ID
}

// An auditing is what one auditor has seen of all queues.
type auditing struct {
	posted atomic.Int64 // messages that were intended while it audited
}

// begin says when there are auditors: in the second third of an audit, in other workloads all the time.
func (a *audits) begin(measured span) {
	a.during = a.inSpan()
	if a.during == (span{}) {
		third := (measured.to - measured.from) / time.Duration(len(auditPhases))
		a.during = span{measured.from + third, measured.from + 2*third}
	}
}

// castAuditor makes a reader for each queue of the auditor. He starts at the beginning, sees what is claimed and his own
// project's messages only, and takes nothing.
func (t *Traffic) castAuditor(n int) error {
	handles, err := t.handles(plan.Auditors, n)
	if err != nil {
		return err
	}
	if t.audits == nil {
		t.audits = &audits{deliver: t.meter(plan.Auditors, Delivery), inSpan: t.auditSpan}
	}
	seenBy := &auditing{}
	t.audits.all = append(t.audits.all, seenBy)
	getter := t.Ledger.Worker(fmt.Sprintf("auditor %d", n))
	for i, q := range t.queues {
		r := &reader{
			hand: hand{t, plan.Auditors, n}, queue: q, handle: handles[i],
			book:    t.Ledger.Observer(q.book, ledger.Observing{Name: fmt.Sprintf("auditor %d", n), Claimed: true}),
			listing: client.MessageListing{Limit: t.workload.Consuming.Limit, Echo: true, IncludeClaimed: true},
		}
		pages := 0
		r.saw = func(ctx context.Context, got []client.Message, _ []ledger.Message, answered time.Duration) {
			t.audits.saw(seenBy, n, got, answered)
			if pages++; pages%t.workload.Consuming.VerifyEvery == 0 {
				r.verify(ctx, getter, got[0].ID)
			}
		}
		if t.isAudit() {
			r.from, r.until = func() time.Duration { return t.audits.during.from }, func() time.Duration { return t.audits.during.to }
		}
		t.actors = append(t.actors, r)
	}
	return nil
}

func (t *Traffic) isAudit() bool { return t.workload.Describe().Phases == len(auditPhases) }

// auditSpan is when auditors are at work where they aren't only for a third of the time: nothing, if they are.
func (t *Traffic) auditSpan() span {
	if t.isAudit() {
		return span{}
	}
	return t.end
}

func (a *audits) saw(by *auditing, auditor int, got []client.Message, answered time.Duration) {
	a.pages.Add(1)
	a.messages.Add(int64(len(got)))
	claims := false
	for _, m := range got {
		claims = claims || m.Claim != ""
		b, err := ledger.ParseBody(m.Body)
		if err != nil || !a.during.holds(b.Intended) {
			continue
		}
		by.posted.Add(1)
		a.deliver.Record(auditor, measure.Sample{Intended: b.Intended, Woke: b.Intended, Sent: b.Intended, Answered: answered, Messages: 1})
	}
	if claims {
		a.claimed.Add(1)
	}
}

// verify fetches a message by its ID. A worker may have deleted it meanwhile.
func (r *reader) verify(ctx context.Context, book *ledger.Worker, id client.MessageID) {
	var got []client.Message
	a := r.call(ctx, "get", r.now(), func(ctx context.Context, a *answer) error {
		m, err := r.handle.Message(ctx, id)
		if errors.Is(err, client.ErrNotFound) {
			return nil
		}
		if err == nil {
			got = []client.Message{m}
			a.messages, a.bytes = 1, bytesOf(got)
		}
		return err
	})
	if a.ending == succeeded && len(got) > 0 {
		book.Got(r.queue.book, a.Call, seen(got))
		r.audits.fetched.Add(1)
	}
}
