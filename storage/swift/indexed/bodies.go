package indexed

import (
	"context"
	"errors"
	"slices"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// An entry is a message as the index gives it, on its way to having its body.
type entry struct {
	marconi.Message
	kept []byte    // by the index, as the body
	ref  reference // zero: the body is kept in the index itself
	err  error     // why there is no body: errLost, or that Swift gave no answer
}

// inSwift reports whether the body is kept there.
func (e *entry) inSwift() bool { return e.ref.count > 0 }

// entriesOf reads what the index keeps of messages.
func entriesOf(messages []marconi.Message) []entry {
	entries := make([]entry, len(messages))
	for i, m := range messages {
		e := entry{Message: m, kept: m.Body}
		if e.Body, e.ref, e.err = unwrap(m.Body); e.err != nil {
			e.err = errors.Join(e.err, errLost)
		}
		entries[i] = e
	}
	return entries
}

// read gives messages their bodies, as far as they are to be had, and remembers where they are.
func (s *Store) read(ctx context.Context, q marconi.QueueRef, messages []marconi.Message) []entry {
	return s.readBeside(ctx, q, messages, nil)
}

// readBeside is read, where some have been read already.
func (s *Store) readBeside(ctx context.Context, q marconi.QueueRef, messages []marconi.Message, ahead []entry) []entry {
	entries := entriesOf(messages)
	takeBodies(entries, ahead)
	s.fill(ctx, entries)
	for i := range entries {
		s.tally.know(q, &entries[i])
	}
	return entries
}

// fill gets the segments that the entries need, all at once, each once.
func (s *Store) fill(ctx context.Context, entries []entry) {
	var under map[objects.Path]*fetch
	for i := range entries {
		e := &entries[i]
		if !e.lacksBody() || under[e.ref.at] != nil {
			continue
		}
		if found, cached := s.cache.get(e.ref.at); cached {
			e.take(found)
			continue
		}
		if under == nil {
			under = map[objects.Path]*fetch{}
		}
		under[e.ref.at] = s.fetcher.join(ctx, e.ref.at)
	}
	if under == nil {
		return
	}
	got := make(map[objects.Path]fetched, len(under))
	for at, f := range under {
		got[at] = s.fetcher.wait(ctx, f)
	}
	for i := range entries {
		if e := &entries[i]; e.lacksBody() {
			if e.err = got[e.ref.at].err; e.err == nil {
				e.take(got[e.ref.at].segment)
			}
		}
	}
}

func (e *entry) lacksBody() bool { return e.inSwift() && e.Body == nil }

// take takes the body out of its segment.
func (e *entry) take(s *segment) {
	if len(s.bodies) != e.ref.count {
		e.err = errors.Join(errReference, errLost)
		return
	}
	e.Body = s.bodies[e.ref.number]
}

// trouble is why some of the bodies could not be read though they may well be there, or nil.
func trouble(entries []entry) error {
	for _, e := range entries {
		if e.err != nil && !errors.Is(e.err, errLost) {
			return e.err
		}
	}
	return nil
}

// firstError is why some of the bodies could not be read, or nil.
func firstError(entries []entry) error {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.err != nil })
	if i < 0 {
		return nil
	}
	return entries[i].err
}

// found are the messages whose bodies were read. The others are counted.
func (s *Store) found(entries []entry) []marconi.Message {
	if len(entries) == 0 {
		return nil
	}
	messages := make([]marconi.Message, 0, len(entries))
	for _, e := range entries {
		if e.err == nil {
			messages = append(messages, e.Message)
		}
	}
	s.countLost(len(entries) - len(messages))
	return messages
}

// countLost counts messages that were not shown for want of their bodies.
func (s *Store) countLost(n int) {
	if n > 0 {
		s.o.Meter.Add("swift_bodies_not_found_total", float64(n))
	}
}
