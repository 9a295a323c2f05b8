package indexed

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Claim implements [marconi.ClaimStore]. A message whose body can't be found stays under the claim, unseen, until that ends. When
// Swift gives no answer nothing is claimed; but the attempt has counted, unless the queue has dead letters.
func (s *Store) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	if err := s.enter(ctx); err != nil {
		return marconi.Claimed{}, err
	}
	defer s.door.Leave()
	got, lost, err := s.claim(ctx, q, c)
	if err != nil || lost == 0 || len(got.Messages)+len(got.Spent) > 0 || c.MaxClaims > 0 { // another attempt would count
		return got, err
	}
	return s.claimBehind(ctx, q, c, lost)
}

// mostRounds is how often a claim goes on behind lost messages, each time behind twice as many.
const mostRounds = 5

// claimBehind claims anew where all that was claimed is lost: more, to come behind those, which stay under the claim. If all is lost up to
// where it ends, the next claim goes on.
func (s *Store) claimBehind(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest, lost int) (got marconi.Claimed, err error) {
	wide := c
	for range mostRounds {
		wide.Limit += lost
		if got, lost, err = s.claimAnew(ctx, q, wide); err != nil || lost == 0 || len(got.Messages) > 0 {
			break
		}
	}
	for _, limit := range []int{lost + c.Limit, c.Limit} { // just behind the lost ones; or some of them were found again
		if err != nil || len(got.Messages) <= c.Limit {
			break
		}
		wide.Limit = limit
		got, _, err = s.claimAnew(ctx, q, wide)
	}
	return got, err
}

// claimAnew claims under an ID that has a claim.
func (s *Store) claimAnew(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (got marconi.Claimed, lost int, err error) {
	if err := s.index.Release(ctx, q, c.ID); err != nil {
		return marconi.Claimed{}, 0, err
	}
	return s.claim(ctx, q, c)
}

// claim claims once, and tells how many of the messages have lost their bodies.
func (s *Store) claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (got marconi.Claimed, lost int, err error) {
	var ahead []entry
	if c.MaxClaims > 0 || s.fetcher.unwell.Load() {
		// An attempt that fails has counted, and would make dead letters of messages that nobody has seen.
		if ahead, err = s.peek(ctx, q, c.Limit, c.MaxClaims); err != nil {
			return marconi.Claimed{}, 0, err
		}
	}
	got, err = s.index.Claim(ctx, q, c)
	if err != nil {
		return marconi.Claimed{}, 0, err
	}
	entries := s.readBeside(ctx, q, slices.Concat(got.Messages, got.Spent), ahead)
	claimed, spent := entries[:len(got.Messages)], entries[len(got.Messages):]
	if err = trouble(claimed); err == nil {
		err = s.outliveClaim(ctx, q, claimed, c)
	}
	if err != nil {
		s.giveBack(ctx, q, c.ID)
		return marconi.Claimed{}, 0, err
	}
	got.Messages, got.Spent = s.found(claimed), s.found(spent)
	if len(got.Spent) == 0 {
		got.Lease = ""
	}
	return got, len(claimed) - len(got.Messages), nil
}

// outliveClaim has the segments outlive what a new claim has extended, and what a former one may have: its process may have died, or
// been refused, between the index and Swift.
func (s *Store) outliveClaim(ctx context.Context, q marconi.QueueRef, entries []entry, c marconi.ClaimRequest) error {
	lost := map[objects.Path]bool{}
	for _, e := range entries {
		if e.err != nil || lost[e.ref.at] || !mayBeExtended(e, c) {
			continue
		}
		gone, err := s.outlive(ctx, q, []entry{e}, s.latest(e.TTL))
		if err != nil {
			return err
		}
		maps.Copy(lost, gone)
	}
	for i := range entries {
		if e := &entries[i]; e.err == nil && lost[e.ref.at] {
			e.err = errLost
		}
	}
	if len(entries) > 0 {
		s.ends.claimed(c.ID, entries)
	}
	return nil
}

// mayBeExtended reports whether a message may end later than its TTL after its segment was made: by this claim, as the TTL tells, by a
// former one, or since a pop put it back. It ends no later than its TTL from now.
func mayBeExtended(e entry, c marconi.ClaimRequest) bool {
	return e.TTL == c.TTL+c.Grace || e.ClaimCount > 1 || e.inSwift() && e.Created.Sub(e.ref.made()) > skew
}

// latest is the latest end of what a claim extends now, or a message that is posted now has.
func (s *Store) latest(life marconi.Seconds) time.Time { return s.o.Now().Add(life.Duration() + skew) }

// giveBack frees what was claimed for a caller who can't be given it.
func (s *Store) giveBack(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	if s.index.Release(ctx, q, id) != nil {
		s.o.Meter.Add("swift_claims_not_released_total", 1) // they end by themselves
	}
}

// Claimed implements [marconi.ClaimStore].
func (s *Store) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	if err := s.enter(ctx); err != nil {
		return marconi.Claim{}, err
	}
	defer s.door.Leave()
	c, err := s.index.Claimed(ctx, q, id)
	if err != nil {
		return marconi.Claim{}, err
	}
	entries := s.read(ctx, q, c.Messages)
	if err := trouble(entries); err != nil {
		return marconi.Claim{}, err
	}
	c.Messages = s.found(entries)
	return c, nil
}

// UpdateClaim implements [marconi.ClaimStore]. The segments come first: of a message that lives the body does, too.
func (s *Store) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if end := s.latest(u.TTL + u.Grace); !s.ends.claimOutlives(id, end) {
		c, err := s.index.Claimed(ctx, q, id)
		if err != nil {
			return err
		}
		entries := entriesOf(c.Messages)
		if err := s.outliveOrFail(ctx, q, entries, end); err != nil {
			return err
		}
		s.ends.claimed(id, entries)
	}
	return s.index.UpdateClaim(ctx, q, id, u)
}

// Release implements [marconi.ClaimStore].
func (s *Store) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	return s.index.Release(ctx, q, id)
}
