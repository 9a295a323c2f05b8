package pure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Claim implements [marconi.DataStore], but for one thing: two processes that claim at the same moment may both get a message.
func (s *Store) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Claimed{}, err
	}
	defer s.door.Leave()
	if !isClaimID(c.ID) {
		return marconi.Claimed{}, &marconi.Error{Kind: marconi.Internal, Code: "claim-id", Text: "a new claim has an impossible ID"}
	}
	a := s.attempt(q, c)
	defer a.end()
	got, err := a.begin(ctx)
	if err != nil {
		return marconi.Claimed{}, fmt.Errorf("claim messages: %w", err)
	}
	s.tellClaimed(q, a.mine.claimAttributes, a.mine.content.Held)
	s.tellClaimed(q, a.spent.claimAttributes, a.spent.content.Held)
	return got, nil
}

// begin makes the claim. One of the same ID that was given up and may be there still is written over: nobody knows of it.
func (a *attempt) begin(ctx context.Context) (marconi.Claimed, error) {
	there, err := a.s.takeUp(ctx, a.at.claim(a.mine.id))
	if err != nil {
		return marconi.Claimed{}, err
	}
	if !there {
		return a.run(ctx)
	}
	a.mine.made = true
	return a.anew(ctx)
}

// run lists, takes what it can get, and tells what that is. Where others took everything meanwhile, it lists again.
func (a *attempt) run(ctx context.Context) (marconi.Claimed, error) {
	var won []*candidate
	for range mostRounds {
		v, all, err := a.choose(ctx)
		if err != nil {
			return marconi.Claimed{}, a.giveUp(ctx, err)
		}
		if a.prior != nil {
			return a.again(ctx, v)
		}
		won, err = a.take(ctx, all)
		if err != nil && len(won) == 0 {
			return marconi.Claimed{}, a.giveUp(ctx, err)
		}
		if len(won) > 0 || len(all) == 0 {
			break
		}
	}
	return a.finish(ctx, won)
}

// finish tells the claims what they hold, and the caller what it got. Where there is nothing to hold, no claim remains; and what it is
// not sure of it gives back.
func (a *attempt) finish(ctx context.Context, won []*candidate) (marconi.Claimed, error) {
	var got marconi.Claimed
	err := a.s.parallel(2, func(i int) error {
		g := []*grip{a.mine, a.spent}[i]
		return a.s.settleGrip(ctx, a.at, g, heldOf(won, g))
	})
	if err != nil {
		return got, a.giveUp(ctx, err)
	}
	a.giveBack()
	for _, c := range won {
		if c.grip == a.mine {
			got.Messages = append(got.Messages, a.show(c))
			continue
		}
		got.Spent, got.Lease = append(got.Spent, a.show(c)), a.spent.id
	}
	return got, nil
}

// settleGrip writes down what a claim holds, or removes it.
func (s *Store) settleGrip(ctx context.Context, at place, g *grip, all []held) error {
	if !g.made {
		return nil
	}
	if len(all) == 0 {
		return s.c.Delete(ctx, at.claim(g.id))
	}
	g.content.Whole, g.content.Held = true, all
	return s.writeClaim(ctx, at, g.claimAttributes, g.content)
}

func heldOf(won []*candidate, g *grip) []held {
	var all []held
	for _, c := range won {
		if c.grip == g {
			all = append(all, c.held())
		}
	}
	return all
}

// giveUp frees what the attempt has taken: nobody knows of it. Where that fails too, it is free when the claim ends.
func (a *attempt) giveUp(ctx context.Context, why error) error {
	ctx, cancel := repair(ctx)
	defer cancel()
	for _, g := range []*grip{a.mine, a.spent} {
		if g.made && a.s.c.Delete(ctx, a.at.claim(g.id)) != nil {
			a.s.removeGivenUp(a.at.claim(g.id))
		}
	}
	a.s.lookSoon(a.q)
	return why
}

// removeGivenUp has a claim removed later that was given up, unless its ID is claimed again before.
func (s *Store) removeGivenUp(claim objects.Path) {
	s.givenUp.Add(claim)
	s.reaper.addTask(task{soon: true, do: func(ctx context.Context) error {
		unlock, err := s.renewing.lock(ctx, claim)
		if err != nil {
			return err
		}
		defer unlock()
		if !s.givenUp.Has(claim) {
			return nil
		}
		if err := s.c.Delete(ctx, claim); err != nil && !isMissing(err) {
			return fmt.Errorf("remove a claim that was given up: %w", err)
		}
		s.givenUp.Drop(claim)
		return nil
	}})
}

// takeUp reports whether a claim is still to be removed whose ID is claimed again, and calls that off. A removal under way is waited for.
func (s *Store) takeUp(ctx context.Context, claim objects.Path) (bool, error) {
	if !s.givenUp.Has(claim) {
		return false, nil
	}
	unlock, err := s.renewing.lock(ctx, claim)
	if err != nil {
		return false, err
	}
	defer unlock()
	there := s.givenUp.Has(claim)
	s.givenUp.Drop(claim)
	return there, nil
}

// writeClaim replaces a claim's object.
func (s *Store) writeClaim(ctx context.Context, at place, c claimAttributes, content claimContent) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	c.text = randomHex(4)
	if err := s.put(ctx, at.claim(c.id), body, c.attributes()); err != nil {
		return fmt.Errorf("write the claim: %w", err)
	}
	return nil
}

// attributes are those of the claim's object: Swift lets go of it at the first whole second after its end.
func (c claimAttributes) attributes() objects.Attributes {
	return objects.Attributes{ContentType: c.String(), DeleteAt: unixSeconds((c.ends + 999) / 1000)}
}

// Claimed implements [marconi.DataStore].
func (s *Store) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Claim{}, err
	}
	defer s.door.Leave()
	c, err := s.claimed(ctx, s.viewOf(q), id)
	if err != nil {
		return marconi.Claim{}, fmt.Errorf("get a claim: %w", err)
	}
	return c, nil
}

func (s *Store) claimed(ctx context.Context, v *view, id marconi.ClaimID) (marconi.Claim, error) {
	c, content, err := v.readClaim(ctx, id)
	if err != nil {
		return marconi.Claim{}, err
	}
	messages, err := v.heldMessages(ctx, c, content.Held)
	if err != nil {
		return marconi.Claim{}, err
	}
	if len(messages) == 0 {
		return marconi.Claim{}, marconi.ErrNoClaim
	}
	return marconi.Claim{ID: id, TTL: content.TTL, Age: ageOf(content.Updated, v.now), Messages: messages}, nil
}

// readClaim gives a live claim and what it holds.
func (v *view) readClaim(ctx context.Context, id marconi.ClaimID) (claimAttributes, claimContent, error) {
	if !isClaimID(id) {
		return claimAttributes{}, claimContent{}, marconi.ErrNoClaim
	}
	o, err := v.s.c.Get(ctx, v.at.claim(id), true)
	if isMissing(err) {
		err = marconi.ErrNoClaim
	}
	if err != nil {
		return claimAttributes{}, claimContent{}, err
	}
	c, ok := parseClaim(id, o.ContentType)
	if !ok || !c.live(v.now) {
		return c, claimContent{}, marconi.ErrNoClaim
	}
	content, err := parseContent(o.Body)
	if err == nil && !content.Whole {
		content.Held, err = v.leased(ctx, c)
	}
	return c, content, err
}

// leased is what the leases say that a claim holds, which did not come to saying it itself.
func (v *view) leased(ctx context.Context, c claimAttributes) ([]held, error) {
	records, err := v.s.everything(ctx, v.at)
	if err != nil {
		return nil, err
	}
	var all []held
	for _, r := range records {
		if v.there(&r) && r.generation > 0 && r.lease.claim == c.id && r.lease.birth == c.birth {
			all = append(all, heldAs(&r))
		}
	}
	return all, nil
}

func heldAs(r *record) held {
	return held{
		Name: r.name, Generation: r.generation, Count: r.lease.count, Ends: r.ends(), TTL: r.ttl(), Kept: r.message.keptUntil(),
	}
}

// heldMessages gets those of a claim's messages that are there still. A claim that lives has lost none of them to another.
func (v *view) heldMessages(ctx context.Context, c claimAttributes, all []held) ([]marconi.Message, error) {
	v.claims = map[marconi.ClaimID]claimAttributes{c.id: c}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b held) int { return strings.Compare(a.Name, b.Name) })
	found := make([]marconi.Message, len(all))
	err := v.s.parallel(len(all), func(i int) error {
		o, err := v.s.c.Get(ctx, v.at.message(all[i].Name), true)
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("get message %s: %w", all[i].Name, err)
		}
		if r := all[i].record(c, o); v.there(&r) {
			found[i] = v.show(&r, o.Body)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(m marconi.Message) bool { return m.ID == "" }), nil
}

// record is what a listing would show of a held message and its lease.
func (h held) record(c claimAttributes, o objects.Object) record {
	r := record{name: h.Name, modified: o.Modified, generation: h.Generation}
	r.message, r.found = parseMessage(o.ContentType)
	r.lease = leaseAttributes{claim: c.id, birth: c.birth, count: h.Count}
	if h.Ends > r.message.expires {
		r.lease.until, r.lease.ttl = h.Ends, h.TTL
	}
	return r
}

// Release implements [marconi.DataStore].
func (s *Store) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if !isClaimID(id) {
		return nil
	}
	if err := s.release(ctx, s.placeOf(q).claim(id)); err != nil {
		return fmt.Errorf("release a claim: %w", err)
	}
	s.tellReleased(q, id)
	return nil
}

// release removes a claim. A renewal by this process is waited for: it would store the claim anew.
func (s *Store) release(ctx context.Context, claim objects.Path) error {
	unlock, err := s.renewing.lock(ctx, claim)
	if err != nil {
		return err
	}
	defer unlock()
	err = s.c.Delete(ctx, claim)
	if errors.Is(err, objects.ErrContainer) {
		return nil
	}
	return err
}
