package pure

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// firstPage is how many names a call lists before it knows whether they suffice; then it takes as many as Swift gives.
const firstPage = 512

// List implements [marconi.DataStore].
func (s *Store) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Page[marconi.Message]{}, err
	}
	defer s.door.Leave()
	from, ok := parseMarker(l.Marker)
	if !ok {
		return marconi.Page[marconi.Message]{}, nil
	}
	page, err := s.list(ctx, q, l, from)
	if err != nil {
		return marconi.Page[marconi.Message]{}, fmt.Errorf("list messages: %w", err)
	}
	return page, nil
}

// A pager makes a page.
type pager struct {
	*reading
	s    *Store
	q    marconi.QueueRef
	l    marconi.Listing
	page []marconi.Message
}

func (s *Store) list(ctx context.Context, q marconi.QueueRef, l marconi.Listing, from position) (marconi.Page[marconi.Message], error) {
	caughtUp := s.o.Now().Add(-s.o.ListingHorizon - s.o.PostTime)
	p := pager{reading: readBehind(from, placeAt(caughtUp.UnixMicro())), s: s, q: q, l: l}
	w := s.walkBehind(s.placeOf(q), p.begin)
	for size := firstPage; !w.done() && !p.full(); size = 0 {
		records, err := w.next(ctx, size)
		if err == nil && len(records) > 0 {
			err = p.add(ctx, records)
		}
		if err != nil {
			return marconi.Page[marconi.Message]{}, err
		}
	}
	page := marconi.Page[marconi.Message]{Items: p.page}
	if n := len(p.page); n > 0 {
		next := p.next(string(p.page[n-1].ID), p.full())
		page.Next = next.encode()
	}
	return page, nil
}

func (p *pager) full() bool { return len(p.page) >= p.l.Limit }

// add adds to the page what is asked for of these records, until it is full. What has gone since it was listed makes room for others.
func (p *pager) add(ctx context.Context, records []record) error {
	v := p.s.viewOf(p.q)
	if err := v.readClaims(ctx); err != nil {
		return err
	}
	for len(records) > 0 && !p.full() {
		var chosen []record
		for len(records) > 0 && len(p.page)+len(chosen) < p.l.Limit {
			// A replica may list a message's leases and not itself yet: it is late, and not passed.
			if r := &records[0]; r.found && p.fresh(r.name) && v.fits(r, p.l) {
				chosen = append(chosen, *r)
			}
			records = records[1:]
		}
		found, err := v.bodies(ctx, chosen)
		if err != nil {
			return err
		}
		p.page = append(p.page, found...)
	}
	return nil
}

// fits reports whether the message is there and asked for.
func (v *view) fits(r *record, l marconi.Listing) bool {
	if !v.there(r) || !l.Echo && r.message.client == l.Client || !l.IncludeDelayed && r.delayed(v.now) {
		return false
	}
	if l.IncludeClaimed {
		return true
	}
	_, claimed := v.holder(r)
	return !claimed
}

// First implements [marconi.DataStore].
func (s *Store) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Message{}, err
	}
	defer s.door.Leave()
	if end != marconi.Oldest && end != marconi.Newest {
		return marconi.Message{}, &marconi.Error{Kind: marconi.Internal, Code: "end", Text: "a queue has no such end"}
	}
	w := s.walkBehind(s.placeOf(q), "")
	if end == marconi.Newest {
		w = s.walkBack(s.placeOf(q))
	}
	for size := firstPage; !w.done(); size = 0 {
		records, err := w.next(ctx, size)
		if err != nil {
			return marconi.Message{}, fmt.Errorf("find the first message: %w", err)
		}
		found, err := s.firstOf(ctx, q, records)
		if err != nil || len(found) > 0 {
			return one(found), err
		}
	}
	return marconi.Message{}, marconi.ErrEmptyQueue
}

// firstOf gives the first message of these that is there.
func (s *Store) firstOf(ctx context.Context, q marconi.QueueRef, records []record) ([]marconi.Message, error) {
	v := s.viewOf(q)
	if err := v.readClaims(ctx); err != nil {
		return nil, err
	}
	for i := range records {
		if !v.there(&records[i]) {
			continue
		}
		found, err := v.bodies(ctx, records[i:i+1])
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

func one(found []marconi.Message) marconi.Message {
	if len(found) == 0 {
		return marconi.Message{}
	}
	return found[0]
}
