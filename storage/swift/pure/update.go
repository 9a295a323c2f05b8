package pure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// UpdateClaim implements [marconi.DataStore].
func (s *Store) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if !isClaimID(id) {
		return fmt.Errorf("update a claim: %w", marconi.ErrNoClaim)
	}
	c, held, err := s.renew(ctx, q, id, u)
	if err != nil {
		return fmt.Errorf("update a claim: %w", err)
	}
	s.tellClaimed(q, c, held)
	return nil
}

// renew gives a claim a new end. Others that see it end at this moment wait for the lock, or for the margin that clocks need; so
// an end that has come is never put off. But the process that made the claim waits for neither if another one renews it: what it has
// taken by then is looked for.
func (s *Store) renew(
	ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate,
) (claimAttributes, []held, error) {
	at := s.placeOf(q)
	unlock, err := s.renewing.lock(ctx, at.claim(id))
	if err != nil {
		return claimAttributes{}, nil, err
	}
	defer unlock()
	v := s.viewOf(q)
	c, content, err := v.readClaim(ctx, id)
	if err == nil && len(content.Held) == 0 {
		err = marconi.ErrNoClaim
	}
	if err != nil {
		return c, nil, err
	}
	old := c
	c.ends, c.node = v.now+u.TTL.Duration().Milliseconds(), s.names.node
	content.TTL, content.Updated = u.TTL, v.now
	if err := s.extendHeld(ctx, v, c, content.Held, u); err != nil {
		return c, nil, err
	}
	if !old.live(s.millis()) {
		return c, nil, marconi.ErrNoClaim
	}
	if err := s.writeRenewed(ctx, at, old, c, &content); err != nil {
		return c, nil, err
	}
	var taken []bool
	if content.Unseen {
		if taken, err = s.overtaken(ctx, at, content.Held); err != nil {
			return c, nil, err
		}
	}
	mine, err := s.lookAgain(ctx, v, c, content, taken)
	return c, mine, err
}

// writeRenewed stores a renewed claim. Near its old end others may have taken messages of it; then it notes in it that nobody has looked yet: a
// renewal that is repeated finds the new end far off, and looks all the same if this one comes to nothing.
func (s *Store) writeRenewed(ctx context.Context, at place, old, c claimAttributes, content *claimContent) error {
	if left := s.untilNear(old); left > 0 && !content.Unseen {
		early, cancel := context.WithTimeout(ctx, left)
		err := s.writeClaim(early, at, c, *content)
		inTime := early.Err() == nil && s.untilNear(old) > 0
		cancel()
		if inTime {
			return err
		}
	}
	content.Unseen = true
	return s.writeClaim(ctx, at, c, *content)
}

// untilNear is how long it takes until the end of a claim is near enough that others may take its messages.
func (s *Store) untilNear(c claimAttributes) time.Duration {
	return time.Duration(c.ends-s.millis())*time.Millisecond - clockMargin
}

// An extension is what a renewed claim does to messages that would end before it.
type extension struct {
	claim claimAttributes
	until int64 // the end that they get
	ttl   marconi.Seconds
}

// extendHeld puts off the ends of messages that would end before the claim (law C5): in their leases first, for a message that
// lives longer than its claim says is no harm.
func (s *Store) extendHeld(ctx context.Context, v *view, c claimAttributes, all []held, u marconi.ClaimUpdate) error {
	x := extension{c, c.ends + u.Grace.Duration().Milliseconds(), u.TTL + u.Grace}
	return s.parallel(len(all), func(i int) error {
		h := &all[i]
		if h.Ends <= v.now || h.Ends >= c.ends {
			return nil
		}
		if err := v.extendOne(ctx, h, x); err != nil {
			return fmt.Errorf("extend message %s: %w", h.Name, err)
		}
		return nil
	})
}

// errHiddenLease says that no replica was found of a lease whose message is there. Servers that have it may be away: to say that it was
// extended would let the message end before.
var errHiddenLease = errors.New("its lease can't be found in Swift at present")

// extendOne extends the lease, and keeps the object of the message if Swift would let go of it before. What is not there any
// more was deleted, message and lease; nothing is said of it, so that the next renewal looks again.
func (v *view) extendOne(ctx context.Context, h *held, x extension) error {
	if outlives(x.until, h.Kept) {
		if err := v.keepHeld(ctx, h, x.until); err != nil {
			return err
		}
	}
	l := leaseAttributes{claim: x.claim.id, birth: x.claim.birth, count: h.Count, until: x.until, ttl: x.ttl}
	kept := unixSeconds(max(h.Kept, keptUntil(x.until)))
	err := v.s.c.Post(ctx, v.at.lease(h.Name, h.Generation), objects.Attributes{ContentType: l.String(), DeleteAt: kept})
	if isMissing(err) {
		return v.wantGone(ctx, h)
	}
	if err == nil {
		h.Ends, h.TTL = x.until, x.ttl
	}
	return err
}

// wantGone is an error if a message is there whose lease can't be found.
func (v *view) wantGone(ctx context.Context, h *held) error {
	_, err := v.s.c.Head(ctx, v.at.message(h.Name), true)
	if isMissing(err) {
		return nil
	}
	if err == nil {
		err = errHiddenLease
	}
	return err
}

// keepHeld keeps the object of a held message until a while after its end. What can't be found was deleted, unless it is listed. It may be
// listed for some seconds though another process has deleted it; a renewal that is repeated then comes to know.
func (v *view) keepHeld(ctx context.Context, h *held, ends int64) error {
	at := v.at.message(h.Name)
	o, err := v.s.c.Head(ctx, at, true)
	if err == nil {
		var m messageAttributes
		if m, err = v.s.keepLonger(ctx, at, o, ends); err == nil {
			h.Kept = max(h.Kept, m.keptUntil())
		}
	}
	if !isMissing(err) {
		return err
	}
	listed, err := v.isListed(ctx, h.Name)
	if listed {
		err = errHiddenMessage
	}
	return err
}

// isListed reports whether a listing shows a message of which nobody here knows that it has gone.
func (v *view) isListed(ctx context.Context, name string) (bool, error) {
	if v.s.deleted.Has(v.at.message(name)) {
		return false, nil
	}
	r, err := v.s.one(ctx, v.at, name)
	return err == nil && r.found && !v.mark.covers(name, r.modified), err
}

// overtaken asks all replicas whether anybody has the next leases of messages: a listing would show what was taken a moment ago late.
func (s *Store) overtaken(ctx context.Context, at place, all []held) ([]bool, error) {
	taken := make([]bool, len(all))
	err := s.parallel(len(all), func(i int) (err error) {
		_, taken[i], err = s.leaseAt(ctx, at.lease(all[i].Name, all[i].Generation+1))
		return err
	})
	return taken, err
}

// lookAgain looks whether the renewed claim still has its messages. Those that another has are its own no longer, whether that was
// asked for (nil: it was not) or listings show it; and without a message that is there, there is no claim.
func (s *Store) lookAgain(ctx context.Context, v *view, c claimAttributes, content claimContent, taken []bool) ([]held, error) {
	names := make([]string, len(content.Held))
	for i, h := range content.Held {
		names[i] = h.Name
	}
	listed, err := s.recordsOf(ctx, v.at, names)
	if err != nil {
		return nil, err
	}
	var mine, there []held
	for i, h := range content.Held {
		r := listed[h.Name]
		if r.generation > h.Generation || taken != nil && taken[i] {
			continue
		}
		mine = append(mine, h)
		if h.Ends > v.now && r.found && !v.mark.covers(h.Name, r.modified) {
			there = append(there, h)
		}
	}
	if len(there) == 0 {
		if err := s.endEmpty(ctx, v, c, mine); err != nil {
			return nil, err
		}
	}
	if len(mine) < len(content.Held) || content.Unseen {
		content.Held, content.Unseen = mine, false
		return there, s.writeClaim(ctx, v.at, c, content)
	}
	return there, nil
}

// endEmpty ends a claim whose messages a listing does not show, unless they are there nevertheless: listings lag.
func (s *Store) endEmpty(ctx context.Context, v *view, c claimAttributes, mine []held) error {
	messages, err := v.heldMessages(ctx, c, mine)
	if err != nil || len(messages) > 0 {
		return err
	}
	if err := s.c.Delete(ctx, v.at.claim(c.id)); err != nil && !isMissing(err) {
		return err
	}
	return marconi.ErrNoClaim
}
