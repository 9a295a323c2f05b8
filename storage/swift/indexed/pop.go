package indexed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// popClaim is how long messages are held that are popped by a claim.
const popClaim marconi.Seconds = 60

// Pop implements [marconi.MessageStore]. The bodies are read first, so that nothing is removed while Swift can't be reached;
// then the index pops, in one step. Others who pop at that moment may have shifted what it gives: those bodies are read afterwards,
// and a message whose body can't be then goes back, to the end of the queue.
func (s *Store) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	ahead, err := s.peek(ctx, q, limit, 0)
	if err != nil || len(ahead) == 0 {
		return nil, err
	}
	if firstError(ahead) != nil {
		return s.popReadable(ctx, q, limit)
	}
	popped, err := s.index.Pop(ctx, q, limit)
	if err != nil {
		return nil, err
	}
	entries := entriesOf(popped)
	takeBodies(entries, ahead)
	s.fill(ctx, entries)
	if err := s.settlePop(ctx, q, entries); err != nil {
		return nil, err
	}
	return s.found(entries), nil
}

// takeBodies spares the entries from being read once more, for the cache may have let go of them.
func takeBodies(entries, read []entry) {
	bodies := make(map[marconi.MessageID][]byte, len(read))
	for _, e := range read {
		bodies[e.ID] = e.Body
	}
	for i := range entries {
		if e := &entries[i]; e.err == nil && e.Body == nil {
			e.Body = bodies[e.ID]
		}
	}
}

// settlePop counts what was popped, and puts back what could not be read. An error says that nothing could.
func (s *Store) settlePop(ctx context.Context, q marconi.QueueRef, entries []entry) error {
	var unread []entry
	for i := range entries {
		e := &entries[i]
		if e.err != nil {
			unread = append(unread, *e)
			continue
		}
		s.tally.know(q, e)
		s.gone(q, e.ID)
	}
	err := s.putBack(ctx, q, unread)
	if len(unread) < len(entries) {
		return nil // what could not be put back is counted, and no reason to withhold what was read
	}
	return errors.Join(firstError(unread), err)
}

// putBack posts messages again as the index had them, each for the rest of its life. One that the index does not take may be lost: it
// was popped, and nobody has got it.
func (s *Store) putBack(ctx context.Context, q marconi.QueueRef, entries []entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var errs []error
	for _, e := range entries {
		s.tally.forget(e.ref.at) // which knows the message by its former ID
		again := marconi.NewMessage{TTL: restOf(e.Message), Body: e.kept, Checksum: e.Checksum}
		_, err := s.index.Post(ctx, q, marconi.Post{Client: e.Client, Messages: []marconi.NewMessage{again}})
		if err != nil {
			errs = append(errs, fmt.Errorf("put back a message that was popped, as its body can't be read: %w", err))
			s.o.Meter.Add("swift_pops_lost_total", 1)
		}
	}
	if len(errs) > 0 {
		s.o.Logger.Error("messages were popped that can't be read, and could not be put back: they may be lost",
			"project", q.Project, "queue", q.Name, "messages", len(errs), "error", errs[0])
	}
	return errors.Join(errs...)
}

// restOf is for how long a message has still to live, or longer: a claim that put its end off had its TTL count anew.
func restOf(m marconi.Message) marconi.Seconds {
	if m.ClaimCount > 0 {
		return m.TTL
	}
	return max(m.TTL-m.Age, 1)
}

// popReadable pops where some messages have lost their bodies, which no pop may remove: it claims, and deletes what it could
// read. The others stay held, and unseen, until the claim ends.
func (s *Store) popReadable(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	for {
		c := marconi.ClaimRequest{ID: marconi.ClaimID("pop-" + rand.Text()), TTL: popClaim, Limit: limit}
		got, err := s.index.Claim(ctx, q, c)
		if err != nil || len(got.Messages) == 0 {
			return nil, err
		}
		entries := s.read(ctx, q, got.Messages)
		if err := trouble(entries); err != nil {
			s.giveBack(ctx, q, c.ID)
			return nil, err
		}
		popped := s.found(entries)
		if len(popped) == 0 {
			continue // the claims add up, so that the next finds others
		}
		ids := make([]marconi.MessageID, len(popped))
		for i := range popped {
			m := &popped[i]
			ids[i], m.Claim, m.ClaimCount = m.ID, "", m.ClaimCount-1
		}
		if err := s.index.DeleteMessages(ctx, q, ids, []marconi.ClaimID{c.ID}); err != nil {
			return nil, fmt.Errorf("pop: %w: %w", marconi.ErrUnavailable, err)
		}
		s.gone(q, ids...)
		return popped, nil
	}
}
