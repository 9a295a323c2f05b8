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

func (s *Store) list(ctx context.Context, q marconi.QueueRef, l marconi.Listing, from position) (marconi.Page[marconi.Message], error) {
	var page marconi.Page[marconi.Message]
	r := readBehind(from, placeAt(s.o.Now().Add(-s.o.ListingHorizon).UnixMicro()))
	w := s.walkBehind(s.placeOf(q), r.begin)
	for size := firstPage; !w.done() && len(page.Items) < l.Limit; size = 0 {
		records, err := w.next(ctx, size)
		if err == nil && len(records) > 0 {
			err = s.addPage(ctx, q, l, r, records, &page)
		}
		if err != nil {
			return marconi.Page[marconi.Message]{}, err
		}
	}
	if n := len(page.Items); n > 0 {
		next := r.next(string(page.Items[n-1].ID), n == l.Limit)
		page.Next = next.encode()
	}
	return page, nil
}

// addPage adds to the page what is asked for of these records, until the page is full.
func (s *Store) addPage(
	ctx context.Context, q marconi.QueueRef, l marconi.Listing, r *reading, records []record, page *marconi.Page[marconi.Message],
) error {
	v := s.viewOf(q)
	if err := v.readClaims(ctx); err != nil {
		return err
	}
	for len(records) > 0 && len(page.Items) < l.Limit {
		var chosen []record
		for len(records) > 0 && len(page.Items)+len(chosen) < l.Limit {
			if r.fresh(records[0].name) && v.fits(&records[0], l) {
				chosen = append(chosen, records[0])
			}
			records = records[1:]
		}
		found, err := v.bodies(ctx, chosen)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, found...)
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
