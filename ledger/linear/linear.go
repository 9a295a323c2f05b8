// Package linear checks the history of single claims: whether there is an order in which everything that was done to a
// message can have happened, each operation at one moment between its sending and its answer.
//
// To the check a message is a register: absent, free, held by a claim until about a time, or deleted; and it has one ID. The
// messages of a post appear at one moment. So it finds what is claimed twice, lost (confirmed, and not in the drain though nothing
// took it), doubled under another ID, torn, kept though refused, or revived. The check sees more than the ledger's intervals do,
// such as a delete that succeeded with another's claim, and takes much more time; it is for short runs whose [ledger.Options]
// keep a history.
//
// For the order of messages, two that follow one another are a register: see [CheckOrder].
//
// It sees no more than that: what an observer was shown twice or not at all before the drain, and what is damaged or delivered too
// late are for the ledger alone to find.
package linear

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/marconi-mq/marconi/ledger"
)

// Options say how to check.
type Options struct {
	// Grain is the step of the store's clock: by so much sooner or later than its TTL a claim may end. 0: a millisecond.
	Grain time.Duration
	// Timeout bounds the search for an order for each message, or two that follow one another. 0: a second.
	Timeout time.Duration
}

const defaultTimeout = time.Second

// A Result tells of which messages there is no order.
type Result struct {
	Messages  int        // how many were checked; of CheckOrder, pairs of them
	Broken    []Offender // those without an order
	Undecided []Offender // those for which the search took too long: too much of what happened to them is unsure
}

// OK reports whether there is an order for each message, or may be.
func (r Result) OK() bool { return len(r.Broken) == 0 }

// An Offender is a message and what was done to it, by the time of sending.
type Offender struct {
	Queue, Message string
	Operations     []ledger.Operation
}

// CheckClaims checks a history, message by message.
func CheckClaims(history []ledger.Operation, o Options) Result {
	o.Grain = cmp.Or(o.Grain, time.Millisecond)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	model := claimModel(o.Grain)
	parts := byMessage(allOrNone(history))
	result := Result{}
	for _, part := range parts {
		result.judge(model, part, calls(part.Operations), o.Timeout)
	}
	return result
}

// judge enters whether there is an order for a part of the history.
func (r *Result) judge(model porcupine.Model, part Offender, calls []porcupine.Operation, timeout time.Duration) {
	r.Messages++
	switch porcupine.CheckOperationsTimeout(model, calls, timeout) {
	case porcupine.Illegal:
		r.Broken = append(r.Broken, part)
	case porcupine.Unknown:
		r.Undecided = append(r.Undecided, part)
	}
}

// allOrNone has each post be over when the first of its messages was shown: the others have appeared with it, also if nobody
// was told. A drain that missed them did so after that: what is posted while it goes on stands at its end, and what is gone once
// stays so.
func allOrNone(history []ledger.Operation) []ledger.Operation {
	postOf := map[string]string{}
	for _, op := range history {
		if op.Kind == ledger.OpPost && op.Post != "" {
			postOf[op.Message] = op.Post
		}
	}
	shown := map[string]time.Duration{}
	for _, op := range history {
		post, known := postOf[op.Message]
		if !known || op.Outcome != ledger.Confirmed || !shows(op.Kind) {
			continue
		}
		if first, found := shown[post]; !found || op.Answered < first {
			shown[post] = op.Answered
		}
	}
	history = slices.Clone(history)
	for i, op := range history {
		by, found := shown[postOf[op.Message]]
		switch {
		case !found:
		case op.Kind == ledger.OpPost && op.Outcome == ledger.Unsure:
			history[i].Outcome, history[i].Answered = ledger.Confirmed, by
		case op.Kind == ledger.OpPost && op.Outcome == ledger.Confirmed:
			history[i].Answered = min(op.Answered, by)
		case op.Kind == ledger.OpMiss && by < op.Answered:
			history[i].Sent = max(op.Sent, by+1)
		}
	}
	return history
}

func shows(kind ledger.OperationKind) bool {
	return kind == ledger.OpShow || kind == ledger.OpClaim || kind == ledger.OpPop
}

// byMessage divides a history. What may have been done to any message of a queue is in the part of each, as far as it can
// explain anything there.
func byMessage(history []ledger.Operation) []Offender {
	parts := map[string]*Offender{}
	ofAny := map[string]*unanswered{}
	for i, op := range history {
		if op.Any != "" {
			op.Claim = fmt.Sprintf("unanswered-%d", i) // nobody knows it by its name
			if ofAny[op.Any] == nil {
				ofAny[op.Any] = &unanswered{}
			}
			ofAny[op.Any].add(op)
			continue
		}
		part := parts[op.Message]
		if part == nil {
			part = &Offender{Queue: op.Queue, Message: op.Message}
			parts[op.Message] = part
		}
		part.Operations = append(part.Operations, op)
	}
	for _, u := range ofAny {
		u.sort()
	}
	all := make([]Offender, 0, len(parts))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part := parts[name]
		part.Operations = ofAny[part.Queue].addTo(part.Operations)
		slices.SortStableFunc(part.Operations, bySending)
		all = append(all, *part)
	}
	return all
}

// unanswered are a queue's claims and pops that may have been about any of its messages. Each crash of a server leaves some,
// and the search for an order tries every subset of what is unsure: all of them would be too many for one message, and most make
// no difference to it.
type unanswered struct{ claims, pops []ledger.Operation }

func (u *unanswered) add(op ledger.Operation) {
	if op.Kind == ledger.OpClaim {
		u.claims = append(u.claims, op)
	} else {
		u.pops = append(u.pops, op)
	}
}

// sort brings first what explains most: what was sent first can have come soonest. The claims get the shortest TTL of all, for
// the sooner one may be over, the more there can be in its place.
func (u *unanswered) sort() {
	slices.SortStableFunc(u.pops, bySending)
	slices.SortStableFunc(u.claims, bySending)
	shortest := never
	for _, op := range u.claims {
		shortest = min(shortest, op.TTL)
	}
	for i := range u.claims {
		u.claims[i].TTL = shortest
	}
}

// addTo adds to what was done to a message as many as can explain anything. After one pop it is gone. That somebody unknown
// held it explains only why it could not be deleted without a claim, and each time needs no more than one of them.
func (u *unanswered) addTo(done []ledger.Operation) []ledger.Operation {
	if u == nil {
		return done
	}
	refusals := 0
	for _, op := range done {
		if op.Kind == ledger.OpDelete && op.Claim == "" && op.Outcome == ledger.Refused {
			refusals++
		}
	}
	done = append(done, u.pops[:min(1, len(u.pops))]...)
	return append(done, u.claims[:min(refusals, len(u.claims))]...)
}

func bySending(a, b ledger.Operation) int { return cmp.Compare(a.Sent, b.Sent) }

func calls(operations []ledger.Operation) []porcupine.Operation {
	all := make([]porcupine.Operation, len(operations))
	for i, op := range operations {
		all[i] = porcupine.Operation{ClientId: i, Input: op, Call: int64(op.Sent), Return: int64(op.Answered)}
		if op.Outcome == ledger.Unsure {
			all[i].Return = math.MaxInt64 // it may happen after all else, which is as good as not at all
		}
	}
	return all
}

// String is the message and its operations, a line each.
func (o Offender) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "message %s of queue %s:", o.Message, o.Queue)
	for _, op := range o.Operations {
		answered := op.Answered.String()
		if op.Outcome == ledger.Unsure {
			answered = "…"
		}
		fmt.Fprintf(&text, "\n  %v to %s: %s %s %s", op.Sent, answered, op.Kind, op.Claim, op.Outcome)
	}
	return text.String()
}
