//go:build !linux

package schedule

import (
	"context"
	"time"
)

// exactSleeper sleeps by timers of the runtime where the kernel's can't be waited for.
func exactSleeper(_ context.Context, c Real) (sleep func(context.Context, time.Duration), done func()) {
	return c.SleepUntil, func() {}
}
