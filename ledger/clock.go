package ledger

import (
	"math"
	"sync/atomic"
	"time"
)

// never is later than every time.
const never = time.Duration(math.MaxInt64)

// A Call is when a request was sent and when its answer was there, as times since the run began.
type Call struct {
	Sent     time.Duration `json:"sent_ns"`
	Answered time.Duration `json:"answered_ns"`
}

// A Clock gives the time since it was made, and never the same twice: what is asked for later is later. It is safe for
// concurrent use.
type Clock struct {
	now   func() time.Time
	begun time.Time
	last  atomic.Int64
}

// NewClock makes a clock that goes by now; nil: by [time.Now]. A test that turns the clock of its store hands in that one.
func NewClock(now func() time.Time) *Clock {
	if now == nil {
		now = time.Now
	}
	return &Clock{now: now, begun: now()}
}

// Now is the time since the clock was made, and later than any that it gave before.
func (c *Clock) Now() time.Duration {
	for {
		last := c.last.Load()
		t := max(int64(c.now().Sub(c.begun)), last+1)
		if c.last.CompareAndSwap(last, t) {
			return time.Duration(t)
		}
	}
}
