package linear

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/marconi-mq/marconi/ledger"
)

const never = time.Duration(math.MaxInt64)

// A phase is what a message is in.
type phase int

const (
	absent phase = iota // not posted yet
	free
	held
	deleted
)

// A register is the state of a message.
type register struct {
	phase            phase
	id               string        // under which it was shown; "": nobody knows
	lives            time.Duration // the earliest time at which it may end by its TTL
	claim            string        // that holds it,
	endsFrom, endsBy time.Duration // until some time of these two
	since            time.Duration // what is done from now on can't be over sooner
}

// in is the register in another phase.
func (r register) in(p phase) register {
	return register{phase: p, id: r.id, lives: r.lives, since: r.since}
}

// claimModel is a message to which one operation happens after the other.
func claimModel(grain time.Duration) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, input, _ any) (bool, any) {
			s := step{register: state.(register), op: input.(ledger.Operation), grain: grain}
			possible, after := s.apply()
			return possible, after
		},
	}
}

// A step is an operation about to happen to a message.
type step struct {
	register
	op    ledger.Operation
	grain time.Duration
}

// apply tells whether the operation can have ended as it did, and what the message is like then. One that is unsure happens
// if it can.
func (s step) apply() (possible bool, after register) {
	if s.until() < s.since {
		return false, s.register
	}
	if s.op.Kind == ledger.OpPost {
		return s.post()
	}
	if s.op.ID != "" {
		if s.id != "" && s.id != s.op.ID {
			return false, s.register
		}
		s.id = s.op.ID
	}
	switch s.op.Kind {
	case ledger.OpClaim:
		return s.ifAble(s.mayBeFree(), s.taken().claimed())
	case ledger.OpPop:
		return s.ifAble(s.mayBeFree(), s.taken().in(deleted))
	case ledger.OpShow:
		return s.phase == free || s.phase == held, s.register
	case ledger.OpMiss:
		return s.phase == absent || s.phase == deleted || s.lives <= s.op.Answered, s.register
	case ledger.OpUpdate:
		return s.update()
	case ledger.OpRelease:
		if s.phase == held && s.claim == s.op.Claim {
			return true, s.in(free)
		}
		return true, s.register
	}
	return s.delete()
}

// ifAble is an operation that succeeds if, and only if, it is able to.
func (s step) ifAble(able bool, after register) (bool, register) {
	if able {
		return true, after
	}
	return s.op.Outcome == ledger.Unsure, s.register
}

func (s step) post() (bool, register) {
	if s.op.Outcome == ledger.Refused {
		return true, s.register
	}
	return s.phase == absent, register{phase: free, id: s.op.ID, lives: s.op.Sent + s.op.TTL - s.grain}
}

// mayBeFree reports whether the message is free, or its claim may be over before the operation is.
func (s step) mayBeFree() bool {
	return s.phase == free || s.phase == held && s.endsFrom <= s.until()
}

// taken is the step with the message about to be taken, for which the claim that held it has to be over. Nobody knows when an
// operation without an answer happened, but what comes after it comes after that.
func (s step) taken() step {
	if s.phase == held {
		s.since = max(s.since, s.endsFrom)
	}
	return s
}

// mayBeMine reports whether the claim that the operation names may hold the message.
func (s step) mayBeMine() bool {
	return s.phase == held && s.claim == s.op.Claim && s.op.Sent <= s.endsBy
}

// isMine reports whether the claim that the operation names is sure to hold the message.
func (s step) isMine() bool { return s.mayBeMine() && !s.mayBeFree() }

func (s step) until() time.Duration {
	if s.op.Outcome == ledger.Unsure {
		return never
	}
	return s.op.Answered
}

// claimed is the register under the operation's claim.
func (s step) claimed() register {
	after := s.in(held)
	after.claim = s.op.Claim
	after.endsFrom, after.endsBy = s.op.Sent+s.op.TTL-s.grain, never
	if s.op.Outcome == ledger.Confirmed {
		after.endsBy = s.op.Answered + s.op.TTL + s.grain
		after.lives = max(after.lives, after.endsFrom) // a claim makes its messages live as long
	}
	return after
}

// update is about all that a claim got, and so also about what has been deleted since.
func (s step) update() (bool, register) {
	switch s.op.Outcome {
	case ledger.Refused:
		return !s.isMine(), s.register
	case ledger.Confirmed:
		if s.mayBeMine() {
			return true, s.claimed()
		}
		return s.phase == deleted, s.register
	}
	if !s.mayBeMine() {
		return true, s.register
	}
	after := s.claimed()
	after.endsFrom = min(after.endsFrom, s.endsFrom)
	return true, after
}

// delete needs the claim that holds the message, or none if none does. Deleting what is not there, or not any more, succeeds.
func (s step) delete() (bool, register) {
	able, must, gone := s.mayBeMine(), s.isMine(), s.in(deleted)
	switch {
	case s.op.Kind == ledger.OpDeleteAnyway:
		able = s.phase == free || s.phase == held
		must = able
	case s.op.Claim == "":
		able = s.mayBeFree()
		must = s.phase == free
		gone = s.taken().in(deleted)
	}
	switch {
	case s.op.Outcome == ledger.Refused:
		return !must, s.register
	case able:
		return true, gone
	case s.op.Outcome == ledger.Unsure || s.phase == absent || s.phase == deleted:
		return true, s.register
	}
	return s.lives <= s.op.Answered, s.in(deleted)
}
