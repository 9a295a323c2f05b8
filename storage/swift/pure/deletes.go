package pure

import (
	"context"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Delete implements [marconi.DataStore].
func (s *Store) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	name := string(id)
	if !isName(name) {
		return nil
	}
	if err := s.delete(ctx, q, name, claim); err != nil {
		return fmt.Errorf("delete message %s: %w", name, err)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, q marconi.QueueRef, name string, claim marconi.ClaimID) error {
	v := s.viewOf(q)
	if isPlain(string(claim)) { // or the lease of dead letters
		held, err := v.heldBy(ctx, claim)
		if err != nil {
			return err
		}
		if h, holds := held[name]; holds {
			return s.remove(ctx, v, name, h.Generation)
		}
	}
	r, err := s.one(ctx, v.at, name)
	if err == nil {
		err = s.readHolderFor(ctx, v, &r, claim)
	}
	if err != nil {
		return err
	}
	holder, isHeld := v.holder(&r)
	mayDelete := !isHeld
	if claim != "" {
		mayDelete = isHeld && holder.id == claim // which is being made
	}
	if mayDelete {
		return s.remove(ctx, v, name, r.generation) // also if it was not listed: listings lag
	}
	there, err := s.isThere(ctx, v, &r)
	if err != nil || !there {
		return err
	}
	return s.refusal(ctx, v, claim, isHeld)
}

// readHolderFor asks for the claim that holds the message. Who names no claim must not delete what another has taken a moment ago, so
// leases are followed that no listing shows yet. Who names one is refused in any case, if the message is there: of one that has ended, as far
// as listings show, such a lease may say that it is.
func (s *Store) readHolderFor(ctx context.Context, v *view, r *record, claim marconi.ClaimID) error {
	if claim != "" && r.ends() > v.now {
		return v.readHolder(ctx, r)
	}
	for {
		var next leaseAttributes
		var found bool
		err := s.parallel(2, func(i int) (err error) {
			if i == 0 {
				return v.readHolder(ctx, r)
			}
			next, found, err = s.leaseAt(ctx, v.at.lease(r.name, r.generation+1))
			return err
		})
		if err != nil || !found {
			return err
		}
		r.generation, r.lease = r.generation+1, next
	}
}

// readPutOff looks whether a lease puts off the end of a message that has ended as far as listings show, and who holds it then.
func (s *Store) readPutOff(ctx context.Context, v *view, r *record) error {
	if err := s.readEnd(ctx, v, r); err != nil {
		return err
	}
	return s.readHolderFor(ctx, v, r, "")
}

// readEnd asks for the lease of a message that has ended as far as listings show: a renewal may have put that off.
func (s *Store) readEnd(ctx context.Context, v *view, r *record) error {
	if r.generation == 0 || r.ends() > v.now {
		return nil
	}
	l, _, err := s.leaseAt(ctx, v.at.lease(r.name, r.generation))
	if err == nil {
		r.putOff(l)
	}
	return err
}

// isThere asks all replicas whether the message is there, whatever listings show.
func (s *Store) isThere(ctx context.Context, v *view, r *record) (bool, error) {
	o, err := s.c.Head(ctx, v.at.message(r.name), true)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the message: %w", err)
	}
	r.modified = o.Modified
	r.message, r.found = parseMessage(o.ContentType)
	if err := s.readEnd(ctx, v, r); err != nil {
		return false, err
	}
	return v.there(r), nil
}

// refusal says why a message that is there, and that the claim doesn't hold, is not deleted.
func (s *Store) refusal(ctx context.Context, v *view, claim marconi.ClaimID, isHeld bool) error {
	if claim == "" {
		return marconi.ErrClaimed
	}
	if !isHeld {
		return marconi.ErrNotClaimed
	}
	if _, err := s.claimed(ctx, v, claim); err != nil {
		return err
	}
	return marconi.ErrNotOwner
}

// heldBy is what a claim holds if it is live, by name.
func (v *view) heldBy(ctx context.Context, id marconi.ClaimID) (map[string]held, error) {
	if !isPlain(string(id)) {
		return nil, nil
	}
	o, err := v.s.c.Get(ctx, v.at.claim(id), true)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the claim: %w", err)
	}
	c, ok := parseClaim(id, o.ContentType)
	if !ok || !c.live(v.now) {
		return nil, nil
	}
	content, err := parseContent(o.Body)
	if err != nil {
		return nil, err
	}
	all := make(map[string]held, len(content.Held))
	for _, h := range content.Held {
		all[h.Name] = h
	}
	return all, nil
}

// remove deletes a message, and later its leases.
func (s *Store) remove(ctx context.Context, v *view, name string, generation int) error {
	path := v.at.message(name)
	if err := s.c.Delete(ctx, path); err != nil {
		return err
	}
	s.deleted.Add(path)
	s.watched.at(v.q).forget(name)
	s.reaper.add(v.at.leases(name, generation)...)
	return nil
}

// leases are a message's leases up to a generation. The later ones come last: as long as they are there, so is the count.
func (p place) leases(name string, generation int) []objects.Path {
	all := make([]objects.Path, 0, generation)
	for g := 1; g <= generation; g++ {
		all = append(all, p.lease(name, g))
	}
	return all
}

// DeleteMessages implements [marconi.DataStore].
func (s *Store) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	names := namesOf(ids)
	if len(names) == 0 {
		return nil
	}
	if err := s.deleteMany(ctx, q, names, claims); err != nil {
		return fmt.Errorf("delete %d messages: %w", len(names), err)
	}
	return nil
}

func (s *Store) deleteMany(ctx context.Context, q marconi.QueueRef, names []string, claims []marconi.ClaimID) error {
	v := s.viewOf(q)
	mine, err := v.heldByAny(ctx, claims)
	if err != nil {
		return err
	}
	if len(claims) > 0 {
		if err := s.refuseAny(ctx, v, names, claims, mine); err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return mine[name].Name == "" })
	}
	paths := make([]objects.Path, len(names))
	for i, name := range names {
		paths[i] = v.at.message(name)
	}
	if err := s.removeMessages(ctx, paths); err != nil {
		return err
	}
	s.watched.at(q).forget(names...)
	s.reapLeases(v.at, names, mine)
	return nil
}

// removeMessages deletes messages, which listings may go on to show.
func (s *Store) removeMessages(ctx context.Context, paths []objects.Path) error {
	err := s.removeAll(ctx, paths)
	if err == nil {
		s.deleted.Add(paths...)
	}
	return err
}

// heldByAny is what live claims hold, by name.
func (v *view) heldByAny(ctx context.Context, claims []marconi.ClaimID) (map[string]held, error) {
	each := make([]map[string]held, len(claims))
	err := v.s.parallel(len(claims), func(i int) (err error) {
		each[i], err = v.heldBy(ctx, claims[i])
		return err
	})
	all := map[string]held{}
	for _, some := range each {
		for name, h := range some {
			all[name] = h
		}
	}
	return all, err
}

// refuseAny says why none is deleted: one of them is there that the claims don't hold.
func (s *Store) refuseAny(ctx context.Context, v *view, names []string, claims []marconi.ClaimID, mine map[string]held) error {
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return mine[name].Name != "" })
	found := make([]error, len(others))
	err := s.parallel(len(others), func(i int) error {
		one := *v // each asks for a claim of its own
		r, err := s.one(ctx, one.at, others[i])
		if err == nil {
			err = s.readHolderFor(ctx, &one, &r, claims[0])
		}
		if err != nil {
			return err
		}
		there, err := s.isThere(ctx, &one, &r)
		if err != nil || !there {
			return err
		}
		found[i] = marconi.ErrNotClaimed
		if _, isHeld := one.holder(&r); isHeld {
			found[i] = marconi.ErrNotOwner
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, why := range found {
		if why != nil {
			return why
		}
	}
	return nil
}

// reapLeases removes, later, the leases of messages that were deleted. Of what no claim told of, a listing has to tell.
func (s *Store) reapLeases(at place, names []string, mine map[string]held) {
	var unknown []string
	for _, name := range names {
		h, known := mine[name]
		if !known {
			unknown = append(unknown, name)
			continue
		}
		s.reaper.add(at.leases(name, h.Generation)...)
	}
	s.reaper.addOrphans(at, unknown)
}
