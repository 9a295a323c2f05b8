package pure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const (
	// mostRounds is how often a claim lists that always comes too late.
	mostRounds = 4

	// clockMargin is how long another process's claim must have ended before its messages are taken: its clock may be behind,
	// and a renewal of the last moment under way. This process knows its own clock and renewals.
	clockMargin = 2 * time.Second

	// popFor is how long messages are held that are being popped.
	popFor marconi.Seconds = 60
)

// A grip is a claim that is being made: one that a client asked for, one of dead letters, or one of a pop.
type grip struct {
	claimAttributes
	content claimContent
	grace   marconi.Seconds
	counts  bool // it is one of the message's claims, and extends it
	made    bool // its object may be there
}

// A candidate is a message that is to be taken under a claim.
type candidate struct {
	record // its lease is the one before
	grip   *grip
	taken  leaseAttributes
	body   []byte
	stored bool // its new lease may be
	won    bool // and the message is ours for sure
}

// An attempt is a claim or a pop on its way.
type attempt struct {
	s      *Store
	q      marconi.QueueRef
	at     place
	limit  int
	spend  int // claims after which a message is a dead letter; 0: it never is
	mine   *grip
	spent  *grip
	prior  *claimAttributes // a claim of the same ID that lives already
	lost   map[string]bool  // messages that others have, though listings don't say so
	unsure []*candidate     // those whose lease may be ours nevertheless
	now    int64
	busy   map[claimKey]bool // claims that live, though listings don't say so
	mineIn map[string]record // messages that no other call of this process may take meanwhile
	got    map[string]bool   // those of them that were won
}

// A claimKey names one life of a claim.
type claimKey struct {
	id    marconi.ClaimID
	birth string
}

// attempt begins a claim.
func (s *Store) attempt(q marconi.QueueRef, c marconi.ClaimRequest) *attempt {
	a := s.newAttempt(q, c.Limit)
	a.spend = c.MaxClaims
	a.mine = s.newGrip(c.ID, c.TTL)
	a.mine.grace, a.mine.counts = c.Grace, true
	a.spent = s.newGrip(marconi.ClaimID(spentPrefix+randomHex(16)), marconi.Seconds(marconi.SpentLease/time.Second))
	return a
}

// attemptPop begins a pop.
func (s *Store) attemptPop(q marconi.QueueRef, limit int) *attempt {
	a := s.newAttempt(q, limit)
	a.mine = s.newGrip(marconi.ClaimID(popPrefix+randomHex(16)), popFor)
	a.spent = &grip{}
	return a
}

func (s *Store) newAttempt(q marconi.QueueRef, limit int) *attempt {
	return &attempt{
		s: s, q: q, at: s.placeOf(q), limit: limit,
		lost: map[string]bool{}, busy: map[claimKey]bool{}, mineIn: map[string]record{}, got: map[string]bool{},
	}
}

func (s *Store) newGrip(id marconi.ClaimID, ttl marconi.Seconds) *grip {
	return &grip{
		claimAttributes: claimAttributes{id: id, birth: randomHex(4), node: s.names.node},
		content:         claimContent{TTL: ttl},
	}
}

// end lets other calls of this process have what this one had in view. Those that had to pass over what it did not get may wait by now,
// and are told.
func (a *attempt) end() {
	var lost []record
	var wanted []event
	for name, r := range a.mineIn {
		isWanted := a.s.reserved.give(a.at.message(name))
		if a.got[name] {
			continue
		}
		lost = append(lost, r)
		if isWanted && !a.lost[name] { // what was tried and lost is told of later
			wanted = append(wanted, event{change: released})
		}
	}
	a.s.tellLost(a.q, lost)
	a.s.hub.Notify(a.q, wanted...)
}

// choose lists messages and then claims, as many as it takes to find enough that are free. Claims are listed when as many messages are
// not known to be held: those of one listing tell of most that come behind, and those that are chosen were listed before the last one.
func (a *attempt) choose(ctx context.Context) (*view, []*candidate, error) {
	var open []record
	v := a.s.viewOf(a.q)
	w := a.s.walkBehind(a.at, "")
	for size := firstPage; ; size = 0 {
		records, err := w.next(ctx, size)
		if err != nil {
			return nil, nil, err
		}
		open = a.appendOpen(open, v, records)
		if !w.done() && len(open) < a.limit {
			continue
		}
		if len(open) == 0 {
			return v, nil, nil
		}
		v = a.s.viewOf(a.q)
		if err := v.readClaims(ctx); err != nil {
			return nil, nil, err
		}
		if c, known := v.claims[a.mine.id]; known && c.live(v.now) && !a.mine.made {
			a.prior = &c
			return v, nil, nil
		}
		chosen := a.pick(v, open)
		if w.done() || a.enough(chosen) {
			a.now = v.now
			return v, chosen, nil
		}
		open = chosenRecords(chosen)
	}
}

// appendOpen appends the records that may be taken, as far as the view knows.
func (a *attempt) appendOpen(open []record, v *view, records []record) []record {
	for i := range records {
		if a.isOpen(v, &records[i]) {
			open = append(open, records[i])
		}
	}
	return open
}

func (a *attempt) isOpen(v *view, r *record) bool {
	_, isHeld := v.holder(r)
	return !isHeld && v.there(r) && !r.delayed(v.now) && r.generation < lastGeneration &&
		!a.lost[r.name] && !a.busy[claimKey{r.lease.claim, r.lease.birth}]
}

func chosenRecords(chosen []*candidate) []record {
	records := make([]record, len(chosen))
	for i, c := range chosen {
		records[i] = c.record
	}
	return records
}

func (a *attempt) enough(chosen []*candidate) bool {
	n := 0
	for _, c := range chosen {
		if c.grip == a.mine {
			n++
		}
	}
	return n >= a.limit
}

// pick picks the oldest free messages, and the dead letters that it comes by.
func (a *attempt) pick(v *view, all []record) []*candidate {
	var chosen []*candidate
	fit, spent := 0, 0
	for i := range all {
		r := &all[i]
		if fit == a.limit {
			break
		}
		isSpent := a.isSpent(r)
		if !a.isOpen(v, r) || isSpent && spent == marconi.MaxSpent || !a.reserve(r) {
			continue
		}
		if isSpent {
			spent++
			chosen = append(chosen, &candidate{record: *r, grip: a.spent})
			continue
		}
		fit++
		chosen = append(chosen, &candidate{record: *r, grip: a.mine})
	}
	return chosen
}

// isSpent reports whether a message is a dead letter.
func (a *attempt) isSpent(r *record) bool { return a.spend > 0 && r.lease.count >= a.spend }

// reserve reports whether no other call of this process is about to take the message.
func (a *attempt) reserve(r *record) bool {
	_, already := a.mineIn[r.name]
	if !already && !a.s.reserved.take(a.at.message(r.name)) {
		return false
	}
	a.mineIn[r.name] = *r
	return true
}

// take makes the claims, leases the chosen messages, and gives those of which it is sure. An error says why there are not more.
func (a *attempt) take(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	if len(chosen) == 0 {
		return nil, nil
	}
	err := a.makeGrips(ctx, chosen)
	if errors.Is(err, objects.ErrContainer) {
		return nil, nil // the queue was deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	tookErr := a.leaseAll(ctx, chosen)
	if err := pause.For(ctx, a.s.o.LeaseSettle); err != nil {
		return nil, err
	}
	sureErr := a.verifyAll(ctx, chosen)
	won := chosen[:0:0]
	for _, c := range chosen {
		if c.won {
			a.got[c.name] = true
			won = append(won, c)
			continue
		}
		a.lost[c.name] = true
		if c.stored {
			a.unsure = append(a.unsure, c)
		}
	}
	return won, errors.Join(tookErr, sureErr)
}

// makeGrips stores the claims that the chosen messages need.
func (a *attempt) makeGrips(ctx context.Context, chosen []*candidate) error {
	needed := map[*grip]bool{}
	for _, c := range chosen {
		needed[c.grip] = true
	}
	both := []*grip{a.mine, a.spent}
	return a.s.parallel(len(both), func(i int) error {
		if g := both[i]; needed[g] && !g.made {
			return a.makeGrip(ctx, g)
		}
		return nil
	})
}

// makeGrip stores a claim that holds nothing yet. Its ID is used by no one else; but a claim of that ID may have ended a
// moment ago, or an earlier try may have been stored.
func (a *attempt) makeGrip(ctx context.Context, g *grip) error {
	g.ends = a.now + g.content.TTL.Duration().Milliseconds()
	g.content.Updated = a.now
	body, err := json.Marshal(g.content)
	if err != nil {
		return err
	}
	g.made = true
	at := a.at.claim(g.id)
	err = a.s.c.Put(ctx, at, body, g.attributes(), objects.Anew)
	if err == nil {
		return nil
	}
	if errors.Is(err, objects.ErrContainer) {
		return fmt.Errorf("make a claim: %w", err)
	}
	found, lookErr := a.s.c.Head(ctx, at, true)
	if lookErr != nil && !isMissing(lookErr) {
		return fmt.Errorf("make a claim: %w", err)
	}
	if c, ok := parseClaim(g.id, found.ContentType); ok && c.birth == g.birth {
		return nil
	}
	return a.s.writeClaim(ctx, a.at, g.claimAttributes, g.content)
}
