package indexed

import (
	"context"
	"errors"
	"slices"

	"github.com/marconi-mq/marconi"
)

// List implements [marconi.MessageStore]. A message whose body can't be found is left out, and a page without any is not given:
// an empty one says that there is nothing more.
func (s *Store) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	if err := s.enter(ctx); err != nil {
		return marconi.Page[marconi.Message]{}, err
	}
	defer s.door.Leave()
	for {
		page, err := s.index.List(ctx, q, l)
		if err != nil || len(page.Items) == 0 {
			return page, err
		}
		entries := s.read(ctx, q, page.Items)
		if err := trouble(entries); err != nil {
			return marconi.Page[marconi.Message]{}, err
		}
		if page.Items = s.found(entries); len(page.Items) > 0 {
			return page, nil
		}
		l.Marker = page.Next
	}
}

// Message implements [marconi.MessageStore].
func (s *Store) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	return s.one(ctx, q, func() (marconi.Message, error) { return s.index.Message(ctx, q, id) })
}

// First implements [marconi.MessageStore].
func (s *Store) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	return s.one(ctx, q, func() (marconi.Message, error) { return s.index.First(ctx, q, end) })
}

// one gives what look finds, with its body.
func (s *Store) one(ctx context.Context, q marconi.QueueRef, look func() (marconi.Message, error)) (marconi.Message, error) {
	messages, err := s.whole(ctx, q, func() ([]marconi.Message, error) {
		m, err := look()
		return []marconi.Message{m}, err
	})
	if err != nil {
		return marconi.Message{}, err
	}
	return messages[0], nil
}

// Messages implements [marconi.MessageStore]. To leave out one whose body can't be found would say that it is gone: that is
// Unavailable.
func (s *Store) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	return s.whole(ctx, q, func() ([]marconi.Message, error) { return s.index.Messages(ctx, q, ids) })
}

// whole gives all that look finds with their bodies, or an error.
func (s *Store) whole(ctx context.Context, q marconi.QueueRef, look func() ([]marconi.Message, error)) ([]marconi.Message, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	for again := false; ; again = true {
		messages, err := look()
		if err != nil {
			return nil, err
		}
		entries := s.read(ctx, q, messages)
		err = firstError(entries)
		if err == nil {
			return s.found(entries), nil
		}
		// A segment may have gone with its last message since the index was asked: if so, the index knows by now.
		if again || !errors.Is(err, errLost) {
			s.found(entries)
			return nil, err
		}
	}
}

// peek reads the free messages that a claim or pop would be given. Those that were claimed maxClaims times already stand among them, and are
// dead letters of a claim; 0: there are none.
func (s *Store) peek(ctx context.Context, q marconi.QueueRef, limit, maxClaims int) ([]entry, error) {
	l := marconi.Listing{Limit: limit, Echo: true}
	if maxClaims > 0 {
		l.Limit += marconi.MaxSpent
	}
	page, err := s.index.List(ctx, q, l)
	if err != nil {
		return nil, err
	}
	given := page.Items
	if maxClaims > 0 {
		given = slices.DeleteFunc(given, func(m marconi.Message) bool { return m.ClaimCount >= maxClaims })
	}
	entries := s.read(ctx, q, given[:min(len(given), limit)])
	return entries, trouble(entries)
}

// Delete implements [marconi.MessageStore].
func (s *Store) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.index.Delete(ctx, q, id, claim); err != nil {
		return err
	}
	s.gone(q, id)
	return nil
}

// DeleteMessages implements [marconi.MessageStore].
func (s *Store) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.index.DeleteMessages(ctx, q, ids, claims); err != nil {
		return err
	}
	s.gone(q, ids...)
	return nil
}

// gone has the segments removed that these were the last messages of.
func (s *Store) gone(q marconi.QueueRef, ids ...marconi.MessageID) {
	for _, id := range ids {
		if at, empty := s.tally.gone(q, id); empty {
			s.cache.remove(at)
			s.reaper.reap(at)
		}
	}
}
