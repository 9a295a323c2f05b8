package ledger_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A simStore is a store without time of its own: each call happens at the moment that it is told. What it does is what the
// contract of stores says, unless it has been told a lie to live by.
type simStore struct {
	lie    lie
	queues map[string]*simQueue
	ids    int
	lies   map[string]bool // IDs of the messages that the store has lied about
}

type simQueue struct {
	name     string
	messages []*simMessage
	place    int
}

type simMessage struct {
	id      string
	body    []byte
	place   int
	expires time.Duration
	ttl     time.Duration
	claim   *simClaim
	claims  []string // all that ever held it
	gone    bool
	alone   bool          // it was posted alone
	known   time.Duration // when it ends, as its producer knows; 0: he doesn't
}

type simClaim struct {
	id   string
	ends time.Duration
	over bool
}

func newSimStore(l lie) *simStore {
	return &simStore{lie: l, queues: map[string]*simQueue{}, lies: map[string]bool{}}
}

func (s *simStore) queue(name string) *simQueue {
	q := s.queues[name]
	if q == nil {
		q = &simQueue{name: name}
		s.queues[name] = q
	}
	return q
}

func (m *simMessage) holder(now time.Duration) *simClaim {
	if m.claim == nil || m.claim.over || now >= m.claim.ends {
		return nil
	}
	return m.claim
}

func (s *simStore) live(q *simQueue, now time.Duration) (live []*simMessage) {
	for _, m := range q.messages {
		if !m.gone && (now < m.expires || s.lie == ignoreTTL) {
			live = append(live, m)
		}
	}
	return live
}

func (s *simStore) free(q *simQueue, now time.Duration, limit int) (free []*simMessage) {
	for _, m := range s.live(q, now) {
		if m.holder(now) == nil && len(free) < limit {
			free = append(free, m)
		}
	}
	return free
}

// post adds messages.
func (s *simStore) post(q *simQueue, now, ttl time.Duration, bodies [][]byte) (ids []string) {
	for _, body := range bodies {
		s.ids++
		q.place++
		m := &simMessage{id: fmt.Sprintf("id-%d", s.ids), body: body, alone: len(bodies) == 1, place: q.place, ttl: ttl, expires: now + ttl}
		q.messages = append(q.messages, m)
		ids = append(ids, m.id)
	}
	return ids
}

func (s *simStore) list(q *simQueue, now time.Duration, marker, limit int, claimed bool) (page []*simMessage, next int) {
	for _, m := range s.live(q, now) {
		if m.place > marker && (claimed || m.holder(now) == nil) && len(page) < limit {
			page = append(page, m)
			marker = m.place
		}
	}
	return page, marker
}

func (s *simStore) claim(q *simQueue, now time.Duration, id string, ttl, grace time.Duration, limit int) []*simMessage {
	got := s.free(q, now, limit)
	c := &simClaim{id: id, ends: now + ttl}
	for _, m := range got {
		s.hold(m, c, ttl, grace)
	}
	return got
}

func (s *simStore) hold(m *simMessage, c *simClaim, ttl, grace time.Duration) {
	m.claim = c
	m.claims = append(m.claims, c.id)
	if m.expires < c.ends && s.lie != ignoreTTL {
		m.expires = c.ends + grace
		m.ttl = ttl + grace
	}
}

func (s *simStore) pop(q *simQueue, now time.Duration, limit int) []*simMessage {
	got := s.free(q, now, limit)
	for _, m := range got {
		m.gone = true
	}
	return got
}

// update reports whether there was such a claim.
func (s *simStore) update(q *simQueue, now time.Duration, id string, ttl, grace time.Duration) bool {
	found := false
	for _, m := range s.live(q, now) {
		if h := m.holder(now); h != nil && h.id == id {
			h.ends = now + ttl
			s.hold(m, h, ttl, grace)
			found = true
		}
	}
	return found
}

func (s *simStore) release(q *simQueue, id string) {
	for _, m := range q.messages {
		if m.claim != nil && m.claim.id == id {
			m.claim = nil
		}
	}
}

// remove deletes a message, and reports whether it was allowed to.
func (s *simStore) remove(q *simQueue, now time.Duration, id, claim string) bool {
	i := slices.IndexFunc(s.live(q, now), func(m *simMessage) bool { return m.id == id })
	if i < 0 {
		return true
	}
	m := s.live(q, now)[i]
	holder := ""
	if h := m.holder(now); h != nil {
		holder = h.id
	}
	twice := s.lie == claimTwice && slices.Contains(m.claims, claim)
	if holder != claim && !twice {
		return false
	}
	m.gone = true
	return true
}

func (q *simQueue) sort() {
	slices.SortStableFunc(q.messages, func(a, b *simMessage) int { return cmp.Compare(a.place, b.place) })
}
