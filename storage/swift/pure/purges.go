package pure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A purge has taken what was there when it began.
type purge struct {
	purgeAttributes

	stored time.Time // its mark, by Swift's clock
}

const (
	// proxySkew is how far the clocks of Swift's proxies may be apart: each stamps what goes through it.
	proxySkew = 10 * time.Second
	// longestPut is how long a message may be on its way, from its name to its stamp.
	longestPut = time.Minute
)

// covers reports whether the purge took the message of that name, stored at that time.
func (p *purge) covers(name string, stored time.Time) bool {
	return p.isBehind(name, stored) || name <= p.emptied && nodeOf(name) == p.node
}

// isBehind reports whether the purge took the message, whoever posted it: it was stored long enough before, or is of a name that was old
// then, since a claim that puts its end off may have stored it anew.
func (p *purge) isBehind(name string, stored time.Time) bool {
	return stored.Before(p.stored.Add(-proxySkew)) || name <= p.before && !stored.After(p.stored)
}

// supersedes reports whether the purge took all that an earlier one did, and what of that had not come yet.
func (p *purge) supersedes(earlier *purge) bool {
	later := p.stored.Sub(earlier.stored)
	return later > 0 && (p.node == earlier.node && p.emptied >= earlier.emptied && p.before >= earlier.before || later >= proxySkew+longestPut)
}

// purges are those of a queue that no other supersedes: at most the last one of each process of the last 70 s, or the last of all.
type purges []purge

// note adds a purge, unless it is superseded. What was there before may be shared, and stays as it is.
func (all *purges) note(p purge) {
	kept := make(purges, 0, len(*all)+1)
	for _, known := range *all {
		if known.text == p.text || known.supersedes(&p) {
			return
		}
		if !p.supersedes(&known) {
			kept = append(kept, known)
		}
	}
	kept = append(kept, p)
	*all = kept
}

func (all purges) cover(name string, stored time.Time) bool {
	return slices.ContainsFunc(all, func(p purge) bool { return p.covers(name, stored) })
}

// Purge implements [marconi.DataStore]. A mark says what is gone: what Swift has stored before it, by its clock, for those of the
// processes differ. But the clocks of its proxies do, too, and a message that is posted after the purge must stay: so the mark leaves
// alone what was stored in the last seconds, and what is listed of that is removed at once. What others posted then and is not listed
// yet stays.
func (s *Store) Purge(ctx context.Context, q marconi.QueueRef) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.purge(ctx, q); err != nil {
		return fmt.Errorf("purge a queue: %w", err)
	}
	return nil
}

var errMarkHidden = errors.New("the mark of a purge was stored, and can't be found")

func (s *Store) purge(ctx context.Context, q marconi.QueueRef) error {
	p := purge{purgeAttributes: purgeAttributes{
		before: placeAt(s.o.Now().Add(-proxySkew - longestPut).UnixMicro()), emptied: s.names.latest(), node: s.names.node, text: randomHex(8),
	}}
	at := s.placeOf(q).purge(p.text)
	err := s.put(ctx, at, nil, objects.Attributes{ContentType: p.String()})
	if errors.Is(err, objects.ErrContainer) {
		return nil // nobody has posted
	}
	if err != nil {
		return err
	}
	o, err := s.c.Head(ctx, at, true)
	if isMissing(err) {
		err = errMarkHidden
	}
	if err != nil {
		return err
	}
	p.stored = o.Modified
	s.marks.set(q, s.o.Now(), func(m *mark) { m.purges.note(p) })
	s.reaper.addTask(task{do: func(ctx context.Context) error {
		_, err := s.sweep(ctx, q, drop{})
		return err
	}})
	return s.removeLatest(ctx, q, p)
}

// removeLatest removes the messages that were not stored long before the queue's purge, as far as they are listed, and later their leases.
func (s *Store) removeLatest(ctx context.Context, q marconi.QueueRef, p purge) error {
	v := s.viewOf(q)
	w := s.walkBehind(v.at, p.before)
	w.needs = v.at.stem
	for !w.done() {
		records, err := w.next(ctx, 0)
		if err != nil {
			return err
		}
		var messages, leases []objects.Path
		for i := range records {
			if r := &records[i]; r.found && !p.isBehind(r.name, r.modified) {
				messages = append(messages, v.at.message(r.name))
				leases = append(leases, v.at.leases(r.name, r.generation)...)
			}
		}
		if err := s.removeMessages(ctx, messages); err != nil {
			return err
		}
		s.reaper.add(leases...)
	}
	return nil
}

// forgetPurges removes, after a sweep, the marks that are needed no more: of purges that another has superseded whose mark all processes
// can list by now, and of those whose messages have all been removed, when no listing can come late any more. Before that a mark has no end:
// what was purged would be back.
func (s *Store) forgetPurges(ctx context.Context, v *view) error {
	now := s.o.Now()
	var paths []objects.Path
	for i := range v.purges {
		p := &v.purges[i]
		superseded := func(by purge) bool {
			return by.supersedes(p) && now.Sub(by.stored) > proxySkew+s.o.ListingHorizon
		}
		if now.Sub(p.stored) > keepMarks || slices.ContainsFunc(v.purges, superseded) {
			paths = append(paths, v.at.purge(p.text))
		}
	}
	return s.removeAll(ctx, paths)
}
