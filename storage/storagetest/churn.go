package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A churn lets time pass a little and the store collect while a case runs: law G1 says that neither changes an answer.
type churn struct {
	cancel context.CancelFunc
	tasks  tasks
}

func (r *rig) churn(t testing.TB) *churn {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &churn{cancel: cancel}
	ds := r.data(t)
	c.tasks.run(func() error {
		for ctx.Err() == nil {
			r.clock.tick()
			rest(ctx, time.Millisecond) // not faster than the clock on the wall: claims of a minute must not end
		}
		return nil
	})
	c.tasks.run(func() error {
		for ctx.Err() == nil {
			if _, err := ds.Collect(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("collect: %w", err)
			}
			rest(ctx, 5*time.Millisecond)
		}
		return nil
	})
	return c
}

// rest waits for d, but not longer than ctx lasts.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (c *churn) stop(t testing.TB) {
	t.Helper()
	c.cancel()
	c.tasks.wait(t)
}

// A case with many goroutines is repeated until both are reached, but for no longer than parMost. A store in memory
// carries it out before a second core has begun with it: only many runs meet goroutines that were stopped in the middle
// of a call; and on a machine with much else to do time alone says little of how often that may have been.
const (
	parRuns = 30
	parTime = 250 * time.Millisecond
	parMost = time.Second / 2
)

// repeated makes a case run again and again; over a slow store once or twice.
func repeated(run func(t *testing.T, r *rig)) func(t *testing.T, r *rig) {
	return func(t *testing.T, r *rig) {
		begun := time.Now()
		for n := 0; !t.Failed() && time.Since(begun) < parMost && (n < parRuns || time.Since(begun) < parTime); n++ {
			run(t, r)
		}
	}
}

// An order numbers moments as they come: what has the lower number was earlier, whatever clocks say.
type order struct{ last atomic.Int64 }

func (o *order) now() int64 { return o.last.Add(1) }

// never is later than every moment.
const never = int64(1) << 62
