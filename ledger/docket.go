package ledger

import (
	"maps"
	"slices"
	"sync"
)

// A Class is a kind of fault: see the package's comment.
type Class string

// The classes, in the order of reports.
const (
	Phantom     Class = "phantom"
	Lost        Class = "lost"
	Duplicated  Class = "duplicated"
	Overlapped  Class = "overlapped"
	Reordered   Class = "reordered"
	Torn        Class = "torn"
	Missed      Class = "missed"
	Corrupt     Class = "corrupt"
	Resurrected Class = "resurrected"
	Overdue     Class = "overdue"
)

// Classes are all classes, in the order of reports.
func Classes() []Class {
	return []Class{Phantom, Lost, Duplicated, Overlapped, Reordered, Torn, Missed, Corrupt, Resurrected, Overdue}
}

// Evidence is an answer that shows a fault.
type Evidence struct {
	What   string `json:"what"`
	How    string `json:"how,omitempty"` // "list", "claim", "pop", "get", "drain"
	Reader string `json:"reader,omitempty"`
	ID     string `json:"id,omitempty"`
	Claim  string `json:"claim,omitempty"`
	Call   `json:"call,omitzero"`
}

// An accusation is a fault that was found.
type accusation struct {
	class    Class
	at       ref
	stranger *stranger // instead of at
	evidence []Evidence
}

// A docket counts faults, and keeps the first of them.
type docket struct {
	room int

	mu     sync.Mutex // guards what follows
	faults map[Class]int64
	first  []accusation
}

func (d *docket) enter(a accusation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults[a.class]++
	if len(d.first) < d.room {
		d.first = append(d.first, a)
	}
}

// copy is a docket to go on with.
func (d *docket) copy() *docket {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &docket{room: d.room, faults: maps.Clone(d.faults), first: slices.Clone(d.first)}
}

// count counts faults, but for those of classes that are excused.
func (d *docket) count(excused func(Class) bool) (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for class, count := range d.faults {
		if !excused(class) {
			n += count
		}
	}
	return n
}

// accuse enters a fault of a message whose chunk is locked, unless it was accused before.
func (l *Ledger) accuse(r *record, at ref, class Class, evidence ...Evidence) {
	if r.flags.has(accused) {
		return
	}
	r.flags |= accused
	l.docket.enter(accusation{class: class, at: at, evidence: evidence})
}

// accuseAt is accuse for a message whose chunk is not locked.
func (l *Ledger) accuseAt(at ref, class Class, evidence ...Evidence) {
	l.with(at, func(_ *chunk, _ int, r *record) { l.accuse(r, at, class, evidence...) })
}
