package storagetest

import (
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
)

// A model is a data store so simple that it is obviously right: slices that are looked through from the front. It makes
// no IDs of its own: a test hands in those that the store under test made.
type model struct {
	now    func() time.Time
	queues map[marconi.QueueRef]*modelQueue
}

// A modelQueue has its messages in posting order. Messages that expired stay in it, unseen: only their number within
// the last second matters.
type modelQueue struct {
	messages []*modelMessage
	claims   map[marconi.ClaimID]*modelClaim
	next     int // place of the next message
}

type modelMessage struct {
	marconi.Message
	place   int // in the order of all messages that ever were in the queue
	due     time.Time
	expires time.Time
	claim   marconi.ClaimID // it counts while that claim lives
}

type modelClaim struct {
	ttl              marconi.Seconds
	updated, expires time.Time
	lease            bool // of dead letters
}

func newModel(now func() time.Time) *model {
	return &model{now: now, queues: map[marconi.QueueRef]*modelQueue{}}
}

func (m *model) queue(ref marconi.QueueRef) *modelQueue {
	if m.queues[ref] == nil {
		m.queues[ref] = &modelQueue{claims: map[marconi.ClaimID]*modelClaim{}}
	}
	return m.queues[ref]
}

func (m *model) live(msg *modelMessage) bool { return m.now().Before(msg.expires) }

func (m *model) isDelayed(msg *modelMessage) bool { return m.now().Before(msg.due) }

// holder is the claim or lease that holds the message now, or nil.
func (m *model) holder(q *modelQueue, msg *modelMessage) *modelClaim {
	if c := q.claims[msg.claim]; c != nil && m.now().Before(c.expires) {
		return c
	}
	return nil
}

func (m *model) free(q *modelQueue, msg *modelMessage) bool {
	return m.live(msg) && m.holder(q, msg) == nil && !m.isDelayed(msg)
}

// shown is the message as a store gives it.
func (m *model) shown(q *modelQueue, msg *modelMessage) marconi.Message {
	out := msg.Message
	out.Age = marconi.Seconds(m.now().Sub(msg.Created) / time.Second)
	if c := m.holder(q, msg); c != nil && !c.lease {
		out.Claim = msg.claim
	}
	return out
}

func (m *model) shownAll(q *modelQueue, messages []*modelMessage) []marconi.Message {
	var out []marconi.Message
	for _, msg := range messages {
		out = append(out, m.shown(q, msg))
	}
	return out
}

// find gives the live messages of which keep holds, in order.
func (m *model) find(q *modelQueue, keep func(*modelMessage) bool) []*modelMessage {
	var found []*modelMessage
	for _, msg := range q.messages {
		if m.live(msg) && keep(msg) {
			found = append(found, msg)
		}
	}
	return found
}

func (m *model) byID(q *modelQueue, id marconi.MessageID) *modelMessage {
	for _, msg := range m.find(q, func(msg *modelMessage) bool { return msg.ID == id }) {
		return msg
	}
	return nil
}

func remove(q *modelQueue, gone ...*modelMessage) {
	q.messages = slices.DeleteFunc(q.messages, func(msg *modelMessage) bool { return slices.Contains(gone, msg) })
}

func firstOf[T any](all []T, n int) []T { return all[:min(n, len(all))] }

func (m *model) post(ref marconi.QueueRef, p marconi.Post, ids []marconi.MessageID) {
	q := m.queue(ref)
	for i, n := range p.Messages {
		q.next++
		q.messages = append(q.messages, &modelMessage{
			Message: marconi.Message{ID: ids[i], TTL: n.TTL, Created: m.now(), Body: n.Body, Client: p.Client, Checksum: n.Checksum},
			place:   q.next,
			due:     m.now().Add(n.Delay.Duration()),
			expires: m.now().Add(n.TTL.Duration()),
		})
	}
}

// list is a page behind a place, and the place of its last message.
func (m *model) list(ref marconi.QueueRef, behind int, l marconi.Listing) (page []marconi.Message, last int) {
	q := m.queue(ref)
	found := firstOf(m.find(q, func(msg *modelMessage) bool {
		return msg.place > behind && (l.Echo || msg.Client != l.Client) &&
			(l.IncludeClaimed || m.holder(q, msg) == nil) && (l.IncludeDelayed || !m.isDelayed(msg))
	}), l.Limit)
	if len(found) > 0 {
		last = found[len(found)-1].place
	}
	return m.shownAll(q, found), last
}

func (m *model) byIDs(ref marconi.QueueRef, ids []marconi.MessageID) []marconi.Message {
	q := m.queue(ref)
	var found []*modelMessage
	for _, id := range ids {
		if msg := m.byID(q, id); msg != nil && !slices.Contains(found, msg) {
			found = append(found, msg)
		}
	}
	return m.shownAll(q, found)
}

// all are the live messages.
func (m *model) all(ref marconi.QueueRef) []marconi.Message {
	q := m.queue(ref)
	return m.shownAll(q, m.find(q, func(*modelMessage) bool { return true }))
}

// delete removes a message, or says which errors the store may answer.
func (m *model) delete(ref marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) []*marconi.Error {
	q := m.queue(ref)
	msg := m.byID(q, id)
	if msg == nil {
		return nil
	}
	holder, named := m.holder(q, msg), m.claim(ref, claim)
	switch {
	case holder == nil && claim != "" && named != nil:
		return []*marconi.Error{marconi.ErrNotClaimed}
	case holder == nil && claim != "":
		return []*marconi.Error{marconi.ErrNotClaimed, marconi.ErrNoClaim}
	case holder != nil && claim == "":
		return []*marconi.Error{marconi.ErrClaimed}
	case holder != nil && claim != msg.claim && named != nil:
		return []*marconi.Error{marconi.ErrNotOwner}
	case holder != nil && claim != msg.claim:
		return []*marconi.Error{marconi.ErrNoClaim}
	}
	remove(q, msg)
	return nil
}

func (m *model) deleteAll(ref marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) []*marconi.Error {
	q := m.queue(ref)
	var gone []*modelMessage
	var errs []*marconi.Error
	for _, id := range ids {
		msg := m.byID(q, id)
		switch {
		case msg == nil:
			continue
		case len(claims) > 0 && m.holder(q, msg) == nil:
			errs = append(errs, marconi.ErrNotClaimed)
		case len(claims) > 0 && !slices.Contains(claims, msg.claim):
			errs = append(errs, marconi.ErrNotOwner)
		}
		gone = append(gone, msg)
	}
	if errs == nil {
		remove(q, gone...)
	}
	return errs
}

func (m *model) pop(ref marconi.QueueRef, limit int) []marconi.Message {
	q := m.queue(ref)
	got := firstOf(m.find(q, func(msg *modelMessage) bool { return m.free(q, msg) }), limit)
	remove(q, got...)
	return m.shownAll(q, got)
}

func (m *model) stats(ref marconi.QueueRef) marconi.Stats {
	q := m.queue(ref)
	var s marconi.Stats
	for _, msg := range m.find(q, func(*modelMessage) bool { return true }) {
		shown := m.shown(q, msg)
		s.Total++
		if m.holder(q, msg) != nil {
			s.Claimed++
		}
		if s.Oldest == nil {
			s.Oldest = &shown
		}
		s.Newest = &shown
	}
	s.Free = s.Total - s.Claimed
	return s
}

// lately counts the messages that expired within the last second, which a store may still count.
func (m *model) lately(ref marconi.QueueRef) int64 {
	var n int64
	for _, msg := range m.queue(ref).messages {
		if !m.live(msg) && m.now().Before(msg.expires.Add(time.Second)) {
			n++
		}
	}
	return n
}

func (m *model) drop(ref marconi.QueueRef) {
	q := m.queue(ref)
	m.queues[ref] = &modelQueue{claims: map[marconi.ClaimID]*modelClaim{}, next: q.next}
}
