package pure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A view is what a call knows of a queue, and by which time it judges. Messages were listed before claims: the other way
// round a lease taken in between would look dead.
type view struct {
	s      *Store
	q      marconi.QueueRef
	at     place
	now    int64
	claims map[marconi.ClaimID]claimAttributes
	purges []purge // that are listed
	mark   mark
}

// viewOf is a view without claims.
func (s *Store) viewOf(q marconi.QueueRef) *view {
	return &view{s: s, q: q, at: s.placeOf(q), now: s.millis(), mark: s.marks.of(q)}
}

// readClaims lists the queue's claims, and whether it was purged.
func (v *view) readClaims(ctx context.Context) error {
	v.claims, v.purges = map[marconi.ClaimID]claimAttributes{}, nil
	for e, err := range v.s.entries(ctx, v.at.stem, claimPrefix) {
		if errors.Is(err, objects.ErrContainer) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list claims: %w", err)
		}
		v.addClaim(e)
	}
	return nil
}

func (v *view) addClaim(e objects.Entry) {
	if strings.HasPrefix(e.Name, purgePrefix) {
		if p, ok := parsePurge(e.ContentType); ok {
			v.purges = append(v.purges, purge{p, e.Modified})
			v.mark.purges.note(purge{p, e.Modified})
		}
		return
	}
	id := marconi.ClaimID(strings.TrimPrefix(e.Name, claimPrefix))
	if c, ok := parseClaim(id, e.ContentType); ok {
		v.claims[id] = c
	}
}

// there reports whether the record is of a message that exists: not deleted, purged or expired.
func (v *view) there(r *record) bool {
	return r.found && r.ends() > v.now && !v.mark.covers(r.name, r.modified) && !v.s.deleted.Has(v.at.message(r.name))
}

// holder is the claim that holds the message, as far as listings know.
func (v *view) holder(r *record) (claimAttributes, bool) {
	if r.generation == 0 {
		return claimAttributes{}, false
	}
	c, known := v.claims[r.lease.claim]
	return c, known && c.birth == r.lease.birth && c.live(v.now)
}

// show makes a message of a record and, if there is one, its object.
func (v *view) show(r *record, body []byte) marconi.Message {
	m := marconi.Message{
		ID: marconi.MessageID(r.name), TTL: r.ttl(), Body: body, Client: r.message.client, Checksum: r.message.checksum,
		ClaimCount: r.lease.count, Created: time.UnixMilli(r.created()).UTC(), Age: ageOf(r.created(), v.now),
	}
	if c, holds := v.holder(r); holds && isClaimID(c.id) {
		m.Claim = c.id
	}
	return m
}

// ageOf is whole seconds, and none for what was made by a clock that is ahead.
func ageOf(since, now int64) marconi.Seconds { return marconi.Seconds(max(0, now-since) / 1000) }

// bodies gets the bodies of messages, in parallel, and shows those that are there still. A marker will pass what is not shown, so that a
// 404 is not believed at once: of what is listed the newest replica is asked for.
func (v *view) bodies(ctx context.Context, records []record) ([]marconi.Message, error) {
	all := make([]marconi.Message, len(records))
	gone := make([]bool, len(records))
	err := v.s.parallel(len(records), func(i int) error {
		at := v.at.message(records[i].name)
		o, err := v.s.c.Get(ctx, at, false)
		if isMissing(err) {
			o, err = v.s.c.Get(ctx, at, true)
		}
		if isMissing(err) {
			gone[i] = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("get message %s: %w", records[i].name, err)
		}
		all[i] = v.show(&records[i], o.Body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := all[:0]
	for i, m := range all {
		if !gone[i] {
			found = append(found, m)
		}
	}
	return found, nil
}

// A mark says what of a queue's messages has gone at one stroke.
type mark struct {
	drop   drop // the queue was deleted
	purges purges
	made   time.Time
}

// covers reports whether the message of that name, stored at that time, has gone.
func (m *mark) covers(name string, stored time.Time) bool {
	return m.drop.covers(name) || m.purges.cover(name, stored)
}

// marks are those that this process has made. They are kept longer than listings may lag, but not more than so many: what they cover is
// removed within seconds, and what they say of a purge stands in Swift as well.
type marks struct {
	mu    sync.Mutex // guards what follows
	all   map[marconi.QueueRef]mark
	turns []turn // in which they were made, each time
}

// A turn is when the mark of a queue was made, or made anew.
type turn struct {
	q    marconi.QueueRef
	made time.Time
}

const (
	// keepMarks is for how long a mark is kept. What then still shows up was posted long after it, by somebody who had not heard.
	keepMarks = 25 * time.Hour
	mostMarks = 20_000
)

func (m *marks) of(q marconi.QueueRef) mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[q]
}

// set changes the mark of a queue.
func (m *marks) set(q marconi.QueueRef, now time.Time, change func(*mark)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[marconi.QueueRef]mark{}
	}
	one := m.all[q]
	change(&one)
	one.made = now
	m.all[q] = one
	m.turns = append(m.turns, turn{q, now})
	for len(m.turns) > mostMarks {
		m.dropFirst()
	}
}

// forget drops marks that are old.
func (m *marks) forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.turns) > 0 && now.Sub(m.turns[0].made) > keepMarks {
		m.dropFirst()
	}
}

// dropFirst drops the oldest mark, unless it was made anew since.
func (m *marks) dropFirst() {
	first := m.turns[0]
	m.turns = m.turns[1:]
	if m.all[first.q].made.Equal(first.made) {
		delete(m.all, first.q)
	}
}
