package schedule

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// longestNap bounds how long a thread sleeps that a context may want to wake.
const longestNap = 50 * time.Millisecond

// threadSleeper locks the goroutine to its thread, which then sleeps by the kernel's clock. It has to be called, as done has,
// on the goroutine that sleeps.
func threadSleeper(c Real) (sleep func(context.Context, time.Duration), done func()) {
	var begun unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &begun); err != nil {
		return c.SleepUntil, func() {}
	}
	zero := time.Duration(begun.Nano()) - c.Now() // the kernel's time at which the run began
	runtime.LockOSThread()
	sleep = func(ctx context.Context, t time.Duration) {
		for ctx.Err() == nil {
			now := c.Now()
			if now >= t {
				return
			}
			wake := unix.NsecToTimespec(int64(zero + min(t, now+longestNap)))
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &wake, nil) // EINTR: the loop looks again
		}
	}
	return sleep, runtime.UnlockOSThread
}
