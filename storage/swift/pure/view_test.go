package pure

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// TestMarks keeps those made last, for as long as listings may lag.
func TestMarks(t *testing.T) {
	var m marks
	start := newTurnedClock().Now()
	queue := func(i int) marconi.QueueRef { return marconi.QueueRef{Incarnation: marconi.Incarnation(i)} }
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Millisecond) }
	set := func(i, q int) { m.set(queue(q), at(i), func(one *mark) { one.drop.node = "0123" }) }
	is := func(q int) bool { return m.of(queue(q)).drop.node != "" }
	for i := range mostMarks {
		set(i, i)
	}
	set(mostMarks, 0) // anew: the first is now the last
	set(mostMarks+1, mostMarks)
	if len(m.all) > mostMarks || len(m.turns) > mostMarks {
		t.Errorf("%d marks are kept, in %d turns, want %d at most", len(m.all), len(m.turns), mostMarks)
	}
	if !is(0) || is(1) || !is(2) || !is(mostMarks) {
		t.Errorf("kept are the mark made anew: %v, the oldest: %v, the next: %v, the last: %v", is(0), is(1), is(2), is(mostMarks))
	}
	m.forget(at(mostMarks).Add(keepMarks))
	if !is(0) || is(mostMarks-1) || !is(mostMarks) {
		t.Errorf("of marks of 25 h there are the mark made anew: %v, one before it: %v, the last: %v", is(0), is(mostMarks-1), is(mostMarks))
	}
	m.forget(at(mostMarks + 2).Add(keepMarks))
	if len(m.all) > 0 || len(m.turns) > 0 {
		t.Errorf("%d marks are kept for ever", len(m.all))
	}
}
