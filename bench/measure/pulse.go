package measure

import (
	"math"
	"sync/atomic"
	"time"
)

// pulseStep is how exactly a pulse tells when something succeeded.
const pulseStep = 10 * time.Millisecond

// A Pulse counts in short steps when operations of a kind succeeded, so that one knows for how long none did, and when they
// did again as often as before.
type Pulse struct {
	steps []atomic.Int64
}

// Pulse gives the pulse of the operations that are recorded from now on, up to a time of the run.
func (m *Meter) Pulse(until time.Duration) *Pulse {
	p := &Pulse{steps: make([]atomic.Int64, until/pulseStep+1)}
	m.pulse.Store(p)
	return p
}

// beat counts a success.
func (p *Pulse) beat(at time.Duration) {
	if i := int(at / pulseStep); p != nil && i >= 0 && i < len(p.steps) {
		p.steps[i].Add(1)
	}
}

// within are the steps that lie between two times.
func (p *Pulse) within(from, to time.Duration) (first, end int) {
	first = int((from + pulseStep - 1) / pulseStep)
	return first, max(min(int(to/pulseStep), len(p.steps)), first)
}

// Silence is the longest time between two others in which nothing succeeded.
func (p *Pulse) Silence(from, to time.Duration) time.Duration {
	longest, now := 0, 0
	for i, end := p.within(from, to); i < end; i++ {
		if now++; p.steps[i].Load() > 0 {
			now = 0
		}
		longest = max(longest, now)
	}
	return time.Duration(longest) * pulseStep
}

// Rate is how many operations a second succeeded between two times.
func (p *Pulse) Rate(from, to time.Duration) float64 {
	first, end := p.within(from, to)
	if first >= end {
		return 0
	}
	n := int64(0)
	for i := first; i < end; i++ {
		n += p.steps[i].Load()
	}
	return float64(n) / (time.Duration(end-first) * pulseStep).Seconds()
}

// How long a rate has to be carried to be called carried, and how many operations that has to be, at least.
const (
	steadyFor        = 250 * time.Millisecond
	steadyOperations = 10
)

// Carries is the first time between two others from which on a rate was carried for a while.
func (p *Pulse) Carries(rate float64, from, to time.Duration) (at time.Duration, carried bool) {
	if rate <= 0 {
		return 0, false
	}
	while := max(steadyFor, time.Duration(math.Ceil(steadyOperations/rate*float64(time.Second))))
	for i, end := p.within(from, to-while); i < end; i++ {
		if at = time.Duration(i) * pulseStep; p.steps[i].Load() > 0 && p.Rate(at, at+while) >= rate {
			return at, true
		}
	}
	return 0, false
}
