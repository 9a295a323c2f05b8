package ledger

import (
	"slices"
	"sync"
	"time"
)

// An OperationKind is what an operation does with a message.
type OperationKind string

// The kinds.
const (
	OpPost         OperationKind = "post"
	OpClaim        OperationKind = "claim"
	OpPop          OperationKind = "pop"
	OpShow         OperationKind = "show" // a get or a listing that says no more than that it is there
	OpUpdate       OperationKind = "update"
	OpRelease      OperationKind = "release"
	OpDelete       OperationKind = "delete"
	OpDeleteAnyway OperationKind = "delete anyway" // takes claimed messages, too
	OpMiss         OperationKind = "miss"          // a drain of its queue that did not show it
)

// An Operation is what a call did, or may have done, to one message. One that is unsure may have done it at any time after
// it was sent, or not at all.
type Operation struct {
	Kind    OperationKind
	Queue   string        // of the message, as project/name
	Message string        // its producer and number
	Any     string        // instead of both: a queue, of which any message may have been claimed or popped
	Post    string        // of a message posted: what all of the same post have in common; "" if they need not be all or none, at the end of the queue
	ID      string        // that the message was given, or shown under; "" where that says nothing
	Claim   string        // the claim that was made, or named; ""
	Reader  string        // of a message shown: the listing that did, whose shows stand in the history in its order; "" where that says nothing
	TTL     time.Duration // of a message posted, a claim, or its update
	Outcome Outcome
	Call    // Answered is the largest time if there was no answer
}

// A history is a list of operations, if it is on.
type history struct {
	on bool

	mu         sync.Mutex // guards what follows
	operations []Operation
}

// History is what has been done, if [Options].History asks for it. See [github.com/marconi-mq/marconi/ledger/linear].
func (l *Ledger) History() []Operation {
	l.history.mu.Lock()
	defer l.history.mu.Unlock()
	return slices.Clone(l.history.operations)
}

// append enters an operation, and returns where.
func (h *history) append(o Operation) (entry int) {
	if !h.on {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, o)
	return len(h.operations) - 1
}

// begin enters an operation on a message that is about to be sent.
func (h *history) begin(o Operation, m Message, sent time.Duration) (entry int) {
	if !h.on || m.stranger != nil || m.copy {
		return 0
	}
	o.Queue, o.Message = m.name()
	o.Outcome, o.Call = Unsure, Call{sent, never}
	return h.append(o)
}

// end tells how an operation ended.
func (h *history) end(entry int, outcome Outcome, answered time.Duration) {
	if !h.on {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations[entry].Outcome, h.operations[entry].Answered = outcome, answered
}

// add enters an operation with its answer. A message that is shown under another ID than before is entered with that: it has
// only one, but for that of a dead letter.
func (h *history) add(o Operation, m Message, call Call) {
	if !h.on || m.stranger != nil {
		return
	}
	if m.l.peek(m.at).flags.has(moved) {
		o.ID = ""
	}
	if m.copy && o.ID == "" {
		return
	}
	o.Queue, o.Message = m.name()
	o.Outcome, o.Call = Confirmed, call
	h.append(o)
}

// each is begin for several messages.
func (h *history) each(o Operation, messages []Message, sent time.Duration) (entries []int) {
	if !h.on {
		return nil
	}
	for _, m := range messages {
		if m.stranger == nil && !m.copy {
			entries = append(entries, h.begin(o, m, sent))
		}
	}
	return entries
}

// identify tells which IDs the messages of a post were given.
func (h *history) identify(entries []int, ids []string) {
	if !h.on {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, entry := range entries {
		h.operations[entry].ID = ids[i]
	}
}

// miss enters the messages of a queue that its drain did not show. Where it has a dead-letter queue they may be there.
func (l *Ledger) miss(q *Queue, drain Call) {
	if !l.history.on || q.state().dead != nil {
		return
	}
	for at := range l.messages() {
		if r := l.peek(at); r.queue == q.index && !r.flags.has(leftover|blurred) {
			l.history.add(Operation{Kind: OpMiss}, Message{l: l, at: at}, drain)
		}
	}
}

func (h *history) endEach(entries []int, outcome Outcome, answered time.Duration) {
	for _, entry := range entries {
		h.end(entry, outcome, answered)
	}
}
