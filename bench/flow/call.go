package flow

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/ledger"
)

// A moment is when an operation was to be sent, and when its sender was awake for it.
type moment struct{ intended, woke time.Duration }

// A hand is one client that does one thing after the other.
type hand struct {
	*Traffic
	role   plan.Role
	number int
}

// An answer is what came of a call.
type answer struct {
	ledger.Call
	ending   ending
	messages int
	bytes    int64
}

// call sends a request and measures it, under the name of its operation, or, where that succeeded and found nothing, under
// another: what is empty must not flatter what isn't.
func (h *hand) call(ctx context.Context, operation string, at moment, do func(context.Context, *answer) error) answer {
	a := answer{Call: ledger.Call{Sent: h.Clock.Now()}}
	err := do(h.patience.limit(ctx, a.Sent), &a)
	a.Answered = h.Clock.Now()
	var class measure.Class
	a.ending, class = h.ending(ctx, err)
	if a.ending == abandoned {
		return a
	}
	if a.ending != succeeded {
		h.Log.Debug("request failed", "flow", h.role, "operation", operation, "error", err)
	}
	if finds(operation) && a.ending == succeeded && a.messages == 0 {
		operation += ".empty"
	}
	m := h.meter(h.role, operation)
	m.Offer(at.intended)
	m.Send(h.number, a.Sent)
	m.Record(h.number, measure.Sample{
		Intended: at.intended, Woke: at.woke, Sent: a.Sent, Answered: a.Answered, Class: class, Messages: a.messages, Bytes: a.bytes,
	})
	return a
}

// finds reports whether an operation can find nothing.
func finds(operation string) bool {
	switch operation {
	case "claim", "list", "pop", "get":
		return true
	}
	return false
}

// now is the moment of what follows at once from what came before it.
func (h *hand) now() moment {
	at := h.Clock.Now()
	return moment{at, at}
}
