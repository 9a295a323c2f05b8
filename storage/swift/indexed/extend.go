package indexed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Ends are what is known of the ends of segments, beyond what references say: so that a claim that is renewed every minute
// costs a request in weeks, and one that needs none no look at the index either.
type ends struct {
	segments *lru[objects.Path, time.Time]    // of those that were given a later one here
	claims   *lru[marconi.ClaimID, time.Time] // the first end among the segments that a claim holds
}

const (
	segmentEndCost = 300 // bytes
	claimEndCost   = 250
)

func newEnds(size int64) *ends {
	costs := func(n int64) func(time.Time) int64 { return func(time.Time) int64 { return n } }
	return &ends{
		segments: newLRU[objects.Path](size/2, costs(segmentEndCost)),
		claims:   newLRU[marconi.ClaimID](size/2, costs(claimEndCost)),
	}
}

// of is the end of a segment, or an earlier one if nothing newer is known.
func (n *ends) of(r reference) time.Time {
	if later, known := n.segments.get(r.at); known {
		return later
	}
	return r.end
}

// claimed notes the segments that a claim holds. What it holds never becomes more.
func (n *ends) claimed(id marconi.ClaimID, entries []entry) {
	first := time.Unix(1<<40, 0)
	for _, e := range entries {
		if e.inSwift() && n.of(e.ref).Before(first) {
			first = n.of(e.ref)
		}
	}
	n.claims.put(id, first)
}

// claimOutlives reports whether all segments of a claim are known to live until then.
func (n *ends) claimOutlives(id marconi.ClaimID, until time.Time) bool {
	first, known := n.claims.get(id)
	return known && !first.Before(until)
}

// outlive gives the segments of a queue's messages a later end that would end before that moment. Those that can't be found are lost.
func (s *Store) outlive(ctx context.Context, q marconi.QueueRef, entries []entry, until time.Time) (lost map[objects.Path]bool, err error) {
	for _, e := range entries {
		if !e.inSwift() || lost[e.ref.at] || !s.ends.of(e.ref).Before(until) {
			continue
		}
		switch err := s.extend(ctx, q, e, until); {
		case errors.Is(err, errLost):
			if lost == nil {
				lost = map[objects.Path]bool{}
			}
			lost[e.ref.at] = true
		case err != nil:
			return lost, fmt.Errorf("extend the life of segment %s: %w", e.ref.at.Name, err)
		}
	}
	s.countLost(len(lost))
	return lost, nil
}

// outliveOrFail is outlive for what is confirmed as done. A segment that can't be found is not lost yet while it should be there: servers that
// have it may be away, and when they are back it would end before its messages. Past its end it is gone, and there is nothing to wait for.
func (s *Store) outliveOrFail(ctx context.Context, q marconi.QueueRef, entries []entry, until time.Time) error {
	lost, err := s.outlive(ctx, q, entries, until)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if lost[e.ref.at] && s.ends.of(e.ref).After(s.o.Now().Add(-skew)) {
			return fmt.Errorf("extend the life of segment %s: %w", e.ref.at.Name, errLost)
		}
	}
	return nil
}

func (s *Store) extend(ctx context.Context, q marconi.QueueRef, e entry, until time.Time) error {
	for try := 1; ; try++ {
		err := s.extendOnce(ctx, q, e, until)
		if err == nil || errors.Is(err, errLost) || errors.Is(err, marconi.ErrFull) || try == tries || !rest(ctx, try) {
			return err
		}
	}
}

// extendOnce gives a segment a later end, and never an earlier one: another process may know of more that its messages need, or have
// larger limits, so it looks first what end the segment has. Two processes that do this at the same moment don't see each other, and the later
// POST stays; by the same limits, and for lives within them, that has the later end.
func (s *Store) extendOnce(ctx context.Context, q marconi.QueueRef, e entry, until time.Time) error {
	stored, err := s.client.Head(ctx, e.ref.at, true) // all replicas: one proxy's 404 is not believed
	missing := errors.Is(err, objects.ErrMissing)
	if err != nil && !missing {
		return err
	}
	end, enough := stored.DeleteAt, !missing && !stored.DeleteAt.Before(until)
	if far := s.endFor(until); !enough && end.Before(far) {
		end = far
	}
	known := end
	if s.o.layout().home(q).hash != hashOf(e.ref.at) {
		if known, err = s.moved.markForSegment(ctx, e, until, end); err != nil {
			return err
		}
	}
	switch {
	case missing:
		err = s.putAgain(ctx, e, end)
	case !enough:
		err = s.client.Post(ctx, e.ref.at, attributes(e.ref.count, end))
	}
	if err == nil {
		s.ends.segments.put(e.ref.at, known)
	}
	return err
}

// putAgain stores a segment that Swift can't find, if this process has it still. It never changes, so that is no harm to one that turns up.
func (s *Store) putAgain(ctx context.Context, e entry, end time.Time) error {
	found, cached := s.cache.get(e.ref.at)
	if !cached {
		return errLost
	}
	return s.put(ctx, &upload{at: e.ref.at, segment: found, end: end})
}

// endFor is the end that a segment gets which has to live until then: later than all that may happen now to its messages.
func (s *Store) endFor(until time.Time) time.Time {
	l := s.o.Limits
	end := s.o.Now().Add((l.MaxMessageTTL + l.MaxClaimTTL + l.MaxClaimGrace).Duration())
	if end.Before(until) {
		end = until.Add(reserve)
	}
	return wholeSeconds(end)
}
