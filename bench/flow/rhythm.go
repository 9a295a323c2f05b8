package flow

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/marconi-mq/marconi/bench/schedule"
)

// A rhythm is when somebody looks again who has found nothing. Its times are set before any answer, so a server that keeps
// him waiting makes him late; times that have passed altogether meanwhile are one, since he can look only once at a time.
type rhythm struct {
	clock  schedule.Clock
	random *rand.Rand
	every  time.Duration
	next   time.Duration
}

// newRhythm begins somewhere in the first period, so that a crowd doesn't march in step.
func newRhythm(c schedule.Clock, r *rand.Rand, every time.Duration, start time.Duration) *rhythm {
	return &rhythm{clock: c, random: r, every: every, next: start + time.Duration(r.Float64()*float64(every))}
}

// wait sleeps until the next time, and gives it. It returns early when ctx ends.
func (r *rhythm) wait(ctx context.Context) moment {
	m := moment{intended: r.next, woke: r.next} // whoever comes too late was kept by somebody
	if r.clock.Now() < r.next {
		r.clock.SleepUntil(ctx, r.next)
		m.woke = max(r.clock.Now(), r.next)
	}
	for now := r.clock.Now(); r.next <= now; {
		r.next += r.step()
	}
	return m
}

// step is a period, and a fifth more or less.
func (r *rhythm) step() time.Duration {
	return max(time.Duration(float64(r.every)*(0.8+0.4*r.random.Float64())), time.Microsecond)
}
