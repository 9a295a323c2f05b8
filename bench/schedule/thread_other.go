//go:build !linux

package schedule

import (
	"context"
	"time"
)

// threadSleeper sleeps by timers where the kernel's clock can't be slept by.
func threadSleeper(c Real) (sleep func(context.Context, time.Duration), done func()) {
	return c.SleepUntil, func() {}
}
