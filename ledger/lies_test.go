package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
	"pgregory.net/rapid"
)

// A lie is what a broken store does.
type lie string

const (
	noLie        lie = ""
	dropPosted   lie = "drops what it confirmed"
	postTwice    lie = "posts twice"
	storeRefused lie = "keeps what it refused"
	showTwice    lie = "shows to an observer again what it showed it before"
	claimTwice   lie = "claims what another has claimed"
	swapPosted   lie = "forgets the order"
	tearPost     lie = "keeps a part of a post"
	skipListed   lie = "skips in a listing"
	flipByte     lie = "changes a byte"
	leak         lie = "shows another project's messages"
	revive       lie = "brings back what was deleted"
	ignoreTTL    lie = "ignores the TTL"
	repeatID     lie = "gives an ID twice"
)

// lieAbout notes which messages the store has lied about.
func (w *world) lieAbout(ids ...string) {
	for _, id := range ids {
		w.store.lies[id] = true
	}
}

func (w *world) lies(l lie) bool { return w.store.lie == l && w.one(4) }

func (w *world) doPost(q *simQueue, ttl time.Duration, bodies [][]byte) []string {
	switch {
	case len(bodies) > 1 && w.lies(tearPost):
		w.lieAbout(w.store.post(q, w.now, ttl, bodies[:1])...)
		return nil // no answer tells
	case w.lies(dropPosted):
		ids := w.store.post(q, w.now, ttl, bodies)
		w.lieAbout(ids...)
		for _, m := range q.messages {
			m.gone = m.gone || slices.Contains(ids, m.id)
		}
		return ids
	case w.lies(repeatID) && len(q.messages) > 0 && len(bodies) == 1:
		ids := w.store.post(q, w.now, ttl, bodies)
		again := q.messages[0].id
		q.messages[len(q.messages)-1].id = again
		w.lieAbout(ids...)
		return []string{again}
	}
	ids := w.store.post(q, w.now, ttl, bodies)
	posted := q.messages[len(q.messages)-len(bodies):]
	switch {
	case w.lies(postTwice):
		w.store.post(q, w.now, ttl, bodies)
		w.lieAbout(ids...)
	case len(bodies) > 1 && w.lies(swapPosted):
		posted[0].place, posted[1].place = posted[1].place, posted[0].place
		q.sort()
		w.lieAbout(ids[0])
	case w.lies(flipByte):
		m := posted[w.draw(len(posted))]
		m.body = slices.Clone(m.body)
		m.body[w.draw(len(m.body))] ^= byte(1 + w.draw(255))
		w.lieAbout(m.id)
	}
	return ids
}

func (o *observer) doList() (page []*simMessage, next int) {
	page, next = o.store.list(o.place.sim, o.now, o.marker, 1+o.draw(4), o.claimed)
	switch {
	case len(o.shown) > 0 && o.lies(showTwice):
		again := o.shown[o.draw(len(o.shown))]
		if !again.gone && o.now < again.expires {
			page = append([]*simMessage{again}, page...)
			o.lieAbout(again.id)
		}
	case len(page) > 1 && o.lies(skipListed):
		if i := o.draw(len(page)); page[i].alone {
			o.lieAbout(page[i].id)
			page = slices.Delete(page, i, i+1)
		}
	case o.lies(leak):
		for _, m := range o.queues[1].sim.messages {
			if o.place != o.queues[1] && !m.gone {
				page = append(page, m)
				o.lieAbout(m.id)
				break
			}
		}
	}
	return page, next
}

func (w *worker) doClaim(q *simQueue, id string, ttl, grace time.Duration, limit int) []*simMessage {
	got := w.store.claim(q, w.now, id, ttl, grace, limit)
	if !w.atOnce {
		return got
	}
	for _, m := range q.messages {
		if w.inHand(m) && !slices.Contains(got, m) {
			w.store.hold(m, &simClaim{id: id, ends: w.now + ttl}, ttl, grace)
			w.lieAbout(m.id)
			return append(got, m)
		}
	}
	return got
}

// inHand reports whether another worker that is about to do something else has a claim that holds the message.
func (w *worker) inHand(m *simMessage) bool {
	holder := m.holder(w.now)
	if m.gone || holder == nil {
		return false
	}
	for _, a := range w.actors {
		other, is := a.(*worker)
		if is && other != w && other.flight == nil && slices.ContainsFunc(other.hands, func(h *hand) bool { return h.id == holder.id }) {
			return true
		}
	}
	return false
}

// raise brings back a message that was deleted, while nobody is taking any: what is taken in the same moment may have been
// there before.
func (w *world) raise() {
	for _, a := range w.actors {
		if worker, is := a.(*worker); is && worker.flight != nil && worker.flight.takes {
			return
		}
	}
	for _, m := range w.deleted {
		m.gone, m.claim = false, nil
		w.lieAbout(m.id)
	}
	w.deleted = nil
}

// showed notes what is shown long enough after its end, as far as one can know that.
func (w *world) showed(sent time.Duration, page []*simMessage) {
	for _, m := range page {
		if w.store.lie == ignoreTTL && m.known > 0 && sent > m.known+time.Second {
			w.lieAbout(m.id)
		}
	}
}

// looksLike is what else a lie may look like where calls get lost and things end: to lose a message is also not to show it
// to somebody; of two that have a message at once one may have been about to let it go; and where nobody knows of the
// first of two copies, the second stands in the wrong place.
func (l lie) looksLike(class ledger.Class) []ledger.Class {
	switch l {
	case dropPosted:
		return []ledger.Class{class, ledger.Missed}
	case claimTwice:
		return []ledger.Class{class, ledger.Duplicated}
	case postTwice:
		return []ledger.Class{class, ledger.Reordered}
	case repeatID: // a delete takes the wrong message, and anything may follow
		return ledger.Classes()
	}
	return []ledger.Class{class}
}

func TestEachLieIsFound(t *testing.T) {
	quiet, working, ending := noise{}, noise{workers: true}, noise{endings: true}
	for _, test := range []struct {
		lie   lie
		class ledger.Class
		noise noise // in which each single lie is found
	}{
		{dropPosted, ledger.Lost, working},
		{postTwice, ledger.Phantom, working},
		{storeRefused, ledger.Phantom, working},
		{showTwice, ledger.Duplicated, quiet},
		{claimTwice, ledger.Overlapped, working},
		{swapPosted, ledger.Reordered, quiet},
		{tearPost, ledger.Torn, quiet},
		{skipListed, ledger.Missed, quiet},
		{flipByte, ledger.Corrupt, working},
		{leak, ledger.Corrupt, working},
		{revive, ledger.Resurrected, working},
		{ignoreTTL, ledger.Overdue, ending},
		{repeatID, ledger.Corrupt, quiet},
	} {
		t.Run(string(test.lie), func(t *testing.T) {
			var found int64
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, test.lie, test.noise)
				v := w.run(t)
				onlyClass(t, v, test.class)
				found += v.Faults[test.class]
				lies := int64(len(w.store.lies))
				if test.lie == skipListed { // what was not confirmed yet may be skipped without anybody's knowing
					lies = min(lies, v.Faults[test.class])
				}
				if v.Faults[test.class] != lies {
					t.Fatalf("%d lies of a store that %s: %s", lies, test.lie, v.Report())
				}
			})
			if found == 0 && !t.Failed() {
				t.Error("the store had no occasion to lie")
			}
		})
		t.Run(string(test.lie)+", in a noisy world", func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, test.lie, noise{workers: true, unsure: true, endings: true})
				onlyClass(t, w.run(t), test.lie.looksLike(test.class)...)
			})
		})
	}
}

// onlyClass fails if there are faults of another class.
func onlyClass(t *rapid.T, v ledger.Verdict, classes ...ledger.Class) {
	for c := range v.Faults {
		if !slices.Contains(classes, c) {
			t.Fatalf("there are faults of class %s: %s", c, v.Report())
		}
	}
	if !v.Balanced() || v.Undecided > 0 || v.OK() != (len(v.Faults) == 0) {
		t.Fatalf("the verdict is not right in itself: %s", v.Report())
	}
}
