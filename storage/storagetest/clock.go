package storagetest

import (
	"sync"
	"testing"
	"time"
)

// A clock is the time by which a store judges: one that the suite turns, or the store's own, seen from here.
type clock struct {
	advance func(t testing.TB, d time.Duration) // moves the store's own clock; nil: the clock is turned here
	runs    bool                                // nobody can move it: it is the machine's, and to pass is to wait

	mu      sync.Mutex    // guards what follows
	now     time.Time     // of a clock turned here
	skipped time.Duration // how far the store's own clock is ahead of ours, at least
	moving  time.Duration // how much further it may be, for it is just being moved
}

// newClock begins at a moment with odd milliseconds, so that a store which rounds is found out.
func newClock(h Harness) *clock {
	return &clock{advance: h.Advance, now: time.Date(2031, time.March, 4, 5, 6, 7, 891_000_000, time.UTC)}
}

// Now is the store's time, but for the constant difference of a clock of its own.
func (c *clock) Now() time.Time {
	now, _ := c.between()
	return now
}

// between is the earliest and the latest time that it may be in the store: they differ while its clock is being moved.
func (c *clock) between() (earliest, latest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turned() {
		return c.now, c.now
	}
	now := time.Now().Add(c.skipped)
	return now, now.Add(c.moving)
}

// latest is the later end of between.
func (c *clock) latest() time.Time {
	_, latest := c.between()
	return latest
}

// turned reports whether the suite turns the clock: only then does time stand still between two calls.
func (c *clock) turned() bool { return c.advance == nil && !c.runs }

// step is the smallest span that can pass by itself: a clock of the store's own goes by whole seconds.
func (c *clock) step() time.Duration {
	if c.turned() {
		return time.Millisecond
	}
	return time.Second
}

// pass lets d pass.
func (c *clock) pass(t testing.TB, d time.Duration) {
	t.Helper()
	if c.runs {
		time.Sleep(d)
		return
	}
	if c.turned() {
		c.move(d, 0)
		return
	}
	c.move(0, d)
	c.advance(t, d)
	c.move(d, -d)
}

func (c *clock) move(done, moving time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(done)
	c.skipped += done
	c.moving += moving
}

// tick lets a millisecond pass, whosever the clock is, so that what follows is later than what was.
func (c *clock) tick() {
	if !c.turned() {
		time.Sleep(time.Millisecond)
		return
	}
	c.move(time.Millisecond, 0)
}

// turnBack sets a clock that is turned here back, as an operator may do to a machine's.
func (c *clock) turnBack(d time.Duration) { c.move(-d, 0) }
