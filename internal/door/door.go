// Package door lets calls in until it is shut, and then waits for those that are inside.
package door

import (
	"context"
	"errors"
	"sync"
)

// ErrShut says that the door is shut.
var ErrShut = errors.New("closed")

// A Door is open at first. It is safe for concurrent use.
type Door struct {
	mu   sync.RWMutex // held for reading by each call inside; guards shut
	shut bool
}

// Enter lets a call in, which has to Leave: unless its context has ended, or with ErrShut.
func (d *Door) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.RLock()
	if d.shut {
		d.mu.RUnlock()
		return ErrShut
	}
	return nil
}

// Leave ends a call that was let in.
func (d *Door) Leave() { d.mu.RUnlock() }

// Shut lets no call in any more, waits for those inside, and reports whether the door was open before.
func (d *Door) Shut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.shut
	d.shut = true
	return !was
}
