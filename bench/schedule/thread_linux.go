package schedule

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// longestNap bounds how long a thread sleeps that a context may want to wake.
const longestNap = 50 * time.Millisecond

// urgency is the nice value of a pacer's thread, where the system lets it be raised.
const urgency = -10

// threadSleeper locks the goroutine to its thread, which then sleeps by the kernel's clock and wakes before others that could
// run. It has to be called, as done has, on the goroutine that sleeps.
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
	thread := unix.Gettid()
	_ = unix.Setpriority(unix.PRIO_PROCESS, thread, urgency) // only root may: others are a little later
	return sleep, func() {
		_ = unix.Setpriority(unix.PRIO_PROCESS, thread, 0)
		runtime.UnlockOSThread()
	}
}
