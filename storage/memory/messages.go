package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// maxLooked is how many segments a listing goes through before it gives the queue's lock to others.
const maxLooked = 64

// Post implements [marconi.MessageStore].
func (d *dataStore) Post(ctx context.Context, ref marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	size := roomFor(p)
	if !d.room.take(size) {
		return nil, fmt.Errorf("post %d messages: %w", len(p.Messages), marconi.ErrFull)
	}
	ids := make([]marconi.MessageID, len(p.Messages))
	err := d.visitOrMake(ctx, ref, func(q *queue) {
		for i, m := range p.Messages {
			seq := q.take(p.Client, m)
			ids[i] = marconi.MessageID(seqid.Format(int64(ref.Incarnation), seq))
		}
	})
	if err != nil {
		d.room.give(size)
		return nil, err
	}
	return ids, nil
}

// take adds a message, for which there is room.
func (q *queue) take(client marconi.ClientID, m marconi.NewMessage) int64 {
	c := content{body: m.Body, client: client, checksum: m.Checksum, ttl: m.TTL}
	if m.Delay <= 0 {
		q.note(event{client, posted})
		return q.post(c, 0)
	}
	until := q.now + millis(m.Delay)
	q.note(event{client, postedDelayed})
	q.expect(until)
	return q.post(c, until)
}

// List implements [marconi.MessageStore].
func (d *dataStore) List(ctx context.Context, ref marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	after, ok := seqid.ParsePosition(string(l.Marker))
	if !ok {
		return marconi.Page[marconi.Message]{}, d.visit(ctx, ref, func(*queue) {})
	}
	look := look{Listing: l, after: after}
	for more := true; more; {
		more = false
		err := d.visit(ctx, ref, func(q *queue) { more = q.look(&look) })
		if err != nil {
			return marconi.Page[marconi.Message]{}, err
		}
	}
	return look.page(), nil
}

// A look is a listing under way.
type look struct {
	marconi.Listing
	after int64 // what is left to look at lies behind this
	found []marconi.Message
	last  int64 // the number of the last one found
}

func (l *look) page() marconi.Page[marconi.Message] {
	if len(l.found) == 0 {
		return marconi.Page[marconi.Message]{}
	}
	return marconi.Page[marconi.Message]{Items: l.found, Next: marconi.Marker(seqid.Position(l.last))}
}

// look goes on with a listing for a while, and reports whether there is more to look at.
func (q *queue) look(l *look) bool {
	segments := q.all
	if !l.IncludeClaimed && !l.IncludeDelayed {
		segments = q.ready
	}
	for n, s := range segments[segments.behind(l.after):] {
		if n == maxLooked {
			l.after = max(l.after, s.first-1)
			return true
		}
		if !l.leavesOut(s) && q.lookInto(s, l) {
			return false
		}
	}
	return false
}

// lookInto goes through one segment, and reports whether the page is full.
func (q *queue) lookInto(s *segment, l *look) bool {
	for i := s.behind(l.after); i < len(s.marks); i++ {
		if !l.wants(s, i) {
			continue
		}
		if l.found == nil {
			l.found = make([]marconi.Message, 0, min(l.Limit, q.live, maxRoom))
		}
		l.found = append(l.found, q.message(s, i))
		l.last = s.marks[i].seq
		if len(l.found) == l.Limit {
			return true
		}
	}
	return false
}

// leavesOut reports whether the whole segment is the lister's own.
func (l *look) leavesOut(s *segment) bool { return !l.Echo && !s.mixed && s.author == l.Client }

// wants reports whether the message is one to list.
func (l *look) wants(s *segment, i int) bool {
	m := &s.marks[i]
	switch {
	case m.gone(), m.claim != nil && !l.IncludeClaimed, m.claim == nil && !m.free() && !l.IncludeDelayed:
		return false
	}
	return l.Echo || s.content[i].client != l.Client
}

// Message implements [marconi.MessageStore].
func (d *dataStore) Message(ctx context.Context, ref marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	var message marconi.Message
	found := false
	err := d.visit(ctx, ref, func(q *queue) {
		s, i, ok := q.find(id)
		if found = ok; ok {
			message = q.message(s, i)
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("get message %s: %w", id, marconi.ErrNoMessage)
	}
	return message, err
}

// Messages implements [marconi.MessageStore].
func (d *dataStore) Messages(ctx context.Context, ref marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	var found []marconi.Message
	err := d.visit(ctx, ref, func(q *queue) {
		seen := make(map[int64]struct{}, len(ids))
		for s, i := range q.named(ids) {
			seq := s.marks[i].seq
			if _, again := seen[seq]; again {
				continue
			}
			seen[seq] = struct{}{}
			found = append(found, q.message(s, i))
		}
	})
	return found, err
}

// First implements [marconi.MessageStore].
func (d *dataStore) First(ctx context.Context, ref marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	if end != marconi.Oldest && end != marconi.Newest {
		return marconi.Message{}, &marconi.Error{
			Kind: marconi.Internal, Code: "end", Text: fmt.Sprintf("a queue has no end number %d", end),
		}
	}
	var first marconi.Message
	found := false
	err := d.visit(ctx, ref, func(q *queue) {
		if found = q.live > 0; found {
			first = q.end(end)
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("get the first message: %w", marconi.ErrEmptyQueue)
	}
	return first, err
}

// end is the message at that end. There must be one.
func (q *queue) end(end marconi.End) marconi.Message {
	if end == marconi.Oldest {
		s := q.all[0]
		return q.message(s, s.oldest())
	}
	s := q.all[len(q.all)-1]
	return q.message(s, s.newest())
}

// Delete implements [marconi.MessageStore].
func (d *dataStore) Delete(ctx context.Context, ref marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	var refused error
	err := d.visit(ctx, ref, func(q *queue) {
		s, i, ok := q.find(id)
		if !ok {
			return
		}
		if refused = q.mayDelete(s.marks[i].claim, claim); refused == nil {
			q.remove(s, i)
			q.tidy(s)
		}
	})
	if err == nil && refused != nil {
		err = fmt.Errorf("delete message %s: %w", id, refused)
	}
	return err
}

// mayDelete is why a message that holder holds (nil: nobody) can't be deleted with the claim named, or nil.
func (q *queue) mayDelete(holder *claim, named marconi.ClaimID) error {
	switch {
	case named == "" && holder == nil, holder != nil && holder.id == named:
		return nil
	case named == "":
		return marconi.ErrClaimed
	case q.claim(named) == nil:
		return marconi.ErrNoClaim
	case holder == nil:
		return marconi.ErrNotClaimed
	}
	return marconi.ErrNotOwner
}

// DeleteMessages implements [marconi.MessageStore].
func (d *dataStore) DeleteMessages(ctx context.Context, ref marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	var refused error
	err := d.visit(ctx, ref, func(q *queue) {
		if refused = q.mayDeleteAll(ids, claims); refused != nil {
			return
		}
		for s, i := range q.named(ids) {
			q.remove(s, i)
			q.tidy(s)
		}
	})
	if err == nil && refused != nil {
		err = fmt.Errorf("delete %d messages: %w", len(ids), refused)
	}
	return err
}

// mayDeleteAll is why the messages can't be deleted with the claims named, or nil. Without claims they can.
func (q *queue) mayDeleteAll(ids []marconi.MessageID, claims []marconi.ClaimID) error {
	if len(claims) == 0 {
		return nil
	}
	for s, i := range q.named(ids) {
		holder := s.marks[i].claim
		if holder == nil {
			return marconi.ErrNotClaimed
		}
		if !slices.Contains(claims, holder.id) {
			return marconi.ErrNotOwner
		}
	}
	return nil
}

// Pop implements [marconi.MessageStore].
func (d *dataStore) Pop(ctx context.Context, ref marconi.QueueRef, limit int) ([]marconi.Message, error) {
	var popped []marconi.Message
	err := d.visit(ctx, ref, func(q *queue) {
		popped = make([]marconi.Message, 0, min(limit, q.live-q.claimed, maxRoom))
		for s, i := range q.free() {
			popped = append(popped, q.message(s, i))
			q.remove(s, i)
			if len(popped) == limit {
				break
			}
		}
	})
	return popped, err
}
