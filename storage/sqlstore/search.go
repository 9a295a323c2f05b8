package sqlstore

import (
	"encoding/json"
	"fmt"
	"math"
)

// How many free messages one transaction looks at for those to hand out. Expired ones are passed by in the index; those that were
// claimed too often, each has to be looked at. Behind so many dead letters a claim gets these alone, and the next one looks
// further.
const (
	lookedKeys = 2000 // at a time
	lookedAll  = 20_000
	lookedRows = 2000
)

// A freeLook is a search for the oldest free messages. It goes on from one transaction to the next.
type freeLook struct {
	limit      int
	mostClaims int   // only messages claimed fewer times
	from       int64 // nothing to be found lies below
	seen       int64 // if the search is not over: all that lies below has been looked at
}

// exact reports whether the search leaves out none but expired messages.
func (l *freeLook) exact() bool { return l.mostClaims == anyClaims }

// A gap is a stretch of a queue in which no message is free and live: where thousands have expired that are not collected yet, not
// every claim is to go over all of them. It lies behind low and before high; the zero one is none.
type gap struct {
	low, high int64
	looks     int   // that went over it, of lookedKeys messages each
	now       int64 // of the last: if the clock was set back since, what had expired may be there again
}

// extend notes that a look found nothing from one seq on and before another. Of two gaps it keeps the one that costs more.
func (g *gap) extend(from, to, now int64) {
	switch {
	case g.high == from:
		g.high, g.looks, g.now = to, g.looks+1, now
	case g.looks <= 1:
		*g = gap{low: from - 1, high: to, looks: 1, now: now}
	}
}

// check drops the gap if it may not hold any more.
func (g *gap) check(now int64) {
	if now < g.now {
		*g = gap{}
	}
}

// close takes out of the gap what has become free: seqs, a JSON array, rising.
func (g *gap) close(seqs string) {
	if g.high == 0 {
		return
	}
	var all []int64
	if err := json.Unmarshal([]byte(seqs), &all); err != nil {
		*g = gap{}
		return
	}
	for _, seq := range all {
		if g.low < seq && seq < g.high {
			g.high, g.looks = seq, 1 // what it is worth now is not known: the next gap takes its place
			return
		}
	}
}

// around gives where a search from a seq on begins, and before which seq it has to stop and begin anew behind the gap.
func (g *gap) around(seq int64) (from, before int64) {
	switch {
	case seq >= g.high:
		return seq, math.MaxInt64
	case seq > g.low:
		return g.high, math.MaxInt64
	}
	return seq, g.low + 1
}

// findFree gives the oldest free messages, all that the limit allows. With more it has found none yet, and is not over.
func (t *tx) findFree(q *header, l *freeLook) (found messages, more bool, err error) {
	q.empty.check(t.now)
	from := max(l.from, q.first)
	for looked := 0; ; {
		var before int64
		from, before = q.empty.around(from)
		had := len(found)
		err := t.query(t.free, found.add, q.id, from, t.now, l.mostClaims, l.limit-had, lookedKeys, before)
		if err != nil {
			return nil, false, fmt.Errorf("find free messages: %w", err)
		}
		if len(found) == l.limit {
			break
		}
		next := before
		further, err := t.get(t.further, []any{&next}, q.id, from, lookedKeys, before)
		if err != nil {
			return nil, false, fmt.Errorf("find free messages: %w", err)
		}
		if !further && before == math.MaxInt64 {
			break
		}
		if further && l.exact() {
			q.empty.extend(found[had:].behind(from), next, t.now)
		}
		from, looked = next, looked+lookedKeys
		if len(found) == 0 && looked >= l.budget() {
			l.from, l.seen = from, from
			return nil, true, nil
		}
	}
	found.sort()
	return found, false, nil
}

// budget is how many messages one transaction looks at.
func (l *freeLook) budget() int {
	if l.exact() {
		return lookedAll
	}
	return lookedRows
}

// behind is the seq behind the last of the messages, or from, if there is none.
func (all messages) behind(from int64) int64 {
	for _, m := range all {
		from = max(from, m.seq+1)
	}
	return from
}

// findOldest is findFree for a queue in which all is free that can be, but only below the seq ripe. With more it has found none
// there; with errAgain too few, so that others may be older than the rest.
func (t *tx) findOldest(q *header, l *freeLook, ripe int64) (found messages, more bool, err error) {
	before := *l
	found, more, err = t.findFree(q, l)
	if ripe == math.MaxInt64 || err != nil {
		return found, more, err
	}
	if len(found) == l.limit && found[len(found)-1].seq < ripe {
		return found, false, nil
	}
	before.seen = min(ripe, l.looked(found, more))
	*l = before
	if len(found) > 0 && found[0].seq < ripe {
		return nil, false, errAgain
	}
	return nil, true, nil
}

// looked is the seq below which the search saw everything.
func (l *freeLook) looked(found messages, more bool) int64 {
	switch {
	case more:
		return l.seen
	case len(found) == l.limit:
		return found[len(found)-1].seq
	}
	return math.MaxInt64
}
