package indexed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// postTime is how long a post may take. What reaps a queue's segments counts on it.
const postTime = 30 * time.Second

// Post implements [marconi.MessageStore]. The bodies that are not kept in the index are put into one segment first; only the
// index's step makes anything visible.
func (s *Store) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	u, err := s.upload(ctx, q, s.bodiesForSwift(p), s.endOf(p))
	if err != nil {
		return nil, fmt.Errorf("put a segment: %w", err)
	}
	kept, refs := s.forIndex(p, u)
	ids, err := s.index.Post(ctx, q, kept)
	if err != nil {
		if u != nil && nothingAdded(err) {
			s.reaper.reap(u.at)
		}
		return nil, err
	}
	if u != nil {
		s.cache.put(u.at, u.segment)
		s.tally.post(q, ids, refs)
	}
	return ids, nil
}

// nothingAdded reports whether a failed post is known to have left nothing in the index: only then may its segment go.
func nothingAdded(err error) bool {
	return marconi.KindOf(err) != marconi.Unavailable || errors.Is(err, marconi.ErrFull)
}

// endOf is when the last of the messages ends, and the reserve.
func (s *Store) endOf(p marconi.Post) time.Time {
	longest := marconi.Seconds(0)
	for _, m := range p.Messages {
		longest = max(longest, m.TTL)
	}
	return wholeSeconds(s.o.Now().Add(longest.Duration() + reserve))
}

func wholeSeconds(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

// A small body is kept in the index though others of its post are not: so none that is small ever costs a request to read, and
// the index's memory is bounded by the message, which is what an operator reckons with.
func (s *Store) inline(body []byte) bool { return len(body) < s.o.InlineBelow }

func (s *Store) bodiesForSwift(p marconi.Post) [][]byte {
	var bodies [][]byte
	for _, m := range p.Messages {
		if !s.inline(m.Body) {
			bodies = append(bodies, m.Body)
		}
	}
	return bodies
}

// forIndex is the post as the index gets it, and the references in it: of each message, zero if it has none.
func (s *Store) forIndex(p marconi.Post, u *upload) (marconi.Post, []reference) {
	kept := marconi.Post{Client: p.Client, Messages: make([]marconi.NewMessage, len(p.Messages))}
	refs := make([]reference, len(p.Messages))
	next := 0
	for i, m := range p.Messages {
		kept.Messages[i] = m
		if s.inline(m.Body) {
			kept.Messages[i].Body = wrap(m.Body)
			continue
		}
		refs[i] = reference{at: u.at, number: next, count: len(u.segment.bodies), end: u.end}
		kept.Messages[i].Body = refs[i].encode()
		next++
	}
	return kept, refs
}

// An upload is a segment with its place.
type upload struct {
	at      objects.Path
	segment *segment
	end     time.Time
}

// upload puts bodies into a segment; without bodies there is none. A name under which Swift says that something newer is stored
// is not ours: another one is taken.
func (s *Store) upload(ctx context.Context, q marconi.QueueRef, bodies [][]byte, end time.Time) (*upload, error) {
	if len(bodies) == 0 {
		return nil, nil
	}
	for try := 1; ; try++ {
		at := s.o.layout().home(q).fresh(s.o.Now())
		u := &upload{at: at, segment: newSegment(at.Name, bodies), end: end}
		err := s.put(ctx, u)
		if err == nil {
			return u, nil
		}
		s.reaper.reap(at) // nobody has heard of it, but it may be there
		if try == tries || !errors.Is(err, objects.ErrNotStored) {
			return nil, err
		}
	}
}

// put stores a segment. When nobody knows whether it was stored, the same again does no harm.
func (s *Store) put(ctx context.Context, u *upload) error {
	made := false
	for try := 1; ; try++ {
		err := s.client.Put(ctx, u.at, u.segment.raw, attributes(len(u.segment.bodies), u.end))
		switch {
		case err == nil, errors.Is(err, objects.ErrNotStored):
			return err
		case errors.Is(err, objects.ErrContainer) && !made:
			if made = s.client.MakeContainer(ctx, u.at.Container) == nil; made {
				continue
			}
		}
		if try >= tries || !rest(ctx, try) {
			return err
		}
	}
}

// attributes are what stands beside a segment of n bodies.
func attributes(n int, end time.Time) objects.Attributes {
	return objects.Attributes{ContentType: fmt.Sprintf("application/x-marconi-segment; n=%d", n), DeleteAt: end}
}
