//go:build unix

package faults

import (
	"sync"
	"time"
)

// A massClock runs as fast as any other, and may be stopped and turned.
type massClock struct {
	mu      sync.Mutex // guards what follows
	ahead   time.Duration
	stopped time.Time // zero: it runs
}

func (c *massClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.ahead)
}

// stop makes it stand still.
func (c *massClock) stop() { c.set(c.now()) }

// set lets it stand still at a time.
func (c *massClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = at
}

// turn turns it on while it stands still.
func (c *massClock) turn(d time.Duration) { c.set(c.now().Add(d)) }

// goOn lets it run from a time on.
func (c *massClock) goOn(from time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.stopped = time.Until(from), time.Time{}
}
