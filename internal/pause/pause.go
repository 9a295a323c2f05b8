// Package pause waits.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, whose error it then is. A pause of nothing, or less, is over at once.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
