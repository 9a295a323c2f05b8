package ledger

import (
	"encoding/binary"
	"slices"
)

// An audit goes through the books once.
type audit struct {
	l         *Ledger
	queues    []queueState
	strangers map[idHash]stranger
	docket    *docket
	suspects  map[ref][]suspicion
	fates     map[Fate]int64
	lost      map[ref]bool
	pending   int64 // messages that appeared before their post had ended
	ids       []uint64
}

func (l *Ledger) newAudit() *audit {
	a := &audit{l: l, strangers: l.strangers.snapshot(), docket: l.docket.copy(), suspects: l.suspects.copy()}
	a.fates, a.lost = map[Fate]int64{}, map[ref]bool{}
	for _, q := range *l.queues.Load() {
		a.queues = append(a.queues, q.state())
	}
	return a
}

// run judges what can only be judged at the end.
func (a *audit) run() {
	for at, c := range a.l.messages() {
		c.mu.Lock()
		a.enter(at, &c.records[at.number%chunkSize])
		c.mu.Unlock()
	}
	a.judgeSuspects()
	a.judgeIDs()
}

func (a *audit) enter(at ref, r *record) {
	f := a.fate(r)
	a.fates[f]++
	if f == FateLost {
		a.lost[at] = true
		e := Evidence{What: "neither deleted, popped, expired nor left over"}
		a.docket.enter(accusation{class: Lost, at: at, evidence: []Evidence{e}})
	}
	if !r.flags.has(confirmed|refused|unsure) && r.flags.has(appeared) {
		a.pending++
	}
	if r.flags.has(confirmed) && !r.flags.has(moved) {
		a.ids = append(a.ids, binary.LittleEndian.Uint64(r.id[:]))
	}
}

// fate tells what has become of a message. The ways to be gone come first, the lost ones are what remains.
func (a *audit) fate(r *record) Fate {
	counts := r.flags.has(confirmed) || r.flags.has(appeared) && !r.flags.has(refused)
	switch {
	case !counts:
		return FateNone
	case r.gone() && r.flags.has(popped):
		return FatePopped
	case r.gone():
		return FateDeleted
	case r.flags.has(leftover):
		return FateLeftover
	case r.going.set():
		return FateUnsureGone
	}
	if len(a.strangers) > 0 {
		if f, known := a.strangeFate(r.id); known {
			return f
		}
	}
	return a.missingFate(r)
}

// strangeFate is what became of a message whose body was damaged.
func (a *audit) strangeFate(id idHash) (f Fate, known bool) {
	s, found := a.strangers[id]
	switch {
	case !found:
		return FateNone, false
	case s.popped:
		return FatePopped, true
	case s.gone:
		return FateDeleted, true
	case s.leftover:
		return FateLeftover, true
	}
	return FateUnsureGone, s.going != never
}

// missingFate is that of a message of which nobody says that he took it away.
func (a *audit) missingFate(r *record) Fate {
	q := &a.queues[r.queue]
	drain, drained, life := q.drain, q.drained, r.lifetime()
	if q.dead != nil {
		there := a.queues[q.dead.index]
		drained = drained && there.drained
		drain.Answered = max(drain.Answered, there.drain.Answered)
		if q.deadLifetime > 0 {
			life = min(life, q.deadLifetime)
		}
	}
	switch {
	case !drained || r.flags.has(confirmed) && r.confirmedBy() > drain.Sent:
		return FateUndecided
	case r.intended.time()+life-a.l.options.Grain <= drain.Answered:
		return FateExpired
	case r.flags.has(blurred):
		return FateUnsureGone
	case q.unsurePops > 0:
		q.unsurePops--
		return FateUnsureGone
	}
	return FateLost
}

// judgeSuspects accuses those that no report has cleared.
func (a *audit) judgeSuspects() {
	refs := make([]ref, 0, len(a.suspects))
	for at := range a.suspects {
		refs = append(refs, at)
	}
	slices.SortFunc(refs, compareRefs)
	torn := map[ref]bool{}
	for _, at := range refs {
		r := a.l.peek(at)
		if r.flags.has(accused|blurred|refused) || a.lost[at] || a.estranged(&r) {
			continue
		}
		x, guilty := a.worst(a.suspects[at], a.queues[r.queue])
		if guilty && x.class == Torn {
			at = r.batch(at)
			guilty = !torn[at]
			torn[at] = true
		}
		if guilty {
			a.docket.enter(accusation{class: x.class, at: at, evidence: x.evidence})
		}
	}
}

// estranged reports whether a message may have been shown with a damaged body, so that nobody could know it.
func (a *audit) estranged(r *record) bool {
	if r.flags.has(confirmed) {
		_, strange := a.strangers[r.id]
		return strange
	}
	name := a.l.queueAt(r.queue).name
	for _, s := range a.strangers {
		if s.class == Corrupt && s.queue == name {
			return true
		}
	}
	return false
}

// worst is the suspicion that a message is accused of, if one stands. What came late was passed by before, and what is torn
// may have come late.
func (a *audit) worst(all []suspicion, q queueState) (x suspicion, guilty bool) {
	rank := map[Class]int{Missed: 1, Reordered: 2, Torn: 3, Overdue: 4, Duplicated: 5}
	for _, s := range all {
		if !s.explainedByUnsure(q) && rank[s.class] > rank[x.class] {
			x, guilty = s, true
		}
	}
	return x, guilty
}

func compareRefs(a, b ref) int {
	if a.producer != b.producer {
		return int(a.producer) - int(b.producer)
	}
	return int(a.number) - int(b.number)
}

// judgeIDs accuses messages that have the ID of another one.
func (a *audit) judgeIDs() {
	slices.Sort(a.ids)
	twice := map[uint64]int{}
	for i := 1; i < len(a.ids); i++ {
		if a.ids[i] == a.ids[i-1] {
			twice[a.ids[i]] = 0
		}
	}
	if len(twice) == 0 {
		return
	}
	for at := range a.l.messages() {
		r := a.l.peek(at)
		id := binary.LittleEndian.Uint64(r.id[:])
		n, shared := twice[id]
		if !shared || !r.flags.has(confirmed) || r.flags.has(moved) {
			continue
		}
		twice[id]++
		if n > 0 {
			e := Evidence{What: "its ID was given to another message, too"}
			a.docket.enter(accusation{class: Corrupt, at: at, evidence: []Evidence{e}})
		}
	}
}
