package storagetest

import (
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
)

// held are the live messages under a claim or lease.
func (m *model) held(q *modelQueue, id marconi.ClaimID) []*modelMessage {
	return m.find(q, func(msg *modelMessage) bool { return msg.claim == id && m.holder(q, msg) != nil })
}

// claim is a live claim, or nil: one that has not ended, is no lease, and holds a message.
func (m *model) claim(ref marconi.QueueRef, id marconi.ClaimID) *modelClaim {
	q := m.queue(ref)
	if c := q.claims[id]; c != nil && !c.lease && len(m.held(q, id)) > 0 {
		return c
	}
	return nil
}

// candidates are the free messages that a claim would hand out, and those it would set aside.
func (m *model) candidates(ref marconi.QueueRef, c marconi.ClaimRequest) (fit, spent []*modelMessage) {
	q := m.queue(ref)
	for _, msg := range m.find(q, func(msg *modelMessage) bool { return m.free(q, msg) }) {
		if c.MaxClaims > 0 && msg.ClaimCount >= c.MaxClaims {
			spent = append(spent, msg)
		} else {
			fit = append(fit, msg)
		}
	}
	return firstOf(fit, c.Limit), firstOf(spent, marconi.MaxSpent)
}

// leastSpent is how many of the spent messages a claim has to set aside at least: those it came by before it had
// enough.
func leastSpent(c marconi.ClaimRequest, fit, spent []*modelMessage) int {
	if len(fit) < c.Limit {
		return len(spent)
	}
	last := fit[len(fit)-1].place
	return len(slices.DeleteFunc(slices.Clone(spent), func(msg *modelMessage) bool { return msg.place > last }))
}

// take claims messages as c asks. The same claim again changes nothing.
func (m *model) take(ref marconi.QueueRef, c marconi.ClaimRequest) []marconi.Message {
	q := m.queue(ref)
	if m.claim(ref, c.ID) != nil {
		return m.shownAll(q, m.held(q, c.ID))
	}
	fit, _ := m.candidates(ref, c)
	m.forget(q, c.ID)
	if len(fit) == 0 {
		return nil
	}
	q.claims[c.ID] = &modelClaim{}
	for _, msg := range fit {
		msg.claim = c.ID
		msg.ClaimCount++
	}
	m.start(q, c.ID, marconi.ClaimUpdate{TTL: c.TTL, Grace: c.Grace})
	return m.shownAll(q, fit)
}

// start begins a claim's time and extends what it holds.
func (m *model) start(q *modelQueue, id marconi.ClaimID, u marconi.ClaimUpdate) {
	c := q.claims[id]
	c.ttl, c.updated, c.expires = u.TTL, m.now(), m.now().Add(u.TTL.Duration())
	for _, msg := range m.held(q, id) {
		if msg.expires.Before(c.expires) {
			msg.TTL, msg.expires = u.TTL+u.Grace, c.expires.Add(u.Grace.Duration())
		}
	}
}

// forget ends a claim, so that nothing refers to it any more.
func (m *model) forget(q *modelQueue, id marconi.ClaimID) {
	delete(q.claims, id)
	for _, msg := range q.messages {
		if msg.claim == id {
			msg.claim = ""
		}
	}
}

// setAside puts the oldest n of the spent messages under a lease.
func (m *model) setAside(ref marconi.QueueRef, lease marconi.ClaimID, spent []*modelMessage) []marconi.Message {
	q := m.queue(ref)
	q.claims[lease] = &modelClaim{lease: true, updated: m.now(), expires: m.now().Add(marconi.SpentLease)}
	for _, msg := range spent {
		msg.claim = lease
	}
	return m.shownAll(q, spent)
}

func (m *model) claimed(ref marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, *marconi.Error) {
	c := m.claim(ref, id)
	if c == nil {
		return marconi.Claim{}, marconi.ErrNoClaim
	}
	q := m.queue(ref)
	age := marconi.Seconds(m.now().Sub(c.updated) / time.Second)
	return marconi.Claim{ID: id, TTL: c.ttl, Age: age, Messages: m.shownAll(q, m.held(q, id))}, nil
}

func (m *model) update(ref marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) *marconi.Error {
	if m.claim(ref, id) == nil {
		return marconi.ErrNoClaim
	}
	m.start(m.queue(ref), id, u)
	return nil
}

func (m *model) release(ref marconi.QueueRef, id marconi.ClaimID) {
	if m.claim(ref, id) != nil {
		m.forget(m.queue(ref), id)
	}
}

// move moves dead letters. Their IDs are new; ids gives one for each.
func (m *model) move(from marconi.QueueRef, lease marconi.ClaimID, which []marconi.MessageID, d marconi.DeadLetter) {
	q := m.queue(from)
	c := q.claims[lease]
	if c == nil || !c.lease {
		return
	}
	for _, msg := range m.held(q, lease) {
		if !slices.Contains(which, msg.ID) {
			continue
		}
		remove(q, msg)
		letter := marconi.NewMessage{TTL: msg.TTL, Body: msg.Body, Checksum: msg.Checksum}
		if d.TTL > 0 {
			letter.TTL = d.TTL
		}
		m.post(d.Queue, marconi.Post{Client: msg.Client, Messages: []marconi.NewMessage{letter}}, []marconi.MessageID{""})
	}
}
