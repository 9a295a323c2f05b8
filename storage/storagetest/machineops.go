package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
)

func isErr(err error, target *marconi.Error) bool { return errors.Is(err, target) }

func (m *machine) post() {
	s, p := m.slot(), marconi.Post{Client: m.somebody()}
	call := fmt.Sprintf("%s.Post by %s:", s.name, map[marconi.ClientID]string{producer: "producer", observer: "observer"}[p.Client])
	for i := range m.number("number of messages", 1, 4) {
		n := marconi.NewMessage{TTL: m.ttl(), Body: fmt.Appendf(nil, "%d", len(m.names)+i)}
		if m.rarely("is delayed", 3) {
			n.Delay = m.seconds("delay", 1, 3)
		}
		if m.rarely("has a checksum", 6) {
			n.Checksum = "MD5:00"
		}
		p.Messages = append(p.Messages, n)
		call += fmt.Sprintf(" (%s ttl %d delay %d)", n.Body, n.TTL, n.Delay)
	}
	ids, err := m.ds.Post(m.ctx(), s.ref, p)
	m.compare(call, failure(err, fmt.Sprintf("%d IDs", len(ids))), fmt.Sprintf("%d IDs", len(p.Messages)))
	m.learn(ids...)
	m.model.post(s.ref, p, ids)
}

func (m *machine) list() {
	s := m.slot()
	flags := m.number("flags", 0, 7)
	l := marconi.Listing{
		Limit: m.number("limit", 1, 4), Client: m.somebody(), Echo: flags&1 != 0, IncludeClaimed: flags&2 != 0, IncludeDelayed: flags&4 != 0,
	}
	from := pick(m, "marker", append([]placed{{name: "the start"}}, s.markers...))
	m.page(s, from, l)
}

// page lists behind a marker. The marker that comes back means the place of the page's last message.
func (m *machine) page(s *slot, from placed, l marconi.Listing) {
	l.Marker = from.marker
	call := fmt.Sprintf("%s.List behind %s, limit %d, echo %v, claimed %v, delayed %v", s.name, from.name, l.Limit, l.Echo, l.IncludeClaimed, l.IncludeDelayed)
	page, err := m.ds.List(m.ctx(), s.ref, l)
	want, last := m.model.list(s.ref, from.place, l)
	m.compare(call, failure(err, m.show(page.Items)), m.show(want))
	if len(want) == 0 {
		return
	}
	if page.Next == "" {
		m.compare(call+", the next marker", "none", "one")
	}
	s.markers = append(s.markers, placed{"the place of " + m.nameOf(want[len(want)-1].ID), page.Next, last})
}

func (m *machine) get() {
	s := m.slot()
	id := m.someMessage(s)
	got, err := m.ds.Message(m.ctx(), s.ref, id)
	want := "error " + marconi.ErrNoMessage.Code
	if found := m.model.byIDs(s.ref, []marconi.MessageID{id}); len(found) > 0 {
		want = m.show(found)
	}
	m.compare(fmt.Sprintf("%s.Message %s", s.name, m.nameOf(id)), failure(err, m.show([]marconi.Message{got})), want)
}

func (m *machine) getMany() {
	s := m.slot()
	ids := m.someMessages(s)
	got, err := m.ds.Messages(m.ctx(), s.ref, ids)
	m.compare(fmt.Sprintf("%s.Messages %s", s.name, m.namesOf(ids)), failure(err, m.show(got)), m.show(m.model.byIDs(s.ref, ids)))
}

// delete is never given a lease: what one does in a delete of a single message nobody has said.
func (m *machine) delete() {
	s := m.slot()
	id, claim := m.someMessage(s), marconi.ClaimID("")
	if !m.rarely("is without a claim", 4) {
		claim = m.someClaim(s)
	}
	if m.leases[claim] != nil {
		claim = garbage
	}
	err := m.ds.Delete(m.ctx(), s.ref, id, claim)
	m.compare(fmt.Sprintf("%s.Delete %s with %s", s.name, m.nameOf(id), m.aliasOf(claim)), failure(err, "done"),
		outcomes(m.model.delete(s.ref, id, claim))...)
}

func (m *machine) deleteMany() {
	s := m.slot()
	ids := m.someMessages(s)
	var claims []marconi.ClaimID
	for range m.number("number of claims", 0, 2) {
		claims = append(claims, m.someClaim(s))
	}
	err := m.ds.DeleteMessages(m.ctx(), s.ref, ids, claims)
	m.compare(fmt.Sprintf("%s.DeleteMessages %s with claims [%s]", s.name, m.namesOf(ids), m.aliasesOf(claims)), failure(err, "done"),
		outcomes(m.model.deleteAll(s.ref, ids, claims))...)
}

func (m *machine) pop() {
	s, limit := m.slot(), m.number("limit", 1, 3)
	got, err := m.ds.Pop(m.ctx(), s.ref, limit)
	m.compare(fmt.Sprintf("%s.Pop of %d", s.name, limit), failure(err, m.show(got)), m.show(m.model.pop(s.ref, limit)))
}

// claim claims under a new ID, mostly; else under one that this queue, and no other, has seen as a claim.
func (m *machine) claim() {
	s := m.slot()
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: m.ttl(), Grace: m.seconds("grace", 0, 3), Limit: m.number("limit", 1, 4)}
	if m.rarely("has a most", 2) {
		c.MaxClaims = m.number("most", 1, 2)
	}
	if used := m.claimsOf(s.ref); len(used) > 0 && m.rarely("is repeated", 6) {
		c.ID = pick(m, "claim", used)
	} else {
		m.learnClaim("c", c.ID)
	}
	fit, spent := m.model.candidates(s.ref, c)
	repeated := m.model.claim(s.ref, c.ID) != nil
	least := leastSpent(c, fit, spent)
	got, err := m.ds.Claim(m.ctx(), s.ref, c)
	call := fmt.Sprintf("%s.Claim %s ttl %d grace %d limit %d most %d", s.name, m.aliasOf(c.ID), c.TTL, c.Grace, c.Limit, c.MaxClaims)
	m.compare(call, failure(err, m.show(got.Messages)), m.show(m.model.take(s.ref, c)))
	if !repeated {
		m.setAside(s, call, got, spent, least)
	}
}

// setAside compares what a claim set aside: any number of the oldest spent messages, but for those it came by.
func (m *machine) setAside(s *slot, call string, got marconi.Claimed, spent []*modelMessage, least int) {
	n := len(got.Spent)
	if n > len(spent) || n < least || (n > 0) != (got.Lease != "") {
		m.compare(call+", number of spent", fmt.Sprintf("%d under lease %q", n, got.Lease), fmt.Sprintf("%d to %d under a lease", least, len(spent)))
	}
	if n == 0 {
		return
	}
	m.learnClaim("lease", got.Lease)
	m.leases[got.Lease] = idsOf(got.Spent)
	want := m.show(m.model.setAside(s.ref, got.Lease, spent[:n]))
	m.compare(fmt.Sprintf("%s, spent under %s", call, m.aliasOf(got.Lease)), m.show(got.Spent), want)
}

// claimsOf are the claims that the queue has ever had.
func (m *machine) claimsOf(ref marconi.QueueRef) []marconi.ClaimID {
	q := m.model.queue(ref)
	return slices.DeleteFunc(slices.Clone(m.claims), func(id marconi.ClaimID) bool { return q.claims[id] == nil || q.claims[id].lease })
}

func (m *machine) claimed() {
	s := m.slot()
	id := m.someClaim(s)
	show := func(c marconi.Claim) string {
		return fmt.Sprintf("%s ttl %d age %d with %s", m.aliasOf(c.ID), c.TTL, c.Age, m.show(c.Messages))
	}
	got, err := m.ds.Claimed(m.ctx(), s.ref, id)
	want, wantErr := m.model.claimed(s.ref, id)
	wanted := "error " + marconi.ErrNoClaim.Code
	if wantErr == nil {
		wanted = show(want)
	}
	m.compare(fmt.Sprintf("%s.Claimed %s", s.name, m.aliasOf(id)), failure(err, show(got)), wanted)
}

func (m *machine) update() {
	s := m.slot()
	id := m.someClaim(s)
	u := marconi.ClaimUpdate{TTL: m.ttl(), Grace: m.seconds("grace", 0, 3)}
	err := m.ds.UpdateClaim(m.ctx(), s.ref, id, u)
	want := "done"
	if m.model.update(s.ref, id, u) != nil {
		want = "error " + marconi.ErrNoClaim.Code
	}
	m.compare(fmt.Sprintf("%s.UpdateClaim %s ttl %d grace %d", s.name, m.aliasOf(id), u.TTL, u.Grace), failure(err, "done"), want)
}

func (m *machine) release() {
	s := m.slot()
	id := m.someClaim(s)
	err := m.ds.Release(m.ctx(), s.ref, id)
	m.model.release(s.ref, id)
	m.compare(fmt.Sprintf("%s.Release %s", s.name, m.aliasOf(id)), failure(err, "done"), "done")
}

func (m *machine) stats() { m.compareStats(m.slot()) }

// compareStats allows for messages that expired less than a second ago.
func (m *machine) compareStats(s *slot) {
	got, err := m.ds.Stats(m.ctx(), s.ref)
	want := m.model.stats(s.ref)
	late := m.model.lately(s.ref)
	between := func(n, least int64) bool { return least <= n && n <= least+late }
	call := s.name + ".Stats"
	if err == nil && got.Total == got.Free+got.Claimed && between(got.Free, want.Free) && between(got.Claimed, want.Claimed) && between(got.Total, want.Total) {
		want.Free, want.Claimed, want.Total = got.Free, got.Claimed, got.Total
	}
	m.compare(call, failure(err, counts(got)), counts(want))
	m.compare(call+", oldest", m.showEnd(got.Oldest), m.showEnd(want.Oldest))
	m.compare(call+", newest", m.showEnd(got.Newest), m.showEnd(want.Newest))
}

// showEnd leaves out what stats may leave out.
func (m *machine) showEnd(msg *marconi.Message) string {
	if msg == nil {
		return "none"
	}
	return fmt.Sprintf("%s ttl %d age %d", m.nameOf(msg.ID), msg.TTL, msg.Age)
}

func (m *machine) first() {
	s, end := m.slot(), pick(m, "end", []marconi.End{marconi.Oldest, marconi.Newest})
	got, err := m.ds.First(m.ctx(), s.ref, end)
	want := "error " + marconi.ErrEmptyQueue.Code
	if all := m.model.all(s.ref); len(all) > 0 && end == marconi.Oldest {
		want = m.show(all[:1])
	} else if len(all) > 0 {
		want = m.show(all[len(all)-1:])
	}
	m.compare(fmt.Sprintf("%s.First %d", s.name, end), failure(err, m.show([]marconi.Message{got})), want)
}

// pass goes by whole seconds: a clock of the store's own moves on by itself meanwhile, but never by one.
func (m *machine) pass() {
	d := time.Duration(m.number("seconds", 1, 4)) * time.Second
	m.clock.pass(m.t, d)
	m.history = append(m.history, fmt.Sprintf("           %v pass", d))
}

func (m *machine) collect() {
	_, err := m.ds.Collect(m.ctx())
	m.compare("Collect", failure(err, "done"), "done")
}

func (m *machine) purge() {
	s := m.slot()
	err := m.ds.Purge(m.ctx(), s.ref)
	m.model.drop(s.ref)
	m.compare(s.name+".Purge", failure(err, "done"), "done")
}

// deleteQueue deletes a queue, and goes on either with one made anew under its name or, late, with the deleted one.
func (m *machine) deleteQueue() {
	s := m.slot()
	err := m.ds.DeleteQueue(m.ctx(), s.ref)
	m.model.drop(s.ref)
	m.compare(s.name+".DeleteQueue", failure(err, "done"), "done")
	s.markers = nil
	if m.rarely("is made anew", 2) {
		s.ref = refOf(s.ref.Project, s.ref.Name)
		m.history = append(m.history, "           "+s.name+" is made anew")
	}
	m.clock.tick()
}

// move moves the dead letters of a lease, mostly out of the queue that has it. Their new IDs are learnt by listing the
// queue they came to.
func (m *machine) move() {
	from, to := m.slot(), m.slot()
	lease := m.someClaim(from)
	for _, id := range m.claims {
		if m.leases[id] != nil && len(m.model.held(m.model.queue(from.ref), id)) > 0 {
			lease = id
		}
	}
	if from.ref == to.ref || m.leases[lease] == nil {
		return
	}
	ids := m.leases[lease][:m.number("number of IDs", 1, len(m.leases[lease]))]
	d := marconi.DeadLetter{Queue: to.ref, TTL: pick(m, "ttl", []marconi.Seconds{0, 1, 5, 600})}
	err := m.ds.(marconi.Mover).MoveSpent(m.ctx(), from.ref, lease, ids, d)
	m.compare(fmt.Sprintf("%s.MoveSpent %s of %s to %s, ttl %d", from.name, m.namesOf(ids), m.aliasOf(lease), to.name, d.TTL), failure(err, "done"), "done")
	m.model.move(from.ref, lease, ids, d)
	m.learnMoved(to)
}

func (m *machine) learnMoved(to *slot) {
	everything := marconi.Listing{Limit: 1000, Client: observer, Echo: true, IncludeClaimed: true, IncludeDelayed: true}
	page, err := m.ds.List(m.ctx(), to.ref, everything)
	q := m.model.queue(to.ref)
	live := m.model.find(q, func(*modelMessage) bool { return true })
	m.compare(to.name+".List after a move, number of messages", failure(err, fmt.Sprint(len(page.Items))), fmt.Sprint(len(live)))
	for i, msg := range live {
		if msg.ID == "" {
			m.learn(page.Items[i].ID)
			msg.ID = page.Items[i].ID
		}
	}
	m.compare(to.name+".List after a move", m.show(page.Items), m.show(m.model.shownAll(q, live)))
}
