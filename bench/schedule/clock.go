// Package schedule says when each operation of a load run is to be sent, and wakes for it.
//
// An intended time exists before any answer and independent of all: a slow server moves nothing. Everything that is drawn
// is a function of a seed, so that two runs of one plan send the same things at the same times.
package schedule

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// A Clock is the time base of a run: the time since it began.
type Clock interface {
	Now() time.Duration
	// SleepUntil returns when that time has come, or ctx has ended.
	SleepUntil(ctx context.Context, t time.Duration)
}

// A Real clock goes by the machine's monotonic clock, and never gives the same time twice.
type Real struct {
	*ledger.Clock
}

// NewReal starts a clock.
func NewReal() Real { return Real{ledger.NewClock(nil)} }

// SleepUntil waits by a timer of the runtime, which may be a millisecond late.
func (c Real) SleepUntil(ctx context.Context, t time.Duration) {
	wait := t - c.Now()
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
