package broker

import (
	"sync"
	"time"
)

// How much the log says of a store's trouble: a line for each operation would be the more load the worse it is.
const (
	troubleLines = 10
	troubleSpan  = 10 * time.Second
)

// A trouble counts lines of the log.
type trouble struct {
	mu      sync.Mutex // guards what follows
	since   time.Time
	lines   int // since then
	leftOut int // since the last line
}

// tell reports whether there is to be a line, and how many were left out before it.
func (t *trouble) tell(now time.Time) (leftOut int, line bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= troubleSpan {
		t.since, t.lines = now, 0
	}
	if t.lines >= troubleLines {
		t.leftOut++
		return 0, false
	}
	t.lines++
	leftOut, t.leftOut = t.leftOut, 0
	return leftOut, true
}
