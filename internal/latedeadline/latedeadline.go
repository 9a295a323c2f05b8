// Package latedeadline bounds an operation's time at next to no cost for those that never wait: the timer and the channel
// of [context.WithTimeout] are made when somebody first asks for the channel. An operation that stays in memory only
// compares clocks.
package latedeadline

import (
	"context"
	"sync"
	"time"
)

// A Context ends at its deadline, with its parent, or by [Context.End].
type Context struct {
	parent   context.Context
	deadline time.Time

	mu    sync.Mutex      // guards what follows
	real  context.Context // nil until somebody asks for Done
	stop  context.CancelFunc
	ended bool
}

// WithTimeout gives a context that ends after d. End has to be called, as a cancel function has.
func WithTimeout(parent context.Context, d time.Duration) *Context {
	deadline := time.Now().Add(d)
	if earlier, has := parent.Deadline(); has && earlier.Before(deadline) {
		deadline = earlier
	}
	return &Context{parent: parent, deadline: deadline}
}

// End ends the context. Its error is [context.Canceled] from then on, unless somebody saw another before. There is nothing to
// end of a nil one.
func (c *Context) End() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.real != nil {
		c.stop()
	}
}

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.stop = context.WithDeadline(c.parent, c.deadline)
		if c.ended {
			c.stop()
		}
	}
	return c.real.Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err()
}

// err is Err with the lock held.
func (c *Context) err() error {
	switch {
	case c.real != nil:
		return c.real.Err()
	case c.ended:
		return context.Canceled
	}
	if err := c.parent.Err(); err != nil {
		return err
	}
	if time.Until(c.deadline) <= 0 { // cheaper than time.Now, which asks for the date as well
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements [context.Context]. It goes through the real context, once there is one: so contexts made from this one
// find it, and need no goroutine to wait for its end.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	from := c.parent
	if c.real != nil {
		from = c.real
	}
	c.mu.Unlock()
	return from.Value(key)
}
