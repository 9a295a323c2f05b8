package flow

import (
	"context"
	"sync/atomic"
	"time"
)

// patience is how long a request may take, as a context that requests share which begin within a hundredth of that. It ends
// when the first of them has had its time and a hundredth more, so each has at least its time. A context and a timer for every
// request would be a tenth of what the generator does.
type patience struct {
	within time.Duration
	latest atomic.Pointer[allowance]
}

// An allowance is the time of those who begin before it closes.
type allowance struct {
	ctx    context.Context
	cancel context.CancelFunc // not needed: it ends with the run at the latest
	of     <-chan struct{}    // when the run ends
	closes time.Duration
}

// limit gives the context of a request of a run that begins now.
func (p *patience) limit(run context.Context, now time.Duration) context.Context {
	a := p.latest.Load()
	if a != nil && now < a.closes && a.of == run.Done() {
		return a.ctx
	}
	spare := p.within / 100
	a = &allowance{of: run.Done(), closes: now + spare}
	a.ctx, a.cancel = context.WithTimeout(run, p.within+spare)
	p.latest.Store(a)
	return a.ctx
}
